//! Commands: the caller's rules (`mqtt_rpc::caller`) applied to what the database holds.
//!
//! The database is the only place where a command's state lives, so a restart loses nothing and
//! any console can finish what another began.

use audit_log::{EntryId, Outcome as AuditOutcome};
use database::{CommandFilter, CommandRecord, CommandState, DatabaseError};
use model::{CommandId, ErrorCode, Failure, GatewayId};
use mqtt_rpc::caller::{Call, CallState, Marks, Outcome};
use serde_json::Value;

use crate::{app::App, audit::reason, limits::PENDING_MAX, stream::Item};

/// Lets `change` act on a command and does what follows from it: stores, shows, closes the
/// audit entry. `None` if there is no such command.
pub(crate) async fn apply<T: Send>(
    app: &App,
    id: CommandId,
    change: impl FnOnce(&mut Call) -> T + Send,
) -> Result<Option<(CommandRecord, T)>, DatabaseError> {
    let updated = app
        .database
        .update_command(id, |record| {
            let before = call_of(record);
            let mut call = before.clone();
            let answer = change(&mut call);
            let (changed, ended) = (call != before, call.is_done() && call.state != before.state);
            write_call(call, record);
            (changed, (changed, ended, answer))
        })
        .await?;
    let Some((record, (changed, ended, answer))) = updated else {
        return Ok(None);
    };
    if changed {
        app.stream
            .publish(Item::Command(Box::new(record.clone().into())));
    }
    if ended && let Some(outcome) = audit_outcome(&record) {
        app.audit.close(EntryId(record.audit_entry), outcome).await;
    }
    Ok(Some((record, answer)))
}

/// The gateway is about to be deleted: nobody will learn what becomes of its commands.
pub(crate) async fn abandon_commands(app: &App, gateway: &GatewayId) -> Result<(), DatabaseError> {
    let filter = CommandFilter {
        gateway: Some(gateway.clone()),
        state: Some(CommandState::Pending),
        before: None,
    };
    for command in app.database.commands(&filter, PENDING_MAX).await? {
        let reason = "the gateway was deleted".to_owned();
        let outcome = AuditOutcome::Unknown { reason };
        app.audit.close(EntryId(command.audit_entry), outcome).await;
    }
    Ok(())
}

/// What the audit log says of a command that has an outcome.
pub(crate) fn audit_outcome(record: &CommandRecord) -> Option<AuditOutcome> {
    let reason = || record.error.as_ref().map(reason).unwrap_or_default();
    match record.state {
        CommandState::Pending => None,
        CommandState::Finished => Some(AuditOutcome::Succeeded),
        CommandState::Failed | CommandState::NotExecuted => {
            Some(AuditOutcome::Failed { reason: reason() })
        }
        CommandState::Unknown => Some(AuditOutcome::Unknown { reason: reason() }),
    }
}

fn call_of(record: &CommandRecord) -> Call {
    let error = || {
        let lost = || Failure::new(ErrorCode::Internal, "the reason was not kept");
        record.error.clone().unwrap_or_else(lost)
    };
    let state = match record.state {
        CommandState::Pending if record.started_at.is_some() => CallState::Started,
        CommandState::Pending if record.delivered_at.is_some() => CallState::Delivered,
        CommandState::Pending => CallState::Accepted,
        CommandState::Finished => CallState::Done(Outcome::Finished {
            result: record.result.clone().unwrap_or(Value::Null),
        }),
        CommandState::Failed => CallState::Done(Outcome::Failed { error: error() }),
        CommandState::NotExecuted => CallState::Done(Outcome::NotExecuted { error: error() }),
        CommandState::Unknown => CallState::Done(Outcome::Unknown { error: error() }),
    };
    Call {
        marks: Marks {
            accepted: record.accepted_at,
            delivered: record.delivered_at,
            started: record.started_at,
            finished: record.finished_at,
        },
        deadline: record.deadline,
        noreply: record.noreply,
        state,
        inquiries: record.inquiries,
        check_at: record.check_at,
    }
}

/// Writes where a call stands into its record.
pub(crate) fn write_call(call: Call, record: &mut CommandRecord) {
    record.accepted_at = call.marks.accepted;
    record.delivered_at = call.marks.delivered;
    record.started_at = call.marks.started;
    record.finished_at = call.marks.finished;
    record.inquiries = call.inquiries;
    record.check_at = call.check_at;
    (record.state, record.result, record.error) = match call.state {
        CallState::Accepted | CallState::Delivered | CallState::Started => {
            (CommandState::Pending, None, None)
        }
        CallState::Done(Outcome::Finished { result }) => {
            (CommandState::Finished, Some(result), None)
        }
        CallState::Done(Outcome::Failed { error }) => (CommandState::Failed, None, Some(error)),
        CallState::Done(Outcome::NotExecuted { error }) => {
            (CommandState::NotExecuted, None, Some(error))
        }
        CallState::Done(Outcome::Unknown { error }) => (CommandState::Unknown, None, Some(error)),
    };
}
