//! Groups of clients.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use message_bus::{AdminCall, admin::Group};
use model::GroupId;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{act, ask, done, parse, pick};
use crate::{
    api::List,
    app::App,
    audit::Deed,
    auth::Caller,
    error::ApiResult,
    extract::{Json, Path},
};

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGroup {
    /// `GID_…` or `GID-…`: 7 characters at least, letters, digits, `-` and `_`.
    #[schema(value_type = String)]
    group: GroupId,
}

/// All groups.
#[utoipa::path(get, path = "/api/v1/message-queue/groups", tag = "message queue",
    operation_id = "list_mq_groups", responses((status = 200, body = List<Group>)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<List<Group>>> {
    let groups = ask(&app, AdminCall::Groups, pick!(Groups)).await?;
    Ok(Json(List::whole(groups)))
}

/// Make a group; one that is there stays as it is.
#[utoipa::path(post, path = "/api/v1/message-queue/groups", tag = "message queue",
    operation_id = "create_mq_group", request_body = NewGroup, responses((status = 204)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(NewGroup { group }): Json<NewGroup>,
) -> ApiResult<StatusCode> {
    let deed = deed("mq.group.create", &group);
    act(&app, &caller, deed, AdminCall::CreateGroup { group }, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a group that has neither connected clients nor devices with credentials.
#[utoipa::path(delete, path = "/api/v1/message-queue/groups/{group}", tag = "message queue",
    operation_id = "delete_mq_group", params(("group" = String, Path)),
    responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(group): Path<String>,
) -> ApiResult<StatusCode> {
    let group: GroupId = parse(&group)?;
    let deed = deed("mq.group.delete", &group);
    act(&app, &caller, deed, AdminCall::DeleteGroup { group }, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn deed(action: &'static str, group: &GroupId) -> Deed {
    Deed {
        action,
        target: format!("group/{group}"),
        details: json!({}),
    }
}
