//! Finding what a filter matches, a part at a time.

use std::{
    ops::{
        Bound,
        ControlFlow::{self, Break, Continue},
    },
    sync::Arc,
};

use super::{Level, Retained, split};
use crate::message::Message;

/// What a filter has found, and where it goes on.
#[derive(Debug)]
pub(crate) struct Walk<'f> {
    filter: &'f str,
    max: usize,
    found: Vec<Arc<Message>>,
    /// The names of the level that was looked at last, the last one first. Nothing below it was.
    place: Option<Vec<Box<str>>>,
    /// Levels that may still be looked at in this part.
    levels: usize,
}

/// Names on the way to where the walk goes on, below the level at hand, which was looked at. If
/// there are none, nothing below it was; without, the level itself was not.
type Way<'w> = Option<&'w [Box<str>]>;

impl<'f> Walk<'f> {
    /// Finds `max` messages at most.
    pub(crate) const fn new(filter: &'f str, max: usize) -> Self {
        Self {
            filter,
            max,
            found: Vec::new(),
            place: None,
            levels: 0,
        }
    }

    /// Looks at `levels` more; whether that is all.
    pub(crate) fn go_on(&mut self, retained: &Retained, levels: usize) -> bool {
        self.levels = levels;
        let way = self.place.take().map(|mut place| {
            place.reverse();
            place
        });
        let walked = self.visit(&retained.root, Some(self.filter), way.as_deref());
        walked.is_continue() || self.found.len() >= self.max
    }

    pub(crate) fn into_found(self) -> Vec<Arc<Message>> {
        self.found
    }

    /// As deep as a topic has levels: 32 at most, as it has 64 characters.
    fn visit(&mut self, level: &Level, filter: Option<&str>, way: Way<'_>) -> ControlFlow<()> {
        if way.is_none() {
            self.look_at(level, filter)?;
        }
        let Some(names) = filter else {
            return Continue(());
        };
        match split(names) {
            ("#", _) => self.visit_all(level, filter, way),
            ("+", rest) => self.visit_all(level, rest, way),
            (name, rest) => match level.below.get(name) {
                Some(below) => {
                    let way = way.and_then(<[_]>::split_first).map(|(_, way)| way);
                    self.enter((name, below), rest, way)
                }
                None => Continue(()),
            },
        }
    }

    fn visit_all(&mut self, level: &Level, filter: Option<&str>, way: Way<'_>) -> ControlFlow<()> {
        let place = way.and_then(<[_]>::split_first);
        let from = place.map_or(Bound::Unbounded, |(name, _)| Bound::Included(&**name));
        for (name, below) in level.below.range::<str, _>((from, Bound::Unbounded)) {
            // The level where it was may be gone; then all of those behind it are new.
            let way = place.filter(|(at, _)| *at == name).map(|(_, way)| way);
            self.enter((name, below), filter, way)?;
        }
        Continue(())
    }

    fn enter(
        &mut self,
        (name, level): (&str, &Level),
        filter: Option<&str>,
        way: Way<'_>,
    ) -> ControlFlow<()> {
        let walked = self.visit(level, filter, way);
        if walked.is_break() {
            self.place.get_or_insert_default().push(name.into());
        }
        walked
    }

    fn look_at(&mut self, level: &Level, filter: Option<&str>) -> ControlFlow<()> {
        // `a/#` matches `a` too (MQTT 5, 4.7.1.2).
        if matches!(filter, None | Some("#")) && self.found.len() < self.max {
            self.found.extend(level.message.clone());
        }
        self.levels = self.levels.saturating_sub(1);
        if self.levels == 0 || self.found.len() >= self.max {
            // Even if the root was the last: the place is known, and has no name.
            self.place.get_or_insert_default();
            return Break(());
        }
        Continue(())
    }
}
