//! The console side: from an issued command to its outcome.
//!
//! ```text
//! Accepted ─▶ Delivered ─▶ Started ─▶ Done(finished | failed)
//!    │            │            │
//!    │            └─ deadline ─┴─▶ asked by id ─▶ Done(unknown) ─ late result ─▶ Done(…)
//!    └─ not sent, rejected, or expired and never seen ─▶ Done(not executed)
//! ```
//!
//! Nothing is sent or stored here: a [`Call`] is told what happened and when, and says what has
//! changed and whether the gateway should be asked. Replies may be late, doubled or out of order.
//! Invariant: the first result of a run stays; nothing replaces it.
//! Invariant: a call that is ticked comes to an outcome, whatever the gateway does.

use std::time::Duration;

use model::{ErrorCode, Failure, ReplyBody, Timestamp};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// Questions without an answer before the outcome is unknown.
pub const INQUIRIES_MAX: u32 = 3;
/// Time to answer a question; a round trip over a bad line, twice.
pub const INQUIRY_INTERVAL: Duration = Duration::from_secs(5);
/// How often a gateway that says it is still at it is asked again.
pub const RUNNING_INTERVAL: Duration = Duration::from_secs(30);
/// How long after its deadline a command may still run before nobody waits for it.
pub const RUN_MAX: Duration = Duration::from_hours(24);

/// When a command reached each mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The console stored it.
    pub accepted: Timestamp,
    /// The gateway had it.
    pub delivered: Option<Timestamp>,
    /// The gateway began.
    pub started: Option<Timestamp>,
    /// It had an outcome.
    pub finished: Option<Timestamp>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was run.
    Finished {
        /// The method's result.
        result: Value,
    },
    /// It was run and failed.
    Failed {
        /// Why.
        error: Failure,
    },
    /// It was not run, and will not be.
    NotExecuted {
        /// Why.
        error: Failure,
    },
    /// Nobody knows; a late result still counts.
    Unknown {
        /// What is known.
        error: Failure,
    },
}

/// What a command waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum CallState {
    /// A sign that it has arrived.
    Accepted,
    /// A sign that it was begun.
    Delivered,
    /// Its result.
    Started,
    /// Nothing.
    Done(Outcome),
}

/// What an event has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// A mark or the time of the next check.
    Progress,
    /// The outcome.
    Outcome,
}

/// What to do when the time of a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is not time yet, or there is nothing to check.
    Wait,
    /// Ask the gateway what became of the command (`command.get`).
    Ask,
    /// It was asked often enough: the outcome is unknown now.
    GivenUp,
}

/// One command on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Marks so far.
    pub marks: Marks,
    /// After this the gateway does not begin.
    pub deadline: Timestamp,
    /// Being delivered is all that is wanted.
    pub noreply: bool,
    /// What it waits for.
    pub state: CallState,
    /// Questions asked in a row without an answer.
    pub inquiries: u32,
    /// When to look again; nothing once it is done.
    pub check_at: Option<Timestamp>,
}

impl Call {
    /// A command that was just stored.
    #[must_use]
    pub fn accepted(now: Timestamp, deadline: Timestamp, noreply: bool) -> Self {
        Self {
            marks: Marks {
                accepted: now,
                delivered: None,
                started: None,
                finished: None,
            },
            deadline,
            noreply,
            state: CallState::Accepted,
            inquiries: 0,
            check_at: Some(deadline),
        }
    }

    /// It was refused before it left: it will not be run.
    pub fn handle_not_sent(&mut self, now: Timestamp, error: Failure) -> Change {
        match self.state {
            CallState::Accepted => self.finish(now, Outcome::NotExecuted { error }),
            CallState::Delivered | CallState::Started | CallState::Done(_) => Change::None,
        }
    }

    /// The gateway said something about it.
    pub fn handle_reply(&mut self, now: Timestamp, body: ReplyBody) -> Change {
        match body {
            ReplyBody::Delivered => self.handle_delivered(now),
            ReplyBody::Started => self.handle_started(now),
            ReplyBody::Finished { result } => self.handle_ran(now, Outcome::Finished { result }),
            ReplyBody::Failed { error } => self.handle_ran(now, Outcome::Failed { error }),
            ReplyBody::Rejected { error } => self.handle_rejected(now, error),
        }
    }

    /// The gateway answered what became of it.
    pub fn handle_answer(&mut self, now: Timestamp, answer: Result<ReplyBody, Failure>) -> Change {
        match answer {
            Ok(body @ (ReplyBody::Delivered | ReplyBody::Started)) => {
                let marked = self.handle_reply(now, body);
                self.inquiries = 0;
                self.keep_waiting(now);
                marked.max_with(Change::Progress)
            }
            Ok(body) => self.handle_reply(now, body),
            Err(error) if error.code == ErrorCode::NotFound => self.handle_never_seen(now),
            // It could not say: as good as no answer, and asked again in time.
            Err(_) => Change::None,
        }
    }

    /// The question could not be sent, because the gateway is not connected.
    pub fn handle_unreachable(&mut self, now: Timestamp) -> Change {
        match self.state {
            CallState::Done(_) => Change::None,
            CallState::Accepted | CallState::Delivered | CallState::Started
                if now < self.deadline =>
            {
                Change::None
            }
            CallState::Accepted | CallState::Delivered | CallState::Started => self.give_up(
                now,
                "the gateway went offline before it said how the command ended",
            ),
        }
    }

    /// The gateway is back, or this console is: the answer may be waiting there.
    pub fn handle_connected(&mut self, now: Timestamp) -> Check {
        match &self.state {
            CallState::Done(Outcome::Unknown { .. }) => Check::Ask,
            CallState::Done(_) => Check::Wait,
            CallState::Accepted | CallState::Delivered | CallState::Started => {
                self.inquiries = 0;
                self.check_at = Some(now);
                self.handle_time(now)
            }
        }
    }

    /// Time has passed.
    pub fn handle_time(&mut self, now: Timestamp) -> Check {
        if self.check_at.is_none_or(|at| now < at) {
            return Check::Wait;
        }
        let run_too_long = now.since(self.deadline) > RUN_MAX;
        if self.inquiries >= INQUIRIES_MAX || run_too_long {
            self.give_up(now, "the gateway did not say how the command ended");
            return Check::GivenUp;
        }
        self.inquiries += 1;
        self.check_at = Some(now.plus(INQUIRY_INTERVAL));
        Check::Ask
    }

    /// Whether it has an outcome.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.state, CallState::Done(_))
    }

    fn handle_delivered(&mut self, now: Timestamp) -> Change {
        let first = self.marks.delivered.is_none();
        self.marks.delivered.get_or_insert(now);
        let open = !self.is_done() || self.is_unknown();
        if self.noreply && open {
            let result = Value::Null;
            return self.finish(now, Outcome::Finished { result });
        }
        if self.state == CallState::Accepted {
            self.state = CallState::Delivered;
        }
        if first {
            Change::Progress
        } else {
            Change::None
        }
    }

    fn handle_started(&mut self, now: Timestamp) -> Change {
        let first = self.marks.started.is_none();
        self.marks.delivered.get_or_insert(now);
        self.marks.started.get_or_insert(now);
        if matches!(self.state, CallState::Accepted | CallState::Delivered) {
            self.state = CallState::Started;
        }
        if first {
            Change::Progress
        } else {
            Change::None
        }
    }

    /// A result is the truth: it also replaces a wrong guess that nothing was run.
    fn handle_ran(&mut self, now: Timestamp, outcome: Outcome) -> Change {
        match self.state {
            CallState::Done(Outcome::Finished { .. } | Outcome::Failed { .. }) => Change::None,
            CallState::Accepted
            | CallState::Delivered
            | CallState::Started
            | CallState::Done(Outcome::NotExecuted { .. } | Outcome::Unknown { .. }) => {
                self.marks.delivered.get_or_insert(now);
                self.marks.started.get_or_insert(now);
                self.finish(now, outcome)
            }
        }
    }

    fn handle_rejected(&mut self, now: Timestamp, error: Failure) -> Change {
        match self.state {
            CallState::Done(
                Outcome::Finished { .. } | Outcome::Failed { .. } | Outcome::NotExecuted { .. },
            ) => Change::None,
            CallState::Accepted
            | CallState::Delivered
            | CallState::Started
            | CallState::Done(Outcome::Unknown { .. }) => {
                self.marks.delivered.get_or_insert(now);
                self.finish(now, Outcome::NotExecuted { error })
            }
        }
    }

    /// The gateway has no memory of it. Before the deadline it may still be on its way.
    fn handle_never_seen(&mut self, now: Timestamp) -> Change {
        if self.is_done() && !self.is_unknown() {
            return Change::None;
        }
        if now < self.deadline {
            self.inquiries = 0;
            self.check_at = Some(self.deadline);
            return Change::Progress;
        }
        if self.marks.delivered.is_some() {
            return self.give_up(now, "the gateway had the command and does not remember it");
        }
        let message = "the command did not reach the gateway before its deadline; reissue it";
        let error = Failure::new(ErrorCode::Expired, message);
        self.finish(now, Outcome::NotExecuted { error })
    }

    fn keep_waiting(&mut self, now: Timestamp) {
        if !self.is_done() {
            let next = now.plus(RUNNING_INTERVAL);
            self.check_at = Some(next.max(self.deadline));
        }
    }

    fn is_unknown(&self) -> bool {
        matches!(self.state, CallState::Done(Outcome::Unknown { .. }))
    }

    fn give_up(&mut self, now: Timestamp, known: &str) -> Change {
        if self.is_done() {
            return Change::None;
        }
        let message = format!("{known}; look at the gateway, or reissue: it runs at most once");
        let error = Failure::new(ErrorCode::Expired, message);
        self.finish(now, Outcome::Unknown { error })
    }

    fn finish(&mut self, now: Timestamp, outcome: Outcome) -> Change {
        self.marks.finished = Some(now);
        self.state = CallState::Done(outcome);
        self.check_at = None;
        Change::Outcome
    }
}

impl Change {
    fn max_with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Outcome, _) | (_, Self::Outcome) => Self::Outcome,
            (Self::Progress, _) | (_, Self::Progress) => Self::Progress,
            (Self::None, Self::None) => Self::None,
        }
    }
}
