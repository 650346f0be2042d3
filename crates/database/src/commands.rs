//! Commands and where they stand.

use model::{CommandId, Failure, GatewayId, Method, Timestamp};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, TransactionTrait as _,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Database,
    entity::command,
    error::{DatabaseError, Result},
    numbers::{time_to_column, to_column},
};

mod row;

/// The outcome of a command, or that it has none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// No outcome yet.
    Pending,
    /// It was run.
    Finished,
    /// It was run and failed.
    Failed,
    /// It was not run, and will not be.
    NotExecuted,
    /// Nobody knows.
    Unknown,
}

impl CommandState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Finished,
        Self::Failed,
        Self::NotExecuted,
        Self::Unknown,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::NotExecuted => "not_executed",
            Self::Unknown => "unknown",
        }
    }
}

/// A command.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRecord {
    /// Its id.
    pub id: CommandId,
    /// To whom.
    pub gateway: GatewayId,
    /// What to do.
    pub method: Method,
    /// With what.
    pub params: Value,
    /// Same key, same effect.
    pub idempotency_key: Uuid,
    /// Counts reissues of one key.
    pub generation: u32,
    /// No result is wanted.
    pub noreply: bool,
    /// Who issued it.
    pub issued_by: String,
    /// Its entry in the audit log.
    pub audit_entry: u64,
    /// After this it is not begun.
    pub deadline: Timestamp,
    /// Its outcome.
    pub state: CommandState,
    /// When the console stored it.
    pub accepted_at: Timestamp,
    /// When the gateway had it.
    pub delivered_at: Option<Timestamp>,
    /// When the gateway began.
    pub started_at: Option<Timestamp>,
    /// When it had an outcome.
    pub finished_at: Option<Timestamp>,
    /// Questions asked about it in a row without an answer.
    pub inquiries: u32,
    /// When to look at it again.
    pub check_at: Option<Timestamp>,
    /// What came of it.
    pub result: Option<Value>,
    /// Why it has no result.
    pub error: Option<Failure>,
    /// The command that it repeats.
    pub reissue_of: Option<CommandId>,
    /// The command that repeats it.
    pub reissued_as: Option<CommandId>,
}

/// Which commands to list.
#[derive(Clone, Debug, Default)]
pub struct CommandFilter {
    /// Of this gateway only.
    pub gateway: Option<GatewayId>,
    /// Older than this one only.
    pub before: Option<CommandId>,
    /// In this state only.
    pub state: Option<CommandState>,
}

/// How many commands need somebody's attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCounts {
    /// Without an outcome.
    pub pending: u64,
    /// Failed or not executed, and not reissued.
    pub failed: u64,
    /// Unknown, and not reissued.
    pub unknown: u64,
}

impl Database {
    /// Stores a new command. If it repeats one, that one points to it from now on.
    ///
    /// # Errors
    /// Its id, or its key and generation, are taken.
    pub async fn create_command(&self, new: &CommandRecord) -> Result<()> {
        let tx = self.writer.begin().await?;
        command::Entity::insert(row::from_record(new)?)
            .exec_without_returning(&tx)
            .await
            .map_err(|e| {
                DatabaseError::on_insert(e, || "command with this key and generation".to_owned())
            })?;
        if let Some(earlier) = new.reissue_of {
            command::Entity::update_many()
                .col_expr(
                    command::Column::ReissuedAs,
                    sea_orm::sea_query::Expr::value(new.id.to_string()),
                )
                .filter(command::Column::Id.eq(earlier.to_string()))
                .exec(&tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// One of them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn command(&self, id: CommandId) -> Result<Option<CommandRecord>> {
        let row = command::Entity::find_by_id(id.to_string())
            .one(&self.reader)
            .await?;
        row.map(row::to_record).transpose()
    }

    /// The latest generation of a key on a gateway.
    ///
    /// # Errors
    /// The database fails.
    pub async fn command_by_key(
        &self,
        gateway: &GatewayId,
        key: Uuid,
    ) -> Result<Option<CommandRecord>> {
        let row = command::Entity::find()
            .filter(command::Column::GatewayId.eq(gateway.as_str()))
            .filter(command::Column::IdempotencyKey.eq(key.to_string()))
            .order_by_desc(command::Column::Generation)
            .one(&self.reader)
            .await?;
        row.map(row::to_record).transpose()
    }

    /// Some of them, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn commands(&self, filter: &CommandFilter, limit: u64) -> Result<Vec<CommandRecord>> {
        let mut query = command::Entity::find()
            .order_by_desc(command::Column::Id)
            .limit(limit);
        if let Some(gateway) = &filter.gateway {
            query = query.filter(command::Column::GatewayId.eq(gateway.as_str()));
        }
        if let Some(before) = filter.before {
            query = query.filter(command::Column::Id.lt(before.to_string()));
        }
        if let Some(state) = filter.state {
            query = query.filter(command::Column::State.eq(state.as_str()));
        }
        let rows = query.all(&self.reader).await?;
        rows.into_iter().map(row::to_record).collect()
    }

    /// Those whose time to be looked at has come.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_commands(&self, now: Timestamp, limit: u64) -> Result<Vec<CommandRecord>> {
        let rows = command::Entity::find()
            .filter(command::Column::CheckAt.lte(time_to_column(now)))
            .order_by_asc(command::Column::CheckAt)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(row::to_record).collect()
    }

    /// The command that an entry of the audit log is about.
    ///
    /// # Errors
    /// The database fails.
    pub async fn command_by_audit_entry(&self, entry: u64) -> Result<Option<CommandRecord>> {
        let row = command::Entity::find()
            .filter(command::Column::AuditEntry.eq(to_column(entry)))
            .one(&self.reader)
            .await?;
        row.map(row::to_record).transpose()
    }

    /// Commands to a gateway without an outcome.
    ///
    /// # Errors
    /// The database fails.
    pub async fn pending_count(&self, gateway: &GatewayId) -> Result<u64> {
        let count = command::Entity::find()
            .filter(command::Column::GatewayId.eq(gateway.as_str()))
            .filter(command::Column::State.eq(CommandState::Pending.as_str()))
            .count(&self.reader)
            .await?;
        Ok(count)
    }

    /// Reads one, lets `change` change it, and stores it if `change` says so; nobody else can
    /// change it in between. What `change` made of it comes back.
    ///
    /// # Errors
    /// The database fails. There being no such command is `None`.
    pub async fn update_command<T: Send>(
        &self,
        id: CommandId,
        change: impl FnOnce(&mut CommandRecord) -> (bool, T) + Send,
    ) -> Result<Option<(CommandRecord, T)>> {
        let tx = self.writer.begin().await?;
        let row = command::Entity::find_by_id(id.to_string())
            .lock_exclusive()
            .one(&tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut record = row::to_record(row)?;
        let (changed, answer) = change(&mut record);
        if changed {
            command::Entity::update(row::from_record(&record)?)
                .exec_without_returning(&tx)
                .await?;
        }
        tx.commit().await?;
        Ok(Some((record, answer)))
    }

    /// How many need somebody's attention among those accepted after `since`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn command_counts(&self, since: Timestamp) -> Result<CommandCounts> {
        let count = |states: &'static [CommandState]| {
            command::Entity::find()
                .filter(command::Column::State.is_in(states.iter().map(|s| s.as_str())))
                .filter(command::Column::ReissuedAs.is_null())
                .filter(command::Column::AcceptedAt.gte(time_to_column(since)))
                .count(&self.reader)
        };
        Ok(CommandCounts {
            pending: count(&[CommandState::Pending]).await?,
            failed: count(&[CommandState::Failed, CommandState::NotExecuted]).await?,
            unknown: count(&[CommandState::Unknown]).await?,
        })
    }
}
