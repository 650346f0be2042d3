//! `ctl mq listener|slow|drain`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{
    super::{
        Context, CtlError,
        ask::{ConfirmArgs, Go},
        table::{Column, Format, column},
    },
    Request,
};

#[derive(Debug, Subcommand)]
pub(super) enum ListenerVerb {
    /// Where clients connect
    List,
    /// Read the certificates of all listeners again; connections that are there stay
    Reload,
}

/// `ctl mq drain`.
#[derive(Args, Debug)]
pub(super) struct DrainArgs {
    /// Tell clients of MQTT 5 that they must not come back: server moved
    #[arg(long)]
    for_good: bool,
    /// Other brokers, host:port with spaces between; clients of MQTT 5 are told
    #[arg(long, value_name = "LIST")]
    server: Option<String>,
    /// All are gone after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    window_s: u32,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

const LISTENERS: &[Column] = &[
    column("LISTENER", "/name", Format::Text),
    column("PROTOCOL", "/protocol", Format::Text),
    column("ADDRESS", "/address", Format::Text),
    column("CONNECTIONS", "/connections", Format::Text),
    column("AT MOST", "/connections_max", Format::Text),
    column("CERTIFICATE UNTIL", "/certificate_expires_at", Format::Time),
];

const SLOW: &[Column] = &[
    column("CLIENT ID", "/client_id", Format::Text),
    column("CHANNEL", "/channel_id", Format::Text),
    column("WAITING", "/waiting", Format::Text),
    column("BYTES", "/waiting_bytes", Format::Text),
    column("UNSENT BYTES", "/unsent_bytes", Format::Text),
    column("MISSED", "/dropped", Format::Text),
];

pub(super) async fn listener(context: &Context<'_>, verb: ListenerVerb) -> Result<(), CtlError> {
    let request = match verb {
        ListenerVerb::List => Request::get(&["listeners"]),
        ListenerVerb::Reload => Request::new(Method::POST, &["listeners", "reload"]),
    };
    request.list(context, LISTENERS).await
}

pub(super) async fn slow(context: &Context<'_>) -> Result<(), CtlError> {
    Request::get(&["slow-clients"]).list(context, SLOW).await
}

pub(super) async fn drain(context: &Context<'_>, args: DrainArgs) -> Result<(), CtlError> {
    let what = "send all clients away and take no more until the broker is started again";
    if args.confirm.confirm(context.output, what)? == Go::No {
        return Ok(());
    }
    let body = json!({
        "for_good": args.for_good,
        "server_reference": args.server,
        "window_s": args.window_s,
    });
    let done = format!("All clients are gone in {} s.\n", args.window_s);
    Request::new(Method::POST, &["drain"])
        .body(body)
        .say(context, done)
        .await
}
