//! Commands.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use database::CommandFilter;
use model::{CommandId, GatewayId, Method};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;
use uuid::Uuid;

use super::gateways::gateway_id;
use crate::{
    api::{Command, List, NewCommand},
    app::App,
    auth::Caller,
    error::{ApiError, ApiResult},
    extract::{Json, Path, Query, page_limit},
    issue::{self, Wish},
    limits::{DEADLINE_DEFAULT, DEADLINE_MAX, PARAMS_LEN_MAX},
};

const KEY_HEADER: &str = "idempotency-key";
const KEY_LEN_MAX: usize = 128;

/// How long to wait for the outcome.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wait {
    /// Wait so long for the outcome, in milliseconds (60,000 at most).
    wait_ms: Option<u64>,
}

impl Wait {
    fn duration(&self) -> Duration {
        Duration::from_millis(self.wait_ms.unwrap_or(0))
    }
}

/// Issue a command.
#[utoipa::path(post, path = "/api/v1/gateways/{id}/commands", tag = "commands",
    operation_id = "issue_command",
    params(Wait, ("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header,
         description = "Same key, same command: sent again, it is not run again.")),
    request_body = NewCommand, responses((status = 202, body = Command)))]
pub(super) async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
    headers: HeaderMap,
    Json(new): Json<NewCommand>,
) -> ApiResult<(StatusCode, Json<Command>)> {
    let gateway = gateway_id(&id)?;
    let wish = wish(&caller, gateway, &headers, new)?;
    let command = issue::issue(&app, &caller, wish, wait.duration()).await?;
    Ok((StatusCode::ACCEPTED, Json(command)))
}

/// Issue a command again, under the same key, so that it is run at most once; under a new key if
/// it was run and failed.
#[utoipa::path(post, path = "/api/v1/commands/{id}/reissue", tag = "commands",
    operation_id = "reissue_command", params(Wait, ("id" = String, Path)),
    responses((status = 202, body = Command)))]
pub(super) async fn reissue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
) -> ApiResult<(StatusCode, Json<Command>)> {
    let earlier = find(&app, &id).await?;
    let command = issue::reissue(&app, &caller, earlier, wait.duration()).await?;
    Ok((StatusCode::ACCEPTED, Json(command)))
}

/// Which commands.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// Of this gateway only.
    gateway: Option<String>,
    /// At most so many (1,000 at most).
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Commands, newest first.
#[utoipa::path(get, path = "/api/v1/commands", tag = "commands", operation_id = "list_commands", params(Page),
    responses((status = 200, body = List<Command>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(page): Query<Page>,
) -> ApiResult<Json<List<Command>>> {
    let limit = page_limit(page.limit);
    let filter = CommandFilter {
        gateway: page.gateway.as_deref().map(gateway_id).transpose()?,
        before: page.cursor.as_deref().map(command_id).transpose()?,
        state: None,
    };
    let records = app.database.commands(&filter, limit + 1).await?;
    let commands = records.into_iter().map(Command::from).collect();
    Ok(Json(List::page(commands, limit, |c: &Command| {
        c.id.clone()
    })))
}

/// One command.
#[utoipa::path(get, path = "/api/v1/commands/{id}", tag = "commands",
    operation_id = "show_command", params(("id" = String, Path)),
    responses((status = 200, body = Command)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<Json<Command>> {
    Ok(Json(find(&app, &id).await?.into()))
}

async fn find(app: &App, id: &str) -> ApiResult<database::CommandRecord> {
    let found = app.database.command(command_id(id)?).await?;
    found.ok_or_else(|| ApiError::not_found(format_args!("command {id}")))
}

fn command_id(text: &str) -> ApiResult<CommandId> {
    let parsed = text.parse();
    parsed.map_err(|_bad: uuid::Error| ApiError::invalid("a command's id is a UUID"))
}

fn wish(
    caller: &Caller,
    gateway: GatewayId,
    headers: &HeaderMap,
    new: NewCommand,
) -> ApiResult<Wish> {
    let method = match Method::from_name(&new.method) {
        // The console's own question; its answer would be about nothing.
        Method::Unknown(_) | Method::CommandGet => {
            return Err(ApiError::new(
                model::ErrorCode::UnknownMethod,
                format!("there is no method `{}`", new.method.escape_debug()),
            ));
        }
        known => known,
    };
    if new.params.to_string().len() > PARAMS_LEN_MAX {
        let message = format!("parameters have at most {PARAMS_LEN_MAX} bytes");
        return Err(ApiError::invalid(message));
    }
    if needs_share(&method) {
        let share = new.params.get("share").and_then(|s| s.as_str());
        let named = share.map(str::parse::<model::ShareName>);
        match named {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(ApiError::invalid(error.to_string())),
            None => {
                let message = format!("`{}` needs the parameter `share`", method.as_str());
                return Err(ApiError::invalid(message));
            }
        }
    }
    let deadline = new
        .deadline_ms
        .map_or(DEADLINE_DEFAULT, Duration::from_millis);
    if deadline.is_zero() || deadline > DEADLINE_MAX {
        let message = format!("`deadline_ms` is 1 to {}", DEADLINE_MAX.as_millis());
        return Err(ApiError::invalid(message));
    }
    Ok(Wish {
        gateway,
        method,
        params: new.params,
        deadline,
        noreply: new.noreply,
        key: key(caller, headers)?,
    })
}

fn needs_share(method: &Method) -> bool {
    match method {
        Method::StatusGet | Method::ShareList | Method::CommandGet | Method::Unknown(_) => false,
        Method::ShareSync
        | Method::ShareCheck
        | Method::SharePin
        | Method::ShareUnpin
        | Method::SharePrefetch
        | Method::ShareEvict
        | Method::ShareFileStatus
        | Method::ShareQueue
        | Method::RestartShare => true,
    }
}

/// The caller's key as a UUID: as it is, or made from the user's name and the text.
fn key(caller: &Caller, headers: &HeaderMap) -> ApiResult<Option<Uuid>> {
    let Some(value) = headers.get(KEY_HEADER) else {
        return Ok(None);
    };
    let text = value.to_str().ok();
    let text = text.filter(|t| !t.is_empty() && t.len() <= KEY_LEN_MAX);
    let text = text.ok_or_else(|| {
        ApiError::invalid(format!(
            "Idempotency-Key has 1 to {KEY_LEN_MAX} plain characters"
        ))
    })?;
    if let Ok(uuid) = text.parse() {
        return Ok(Some(uuid));
    }
    let digest = Sha256::digest(format!("{}\n{text}", caller.user));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ok(Some(uuid::Builder::from_custom_bytes(bytes).into_uuid()))
}
