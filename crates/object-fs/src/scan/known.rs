//! What the index has where objects are taken in: read once for all of a step, not for each.

use std::{collections::BTreeMap, ops::Bound};

use cache::{KeyRange, Slice, Table};
use object_store::ObjectMeta;
use vfs::{Inode, VfsResult};

use super::apply::Place;
use crate::{
    engine::Engine,
    fault,
    keys::{self, KeyState},
};

/// Records read ahead. Where there are more, as after a large tree was removed, each is asked for.
const RECORDS_MAX: usize = 512;

/// Keys and names around a step, while the namespace is locked: nobody else changes them.
pub(super) struct Known<'a> {
    engine: &'a Engine,
    keys: Option<Keys<'a>>,
    names: Option<Names>,
}

/// All keys from one to another.
struct Keys<'a> {
    first: &'a str,
    last: &'a str,
    found: BTreeMap<Slice, Slice>,
}

/// All names of a directory from one on.
struct Names {
    dir: Inode,
    first: Box<str>,
    /// Up to here, as a key of the table; all of them if `None`.
    last: Option<Slice>,
    found: BTreeMap<Slice, Slice>,
}

impl<'a> Known<'a> {
    pub(super) fn load(engine: &'a Engine, step: &'a [ObjectMeta]) -> VfsResult<Self> {
        let mut known = Self {
            engine,
            keys: None,
            names: None,
        };
        let (Some(first), Some(last)) = (step.first(), step.last()) else {
            return Ok(known);
        };
        let range = KeyRange {
            from: Bound::Included(first.key.as_bytes().to_vec()),
            to: Bound::Included(last.key.as_bytes().to_vec()),
        };
        let found = known.read(Table::Keys, &range)?;
        known.keys = (found.len() < RECORDS_MAX).then_some(Keys {
            first: &first.key,
            last: &last.key,
            found,
        });
        Ok(known)
    }

    fn read(&self, table: Table, range: &KeyRange) -> VfsResult<BTreeMap<Slice, Slice>> {
        let found = self.engine.index.scan(table, range, RECORDS_MAX);
        let found = found.map_err(fault::of_cache)?.into_iter();
        Ok(found.map(|entry| (entry.key, entry.value)).collect())
    }

    /// As [`Engine::key_state`], before the step.
    pub(super) fn key_state(&self, key: &str) -> VfsResult<Option<KeyState>> {
        match &self.keys {
            Some(keys) if (keys.first..=keys.last).contains(&key) => {
                let found = keys.found.get(key.as_bytes());
                Ok(found.map(|bytes| KeyState::decode(bytes)).transpose()?)
            }
            Some(_) | None => self.engine.key_state(key),
        }
    }

    /// As [`Engine::find`], with what was noted.
    pub(super) fn find(&mut self, place: Place<'_>) -> VfsResult<Option<Inode>> {
        let key = keys::of_name(place.dir, place.name);
        if !self
            .names
            .as_ref()
            .is_some_and(|names| names.hold(place, &key))
        {
            let range = KeyRange::prefix(&keys::of_inode(place.dir));
            let from = Bound::Included(key.clone());
            let found = self.read(Table::Names, &KeyRange { from, ..range })?;
            let is_all = found.len() < RECORDS_MAX;
            let last = found.last_key_value().filter(|_| !is_all);
            self.names = Some(Names {
                dir: place.dir,
                first: place.name.into(),
                last: last.map(|(key, _)| key.clone()),
                found,
            });
        }
        let names = self.names.as_ref();
        let found = names.and_then(|names| names.found.get(&*key));
        Ok(found
            .map(|bytes| keys::number(bytes))
            .transpose()?
            .map(Inode))
    }

    /// A name that the step adds.
    pub(super) fn note(&mut self, place: Place<'_>, inode: Inode) {
        let names = self.names.as_mut();
        if let Some(names) = names.filter(|names| names.dir == place.dir) {
            let key = keys::of_name(place.dir, place.name);
            names.found.insert(key.into(), keys::of_inode(inode).into());
        }
    }
}

impl Names {
    /// Whether they tell if there is such a name.
    fn hold(&self, place: Place<'_>, key: &[u8]) -> bool {
        let is_before_end = self.last.as_ref().is_none_or(|last| key <= &**last);
        self.dir == place.dir && place.name >= &*self.first && is_before_end
    }
}
