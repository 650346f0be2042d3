//! Parent topics, and which group may use them.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use message_bus::{
    AdminCall, Precedence,
    admin::{Access, ParentTopicRules},
};
use model::{GroupId, ParentTopic};
use serde::Deserialize;
use serde_json::{Value, json};
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

/// A parent topic to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewParentTopic {
    /// First level of its topics: 3 to 64 letters, digits, `-` and `_`.
    #[schema(value_type = String)]
    parent: ParentTopic,
}

/// What a group may do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantedAccess {
    /// That.
    access: Access,
}

/// All parent topics with their grants.
#[utoipa::path(get, path = "/api/v1/message-queue/parent-topics", tag = "message queue",
    operation_id = "list_parent_topics",
    responses((status = 200, body = List<ParentTopicRules>)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> ApiResult<Json<List<ParentTopicRules>>> {
    let topics = ask(&app, AdminCall::ParentTopics, pick!(ParentTopics)).await?;
    Ok(Json(List::whole(topics)))
}

/// Make a parent topic; one that is there stays as it is.
#[utoipa::path(post, path = "/api/v1/message-queue/parent-topics", tag = "message queue",
    operation_id = "create_parent_topic", request_body = NewParentTopic,
    responses((status = 204)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(NewParentTopic { parent }): Json<NewParentTopic>,
) -> ApiResult<StatusCode> {
    let deed = deed("mq.parent_topic.create", &parent, json!({}));
    let call = AdminCall::CreateParentTopic { parent };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set how a parent topic stands beside others where messages must wait: `command` goes before all
/// that are not, which keep a floor of one message in sixteen; within a class, by weight.
#[utoipa::path(put, path = "/api/v1/message-queue/parent-topics/{parent}/precedence",
    tag = "message queue", operation_id = "set_parent_topic_precedence",
    params(("parent" = String, Path)), request_body = Precedence, responses((status = 204)))]
pub(super) async fn set_precedence(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(parent): Path<String>,
    Json(precedence): Json<Precedence>,
) -> ApiResult<StatusCode> {
    let parent: ParentTopic = parse(&parent)?;
    let details = json!({"precedence": precedence});
    let deed = deed("mq.parent_topic.precedence", &parent, details);
    let call = AdminCall::SetPrecedence { parent, precedence };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a parent topic on which no group has rights.
#[utoipa::path(delete, path = "/api/v1/message-queue/parent-topics/{parent}",
    tag = "message queue", operation_id = "delete_parent_topic",
    params(("parent" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(parent): Path<String>,
) -> ApiResult<StatusCode> {
    let parent: ParentTopic = parse(&parent)?;
    let deed = deed("mq.parent_topic.delete", &parent, json!({}));
    let call = AdminCall::DeleteParentTopic { parent };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set what a group may do with the topics of a parent topic.
#[utoipa::path(put, path = "/api/v1/message-queue/parent-topics/{parent}/grants/{group}",
    tag = "message queue", operation_id = "grant_parent_topic",
    params(("parent" = String, Path), ("group" = String, Path)),
    request_body = GrantedAccess, responses((status = 204)))]
pub(super) async fn grant(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((parent, group)): Path<(String, String)>,
    Json(GrantedAccess { access }): Json<GrantedAccess>,
) -> ApiResult<StatusCode> {
    let (parent, group): (ParentTopic, GroupId) = (parse(&parent)?, parse(&group)?);
    let details = json!({"group": group, "access": access});
    let deed = deed("mq.parent_topic.grant", &parent, details);
    let call = AdminCall::Grant {
        parent,
        group,
        access,
    };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a group's rights on a parent topic away.
#[utoipa::path(delete, path = "/api/v1/message-queue/parent-topics/{parent}/grants/{group}",
    tag = "message queue", operation_id = "ungrant_parent_topic",
    params(("parent" = String, Path), ("group" = String, Path)), responses((status = 204)))]
pub(super) async fn ungrant(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path((parent, group)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let (parent, group): (ParentTopic, GroupId) = (parse(&parent)?, parse(&group)?);
    let details = json!({"group": group});
    let deed = deed("mq.parent_topic.ungrant", &parent, details);
    let call = AdminCall::Ungrant { parent, group };
    act(&app, &caller, deed, call, done).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn deed(action: &'static str, parent: &ParentTopic, details: Value) -> Deed {
    Deed {
        action,
        target: format!("parent-topic/{parent}"),
        details,
    }
}
