//! `ctl command`.

use std::time::Duration;

use clap::{Args, Subcommand};
use model::{CommandId, Method};
use serde_json::{Value, json};

use super::{
    Context, CtlError,
    args::PageArgs,
    gateway::find,
    table::{self, Column, Format, column},
};

#[derive(Debug, Subcommand)]
pub(super) enum CommandVerb {
    /// Send a command to a gateway and wait for what becomes of it
    Issue {
        /// Name or id
        gateway: String,
        /// status.get, share.list, share.sync, gateway.restart-share
        method: String,
        /// Parameters, a JSON object such as '{"share": "projects"}'
        #[arg(long, value_name = "JSON", default_value = "{}", value_parser = parse_object)]
        params: Value,
        /// Idempotency key (a UUID): the same key is run at most once
        #[arg(long, value_name = "UUID")]
        key: Option<String>,
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Commands, newest first
    List {
        /// Only those to this gateway
        #[arg(long, value_name = "GATEWAY")]
        gateway: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// One command
    Show {
        /// Its id
        id: CommandId,
    },
    /// Send a command again that has failed or whose outcome is unknown; safe, because the
    /// gateway runs it at most once
    Reissue {
        /// Its id
        id: CommandId,
    },
}

/// How long a command may take.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct WaitArgs {
    /// How long the gateway may take to begin, in seconds [default: the console's]
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u32>,
    /// How long to wait for the outcome, in seconds; 0 does not wait
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(0..=60))]
    wait: u32,
}

/// A command about to be issued.
#[derive(Debug)]
pub(super) struct Issue {
    pub(super) gateway: String,
    pub(super) method: Method,
    pub(super) params: Value,
    pub(super) wait: WaitArgs,
    pub(super) key: Option<String>,
}

const LIST: &[Column] = &[
    column("ID", "/id", Format::Text),
    column("GATEWAY", "/gateway_id", Format::Text),
    column("METHOD", "/method", Format::Text),
    column("STATE", "/state", Format::Text),
    column("ISSUED", "/issued_at", Format::Ago),
    column("BY", "/issued_by", Format::Text),
    column("ERROR", "/error/message", Format::Text),
];

const CARD: &[Column] = &[
    column("id", "/id", Format::Text),
    column("gateway", "/gateway_id", Format::Text),
    column("method", "/method", Format::Text),
    column("parameters", "/params", Format::Text),
    column("state", "/state", Format::Text),
    column("accepted", "/marks/accepted", Format::Time),
    column("delivered", "/marks/delivered", Format::Time),
    column("started", "/marks/started", Format::Time),
    column("finished", "/marks/finished", Format::Time),
    column("deadline", "/deadline", Format::Time),
    column("result", "/result", Format::Text),
    column("error code", "/error/code", Format::Text),
    column("error", "/error/message", Format::Text),
    column("issued by", "/issued_by", Format::Text),
    column("generation", "/generation", Format::Text),
    column("reissue of", "/reissue_of", Format::Text),
    column("reissued as", "/reissued_as", Format::Text),
];

pub(super) async fn run(context: &Context<'_>, verb: CommandVerb) -> Result<(), CtlError> {
    match verb {
        CommandVerb::Issue {
            gateway,
            method,
            params,
            key,
            wait,
        } => {
            let command = Issue {
                gateway: find(context, &gateway).await?,
                method: Method::from_name(&method),
                params,
                wait,
                key,
            };
            issue(context, command).await
        }
        CommandVerb::List { gateway, page } => list(context, gateway.as_deref(), &page).await,
        CommandVerb::Show { id } => show(context, id).await,
        CommandVerb::Reissue { id } => reissue(context, id).await,
    }
}

/// Issues a command and shows what became of it.
pub(super) async fn issue(context: &Context<'_>, command: Issue) -> Result<(), CtlError> {
    let mut body = json!({"method": command.method.as_str(), "params": command.params});
    if let (Some(body), Some(seconds)) = (body.as_object_mut(), command.wait.deadline) {
        body.insert(
            "deadline_ms".to_owned(),
            (u64::from(seconds) * 1_000).into(),
        );
    }
    let wait = Duration::from_secs(u64::from(command.wait.wait));
    let mut query = Vec::new();
    if !wait.is_zero() {
        query.push(("wait_ms", wait.as_millis().to_string()));
    }
    let path = ["gateways", &command.gateway, "commands"];
    let answer = context
        .api
        .post_command(&path, &query, &body, (wait, command.key.as_deref()))
        .await?;
    conclude(context, &answer, !wait.is_zero())
}

async fn list(
    context: &Context<'_>,
    gateway: Option<&str>,
    page: &PageArgs,
) -> Result<(), CtlError> {
    let mut query = page.query();
    if let Some(gateway) = gateway {
        query.push(("gateway", find(context, gateway).await?));
    }
    let answer = context.api.get(&["commands"], &query).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::list(LIST, &answer, now))
}

async fn show(context: &Context<'_>, id: CommandId) -> Result<(), CtlError> {
    let answer = context.api.get(&["commands", &id.to_string()], &[]).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::card(CARD, &answer, now))
}

async fn reissue(context: &Context<'_>, id: CommandId) -> Result<(), CtlError> {
    let path = ["commands", &id.to_string(), "reissue"];
    let answer = context.api.post(&path, &json!({})).await?;
    conclude(context, &answer, false)
}

/// Shows a command; one that has failed fails `ctl` as well, and so does one that has no
/// outcome although it was waited for.
fn conclude(context: &Context<'_>, answer: &Value, waited: bool) -> Result<(), CtlError> {
    let now = context.clock.wall();
    context
        .output
        .show(answer, || table::card(CARD, answer, now))?;
    let text = |pointer| answer.pointer(pointer).and_then(Value::as_str);
    let id = text("/id").unwrap_or_default();
    let (code, message) = match text("/state").unwrap_or_default() {
        "finished" => return Ok(()),
        "pending" if !waited => return Ok(()),
        "pending" => {
            let later = format!("no outcome yet; see `causeway ctl command show {id}`");
            ("PENDING", later)
        }
        "unknown" => {
            let again = format!(
                "delivered, but no answer by the deadline; `causeway ctl command reissue {id}` is safe"
            );
            ("UNKNOWN", again)
        }
        _ => {
            let message = text("/error/message").unwrap_or("the command failed");
            (text("/error/code").unwrap_or("FAILED"), message.to_owned())
        }
    };
    Err(CtlError::Outcome {
        code: code.to_owned(),
        message,
    })
}

fn parse_object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}
