//! Issuing a command: stored and audited before it is sent.

use std::{sync::Arc, time::Duration};

use clock::spawn_named;
use database::{CommandRecord, CommandState};
use message_bus::BusError;
use model::{CommandId, ErrorCode, Failure, GatewayId, Method, WIRE_VERSION};
use mqtt_rpc::caller::Call;
use serde_json::{Value, json};
use tokio::sync::{broadcast, oneshot};
use uuid::Uuid;

use crate::{
    api::{Command, CommandStateView},
    app::App,
    audit::Deed,
    auth::Caller,
    error::{ApiError, ApiResult, not_sent},
    fleet::calls,
    limits::{DEADLINE_DEFAULT, PENDING_MAX, WAIT_MAX},
    stream::Item,
};

/// What somebody wants done.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) gateway: GatewayId,
    pub(crate) method: Method,
    pub(crate) params: Value,
    pub(crate) deadline: Duration,
    pub(crate) noreply: bool,
    pub(crate) key: Option<Uuid>,
}

/// Issues a command. A key that was used before gets the command it was used for.
pub(crate) async fn issue(
    app: &Arc<App>,
    caller: &Caller,
    wish: Wish,
    wait: Duration,
) -> ApiResult<Command> {
    app.database.gateway(&wish.gateway).await?;
    let items = app.stream.subscribe();
    if let Some(key) = wish.key
        && let Some(earlier) = app.database.command_by_key(&wish.gateway, key).await?
    {
        if (&earlier.method, &earlier.params) != (&wish.method, &wish.params) {
            let message = "this Idempotency-Key was used for another command; choose a new one";
            return Err(ApiError::new(ErrorCode::Conflict, message));
        }
        return wait_for(app, items, earlier, wait).await;
    }
    let record = new_record(app, caller, &wish);
    let sent = store_and_send(app, caller, record).await?;
    wait_for(app, items, sent, wait).await
}

/// Issues a command again. Where it is not known to have run it keeps its key, so that it runs at
/// most once; one that ran and failed gets a new key, because under the old one its gateway would
/// only tell again how it failed.
pub(crate) async fn reissue(
    app: &Arc<App>,
    caller: &Caller,
    earlier: CommandRecord,
    wait: Duration,
) -> ApiResult<Command> {
    if let Some(next) = earlier.reissued_as {
        let message = format!("this command was reissued as {next}; reissue that one");
        return Err(ApiError::new(ErrorCode::Conflict, message));
    }
    match earlier.state {
        CommandState::Failed | CommandState::NotExecuted | CommandState::Unknown => {}
        CommandState::Pending => {
            let message = "this command has no outcome yet; wait for it";
            return Err(ApiError::new(ErrorCode::Conflict, message));
        }
        CommandState::Finished => {
            let message = "this command was done; issue a new one to do it again";
            return Err(ApiError::new(ErrorCode::Conflict, message));
        }
    }
    let items = app.stream.subscribe();
    let ran = earlier.state == CommandState::Failed;
    let good_for = earlier.deadline.since(earlier.accepted_at);
    let wish = Wish {
        gateway: earlier.gateway,
        method: earlier.method,
        params: earlier.params,
        deadline: good_for.max(DEADLINE_DEFAULT),
        noreply: earlier.noreply,
        key: (!ran).then_some(earlier.idempotency_key),
    };
    let mut record = new_record(app, caller, &wish);
    if !ran {
        record.generation = earlier.generation.saturating_add(1);
    }
    record.reissue_of = Some(earlier.id);
    let sent = store_and_send(app, caller, record).await?;
    if let Some(earlier) = app.database.command(earlier.id).await? {
        app.stream.publish(Item::Command(Box::new(earlier.into())));
    }
    wait_for(app, items, sent, wait).await
}

fn new_record(app: &App, caller: &Caller, wish: &Wish) -> CommandRecord {
    let now = app.clock.wall();
    let deadline = now.plus(wish.deadline);
    let mut record = CommandRecord {
        id: App::new_command_id(),
        gateway: wish.gateway.clone(),
        method: wish.method.clone(),
        params: wish.params.clone(),
        idempotency_key: wish.key.unwrap_or_else(Uuid::new_v4),
        generation: 1,
        noreply: wish.noreply,
        issued_by: caller.user.clone(),
        audit_entry: 0,
        deadline,
        state: CommandState::Pending,
        accepted_at: now,
        delivered_at: None,
        started_at: None,
        finished_at: None,
        inquiries: 0,
        check_at: None,
        result: None,
        error: None,
        reissue_of: None,
        reissued_as: None,
    };
    calls::write_call(Call::accepted(now, deadline, wish.noreply), &mut record);
    record
}

/// Once begun this goes to its end, even if whoever asked for it hangs up.
async fn store_and_send(
    app: &Arc<App>,
    caller: &Caller,
    record: CommandRecord,
) -> ApiResult<CommandRecord> {
    if app.database.pending_count(&record.gateway).await? >= PENDING_MAX {
        let message = format!("{PENDING_MAX} commands to this gateway have no outcome yet; wait");
        return Err(ApiError::new(ErrorCode::Busy, message));
    }
    let (acting, caller) = (Arc::clone(app), caller.clone());
    let (tell, told) = oneshot::channel();
    spawn_named("issue-command", async move {
        drop(tell.send(audit_store_send(&acting, &caller, record).await));
    })
    .detach();
    told.await.unwrap_or_else(|_gone| {
        let message = "the command ended in a fault; the console's log says more";
        Err(ApiError::new(ErrorCode::Internal, message))
    })
}

async fn audit_store_send(
    app: &App,
    caller: &Caller,
    mut record: CommandRecord,
) -> ApiResult<CommandRecord> {
    let deed = Deed {
        action: if record.reissue_of.is_some() {
            "command.reissue"
        } else {
            "command.issue"
        },
        target: format!("gateway/{}", record.gateway),
        details: json!({
            "command": record.id,
            "method": record.method.as_str(),
            "params": record.params,
            "generation": record.generation,
        }),
    };
    let entry = app.audit.open(&caller.user, &caller.origin, deed).await?;
    record.audit_entry = entry.0;
    if let Err(error) = app.database.create_command(&record).await {
        let refused = Err::<(), _>(ApiError::from(error));
        app.audit
            .close(entry, crate::audit::outcome_of(&refused))
            .await;
        return refused.map(|()| record);
    }
    app.stream
        .publish(Item::Command(Box::new(record.clone().into())));
    send(app, record).await
}

async fn send(app: &App, record: CommandRecord) -> ApiResult<CommandRecord> {
    let client_id = app.database.gateway(&record.gateway).await?.client_id;
    let sent = if app.view.is_bus_connected() {
        app.send_command(&client_id, &wire(app, &record)).await
    } else {
        let reason = "the connection to it is lost".to_owned();
        return refuse(app, record.id, not_sent(&BusError::Unreachable { reason })).await;
    };
    match sent {
        Ok(()) => Ok(record),
        // It may have been sent: the gateway is asked what became of it.
        Err(BusError::Unreachable { reason }) => {
            tracing::warn!(command.id = %record.id, reason, "a command may have been sent");
            Ok(record)
        }
        Err(error) => refuse(app, record.id, not_sent(&error)).await,
    }
}

/// It was not sent: that is its outcome, and the answer.
async fn refuse(app: &App, id: CommandId, failure: Failure) -> ApiResult<CommandRecord> {
    let (now, error) = (app.clock.wall(), failure.clone());
    let refused = calls::apply(app, id, |call| call.handle_not_sent(now, error)).await?;
    let command = refused.map(|(record, _)| Box::new(record.into()));
    Err(ApiError { failure, command })
}

fn wire(app: &App, record: &CommandRecord) -> model::Command {
    model::Command {
        version: WIRE_VERSION,
        id: record.id,
        method: record.method.clone(),
        issued_at: record.accepted_at,
        deadline: record.deadline,
        idempotency_key: record.idempotency_key,
        generation: record.generation,
        reply_to: app.config.node.clone(),
        noreply: record.noreply,
        params: record.params.clone(),
    }
}

/// Waits for the outcome, or until `wait` is over.
async fn wait_for(
    app: &App,
    mut items: broadcast::Receiver<Item>,
    record: CommandRecord,
    wait: Duration,
) -> ApiResult<Command> {
    let id = record.id.to_string();
    let waiting = async {
        loop {
            match items.recv().await {
                Ok(Item::Command(c)) if c.id == id && c.state != CommandStateView::Pending => {
                    return;
                }
                Ok(_) => {}
                // Some were missed: look where the command stands.
                Err(_) => return,
            }
        }
    };
    if record.state == CommandState::Pending && !wait.is_zero() {
        tokio::select! {
            () = waiting => {}
            () = app.clock.sleep(wait.min(WAIT_MAX)) => {}
        }
    }
    let now = app.database.command(record.id).await?;
    Ok(now.unwrap_or(record).into())
}
