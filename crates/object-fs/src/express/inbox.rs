//! What others told and is not applied yet, and what has to be listed because they told too much
//! or we heard too little.

use std::collections::{BTreeSet, HashMap, VecDeque};

use model::{ChangeNotice, ChangeSource, ObjectChange};

use crate::scan::Author;

/// Changes that wait to be applied, by the bytes of their keys and metadata.
const WAITING_BYTES_MAX: usize = 16 << 20;
/// What a notice takes besides.
const NOTICE_BYTES: usize = 256;
/// Shares of other gateways that are listened to. Of more the one heard first is forgotten, and
/// what it tells next is a gap.
const SOURCES_MAX: usize = 1_024;
/// Prefixes that wait to be listed; of more all is listed.
const SCANS_MAX: usize = 64;

/// What is heard and not applied.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    sources: HashMap<ChangeSource, Heard>,
    authors: u64,
    waiting: VecDeque<(Author, ChangeNotice)>,
    waiting_bytes: usize,
    /// Notices that were put into `waiting`, and those that are applied.
    queued: u64,
    applied: u64,
    scans: BTreeSet<String>,
    /// All that was heard up to here must be applied before the listings begin.
    scans_after: u64,
}

/// The last batch of one source.
#[derive(Clone, Copy, Debug)]
struct Heard {
    author: Author,
    epoch: u64,
    sequence: u64,
}

/// How a batch follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// It is the next.
    Next,
    /// It was heard, or there was no other.
    Known,
    /// Something is missing, or may be.
    Gap,
}

impl Inbox {
    /// Whether it reveals that something was missed.
    pub(super) fn hear(&mut self, notice: ChangeNotice) -> bool {
        let (author, follows) = self.follow(&notice);
        let is_gap = match follows {
            Follows::Known => return false,
            Follows::Next => false,
            Follows::Gap => true,
        };
        let bytes = bytes_of(&notice);
        let has_room = self.waiting_bytes + bytes <= WAITING_BYTES_MAX;
        if is_gap || !has_room {
            self.want_scan(notice.prefix.clone());
        }
        if has_room && !notice.batch.changes.is_empty() {
            self.waiting_bytes += bytes;
            self.queued += 1;
            self.waiting.push_back((author, notice));
        }
        if is_gap || !has_room {
            self.scans_after = self.queued;
        }
        is_gap || !has_room
    }

    fn follow(&mut self, notice: &ChangeNotice) -> (Author, Follows) {
        let batch = &notice.batch;
        let (epoch, sequence) = (batch.epoch, batch.sequence);
        let Some(heard) = self.sources.get_mut(&notice.from) else {
            let author = self.meet(notice.from.clone(), epoch, sequence);
            return (author, Follows::Gap);
        };
        let is_empty = batch.changes.is_empty();
        let follows = if heard.epoch != epoch {
            Follows::Gap
        } else if sequence <= heard.sequence {
            Follows::Known
        } else if sequence == heard.sequence + 1 && !is_empty {
            Follows::Next
        } else {
            Follows::Gap
        };
        if follows != Follows::Known {
            (heard.epoch, heard.sequence) = (epoch, sequence);
        }
        (heard.author, follows)
    }

    fn meet(&mut self, source: ChangeSource, epoch: u64, sequence: u64) -> Author {
        if self.sources.len() >= SOURCES_MAX {
            let first = self.sources.iter().min_by_key(|(_, heard)| heard.author);
            if let Some(first) = first.map(|(source, _)| source.clone()) {
                self.sources.remove(&first);
            }
        }
        self.authors += 1;
        let author = Author::Source(self.authors);
        let heard = Heard {
            author,
            epoch,
            sequence,
        };
        self.sources.insert(source, heard);
        author
    }

    /// The next notice to be applied.
    pub(super) fn next(&mut self) -> Option<(Author, ChangeNotice)> {
        let (author, notice) = self.waiting.pop_front()?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes_of(&notice));
        Some((author, notice))
    }

    /// The notice that was taken last is in the index, or is to be found by a listing.
    pub(super) fn done(&mut self) {
        self.applied += 1;
    }

    /// It could not be applied.
    pub(super) fn failed(&mut self, prefix: String) {
        self.want_scan(prefix);
    }

    fn want_scan(&mut self, prefix: String) {
        if self.scans.len() >= SCANS_MAX {
            self.scans.clear();
            self.scans.insert(String::new());
        }
        self.scans.insert(prefix);
        // What begins with another one is listed with it.
        if self.scans.contains("") {
            self.scans.retain(String::is_empty);
        }
    }

    /// What is to be listed now.
    pub(super) fn take_scans(&mut self) -> Option<BTreeSet<String>> {
        let may_begin = self.applied >= self.scans_after && !self.scans.is_empty();
        may_begin.then(|| std::mem::take(&mut self.scans))
    }
}

fn bytes_of(notice: &ChangeNotice) -> usize {
    let change = |change: &ObjectChange| {
        let metadata = match change {
            ObjectChange::Put { metadata, .. } => metadata.iter().flatten(),
            ObjectChange::Delete { .. } => None.iter().flatten(),
        };
        let metadata: usize = metadata.map(|(k, v)| k.len() + v.len()).sum();
        change.key().len() + notice.prefix.len() + metadata + size_of::<ObjectChange>()
    };
    NOTICE_BYTES + notice.batch.changes.iter().map(change).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use model::{ChangeBatch, Timestamp};

    use super::*;

    fn notice(from: &str, (epoch, sequence): (u64, u64), keys: &[&str]) -> ChangeNotice {
        let delete = |key: &&str| ObjectChange::Delete { key: (*key).into() };
        ChangeNotice {
            share: "here".parse().unwrap(),
            from: ChangeSource {
                gateway: from.parse().unwrap(),
                share: "there".parse().unwrap(),
            },
            at: Timestamp::from_millis(0),
            prefix: format!("{from}/"),
            batch: ChangeBatch {
                epoch,
                sequence,
                changes: keys.iter().map(delete).collect(),
            },
        }
    }

    /// `epoch.sequence` with `+` for changes, and for each whether it is applied and whether it
    /// is a gap.
    fn check(script: &str, want: &str) {
        let mut inbox = Inbox::default();
        let mut got = Vec::new();
        for word in script.split(' ') {
            let (number, keys) = match word.strip_suffix('+') {
                Some(number) => (number, &["k"][..]),
                None => (word, &[][..]),
            };
            let (epoch, sequence) = number.split_once('.').unwrap();
            let number = (epoch.parse().unwrap(), sequence.parse().unwrap());
            let is_gap = inbox.hear(notice("gw-a", number, keys));
            let is_applied = inbox.next().is_some();
            got.push(match (is_applied, is_gap) {
                (true, true) => "both",
                (true, false) => "apply",
                (false, true) => "gap",
                (false, false) => "no",
            });
        }
        assert_eq!(got.join(" "), want, "{script}");
    }

    #[test]
    fn a_batch_is_applied_once_and_a_missing_one_is_a_gap() {
        check("1.0 1.1+ 1.2+ 1.2", "gap apply apply no");
        check("1.1+ 1.2+ 1.2+ 1.1+ 1.3+", "both apply no no apply");
        check("1.1+ 1.3+ 1.2+ 1.4+", "both both no apply");
        check("1.1+ 1.2 1.2+ 1.3+", "both gap no apply");
        check("1.5+ 2.0 2.1+ 1.6+", "both gap apply both");
    }

    #[test]
    fn a_listing_begins_when_all_heard_before_is_applied() {
        let mut inbox = Inbox::default();
        inbox.hear(notice("gw-a", (1, 1), &["k"]));
        inbox.hear(notice("gw-b", (1, 1), &["k"]));
        assert_eq!(inbox.take_scans(), None);
        for _ in 0..2 {
            inbox.next().unwrap();
            inbox.done();
        }
        inbox.hear(notice("gw-a", (1, 2), &["k"]));
        let scans = inbox.take_scans().unwrap();
        assert!(scans.iter().eq(["gw-a/", "gw-b/"]), "{scans:?}");
        assert_eq!(inbox.take_scans(), None);
    }

    #[test]
    fn what_does_not_fit_is_listed() {
        let mut inbox = Inbox::default();
        let key = "k".repeat(1_000);
        let keys = vec![key.as_str(); 50];
        let (mut sequence, mut gaps) = (0, 0);
        while gaps < 3 {
            sequence += 1;
            gaps += usize::from(inbox.hear(notice("gw-a", (1, sequence), &keys)));
        }
        assert!(inbox.waiting_bytes <= WAITING_BYTES_MAX);
        assert!(inbox.waiting.len() > 100);
        while inbox.next().is_some() {
            assert_eq!(inbox.take_scans(), None);
            inbox.done();
        }
        assert_eq!(
            (inbox.take_scans().unwrap().len(), inbox.waiting_bytes),
            (1, 0)
        );
    }

    #[test]
    fn many_sources_and_prefixes_are_bounded() {
        let mut inbox = Inbox::default();
        for n in 0..2_000 {
            inbox.hear(notice(&format!("gw-{n}"), (1, 1), &[]));
        }
        assert_eq!(inbox.sources.len(), SOURCES_MAX);
        let scans = inbox.take_scans().unwrap();
        assert!(scans.iter().eq([""]), "{scans:?}");
    }
}
