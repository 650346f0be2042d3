//! Everything that happens, as server-sent events.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt as _, future::ready};
use model::{ErrorCode, Role};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::{
    access::may_audit,
    app::App,
    auth::Caller,
    error::{ApiError, ApiResult},
    limits::{STREAM_HEARTBEAT, STREAM_LOGIN_CHECK, STREAM_READERS_MAX},
    stream::Item,
};

/// Everything that happens, as server-sent events `gateway`, `share`, `command`, `event`,
/// `audit`, and `reset` after items were lost.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream",
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(super) async fn stream(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    if app.stream.reader_count() >= STREAM_READERS_MAX {
        let message = "too many pages are open on this console; close some";
        return Err(ApiError::new(ErrorCode::Busy, message));
    }
    let role = caller.role;
    let items = BroadcastStream::new(app.stream.subscribe());
    let events = items
        .take_while(|item| ready(!matches!(item, Ok(Item::End))))
        .filter_map(move |item| ready(shown(role, item)))
        .map(Ok)
        .take_until(Box::pin(login_ends(app, caller)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(STREAM_HEARTBEAT)))
}

fn shown(role: Role, item: Result<Item, BroadcastStreamRecvError>) -> Option<Event> {
    match item {
        Ok(Item::Audit(_)) if !may_audit(role) => None,
        Ok(item) => Event::default().event(item.name()).json_data(&item).ok(),
        Err(BroadcastStreamRecvError::Lagged(_)) => {
            Some(Event::default().event("reset").data("{}"))
        }
    }
}

/// Comes to its end when the login does: it expires, the user logs out or is deleted.
async fn login_ends(app: Arc<App>, caller: Caller) {
    loop {
        app.clock.sleep(STREAM_LOGIN_CHECK).await;
        let hash = &caller.session.token_hash;
        match app.database.session(hash, app.clock.wall()).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
}
