//! Making the log shorter: what still counts in its oldest segment is written anew at its end,
//! then the segment goes.
//!
//! Since it is always the oldest that goes, a record that takes something away may go with it:
//! what it took away stood in the same segment or before.

use std::collections::HashSet;

use super::{
    ledger::Ledger,
    record::{Record, Uid},
    session::Entry,
};

/// Which sessions of a segment were written anew.
pub(super) type Renewed = HashSet<Uid>;

/// What a record of the oldest segment says that still counts, as it is now.
pub(super) fn renew(
    record: &Record,
    ledger: &Ledger,
    renewed: &mut Renewed,
    out: &mut Vec<Record>,
) {
    let mut session = |uid: Uid| {
        if renewed.insert(uid)
            && let Some(session) = ledger.session(uid)
        {
            out.push(Record::Session(session.record()));
        }
    };
    match record {
        Record::Session(record) => session(record.uid),
        Record::Sent(uid, _) | Record::Inbound(uid, _) | Record::InboundDone(uid, _) => {
            session(*uid);
        }
        Record::SessionGone(_) | Record::Settled(..) => {}
        Record::Message(message) => {
            if let Some((uid, _)) = message.inbound {
                session(uid);
            }
            out.extend(ledger.message_record(message.id).map(Record::Message));
        }
        Record::Received(uid, seq) => {
            let entry = ledger.session(*uid).and_then(|s| s.queue.get(seq));
            if matches!(entry, Some(Entry::Released { .. })) {
                out.push(Record::Received(*uid, *seq));
            }
        }
        Record::Retained(message) => {
            let now = ledger.retained.get(message.parts().topic);
            out.extend(now.cloned().map(Record::Retained));
        }
    }
}
