//! Commands.

use database::{CommandRecord, CommandState};
use model::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A command to issue.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewCommand {
    /// `status.get`, `share.list`, `share.sync`, `gateway.restart-share`, …
    pub(crate) method: String,
    /// What the method needs.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) params: Value,
    /// Time until it must have been begun; 30 s unless said otherwise.
    pub(crate) deadline_ms: Option<u64>,
    /// No result is wanted.
    #[serde(default)]
    pub(crate) noreply: bool,
}

/// When a command reached each mark.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Marks {
    /// The console stored it.
    pub(crate) accepted: u64,
    /// The gateway had it.
    pub(crate) delivered: Option<u64>,
    /// The gateway began.
    pub(crate) started: Option<u64>,
    /// It had an outcome.
    pub(crate) finished: Option<u64>,
}

/// The outcome of a command, or that it has none yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CommandState)]
pub(crate) enum State {
    /// No outcome yet.
    Pending,
    /// It was run.
    Finished,
    /// It was run and failed.
    Failed,
    /// It was not run, and will not be: reissue it.
    NotExecuted,
    /// Nobody knows; a reissue runs it at most once.
    Unknown,
}

impl From<CommandState> for State {
    fn from(state: CommandState) -> Self {
        match state {
            CommandState::Pending => Self::Pending,
            CommandState::Finished => Self::Finished,
            CommandState::Failed => Self::Failed,
            CommandState::NotExecuted => Self::NotExecuted,
            CommandState::Unknown => Self::Unknown,
        }
    }
}

/// A command.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Command {
    /// Its id.
    pub(crate) id: String,
    /// To whom.
    pub(crate) gateway_id: String,
    /// What to do.
    pub(crate) method: String,
    /// With what.
    #[schema(value_type = Object)]
    pub(crate) params: Value,
    /// Same key, same effect: it is run at most once.
    pub(crate) idempotency_key: String,
    /// Counts reissues of one key.
    pub(crate) generation: u32,
    /// No result is wanted.
    pub(crate) noreply: bool,
    /// Who issued it.
    pub(crate) issued_by: String,
    /// When.
    pub(crate) issued_at: u64,
    /// After this it is not begun.
    pub(crate) deadline: u64,
    /// How far it has come.
    pub(crate) marks: Marks,
    /// Its outcome.
    pub(crate) state: State,
    /// What came of it.
    #[schema(value_type = Option<Object>)]
    pub(crate) result: Option<Value>,
    /// Why it has no result.
    pub(crate) error: Option<Failure>,
    /// The command that it repeats.
    pub(crate) reissue_of: Option<String>,
    /// The command that repeats it.
    pub(crate) reissued_as: Option<String>,
}

impl From<CommandRecord> for Command {
    fn from(record: CommandRecord) -> Self {
        let ms = |at: Option<model::Timestamp>| at.map(model::Timestamp::as_millis);
        Self {
            id: record.id.to_string(),
            gateway_id: record.gateway.into(),
            method: record.method.as_str().to_owned(),
            params: record.params,
            idempotency_key: record.idempotency_key.to_string(),
            generation: record.generation,
            noreply: record.noreply,
            issued_by: record.issued_by,
            issued_at: record.accepted_at.as_millis(),
            deadline: record.deadline.as_millis(),
            marks: Marks {
                accepted: record.accepted_at.as_millis(),
                delivered: ms(record.delivered_at),
                started: ms(record.started_at),
                finished: ms(record.finished_at),
            },
            state: record.state.into(),
            result: record.result,
            error: record.error,
            reissue_of: record.reissue_of.map(|id| id.to_string()),
            reissued_as: record.reissued_as.map(|id| id.to_string()),
        }
    }
}
