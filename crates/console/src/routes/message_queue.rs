//! Administration of the message queue: its groups, topics, keys, clients, messages and traces.
//!
//! Each call is one call of the bus; the broker decides, this says it in the API's words.

mod certificates;
mod clients;
mod devices;
mod groups;
mod instance;
mod keys;
mod messages;
mod operations;
mod topics;
mod traces;

use std::sync::Arc;

use message_bus::{AdminAnswer, AdminCall, BusError};
use model::{ClientId, ErrorCode};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::Deed,
    auth::Caller,
    error::{ApiError, ApiResult, not_sent},
    limits::ADMIN_TIMEOUT,
};

/// The endpoints below `/api/v1/message-queue`.
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(instance::show))
        .routes(routes!(instance::set))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::delete))
        .routes(routes!(topics::list, topics::create))
        .routes(routes!(topics::delete))
        .routes(routes!(topics::set_precedence))
        .routes(routes!(topics::grant, topics::ungrant))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::delete))
        .routes(routes!(keys::apply_token))
        .routes(routes!(keys::query_token))
        .routes(routes!(keys::revoke_token))
        .routes(routes!(devices::list, devices::register))
        .routes(routes!(devices::show, devices::unregister))
        .routes(routes!(devices::refresh))
        .routes(routes!(clients::list))
        .routes(routes!(clients::query))
        .routes(routes!(clients::show))
        .routes(routes!(clients::close))
        .routes(routes!(clients::blocked))
        .routes(routes!(clients::block, clients::unblock))
        .routes(routes!(messages::send))
        .routes(routes!(operations::listeners))
        .routes(routes!(operations::reload))
        .routes(routes!(operations::slow))
        .routes(routes!(operations::drain))
        .routes(routes!(operations::metrics))
        .routes(routes!(traces::devices))
        .routes(routes!(traces::messages))
        .routes(routes!(certificates::code))
        .routes(routes!(certificates::list, certificates::register))
        .routes(routes!(certificates::set, certificates::delete))
        .routes(routes!(certificates::devices))
        .routes(routes!(
            certificates::set_device,
            certificates::delete_device
        ))
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Part {
    /// At most so many (100 at most).
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Picks the answer that a call has; the other end may be of another version.
macro_rules! pick {
    ($variant:ident) => {
        |answer| match answer {
            message_bus::AdminAnswer::$variant(with) => Some(with),
            _ => None,
        }
    };
}
use pick;

/// That it is done is all there is to say.
#[expect(
    clippy::needless_pass_by_value,
    reason = "one of several ways to pick, all of which take the answer"
)]
fn done(answer: AdminAnswer) -> Option<()> {
    (answer == AdminAnswer::Done).then_some(())
}

/// Asks the broker.
async fn ask<T>(
    app: &App,
    call: AdminCall,
    pick: impl FnOnce(AdminAnswer) -> Option<T>,
) -> ApiResult<T> {
    let asking = app.bus.administer(call);
    let answer = match tokio::time::timeout(ADMIN_TIMEOUT, asking).await {
        Ok(answer) => answer.map_err(|error| refusal(&error))?,
        Err(_elapsed) => {
            let message = "the message queue does not answer; look whether it was done";
            return Err(ApiError::new(ErrorCode::Busy, message));
        }
    };
    let other = || ApiError::new(ErrorCode::Internal, "the broker gave another answer");
    pick(answer).ok_or_else(other)
}

/// Changes something, with an audit entry around it.
async fn act<T: Send + 'static>(
    app: &Arc<App>,
    caller: &Caller,
    deed: Deed,
    call: AdminCall,
    pick: impl FnOnce(AdminAnswer) -> Option<T> + Send + 'static,
) -> ApiResult<T> {
    let acting = Arc::clone(app);
    let work = async move { ask(&acting, call, pick).await };
    app.audit.act(caller, deed, work).await
}

/// What the queue says against it, in the API's words.
fn refusal(error: &BusError) -> ApiError {
    match error {
        BusError::Refused { reason } => ApiError::invalid(reason.clone()),
        BusError::Offline { client_id } => {
            let message = format!("{client_id} is not connected; nothing was sent");
            ApiError::new(ErrorCode::Offline, message)
        }
        BusError::Full { client_id } => {
            let message = format!("{client_id} does not keep up; try later");
            ApiError::new(ErrorCode::Busy, message)
        }
        BusError::NotFound { .. } | BusError::Conflict { .. } | BusError::Unreachable { .. } => {
            not_sent(error).into()
        }
    }
}

/// A client ID, a group or a topic out of a path or a query.
fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> ApiResult<T> {
    text.parse()
        .map_err(|error: T::Err| ApiError::invalid(error.to_string()))
}

fn client_target(client_id: &ClientId) -> String {
    format!("client/{client_id}")
}
