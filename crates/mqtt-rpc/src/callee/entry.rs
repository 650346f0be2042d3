//! What is remembered of one command.

use model::{Command, CommandId, Reply, ReplyBody, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::WIRE_VERSION;

/// Calls remembered for one key; of more reissues only the newest are answered by
/// themselves, the others by `command.get`.
const CALLS_MAX: usize = 16;

/// One key: its command, how far it has come, and who wants to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// As it came first.
    pub command: Command,
    /// The newest generation that was seen.
    pub generation: u32,
    /// The first issue and its reissues.
    pub calls: Vec<Call>,
    /// When it came first.
    pub arrived: Timestamp,
    /// How far it has come.
    pub state: State,
}

/// How far a command has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its turn.
    Accepted,
    /// Runs, or ran when the gateway stopped.
    Started,
    /// Has an outcome.
    Done(ReplyBody),
}

/// One issue of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its id.
    pub id: CommandId,
    /// Which console node waits.
    pub reply_to: String,
    /// Only the delivered mark is wanted.
    pub noreply: bool,
}

impl State {
    /// Whether there is no outcome yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Accepted | Self::Started => true,
            Self::Done(_) => false,
        }
    }
}

impl Entry {
    pub(super) fn new(command: Command, state: State, arrived: Timestamp) -> Self {
        let calls = vec![Call::of(&command)];
        let generation = command.generation;
        Self {
            command,
            generation,
            calls,
            arrived,
            state,
        }
    }

    pub(super) fn key(&self) -> Uuid {
        self.command.idempotency_key
    }

    /// Adds a reissue, or the same message once more.
    pub(super) fn join(&mut self, command: &Command) {
        self.generation = self.generation.max(command.generation);
        if self.calls.iter().any(|call| call.id == command.id) {
            return;
        }
        if self.calls.len() >= CALLS_MAX {
            self.calls.remove(0);
        }
        self.calls.push(Call::of(command));
    }

    /// `body` for everyone who wants to know.
    pub(super) fn replies(&self, body: &ReplyBody, at: Timestamp) -> Vec<Reply> {
        let wanting = self.calls.iter().filter(|call| !call.noreply);
        wanting
            .map(|call| call.reply(self.key(), body.clone(), at))
            .collect()
    }
}

impl Call {
    pub(super) fn of(command: &Command) -> Self {
        Self {
            id: command.id,
            reply_to: command.reply_to.clone(),
            noreply: command.noreply,
        }
    }

    pub(super) fn reply(&self, key: Uuid, body: ReplyBody, at: Timestamp) -> Reply {
        Reply {
            version: WIRE_VERSION,
            id: self.id,
            idempotency_key: key,
            reply_to: self.reply_to.clone(),
            at,
            body,
        }
    }

    /// The delivered mark, and the outcome if it is wanted.
    pub(super) fn outcome(&self, key: Uuid, body: ReplyBody, at: Timestamp) -> Vec<Reply> {
        let mut replies = vec![self.reply(key, ReplyBody::Delivered, at)];
        if !self.noreply {
            replies.push(self.reply(key, body, at));
        }
        replies
    }
}
