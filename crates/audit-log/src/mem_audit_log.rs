//! The reference model: a log in memory.

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::{
    Action, AuditError, AuditLog, EntryId, GENESIS, Outcome, Record, RecordBody, Timestamp,
};

/// A log in memory, which can be told to fail.
#[derive(Debug, Default)]
pub struct MemAuditLog {
    records: Mutex<Vec<Record>>,
    broken: std::sync::atomic::AtomicBool,
}

impl MemAuditLog {
    /// From now on every call fails.
    pub fn break_down(&self) {
        self.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    fn append(&self, at: Timestamp, body: RecordBody) -> Result<u64, AuditError> {
        if self.broken.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(AuditError("told to fail".into()));
        }
        let mut records = self.records.lock();
        let sequence = records.len() as u64 + 1;
        let previous = records.last().map_or(GENESIS, |r| &r.hash).to_owned();
        records.push(Record::chained(sequence, at, body, &previous));
        Ok(sequence)
    }
}

#[async_trait]
impl AuditLog for MemAuditLog {
    async fn open(&self, at: Timestamp, action: Action) -> Result<EntryId, AuditError> {
        self.append(at, RecordBody::Opened { action }).map(EntryId)
    }

    async fn close(&self, at: Timestamp, id: EntryId, outcome: Outcome) -> Result<(), AuditError> {
        self.append(at, RecordBody::Closed { entry: id, outcome })
            .map(|_| ())
    }

    async fn records(&self, after: u64, limit: usize) -> Result<Vec<Record>, AuditError> {
        let records = self.records.lock();
        Ok(records
            .iter()
            .filter(|r| r.sequence > after)
            .take(limit)
            .cloned()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChainError, verify_chain};

    fn action(name: &str) -> Action {
        Action {
            actor: "ada".into(),
            source: "local".into(),
            channel: "ctl".into(),
            action: name.into(),
            target: "gateway/gw-1".into(),
            details: serde_json::Value::Null,
        }
    }

    #[tokio::test]
    async fn a_changed_or_removed_record_is_found() {
        let log = MemAuditLog::default();
        let at = Timestamp::from_millis(1);
        let id = log.open(at, action("share.create")).await.unwrap();
        log.close(at, id, Outcome::Succeeded).await.unwrap();
        log.open(at, action("share.delete")).await.unwrap();
        let records = log.records(0, 10).await.unwrap();
        assert!(verify_chain(GENESIS, 1, &records).is_ok());

        let mut changed = records.clone();
        changed[0].at = Timestamp::from_millis(2);
        assert_eq!(
            verify_chain(GENESIS, 1, &changed),
            Err(ChainError::Changed(1))
        );
        let mut removed = records;
        removed.remove(1);
        assert_eq!(
            verify_chain(GENESIS, 1, &removed),
            Err(ChainError::Missing(3))
        );
    }
}
