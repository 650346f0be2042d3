//! The audit log as a table: append-only, each record chained to the one before.

use async_trait::async_trait;
use audit_log::{
    Action, AuditError, AuditLog, EntryId, GENESIS, Outcome, Record, RecordBody, verify_chain,
};
use model::Timestamp;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set,
};

use crate::{
    Database,
    entity::audit_record,
    error::{DatabaseError, Result},
    numbers::{from_column, time_from_column, time_to_column, to_column},
};

/// How often an append is tried when another console took the number in between.
const APPEND_ATTEMPTS: u32 = 8;
/// Records checked at a time.
const VERIFY_BATCH: usize = 1_000;

/// The end of the chain, as this console knows it.
#[derive(Debug, Clone)]
pub(crate) struct ChainTail {
    sequence: u64,
    hash: String,
}

/// How an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryOutcome {
    /// Opened, not closed.
    Open,
    /// Closed.
    Closed {
        /// When.
        at: Timestamp,
        /// How.
        outcome: Outcome,
    },
}

/// An entry: the record that opened it and the last one that closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number.
    pub id: EntryId,
    /// When it was opened.
    pub at: Timestamp,
    /// What was about to be done.
    pub action: Action,
    /// How it ended.
    pub outcome: EntryOutcome,
    /// Hash of the record that opened it.
    pub hash: String,
}

/// What a check of the whole chain found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// Records that were checked and fit.
    pub records: u64,
    /// The first that does not fit.
    pub broken_at: Option<u64>,
}

impl Database {
    /// Entries, newest first, older than the one numbered `before`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn audit_entries(&self, before: Option<u64>, limit: u64) -> Result<Vec<AuditEntry>> {
        let mut query = audit_record::Entity::find()
            .filter(audit_record::Column::Opens.eq(true))
            .order_by_desc(audit_record::Column::Sequence)
            .limit(limit);
        if let Some(before) = before {
            query = query.filter(audit_record::Column::Sequence.lt(to_column(before)));
        }
        let opened = query.all(&self.reader).await?;
        self.with_outcomes(opened).await
    }

    /// One entry.
    ///
    /// # Errors
    /// There is no such entry.
    pub async fn audit_entry(&self, id: EntryId) -> Result<AuditEntry> {
        let opened = audit_record::Entity::find_by_id(to_column(id.0))
            .filter(audit_record::Column::Opens.eq(true))
            .one(&self.reader)
            .await?;
        let found = self
            .with_outcomes(opened.into_iter().collect())
            .await?
            .pop();
        found.ok_or_else(|| DatabaseError::NotFound(format!("audit entry {}", id.0)))
    }

    /// Entries that were opened and not closed, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn open_audit_entries(&self) -> Result<Vec<EntryId>> {
        let closed = audit_record::Entity::find()
            .select_only()
            .column(audit_record::Column::Entry)
            .filter(audit_record::Column::Opens.eq(false));
        let open: Vec<i64> = audit_record::Entity::find()
            .select_only()
            .column(audit_record::Column::Entry)
            .filter(audit_record::Column::Opens.eq(true))
            .filter(
                audit_record::Column::Entry
                    .not_in_subquery(sea_orm::QueryTrait::into_query(closed)),
            )
            .order_by_asc(audit_record::Column::Entry)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(open
            .into_iter()
            .map(|id| EntryId(from_column(id)))
            .collect())
    }

    /// Checks the whole chain.
    ///
    /// # Errors
    /// The database fails; a broken chain is no error but the answer.
    pub async fn verify_audit(&self) -> Result<AuditReport> {
        let (mut records, mut hash) = (0, GENESIS.to_owned());
        loop {
            let batch = self.audit_records(records, VERIFY_BATCH).await?;
            if batch.is_empty() {
                let broken_at = None;
                return Ok(AuditReport { records, broken_at });
            }
            match verify_chain(&hash, records + 1, &batch) {
                Ok(last) => hash = last.to_owned(),
                Err(error) => {
                    let at = error.record();
                    let fitting = batch.iter().filter(|r| r.sequence < at).count();
                    return Ok(AuditReport {
                        records: records + fitting as u64,
                        broken_at: Some(at),
                    });
                }
            }
            records += batch.len() as u64;
        }
    }

    async fn with_outcomes(&self, opened: Vec<audit_record::Model>) -> Result<Vec<AuditEntry>> {
        let ids: Vec<i64> = opened.iter().map(|row| row.sequence).collect();
        let closings = audit_record::Entity::find()
            .filter(audit_record::Column::Opens.eq(false))
            .filter(audit_record::Column::Entry.is_in(ids))
            .order_by_asc(audit_record::Column::Sequence)
            .all(&self.reader)
            .await?;
        opened
            .into_iter()
            .map(|row| {
                let closing = closings.iter().rfind(|c| c.entry == row.sequence);
                entry(row, closing.cloned())
            })
            .collect()
    }

    async fn audit_records(&self, after: u64, limit: usize) -> Result<Vec<Record>> {
        let rows = audit_record::Entity::find()
            .filter(audit_record::Column::Sequence.gt(to_column(after)))
            .order_by_asc(audit_record::Column::Sequence)
            .limit(limit as u64)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(record).collect()
    }

    async fn append(&self, at: Timestamp, body: RecordBody) -> Result<u64> {
        // One writer at a time: the next link needs the hash of this one.
        let mut tail = self.chain.lock().await;
        let mut last_error = None;
        for _ in 0..APPEND_ATTEMPTS {
            let end = match tail.take() {
                Some(end) => end,
                None => self.chain_tail().await?,
            };
            let link = Record::chained(end.sequence + 1, at, body.clone(), &end.hash);
            match self.insert_record(&link).await {
                Ok(()) => {
                    let sequence = link.sequence;
                    let hash = link.hash;
                    *tail = Some(ChainTail { sequence, hash });
                    return Ok(sequence);
                }
                // Another console of the same database was faster; look where the end is now.
                Err(error @ DatabaseError::Exists(_)) => last_error = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last_error.unwrap_or_else(|| DatabaseError::Exists("audit record".to_owned())))
    }

    async fn chain_tail(&self) -> Result<ChainTail> {
        let last = audit_record::Entity::find()
            .order_by_desc(audit_record::Column::Sequence)
            .one(&self.writer)
            .await?;
        Ok(last.map_or_else(
            || ChainTail {
                sequence: 0,
                hash: GENESIS.to_owned(),
            },
            |row| ChainTail {
                sequence: from_column(row.sequence),
                hash: row.hash,
            },
        ))
    }

    async fn insert_record(&self, record: &Record) -> Result<()> {
        let (entry, opens) = match &record.body {
            RecordBody::Opened { .. } => (record.sequence, true),
            RecordBody::Closed { entry, .. } => (entry.0, false),
        };
        let body = serde_json::to_string(&record.body)
            .map_err(|e| DatabaseError::corrupt("an audit record", e))?;
        let row = audit_record::ActiveModel {
            sequence: Set(to_column(record.sequence)),
            entry: Set(to_column(entry)),
            opens: Set(opens),
            at: Set(time_to_column(record.at)),
            body: Set(body),
            previous_hash: Set(record.previous_hash.clone()),
            hash: Set(record.hash.clone()),
        };
        audit_record::Entity::insert(row)
            .exec_without_returning(&self.writer)
            .await
            .map_err(|e| DatabaseError::on_insert(e, || "audit record".to_owned()))?;
        Ok(())
    }
}

fn record(row: audit_record::Model) -> Result<Record> {
    Ok(Record {
        sequence: from_column(row.sequence),
        at: time_from_column(row.at),
        body: body(&row.body)?,
        previous_hash: row.previous_hash,
        hash: row.hash,
    })
}

fn body(text: &str) -> Result<RecordBody> {
    serde_json::from_str(text).map_err(|e| DatabaseError::corrupt("an audit record", e))
}

fn entry(opened: audit_record::Model, closed: Option<audit_record::Model>) -> Result<AuditEntry> {
    let RecordBody::Opened { action } = body(&opened.body)? else {
        return Err(DatabaseError::corrupt(
            "an audit record",
            "it opens nothing",
        ));
    };
    let outcome = match closed {
        None => EntryOutcome::Open,
        Some(row) => match body(&row.body)? {
            RecordBody::Closed { outcome, .. } => EntryOutcome::Closed {
                at: time_from_column(row.at),
                outcome,
            },
            RecordBody::Opened { .. } => {
                return Err(DatabaseError::corrupt(
                    "an audit record",
                    "it closes nothing",
                ));
            }
        },
    };
    Ok(AuditEntry {
        id: EntryId(from_column(opened.sequence)),
        at: time_from_column(opened.at),
        action,
        outcome,
        hash: opened.hash,
    })
}

/// The audit log's words for a failure, with its cause: it is shown to whoever was refused.
fn unreachable(error: &DatabaseError) -> AuditError {
    let cause = std::error::Error::source(error).map(|e| format!(": {e}"));
    AuditError(format!("{error}{}", cause.unwrap_or_default()))
}

#[async_trait]
impl AuditLog for Database {
    async fn open(
        &self,
        at: Timestamp,
        action: Action,
    ) -> std::result::Result<EntryId, AuditError> {
        let opened = self.append(at, RecordBody::Opened { action }).await;
        opened.map(EntryId).map_err(|e| unreachable(&e))
    }

    async fn close(
        &self,
        at: Timestamp,
        id: EntryId,
        outcome: Outcome,
    ) -> std::result::Result<(), AuditError> {
        let body = RecordBody::Closed { entry: id, outcome };
        self.append(at, body).await.map_err(|e| unreachable(&e))?;
        Ok(())
    }

    async fn records(
        &self,
        after: u64,
        limit: usize,
    ) -> std::result::Result<Vec<Record>, AuditError> {
        self.audit_records(after, limit)
            .await
            .map_err(|e| unreachable(&e))
    }
}
