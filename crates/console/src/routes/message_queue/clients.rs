//! Who is connected, and who may not be.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use message_bus::{
    AdminCall,
    admin::{BlockedClient, BlockedQuery, ClientSession, ClientsQuery, PAGE_MAX},
};
use model::ClientId;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{Part, act, ask, client_target, done, parse, pick};
use crate::{
    api::List,
    app::App,
    audit::Deed,
    auth::Caller,
    error::{ApiError, ApiResult},
    extract::{Json, Path, Query},
};

/// Which clients.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Connected {
    /// Of this group only.
    group: Option<String>,
    /// At most so many (100 at most).
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Clients that are asked about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// 100 at most.
    #[schema(value_type = Vec<String>)]
    client_ids: Vec<ClientId>,
}

/// Clients that are connected, by client ID.
#[utoipa::path(get, path = "/api/v1/message-queue/clients", tag = "message queue",
    operation_id = "list_mq_clients", params(Connected),
    responses((status = 200, body = List<ClientSession>)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Connected>,
) -> ApiResult<Json<List<ClientSession>>> {
    let query = ClientsQuery {
        group: wanted.group.as_deref().map(parse).transpose()?,
        after: wanted.cursor,
        limit: wanted.limit.unwrap_or(PAGE_MAX),
    };
    let page = ask(&app, AdminCall::Clients { query }, pick!(Clients)).await?;
    let (items, next) = (page.items, page.next);
    Ok(Json(List { items, next }))
}

/// Which of some clients are connected, how, and to what they subscribe.
#[utoipa::path(post, path = "/api/v1/message-queue/clients/query", tag = "message queue",
    operation_id = "query_mq_clients", request_body = Asked,
    responses((status = 200, body = List<ClientSession>)))]
pub(super) async fn query(
    State(app): State<Arc<App>>,
    Json(Asked { client_ids }): Json<Asked>,
) -> ApiResult<Json<List<ClientSession>>> {
    let call = AdminCall::Sessions { client_ids };
    let page = ask(&app, call, pick!(Clients)).await?;
    Ok(Json(List::whole(page.items)))
}

/// Whether a client is connected, how, and to what it subscribes.
#[utoipa::path(get, path = "/api/v1/message-queue/clients/{client_id}", tag = "message queue",
    operation_id = "show_mq_client", params(("client_id" = String, Path)),
    responses((status = 200, body = ClientSession)))]
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(client_id): Path<String>,
) -> ApiResult<Json<ClientSession>> {
    let client_ids = vec![parse(&client_id)?];
    let call = AdminCall::Sessions { client_ids };
    let page = ask(&app, call, pick!(Clients)).await?;
    let session = page.items.into_iter().next();
    session
        .map(Json)
        .ok_or_else(|| ApiError::not_found("such client"))
}

/// Close a client's connection; it may come again.
#[utoipa::path(delete, path = "/api/v1/message-queue/clients/{client_id}/connection",
    tag = "message queue", operation_id = "close_mq_connection",
    params(("client_id" = String, Path)), responses((status = 204)))]
pub(super) async fn close(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(client_id): Path<String>,
) -> ApiResult<StatusCode> {
    let client_id: ClientId = parse(&client_id)?;
    let deed = deed("mq.client.close", &client_id);
    let call = AdminCall::CloseConnection { client_id };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Clients that may not connect, by client ID.
#[utoipa::path(get, path = "/api/v1/message-queue/blocked-clients", tag = "message queue",
    operation_id = "list_blocked_clients", params(Part),
    responses((status = 200, body = List<BlockedClient>)))]
pub(super) async fn blocked(
    State(app): State<Arc<App>>,
    Query(wanted): Query<Part>,
) -> ApiResult<Json<List<BlockedClient>>> {
    let query = BlockedQuery {
        after: wanted.cursor,
        limit: wanted.limit.unwrap_or(PAGE_MAX),
    };
    let call = AdminCall::BlockedClients { query };
    let page = ask(&app, call, pick!(BlockedClients)).await?;
    let (items, next) = (page.items, page.next);
    Ok(Json(List { items, next }))
}

/// Shut a client out; its connection is closed.
#[utoipa::path(put, path = "/api/v1/message-queue/blocked-clients/{client_id}",
    tag = "message queue", operation_id = "block_client",
    params(("client_id" = String, Path)), responses((status = 204)))]
pub(super) async fn block(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(client_id): Path<String>,
) -> ApiResult<StatusCode> {
    let client_id: ClientId = parse(&client_id)?;
    let deed = deed("mq.client.block", &client_id);
    act(&app, &caller, deed, AdminCall::Block { client_id }, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a client in again.
#[utoipa::path(delete, path = "/api/v1/message-queue/blocked-clients/{client_id}",
    tag = "message queue", operation_id = "unblock_client",
    params(("client_id" = String, Path)), responses((status = 204)))]
pub(super) async fn unblock(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(client_id): Path<String>,
) -> ApiResult<StatusCode> {
    let client_id: ClientId = parse(&client_id)?;
    let deed = deed("mq.client.unblock", &client_id);
    act(&app, &caller, deed, AdminCall::Unblock { client_id }, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn deed(action: &'static str, client_id: &ClientId) -> Deed {
    Deed {
        action,
        target: client_target(client_id),
        details: json!({}),
    }
}
