//! What was changed here and is not told yet.

use std::collections::VecDeque;

use clock::Timestamp;
use model::{ChangeBatch, ObjectChange};
use object_store::{ETag, Metadata};

/// A batch as JSON; with what is put around it, it stays below the queue's limit of 64 KiB.
const BATCH_BYTES_MAX: usize = 48 << 10;
/// Changes that wait for the gateway, as JSON: some ten thousand. Of more all are forgotten, and
/// the others list the bucket.
const WAITING_BYTES_MAX: usize = 4 << 20;
/// JSON around the values of a change.
const FRAME_LEN: usize = 80;

const _: () = assert!(BATCH_BYTES_MAX < model::COMMAND_LEN_MAX * 7 / 8);

/// A change before it owns what it tells.
#[derive(Debug)]
pub(super) enum Told<'a> {
    Put {
        etag: &'a ETag,
        size: u64,
        metadata: Option<Metadata>,
    },
    Delete,
}

impl Told<'_> {
    pub(super) fn change(self, key: &str) -> ObjectChange {
        let key = key.to_owned();
        match self {
            Self::Put {
                etag,
                size,
                metadata,
            } => ObjectChange::Put {
                key,
                size,
                etag: Some(etag.0.clone()).filter(|etag| !etag.is_empty()),
                metadata,
            },
            Self::Delete => ObjectChange::Delete { key },
        }
    }
}

/// Changes and the numbers of their batches.
#[derive(Debug)]
pub(super) struct Outbox {
    epoch: u64,
    /// Of the last batch.
    sequence: u64,
    waiting: VecDeque<(Timestamp, ObjectChange)>,
    waiting_bytes: usize,
    /// Something was forgotten: a number must stay out.
    has_gap: bool,
}

impl Outbox {
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            sequence: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            has_gap: false,
        }
    }

    pub(super) fn push(&mut self, change: ObjectChange, at: Timestamp) {
        let len = json_len(&change);
        if self.waiting_bytes + len > WAITING_BYTES_MAX {
            self.forget();
        }
        self.waiting_bytes += len;
        self.waiting.push_back((at, change));
    }

    pub(super) fn forget(&mut self) {
        self.has_gap |= !self.waiting.is_empty();
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    pub(super) fn take(&mut self) -> Option<(Timestamp, ChangeBatch)> {
        let at = self.waiting.front()?.0;
        self.leave_gap();
        let (mut changes, mut bytes) = (Vec::new(), 0);
        while let Some((_, change)) = self.waiting.front() {
            let len = json_len(change);
            if !changes.is_empty() && bytes + len > BATCH_BYTES_MAX {
                break;
            }
            bytes += len;
            self.waiting_bytes = self.waiting_bytes.saturating_sub(len);
            changes.extend(self.waiting.pop_front().map(|(_, change)| change));
        }
        self.sequence += 1;
        Some((at, self.batch(changes)))
    }

    pub(super) fn repeat(&mut self) -> ChangeBatch {
        self.leave_gap();
        self.batch(Vec::new())
    }

    fn leave_gap(&mut self) {
        self.sequence += u64::from(std::mem::take(&mut self.has_gap));
    }

    fn batch(&self, changes: Vec<ObjectChange>) -> ChangeBatch {
        ChangeBatch {
            epoch: self.epoch,
            sequence: self.sequence,
            changes,
        }
    }
}

/// At least the length of a change as JSON.
fn json_len(change: &ObjectChange) -> usize {
    let values = match change {
        ObjectChange::Delete { key } => text_len(key),
        ObjectChange::Put {
            key,
            etag,
            metadata,
            ..
        } => {
            let etag = etag.as_deref().map_or(0, text_len);
            let pairs = metadata.iter().flatten();
            let metadata: usize = pairs.map(|(k, v)| text_len(k) + text_len(v) + 6).sum();
            text_len(key) + etag + metadata
        }
    };
    values + FRAME_LEN
}

fn text_len(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delete(key: &str) -> ObjectChange {
        ObjectChange::Delete { key: key.into() }
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn batches_are_numbered_and_tell_of_their_first_change() {
        let mut outbox = Outbox::new(9);
        assert_eq!(outbox.take(), None);
        assert_eq!(outbox.repeat().sequence, 0);
        outbox.push(delete("a"), at(1));
        outbox.push(delete("b"), at(2));
        let (when, batch) = outbox.take().unwrap();
        assert_eq!((when, batch.epoch, batch.sequence), (at(1), 9, 1));
        assert_eq!(batch.changes, [delete("a"), delete("b")]);
        outbox.push(delete("c"), at(3));
        assert_eq!(outbox.take().unwrap().1.sequence, 2);
        let repeated = outbox.repeat();
        assert_eq!((repeated.sequence, repeated.changes), (2, vec![]));
    }

    #[test]
    fn no_batch_is_longer_than_a_message_can_be() {
        let mut outbox = Outbox::new(0);
        let hard = "\u{1}\"\\ü".repeat(100);
        for n in 0..1_000 {
            outbox.push(
                ObjectChange::Put {
                    key: format!("{n}-{hard}"),
                    size: u64::MAX,
                    etag: Some(hard.clone()),
                    metadata: Some([(hard.clone(), hard.clone())].into()),
                },
                at(n),
            );
        }
        let mut told = 0;
        while let Some((_, batch)) = outbox.take() {
            let len = serde_json::to_vec(&batch).unwrap().len();
            assert!(len < BATCH_BYTES_MAX + 100, "{len}");
            told += batch.changes.len();
        }
        assert!(told < 1_000, "there were more than can wait");
        assert!(outbox.sequence > 1);
    }

    #[test]
    fn what_is_forgotten_leaves_a_gap_that_all_can_see() {
        let mut outbox = Outbox::new(0);
        outbox.push(delete("a"), at(0));
        outbox.take().unwrap();
        outbox.forget();
        assert_eq!(outbox.repeat().sequence, 1, "nothing was lost");
        outbox.push(delete("b"), at(0));
        outbox.forget();
        assert_eq!(outbox.repeat().sequence, 2);
        outbox.push(delete("c"), at(0));
        outbox.forget();
        outbox.push(delete("d"), at(0));
        assert_eq!(outbox.take().unwrap().1.sequence, 4);
        while outbox.waiting.len() < 2 || !outbox.has_gap {
            outbox.push(delete(&"k".repeat(1_000)), at(0));
        }
        assert!(outbox.waiting_bytes <= WAITING_BYTES_MAX);
        assert_eq!(outbox.take().unwrap().1.sequence, 6);
    }
}
