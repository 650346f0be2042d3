//! The gateway side: run each command at most once, and remember what came of it.
//!
//! ```text
//!            ┌────────────── rejected (expired, unknown method, busy)
//!  arrives ──┤
//!            └─ accepted ──► started ──► finished | failed
//!                  │            │ restart
//!                  │            └──► started again if the method may be repeated,
//!                  │                 failed as INTERRUPTED if not
//!                  └──► rejected as EXPIRED if the deadline passes before it is started
//! ```
//!
//! Invariant: `accepted` is on disk before the message is acknowledged to the broker, and
//! `started` is on disk before the command runs; so a crash at any instant loses no command
//! without an outcome and runs none twice.
//! Invariant: one key has one entry; a reissue (same key, newer generation) joins it.
//! Boundary: memory and disk are bounded by [`Limits`]; the oldest outcomes are forgotten
//! first, and a key that is forgotten could run again.

mod decision;
mod entry;
mod envelope;
mod fjall_store;
mod index;
mod store;

#[cfg(test)]
mod mem_store;
#[cfg(test)]
mod tests;

use std::time::Duration;

use model::{
    COMMAND_LEN_MAX, Command, CommandId, ErrorCode, Failure, Method, Reply, ReplyBody, Timestamp,
    WIRE_VERSION,
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use decision::{Decision, decide};
pub use entry::{Call, Entry, State};
pub use envelope::{EnvelopeError, decode};
pub use fjall_store::FjallStore;
use index::Index;
pub use store::{Durability, EntryStore, StoreError};

/// Room in a reply for all but the result.
const ENVELOPE_LEN_MAX: usize = 1_024;
const RESULT_LEN_MAX: usize = COMMAND_LEN_MAX - ENVELOPE_LEN_MAX;

/// What the memory of commands may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most entries.
    pub entries_max: usize,
    /// Most bytes of all entries.
    pub bytes_max: usize,
    /// An outcome is forgotten after this.
    pub age_max: Duration,
    /// Most commands that wait or run; one more is rejected as BUSY.
    pub pending_max: usize,
}

impl Default for Limits {
    /// A week of one command a minute; 64 MiB are a thousand results of the largest size.
    fn default() -> Self {
        Self {
            entries_max: 10_000,
            bytes_max: 64 << 20,
            age_max: Duration::from_secs(7 * 24 * 3_600),
            pending_max: 64,
        }
    }
}

/// What to do about a command that came.
#[derive(Debug, Default, PartialEq)]
pub struct Intake {
    /// To be sent.
    pub replies: Vec<Reply>,
    /// To be started with [`Callee::begin`] when there is a free hand.
    pub run: Option<Uuid>,
}

/// What to do about a command whose turn has come.
#[derive(Debug, PartialEq)]
pub enum Begin {
    /// Run it, then call [`Callee::finish`].
    Run {
        /// The command.
        command: Box<Command>,
        /// To be sent.
        replies: Vec<Reply>,
    },
    /// Do not: its deadline has passed, or it is not waiting.
    Skip {
        /// To be sent.
        replies: Vec<Reply>,
    },
}

/// What is left to do after a restart.
#[derive(Debug, Default, PartialEq)]
pub struct Recovered {
    /// Outcomes that the restart decided.
    pub replies: Vec<Reply>,
    /// Commands to be started with [`Callee::begin`], the oldest first.
    pub run: Vec<Command>,
}

/// The memory of commands and the rules about them. Calls block on the disk.
#[derive(Debug)]
pub struct Callee<S> {
    store: S,
    index: Index,
    limits: Limits,
}

impl<S: EntryStore> Callee<S> {
    /// Opens the memory after a start. `repeatable`: a method that does no harm when it runs
    /// again after it was cut short.
    ///
    /// # Errors
    /// The store fails.
    pub fn open(
        store: S,
        limits: Limits,
        repeatable: impl Fn(&Method) -> bool,
        now: Timestamp,
    ) -> Result<(Self, Recovered), StoreError> {
        let mut index = Index::default();
        let mut pending = Vec::new();
        store.for_each(&mut |entry, len| {
            index.insert(&entry, len);
            if entry.state.is_pending() {
                pending.push(entry);
            }
        })?;
        let mut callee = Self {
            store,
            index,
            limits,
        };
        let mut recovered = Recovered::default();
        pending.sort_by_key(|entry: &Entry| entry.arrived);
        for entry in pending {
            callee.recover(entry, &repeatable, now, &mut recovered)?;
        }
        callee.forget_old(now)?;
        Ok((callee, recovered))
    }

    fn recover(
        &mut self,
        mut entry: Entry,
        repeatable: &impl Fn(&Method) -> bool,
        now: Timestamp,
        recovered: &mut Recovered,
    ) -> Result<(), StoreError> {
        let in_time = now <= entry.command.deadline;
        let outcome = match &entry.state {
            State::Started if !repeatable(&entry.command.method) || !in_time => interrupted(),
            State::Accepted if !in_time => ReplyBody::Rejected {
                error: expired(&entry.command, now),
            },
            State::Accepted | State::Started => {
                entry.state = State::Accepted;
                recovered.run.push(entry.command.clone());
                return self.save(&entry, Durability::Later);
            }
            State::Done(_) => return Ok(()),
        };
        recovered.replies.extend(entry.replies(&outcome, now));
        entry.state = State::Done(outcome);
        self.save(&entry, Durability::Now)
    }

    /// Takes a command that came. When it returns, the message may be acknowledged.
    ///
    /// # Errors
    /// The store fails: do not acknowledge.
    pub fn handle(&mut self, command: Command, now: Timestamp) -> Result<Intake, StoreError> {
        if command.method == Method::CommandGet {
            return self.answer_query(&command, now);
        }
        let known = self.store.load(command.idempotency_key)?;
        let has_room = self.index.pending() < self.limits.pending_max;
        let call = Call::of(&command);
        match decide(&command, known.as_ref(), has_room, now) {
            Decision::Run => {
                self.forget_old(now)?;
                let entry = Entry::new(command, State::Accepted, now);
                self.save(&entry, Durability::Now)?;
                let replies = vec![call.reply(entry.key(), ReplyBody::Delivered, now)];
                Ok(Intake {
                    replies,
                    run: Some(entry.key()),
                })
            }
            Decision::Join(mut entry) => {
                entry.join(&command);
                self.save(&entry, Durability::Now)?;
                let mut replies = vec![call.reply(entry.key(), ReplyBody::Delivered, now)];
                if entry.state == State::Started && !call.noreply {
                    replies.push(call.reply(entry.key(), ReplyBody::Started, now));
                }
                Ok(Intake { replies, run: None })
            }
            Decision::Answer { mut entry, body } => {
                entry.join(&command);
                self.save(&entry, Durability::Later)?;
                Ok(Intake {
                    replies: call.outcome(entry.key(), body, now),
                    run: None,
                })
            }
            Decision::Reject { error, remember } => {
                let key = command.idempotency_key;
                let body = ReplyBody::Rejected { error };
                if remember {
                    self.forget_old(now)?;
                    let entry = Entry::new(command, State::Done(body.clone()), now);
                    self.save(&entry, Durability::Later)?;
                }
                Ok(Intake {
                    replies: call.outcome(key, body, now),
                    run: None,
                })
            }
        }
    }

    /// Marks a waiting command as started. When it returns, the command may run.
    ///
    /// # Errors
    /// The store fails: do not run it.
    pub fn begin(&mut self, key: Uuid, now: Timestamp) -> Result<Begin, StoreError> {
        let waiting = self.store.load(key)?.filter(|e| e.state == State::Accepted);
        let Some(mut entry) = waiting else {
            return Ok(Begin::Skip {
                replies: Vec::new(),
            });
        };
        if now > entry.command.deadline {
            let outcome = ReplyBody::Rejected {
                error: expired(&entry.command, now),
            };
            let replies = entry.replies(&outcome, now);
            entry.state = State::Done(outcome);
            self.save(&entry, Durability::Later)?;
            return Ok(Begin::Skip { replies });
        }
        entry.state = State::Started;
        self.save(&entry, Durability::Now)?;
        let replies = entry.replies(&ReplyBody::Started, now);
        Ok(Begin::Run {
            command: Box::new(entry.command),
            replies,
        })
    }

    /// Stores what came of a command. When it returns, the outcome may be told.
    ///
    /// # Errors
    /// The store fails. The outcome must not be told: after a restart it would be another.
    pub fn finish(
        &mut self,
        key: Uuid,
        outcome: Result<Value, Failure>,
        now: Timestamp,
    ) -> Result<Vec<Reply>, StoreError> {
        let running = self.store.load(key)?.filter(|e| e.state == State::Started);
        let Some(mut entry) = running else {
            return Ok(Vec::new());
        };
        let outcome = match outcome.and_then(fitting) {
            Ok(result) => ReplyBody::Finished { result },
            Err(error) => ReplyBody::Failed { error },
        };
        let replies = entry.replies(&outcome, now);
        entry.state = State::Done(outcome);
        self.save(&entry, Durability::Now)?;
        Ok(replies)
    }

    /// What is known of a command, by its id.
    ///
    /// # Errors
    /// The store fails.
    pub fn recall(&self, id: CommandId) -> Result<Option<ReplyBody>, StoreError> {
        let Some(key) = self.index.key_of(id) else {
            return Ok(None);
        };
        Ok(self.store.load(key)?.map(|entry| match entry.state {
            State::Accepted => ReplyBody::Delivered,
            State::Started => ReplyBody::Started,
            State::Done(body) => body,
        }))
    }

    /// `command.get` reads, so it needs no memory of its own.
    fn answer_query(&self, command: &Command, now: Timestamp) -> Result<Intake, StoreError> {
        #[derive(Deserialize)]
        struct Params {
            id: CommandId,
        }
        let call = Call::of(command);
        let body = match Params::deserialize(&command.params) {
            Err(_) => failed(
                ErrorCode::InvalidArgument,
                "command.get needs `id`, a command's id",
            ),
            Ok(Params { id }) => match self.recall(id)? {
                None => failed(
                    ErrorCode::NotFound,
                    "this gateway has never had that command, or has forgotten it",
                ),
                Some(known) => ReplyBody::Finished {
                    result: serde_json::to_value(known).unwrap_or_default(),
                },
            },
        };
        let replies = call.outcome(command.idempotency_key, body, now);
        Ok(Intake { replies, run: None })
    }

    fn save(&mut self, entry: &Entry, durability: Durability) -> Result<(), StoreError> {
        let len = self.store.store(entry, durability)?;
        self.index.insert(entry, len);
        Ok(())
    }

    /// Makes room for one more entry. What is pending is never forgotten: there is little of
    /// it (`pending_max`), and it is the reason why the memory exists.
    fn forget_old(&mut self, now: Timestamp) -> Result<(), StoreError> {
        while let Some(oldest) = self.index.oldest_done() {
            let old = now.since(oldest.arrived) > self.limits.age_max;
            let full = self.index.len() >= self.limits.entries_max
                || self.index.bytes() >= self.limits.bytes_max;
            if !old && !full {
                break;
            }
            self.store.remove(oldest.key)?;
            self.index.remove(oldest.key);
        }
        Ok(())
    }
}

fn expired(command: &Command, now: Timestamp) -> Failure {
    let text = format!(
        "the deadline {} passed before the gateway could start the command (its clock says {now}); issue it again",
        command.deadline
    );
    Failure::new(ErrorCode::Expired, text)
}

fn interrupted() -> ReplyBody {
    failed(
        ErrorCode::Interrupted,
        "the gateway stopped while it ran the command, which may or may not have taken effect; \
         look before you issue it again",
    )
}

fn failed(code: ErrorCode, message: &str) -> ReplyBody {
    ReplyBody::Failed {
        error: Failure::new(code, message),
    }
}

fn fitting(result: Value) -> Result<Value, Failure> {
    let len = serde_json::to_vec(&result).map_or(usize::MAX, |json| json.len());
    if len <= RESULT_LEN_MAX {
        return Ok(result);
    }
    let text = format!("the result has {len} bytes of JSON; at most {RESULT_LEN_MAX} can be sent");
    Err(Failure::new(ErrorCode::Internal, text))
}
