//! `ctl watch`: server-sent events (the HTML standard, 9.2.6), one line each.

mod decode;

use serde_json::{Value, json};

use self::decode::{Decoder, SseEvent};
use super::{Context, CtlError, output::print, table};
use crate::signals::StopSignal;

/// Ctrl-C is how it ends: that is no failure.
pub(super) async fn run(context: &Context<'_>) -> Result<(), CtlError> {
    let stop = StopSignal::listen()?;
    tokio::select! {
        ended = follow(context) => ended,
        () = stop.asked() => Ok(()),
    }
}

async fn follow(context: &Context<'_>) -> Result<(), CtlError> {
    let mut stream = context.api.stream(&["stream"]).await?;
    let mut decoder = Decoder::default();
    let failed = |source| context.api.unreachable(source);
    while let Some(chunk) = stream.chunk().await.map_err(failed)? {
        let too_long = |_| CtlError::BadAnswer("an event without an end".to_owned());
        decoder.push(&chunk).map_err(too_long)?;
        while let Some(event) = decoder.next_event() {
            show(context, &event)?;
        }
    }
    Err(CtlError::BadAnswer("the stream has ended".to_owned()))
}

fn show(context: &Context<'_>, event: &SseEvent) -> Result<(), CtlError> {
    let item: Value = serde_json::from_str(&event.data)
        .map_err(|error| CtlError::BadAnswer(error.to_string()))?;
    if context.output.is_json() {
        let line = json!({"event": event.name, "data": item});
        return print(&format!("{line}\n"));
    }
    let at = context.clock.wall();
    print(&format!(
        "{at} {:8} {}\n",
        event.name,
        summary(&event.name, &item)
    ))
}

/// What people want to see of a change.
fn summary(event: &str, item: &Value) -> String {
    let pointers: &[&str] = match event {
        "gateway" => &["/id", "/name", "/state", "/deleted"],
        "share" => &[
            "/gateway_id",
            "/settings/name",
            "/name",
            "/status/state",
            "/error/message",
        ],
        "command" => &["/id", "/gateway_id", "/method", "/state", "/error/message"],
        "event" => &["/gateway_id", "/severity", "/share", "/message"],
        "audit" => &["/actor", "/action", "/target", "/outcome", "/reason"],
        _ => &[""],
    };
    let shown = |pointer: &&str| match item.pointer(pointer)? {
        Value::Null => None,
        Value::String(text) => Some(table::plain(text)),
        Value::Bool(true) if pointer.ends_with("/deleted") => Some("deleted".to_owned()),
        other => Some(table::plain(&other.to_string())),
    };
    let parts: Vec<String> = pointers.iter().filter_map(shown).collect();
    parts.join("  ")
}
