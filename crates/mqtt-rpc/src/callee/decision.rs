//! What to do about a command: the rules, without disk or time of their own.

use model::{Command, ErrorCode, Failure, Method, ReplyBody, Timestamp};

use super::{
    entry::{Entry, State},
    expired,
};

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Decision {
    /// It is new: store it, then run it.
    Run,
    /// It waits or runs already: answer this call too.
    Join(Box<Entry>),
    /// It has an outcome already: tell that.
    Answer { entry: Box<Entry>, body: ReplyBody },
    /// It will not be run. `remember`: as the outcome of its key.
    Reject { error: Failure, remember: bool },
}

/// Decides.
pub(super) fn decide(
    command: &Command,
    known: Option<&Entry>,
    has_room: bool,
    now: Timestamp,
) -> Decision {
    let Some(entry) = known else {
        return decide_new(command, has_room, now);
    };
    if command.generation < entry.generation {
        return Decision::Reject {
            error: stale(command, entry),
            remember: false,
        };
    }
    if command.method != entry.command.method || command.params != entry.command.params {
        let text = "this idempotency key belongs to another command; issue it with a new key";
        let error = Failure::new(ErrorCode::Conflict, text);
        return Decision::Reject {
            error,
            remember: false,
        };
    }
    let entry = Box::new(entry.clone());
    match &entry.state {
        State::Accepted | State::Started => Decision::Join(entry),
        // It was never run, so a reissue may be.
        State::Done(ReplyBody::Rejected { .. }) if command.generation > entry.generation => {
            decide_new(command, has_room, now)
        }
        State::Done(body) => Decision::Answer {
            body: body.clone(),
            entry,
        },
    }
}

fn decide_new(command: &Command, has_room: bool, now: Timestamp) -> Decision {
    let error = if let Method::Unknown(name) = &command.method {
        let text = format!("this gateway's software does not know `{name}`; upgrade it");
        Failure::new(ErrorCode::UnknownMethod, text)
    } else if now > command.deadline {
        expired(command, now)
    } else if has_room {
        return Decision::Run;
    } else {
        let text = "too many commands wait on this gateway; issue it again later";
        Failure::new(ErrorCode::Busy, text)
    };
    Decision::Reject {
        error,
        remember: true,
    }
}

fn stale(command: &Command, entry: &Entry) -> Failure {
    let text = format!(
        "generation {} of this command is older than {}, which the gateway has already seen",
        command.generation, entry.generation
    );
    Failure::new(ErrorCode::StaleGeneration, text)
}
