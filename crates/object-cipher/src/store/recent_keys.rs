//! Keys of objects that were read lately.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use object_store::ETag;

use crate::chunks::ObjectKey;

/// How many, about 0.6 KiB each: without one, a read that does not begin at the start of its
/// object costs a second request.
const KEYS_MAX: usize = 1_024;

/// Of each object, the key of the version that was read last.
#[derive(Default)]
pub(super) struct RecentKeys {
    by_name: HashMap<Arc<str>, (ETag, Arc<ObjectKey>)>,
    /// Each name once, in the order in which they came: the first goes when there is no room.
    names: VecDeque<Arc<str>>,
}

impl RecentKeys {
    /// That of this version of an object.
    pub(super) fn of(&self, name: &str, tag: &ETag) -> Option<Arc<ObjectKey>> {
        let (of, key) = self.by_name.get(name)?;
        (of == tag).then(|| Arc::clone(key))
    }

    /// It was read just now.
    pub(super) fn remember(&mut self, name: &str, tag: &ETag, key: &Arc<ObjectKey>) {
        let read = (tag.clone(), Arc::clone(key));
        if let Some(before) = self.by_name.get_mut(name) {
            *before = read;
            return;
        }
        if self.names.len() >= KEYS_MAX
            && let Some(oldest) = self.names.pop_front()
        {
            self.by_name.remove(&oldest);
        }
        let name: Arc<str> = name.into();
        self.names.push_back(Arc::clone(&name));
        self.by_name.insert(name, read);
    }
}

#[cfg(test)]
mod tests {
    use model::Secret;

    use super::*;
    use crate::{
        header::{Header, SALT_LEN},
        key::ShareKey,
        layout::Layout,
    };

    fn key() -> Arc<ObjectKey> {
        let key = ShareKey::parse(&Secret::new(format!("{:064x}", 7))).unwrap();
        let header = Header::new(&key, Layout::default(), [0; SALT_LEN]);
        Arc::new(ObjectKey::new(&key, &header))
    }

    fn tag(text: &str) -> ETag {
        ETag(text.to_owned())
    }

    #[test]
    fn what_is_read_again_takes_no_more_room() {
        let (mut keys, key) = (RecentKeys::default(), key());
        let (old, new) = (tag("old"), tag("new"));
        for _ in 0..3 {
            keys.remember("a", &old, &key);
        }
        keys.remember("a", &new, &key);
        assert_eq!((keys.names.len(), keys.by_name.len()), (1, 1));
        assert!(keys.of("a", &old).is_none());
        assert!(keys.of("a", &new).is_some());
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room() {
        let (mut keys, key, tag) = (RecentKeys::default(), key(), tag("t"));
        for n in 0..=KEYS_MAX {
            keys.remember(&n.to_string(), &tag, &key);
        }
        assert_eq!(keys.names.len(), KEYS_MAX);
        assert_eq!(keys.by_name.len(), KEYS_MAX);
        assert!(keys.of("0", &tag).is_none());
        assert!(keys.of("1", &tag).is_some());
        assert!(keys.of(&KEYS_MAX.to_string(), &tag).is_some());
    }
}
