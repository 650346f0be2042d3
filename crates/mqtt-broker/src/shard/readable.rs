//! Who can be read, in three rows.

use std::collections::VecDeque;

use message_bus::{Precedence, TopicClass};

use crate::limits::URGENT_FOR;

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// It gives commands, or is to answer them.
    Urgent,
    Others,
    /// Behind both, whoever says much.
    More,
}

#[derive(Debug, Default)]
pub(super) struct Readable {
    urgent: VecDeque<u32>,
    others: VecDeque<u32>,
    more: VecDeque<u32>,
}

impl Readable {
    fn row(&mut self, row: Row) -> &mut VecDeque<u32> {
        match row {
            Row::Urgent => &mut self.urgent,
            Row::Others => &mut self.others,
            Row::More => &mut self.more,
        }
    }

    /// Whether anybody stands there.
    pub(super) fn has(&self, row: Row) -> bool {
        let row = match row {
            Row::Urgent => &self.urgent,
            Row::Others => &self.others,
            Row::More => &self.more,
        };
        !row.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.others.is_empty() && self.more.is_empty()
    }

    pub(super) fn len(&mut self, row: Row) -> usize {
        self.row(row).len()
    }

    pub(super) fn add(&mut self, row: Row, slot: u32) {
        self.row(row).push_back(slot);
    }

    pub(super) fn next(&mut self, row: Row) -> Option<u32> {
        self.row(row).pop_front()
    }
}

/// Whether a client has given commands lately, got some, or answered some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Urgency(u8);

impl Urgency {
    /// It publishes a message.
    pub(super) const fn note(&mut self, precedence: Precedence) {
        self.0 = match precedence.class {
            TopicClass::Command => URGENT_FOR,
            TopicClass::Normal => self.0.saturating_sub(1),
        };
    }

    /// It gets a message, and may answer it.
    pub(super) const fn note_delivery(&mut self, precedence: Precedence) {
        if matches!(precedence.class, TopicClass::Command) {
            self.0 = URGENT_FOR;
        }
    }

    pub(super) const fn row(self) -> Row {
        if self.0 > 0 { Row::Urgent } else { Row::Others }
    }
}
