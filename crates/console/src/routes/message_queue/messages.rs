//! Sending a message.

use std::sync::Arc;

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use message_bus::{
    AdminCall,
    admin::{MessageSent, MessageToSend},
};
use model::Topic;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{act, pick};
use crate::{
    app::App,
    audit::Deed,
    auth::Caller,
    error::{ApiError, ApiResult},
    extract::Json,
};

/// A message to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    /// A topic, or `<parent>/p2p/<client ID>` for one client.
    #[schema(value_type = String)]
    topic: Topic,
    /// What it says, as text or as base64.
    payload: String,
    /// Whether `payload` is base64.
    #[serde(default)]
    base64: bool,
}

/// Send a message to a topic or to one client. To a client that is not connected: 409 OFFLINE.
#[utoipa::path(post, path = "/api/v1/message-queue/messages", tag = "message queue",
    operation_id = "send_mq_message", request_body = NewMessage,
    responses((status = 200, body = MessageSent)))]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(new): Json<NewMessage>,
) -> ApiResult<Json<MessageSent>> {
    let payload = if new.base64 {
        let decoded = STANDARD.decode(&new.payload);
        Bytes::from(decoded.map_err(|e| ApiError::invalid(format!("payload: {e}")))?)
    } else {
        Bytes::from(new.payload)
    };
    let deed = Deed {
        action: "mq.message.send",
        target: format!("topic/{}", new.topic),
        details: json!({"bytes": payload.len()}),
    };
    let topic = new.topic;
    let call = AdminCall::Send {
        message: MessageToSend { topic, payload },
    };
    Ok(Json(act(&app, &caller, deed, call, pick!(Sent)).await?))
}
