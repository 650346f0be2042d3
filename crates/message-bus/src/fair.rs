//! A queue of queues: one for each parent topic, each with a budget, and commands go first.
//!
//! ```text
//! csg_cmd     ▪▪▪       ┐ commands: strictly first, but ┐
//! lab_alarm   ▪         ┘ one of FLOOR_EVERY is another's ├──▶ pop
//! csg_intent  ▪▪▪▪▪▪    ┐ the others: by weight, in     ┘
//! csg_status  ▪▪▪▪▪▪▪▪  ┘ bytes (deficit round robin)
//! ```
//! Invariant: within one parent topic the order is that of arrival.
//! Invariant: a new queue has no memory of its own.

use std::collections::VecDeque;

use crate::precedence::{Precedence, TopicClass};

/// While commands wait, of so many items one is taken of the others: their floor.
pub const FLOOR_EVERY: u8 = 16;
/// What an item weighs beside its bytes, for what is around them.
pub const ITEM_BYTES: usize = 128;
/// Bytes that a lane of weight 1 may send before the next has its turn.
const QUANTUM_BYTES: usize = 4 * 1024;
/// Lanes that stay when they are empty, so that those in use are not made again and again.
const EMPTY_LANES_MAX: usize = 8;
/// Items for which an empty lane keeps memory.
const SPARE_LEN_MAX: usize = 1_024;

/// Items and their bytes, those around them included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How many.
    pub len: usize,
    /// How large they are together.
    pub bytes: usize,
}

/// What may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Of one parent topic.
    pub lane: Load,
    /// Of all that are not commands; the rest is always free for those.
    pub others: Load,
    /// Together.
    pub all: Load,
}

impl Load {
    const fn has_room(self, bytes: usize, max: Self) -> bool {
        self.len < max.len && self.bytes.saturating_add(bytes) <= max.bytes
    }

    const fn add(&mut self, other: Self) {
        self.len = self.len.saturating_add(other.len);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    const fn remove(&mut self, other: Self) {
        self.len = self.len.saturating_sub(other.len);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// A place in the queue: the parent topic and how it stands beside others.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The parent topic.
    pub parent: &'a str,
    /// Of it.
    pub precedence: Precedence,
}

impl<'a> Place<'a> {
    /// Of a whole topic.
    #[must_use]
    pub fn of_topic(topic: &'a str, precedence: Precedence) -> Self {
        let parent = topic.split('/').next().unwrap_or(topic);
        Self { parent, precedence }
    }
}

/// Which classes may be taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Commands.
    pub commands: bool,
    /// The others.
    pub others: bool,
}

impl Open {
    /// All of them.
    pub const ALL: Self = Self {
        commands: true,
        others: true,
    };
}

/// What can wait.
pub trait Queued {
    /// Where.
    fn place(&self) -> Place<'_>;
    /// How large it is.
    fn bytes(&self) -> usize;
    /// How much of its lane's turn it takes: less than all if it is done in parts.
    fn bytes_of_turn(&self) -> usize {
        self.bytes()
    }
}

#[derive(Debug)]
struct Item<T> {
    /// What it counts; nothing for what is not bounded here.
    load: Load,
    value: T,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Front,
    Back,
}

#[derive(Debug)]
struct Lane<T> {
    parent: Box<str>,
    precedence: Precedence,
    items: VecDeque<Item<T>>,
    load: Load,
    /// Bytes that it may send before the next has its turn.
    credit: usize,
}

/// The queue.
#[derive(Debug)]
pub struct FairQueue<T> {
    bounds: &'static Bounds,
    lanes: Vec<Lane<T>>,
    all: Load,
    others: Load,
    /// Of each class: lanes in which something waits, and whose turn it is.
    busy: [usize; 2],
    turn: [usize; 2],
    /// Commands that were taken while others waited.
    in_row: u8,
    len: usize,
}

const fn index(class: TopicClass) -> usize {
    match class {
        TopicClass::Command => 0,
        TopicClass::Normal => 1,
    }
}

impl<T: Queued> Lane<T> {
    fn new(place: Place<'_>) -> Self {
        Self {
            parent: place.parent.into(),
            precedence: place.precedence,
            items: VecDeque::new(),
            load: Load::default(),
            credit: 0,
        }
    }

    const fn class(&self) -> usize {
        index(self.precedence.class)
    }

    /// Whether it may send its first item now; else it may send more the next time.
    fn may_send(&mut self) -> bool {
        let Some(first) = self.items.front() else {
            return false;
        };
        let bytes = first.value.bytes_of_turn().saturating_add(ITEM_BYTES);
        if let Some(left) = self.credit.checked_sub(bytes) {
            self.credit = left;
            return true;
        }
        let weight = usize::from(self.precedence.weight.max(1));
        self.credit = self.credit.saturating_add(weight * QUANTUM_BYTES);
        false
    }
}

impl<T: Queued> FairQueue<T> {
    /// An empty queue.
    #[must_use]
    pub const fn new(bounds: &'static Bounds) -> Self {
        let none = Load { len: 0, bytes: 0 };
        Self {
            bounds,
            lanes: Vec::new(),
            all: none,
            others: none,
            busy: [0; 2],
            turn: [0; 2],
            in_row: 0,
            len: 0,
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many items wait, those that do not count included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// What counts of what waits.
    #[must_use]
    pub const fn load(&self) -> Load {
        self.all
    }

    /// Items of one parent topic.
    #[must_use]
    pub fn len_of(&self, parent: &str) -> usize {
        let lane = self.lanes.iter().find(|lane| *lane.parent == *parent);
        lane.map_or(0, |lane| lane.items.len())
    }

    /// Everything that waits, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        let items = self.lanes.iter().flat_map(|lane| &lane.items);
        items.map(|item| &item.value)
    }

    /// Whether an item of `bytes` would find room.
    #[must_use]
    pub fn has_room(&self, place: Place<'_>, bytes: usize) -> bool {
        let lane = self.lanes.iter().find(|lane| *lane.parent == *place.parent);
        let load = lane.map_or(Load::default(), |lane| lane.load);
        self.fits(load, place.precedence, bytes.saturating_add(ITEM_BYTES))
    }

    /// Which classes have room for more.
    #[must_use]
    pub const fn open(&self) -> Open {
        let commands = self.all.has_room(ITEM_BYTES, self.bounds.all);
        Open {
            commands,
            others: commands && self.others.has_room(ITEM_BYTES, self.bounds.others),
        }
    }

    fn fits(&self, lane: Load, precedence: Precedence, bytes: usize) -> bool {
        let is_command = precedence.class == TopicClass::Command;
        lane.has_room(bytes, self.bounds.lane)
            && self.all.has_room(bytes, self.bounds.all)
            && (is_command || self.others.has_room(bytes, self.bounds.others))
    }

    /// Puts an item behind the others of its parent topic.
    ///
    /// # Errors
    /// There is no room; the item comes back.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let load = counted(&item);
        let at = self.lane(item.place());
        let lane = self.lanes.get(at).map(|lane| (lane.load, lane.precedence));
        if !lane.is_some_and(|(lane, precedence)| self.fits(lane, precedence, load.bytes)) {
            return Err(item);
        }
        self.put(at, load, item, End::Back);
        Ok(())
    }

    /// The same, room or not: its caller has a bound of its own.
    pub fn push_anyway(&mut self, item: T) {
        let load = counted(&item);
        let at = self.lane(item.place());
        self.put(at, load, item, End::Back);
    }

    /// The same for an item that takes no room from others.
    pub fn push_uncounted(&mut self, item: T) {
        let at = self.lane(item.place());
        self.put(at, Load::default(), item, End::Back);
    }

    /// Puts the rest of an item back, before all others of its parent topic.
    pub fn put_back(&mut self, item: T) {
        let load = counted(&item);
        let at = self.lane(item.place());
        self.put(at, load, item, End::Front);
    }

    /// The last item of a parent topic.
    pub fn last_of(&mut self, parent: &str) -> Option<&mut T> {
        let lane = self.lanes.iter_mut().find(|lane| *lane.parent == *parent);
        lane?.items.back_mut().map(|item| &mut item.value)
    }

    fn lane(&mut self, place: Place<'_>) -> usize {
        let known = |lane: &Lane<T>| *lane.parent == *place.parent;
        let Some(at) = self.lanes.iter().position(known) else {
            self.lanes.push(Lane::new(place));
            return self.lanes.len() - 1;
        };
        if let Some(lane) = self.lanes.get_mut(at)
            && lane.items.is_empty()
        {
            lane.precedence = place.precedence;
        }
        at
    }

    fn put(&mut self, at: usize, load: Load, value: T, end: End) {
        let Some(lane) = self.lanes.get_mut(at) else {
            return;
        };
        if lane.items.is_empty() {
            count(&mut self.busy, lane.class(), 1);
        }
        match end {
            End::Front => lane.items.push_front(Item { load, value }),
            End::Back => lane.items.push_back(Item { load, value }),
        }
        lane.load.add(load);
        self.all.add(load);
        if lane.precedence.class == TopicClass::Normal {
            self.others.add(load);
        }
        self.len += 1;
    }

    /// The next item.
    pub fn pop(&mut self) -> Option<T> {
        self.pop_from(Open::ALL)
    }

    /// The next item of a class that is open.
    pub fn pop_from(&mut self, open: Open) -> Option<T> {
        let [commands, others] = self.busy;
        let (commands, others) = (commands > 0 && open.commands, others > 0 && open.others);
        let of_others = others && (!commands || self.in_row + 1 >= FLOOR_EVERY);
        if !commands && !others {
            return None;
        }
        self.in_row = if others && !of_others {
            self.in_row + 1
        } else {
            0
        };
        self.pop_of(index(if of_others {
            TopicClass::Normal
        } else {
            TopicClass::Command
        }))
    }

    /// The next of a class in which something waits.
    fn pop_of(&mut self, class: usize) -> Option<T> {
        let turn = self.turn.get_mut(class)?;
        let at = loop {
            let at = turn.checked_rem(self.lanes.len())?;
            let lane = self.lanes.get_mut(at)?;
            if lane.class() == class && lane.may_send() {
                break at;
            }
            *turn = at + 1;
        };
        let lane = self.lanes.get_mut(at)?;
        let Item { load, value } = lane.items.pop_front()?;
        lane.load.remove(load);
        self.all.remove(load);
        if lane.precedence.class == TopicClass::Normal {
            self.others.remove(load);
        }
        self.len -= 1;
        if lane.items.is_empty() {
            lane.credit = 0;
            count(&mut self.busy, class, -1);
            self.tidy(at);
        }
        Some(value)
    }

    /// Gives memory back that an empty lane does not need.
    fn tidy(&mut self, at: usize) {
        if self.lanes.len() > EMPTY_LANES_MAX {
            self.lanes.swap_remove(at);
        } else if let Some(lane) = self.lanes.get_mut(at)
            && lane.items.capacity() > SPARE_LEN_MAX
        {
            lane.items = VecDeque::new();
        }
    }
}

fn counted<T: Queued>(item: &T) -> Load {
    Load {
        len: 1,
        bytes: item.bytes().saturating_add(ITEM_BYTES),
    }
}

fn count(busy: &mut [usize; 2], class: usize, by: isize) {
    if let Some(busy) = busy.get_mut(class) {
        *busy = busy.saturating_add_signed(by);
    }
}

#[cfg(test)]
mod tests;
