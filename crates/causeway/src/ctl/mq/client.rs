//! `ctl mq client|send|trace`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::{
    super::{
        Context, CtlError,
        args::PageArgs,
        ask::{ConfirmArgs, Go},
        table::{Column, Format, column},
    },
    Request,
};

#[derive(Debug, Subcommand)]
pub(super) enum ClientVerb {
    /// Who is connected
    List {
        /// Only clients of this group
        #[arg(long, value_name = "GROUP")]
        group: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Whether a client is connected, how, and to what it subscribes
    Show {
        /// Client ID
        client_id: String,
    },
    /// Whether some clients are connected, 100 at most
    Query {
        /// Client IDs
        #[arg(required = true)]
        client_ids: Vec<String>,
    },
    /// Close a client's connection; it may come again
    Close {
        /// Client ID
        client_id: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Clients that may not connect
    Blocked(PageArgs),
    /// Shut a client out; its connection is closed
    Block {
        /// Client ID
        client_id: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Let a client in again
    Unblock {
        /// Client ID
        client_id: String,
    },
}

/// `ctl mq send`.
#[derive(Args, Debug)]
pub(super) struct SendArgs {
    /// A topic, or `<parent>/p2p/<client ID>` for one client
    topic: String,
    /// What it says
    payload: String,
    /// The payload is base64
    #[arg(long)]
    base64: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum TraceVerb {
    /// What became of connections
    Devices(TraceArgs),
    /// What became of messages: say --client or --message
    Messages(TraceArgs),
}

/// Which traces.
#[derive(Args, Debug)]
pub(super) struct TraceArgs {
    /// Only of this client
    #[arg(long, value_name = "CLIENT-ID")]
    client: Option<String>,
    /// Only of this message
    #[arg(long, value_name = "MESSAGE-ID")]
    message: Option<String>,
    /// Only of the last so many seconds
    #[arg(long, value_name = "SECONDS")]
    last_s: Option<u64>,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    page: PageArgs,
}

const CLIENTS: &[Column] = &[
    column("CLIENT ID", "/client_id", Format::Text),
    column("ONLINE", "/online", Format::YesNo),
    column("CHANNEL", "/channel_id", Format::Text),
    column("ADDRESS", "/address", Format::Text),
    column("SINCE", "/since", Format::Ago),
    column("CAME IN BY", "/credential", Format::Text),
];

const SUBSCRIPTIONS: &[Column] = &[
    column("CLIENT ID", "/client_id", Format::Text),
    column("ONLINE", "/online", Format::YesNo),
    column("CHANNEL", "/channel_id", Format::Text),
    column("ADDRESS", "/address", Format::Text),
    column("SINCE", "/since", Format::Time),
    column("CAME IN BY", "/credential", Format::Text),
    column("SUBSCRIPTIONS", "/subscriptions", Format::Text),
];

const BLOCKED: &[Column] = &[
    column("CLIENT ID", "/client_id", Format::Text),
    column("SINCE", "/since", Format::Time),
];

const SENT: &[Column] = &[
    column("MESSAGE", "/message_id", Format::Text),
    column("RECEIVERS", "/receivers", Format::Text),
];

const DEVICE_TRACES: &[Column] = &[
    column("TIME", "/time", Format::Time),
    column("CLIENT ID", "/client_id", Format::Text),
    column("CHANNEL", "/channel_id", Format::Text),
    column("ACTION", "/action", Format::Text),
    column("CODE", "/code", Format::Text),
    column("INFO", "/info", Format::Text),
];

const MESSAGE_TRACES: &[Column] = &[
    column("TIME", "/time", Format::Time),
    column("MESSAGE", "/message_id", Format::Text),
    column("CLIENT ID", "/client_id", Format::Text),
    column("ACTION", "/action", Format::Text),
    column("CODE", "/code", Format::Text),
    column("TOPIC", "/topic", Format::Text),
];

pub(super) async fn client(context: &Context<'_>, verb: ClientVerb) -> Result<(), CtlError> {
    match verb {
        ClientVerb::List { group, page } => {
            let mut query = page.query();
            query.extend(group.map(|group| ("group", group)));
            let request = Request::get(&["clients"]).query(query);
            request.list(context, CLIENTS).await
        }
        ClientVerb::Show { client_id } => {
            let path = ["clients", &client_id];
            Request::get(&path).card(context, SUBSCRIPTIONS).await
        }
        ClientVerb::Query { client_ids } => {
            let request = Request::new(Method::POST, &["clients", "query"]);
            let request = request.body(json!({"client_ids": client_ids}));
            request.list(context, CLIENTS).await
        }
        ClientVerb::Close { client_id, confirm } => {
            let what = format!("close the connection of {client_id}");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            Request::new(Method::DELETE, &["clients", &client_id, "connection"])
                .say(context, format!("{client_id} is disconnected.\n"))
                .await
        }
        ClientVerb::Blocked(page) => {
            let request = Request::get(&["blocked-clients"]);
            let request = request.query(page.query());
            request.list(context, BLOCKED).await
        }
        ClientVerb::Block { client_id, confirm } => {
            let what = format!("shut {client_id} out");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            Request::new(Method::PUT, &["blocked-clients", &client_id])
                .say(context, format!("{client_id} may not connect.\n"))
                .await
        }
        ClientVerb::Unblock { client_id } => {
            Request::new(Method::DELETE, &["blocked-clients", &client_id])
                .say(context, format!("{client_id} may connect again.\n"))
                .await
        }
    }
}

pub(super) async fn send(context: &Context<'_>, args: &SendArgs) -> Result<(), CtlError> {
    let body = json!({"topic": args.topic, "payload": args.payload, "base64": args.base64});
    let request = Request::new(Method::POST, &["messages"]).body(body);
    request.card(context, SENT).await
}

pub(super) async fn trace(context: &Context<'_>, verb: &TraceVerb) -> Result<(), CtlError> {
    let (args, path, columns) = match verb {
        TraceVerb::Devices(args) => (args, ["traces", "devices"], DEVICE_TRACES),
        TraceVerb::Messages(args) => (args, ["traces", "messages"], MESSAGE_TRACES),
    };
    let mut query = args.page.query();
    let now = context.clock.wall().as_millis();
    let from = args
        .last_s
        .map(|s| now.saturating_sub(s.saturating_mul(1_000)));
    query.extend(from.map(|from| ("from", from.to_string())));
    query.extend(args.client.clone().map(|id| ("client_id", id)));
    query.extend(args.message.clone().map(|id| ("message_id", id)));
    query.push(("reverse", args.reverse.to_string()));
    Request::get(&path)
        .query(query)
        .list(context, columns)
        .await
}
