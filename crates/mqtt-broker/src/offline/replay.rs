//! From the log to the ledger.
//!
//! Compaction writes a session anew at the log's end, behind messages that wait for it. So what
//! the log says of a session's queue before it says that there is one counts from then on.

use std::{collections::HashMap, sync::Arc};

use super::{
    Lsn,
    ledger::Ledger,
    record::{MessageRecord, Record, Uid},
};

/// What was read so far.
#[derive(Debug)]
pub(super) struct Replay {
    ledger: Ledger,
    /// What is said of the queues of sessions that were not there yet, in order.
    early: HashMap<Uid, Vec<Record>>,
}

impl Replay {
    pub(super) fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            early: HashMap::new(),
        }
    }

    /// The next record.
    pub(super) fn take(&mut self, record: Record) {
        match record {
            Record::Session(session) => {
                let uid = session.uid;
                self.apply(Record::Session(session));
                let early = self.early.remove(&uid).unwrap_or_default();
                early.into_iter().for_each(|record| self.apply(record));
            }
            Record::SessionGone(uid) => {
                self.early.remove(&uid);
                self.apply(record);
            }
            Record::Message(message) => self.take_message(message),
            // The queue of a session is not in its record.
            Record::Settled(uid, _) | Record::Received(uid, _) if !self.is_there(uid) => {
                self.early.entry(uid).or_default().push(record);
            }
            // Everything else of it is, and as it was later.
            Record::Settled(..)
            | Record::Received(..)
            | Record::Sent(..)
            | Record::Inbound(..)
            | Record::InboundDone(..)
            | Record::Retained(_) => self.apply(record),
        }
    }

    /// All was read. Of whom it is not said that they are there, they are not.
    pub(super) fn finish(self) -> Ledger {
        self.ledger
    }

    /// Each of those who get it has it once there is a session.
    fn take_message(&mut self, mut message: MessageRecord) {
        let receivers = std::mem::take(&mut message.receivers);
        let (there, early): (Vec<_>, Vec<_>) =
            receivers.into_iter().partition(|r| self.is_there(r.uid));
        for receiver in early {
            let early = self.early.entry(receiver.uid).or_default();
            early.push(Record::Message(MessageRecord {
                receivers: vec![receiver],
                inbound: None,
                message: Arc::clone(&message.message),
                ..message
            }));
        }
        self.apply(Record::Message(MessageRecord {
            receivers: there,
            ..message
        }));
    }

    fn is_there(&self, uid: Uid) -> bool {
        self.ledger.session(uid).is_some()
    }

    fn apply(&mut self, record: Record) {
        self.ledger.apply(record, Lsn(0));
    }
}
