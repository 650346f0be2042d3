//! `ctl gateway`.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    Context, CtlError,
    args::PageArgs,
    ask::{ConfirmArgs, Go},
    metrics::{self, MetricsArgs},
    table::{self, Column, Format, column},
    units,
};

#[derive(Debug, Subcommand)]
pub(super) enum GatewayVerb {
    /// All gateways
    List(PageArgs),
    /// One gateway and its shares
    Show {
        /// Name or id
        gateway: String,
    },
    /// Figures over time: what is unprotected, rates, the cache, the machine
    Metrics(MetricsArgs),
    /// Make a gateway; prints the one command to run where it is to be
    Add {
        /// What you call it
        name: String,
        /// Where it runs
        #[arg(long, value_enum, default_value_t)]
        location: LocationArg,
    },
    /// Call a gateway something else
    Rename {
        /// Name or id
        gateway: String,
        /// What you call it from now on
        name: String,
    },
    /// Make a new activation bundle; the one before is void
    Bundle {
        /// Name or id
        gateway: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Delete a gateway: it loses its access at once; buckets stay as they are
    Delete {
        /// Name or id
        gateway: String,
        /// Even if it has data that is not in the bucket yet
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum LocationArg {
    #[default]
    OnPremises,
    Cloud,
}

impl LocationArg {
    fn as_str(self) -> &'static str {
        match self {
            Self::OnPremises => "on-premises",
            Self::Cloud => "cloud",
        }
    }
}

const LIST: &[Column] = &[
    column("ID", "/id", Format::Text),
    column("NAME", "/name", Format::Text),
    column("STATE", "/state", Format::Text),
    column("LOCATION", "/location", Format::Text),
    column("LAST SEEN", "/last_seen_at", Format::Ago),
    column("ROUND TRIP", "/round_trip_ms", Format::Duration),
    column("SHARES", "/status/shares", Format::Count),
    column("VERSION", "/software_version", Format::Text),
];

const CARD: &[Column] = &[
    column("id", "/id", Format::Text),
    column("name", "/name", Format::Text),
    column("state", "/state", Format::Text),
    column("location", "/location", Format::Text),
    column("client ID", "/client_id", Format::Text),
    column("address", "/address", Format::Text),
    column("last seen", "/last_seen_at", Format::Ago),
    column("online since", "/online_since", Format::Time),
    column("round trip", "/round_trip_ms", Format::Duration),
    column("version", "/software_version", Format::Text),
    column("NFS", "/status/nfs_address", Format::Text),
    column(
        "cache disk free",
        "/status/cache_disk/free_bytes",
        Format::Bytes,
    ),
    column(
        "cache disk",
        "/status/cache_disk/total_bytes",
        Format::Bytes,
    ),
    column("intent", "/intent_version", Format::Text),
    column("reached", "/reached_version", Format::Text),
    column("activated", "/activated_at", Format::Time),
    column("bundle expires", "/bundle_expires_at", Format::Time),
];

const SHARES: &[Column] = &[
    column("SHARE", "/name", Format::Text),
    column("STATE", "/state", Format::Text),
    column("UNPROTECTED", "/dirty_bytes", Format::Bytes),
    column("OLDEST", "/oldest_dirty_age_ms", Format::Duration),
    column("QUEUE", "/upload_queue", Format::Text),
    column("CACHE", "/cache_used_bytes", Format::Bytes),
];

pub(super) async fn run(context: &Context<'_>, verb: GatewayVerb) -> Result<(), CtlError> {
    match verb {
        GatewayVerb::List(page) => list(context, &page).await,
        GatewayVerb::Show { gateway } => show(context, &gateway).await,
        GatewayVerb::Metrics(args) => metrics::show(context, &args).await,
        GatewayVerb::Add { name, location } => add(context, &name, location).await,
        GatewayVerb::Rename { gateway, name } => rename(context, &gateway, &name).await,
        GatewayVerb::Bundle { gateway, confirm } => bundle(context, &gateway, confirm).await,
        GatewayVerb::Delete {
            gateway,
            force,
            confirm,
        } => delete(context, &gateway, force, confirm).await,
    }
}

async fn list(context: &Context<'_>, page: &PageArgs) -> Result<(), CtlError> {
    let answer = context.api.get(&["gateways"], &page.query()).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::list(LIST, &answer, now))
}

async fn show(context: &Context<'_>, gateway: &str) -> Result<(), CtlError> {
    let id = find(context, gateway).await?;
    let answer = context.api.get(&["gateways", &id], &[]).await?;
    let now = context.clock.wall();
    context.output.show(&answer, || {
        let shares = answer.pointer("/status/shares").and_then(Value::as_array);
        let shares = shares.map_or(&[][..], Vec::as_slice);
        let card = table::card(CARD, &answer, now);
        format!("{card}\n{}", table::table(SHARES, shares, now))
    })
}

async fn add(context: &Context<'_>, name: &str, location: LocationArg) -> Result<(), CtlError> {
    let body = json!({"name": name, "location": location.as_str()});
    let answer = context.api.post(&["gateways"], &body).await?;
    let id = answer.pointer("/gateway/id").and_then(Value::as_str);
    let made = format!("Made gateway {} ({name}).", id.unwrap_or_default());
    context
        .output
        .show(&answer, || format!("{made}\n{}", on_site(&answer)))
}

async fn rename(context: &Context<'_>, gateway: &str, name: &str) -> Result<(), CtlError> {
    let id = find(context, gateway).await?;
    let body = json!({"name": name});
    let answer = context.api.patch(&["gateways", &id], &body).await?;
    context
        .output
        .show(&answer, || format!("Gateway {id} is now called {name}.\n"))
}

async fn bundle(
    context: &Context<'_>,
    gateway: &str,
    confirm: ConfirmArgs,
) -> Result<(), CtlError> {
    let id = find(context, gateway).await?;
    let what = format!("make a new activation bundle for gateway {id} and void the one before");
    if confirm.confirm(context.output, &what)? == Go::No {
        return Ok(());
    }
    let answer = context
        .api
        .post(&["gateways", &id, "bundle"], &json!({}))
        .await?;
    context.output.show(&answer, || on_site(&answer))
}

async fn delete(
    context: &Context<'_>,
    gateway: &str,
    force: bool,
    confirm: ConfirmArgs,
) -> Result<(), CtlError> {
    let id = find(context, gateway).await?;
    let state = context.api.get(&["gateways", &id], &[]).await?;
    let what = format!(
        "delete gateway {id} ({}), {} share(s), {} not yet in a bucket",
        table::plain(
            state
                .pointer("/name")
                .and_then(Value::as_str)
                .unwrap_or("-")
        ),
        shares_of(&state).len(),
        units::bytes(dirty_bytes(&state)),
    );
    if confirm.confirm(context.output, &what)? == Go::No {
        return Ok(());
    }
    let query: &[_] = if force {
        &[("force", "true".to_owned())]
    } else {
        &[]
    };
    let answer = context.api.delete(&["gateways", &id], query).await?;
    context
        .output
        .show(&answer, || format!("Deleted gateway {id}.\n"))
}

/// What to do with a bundle.
fn on_site(answer: &Value) -> String {
    let text = |pointer| {
        answer
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let expires = answer.pointer("/expires_at").and_then(Value::as_u64);
    let expires = expires.map(clock::Timestamp::from_millis);
    let until = expires
        .map(|at| format!(" (until {at}, once)"))
        .unwrap_or_default();
    format!(
        "Run this where the gateway is to be{until}:\n\n  {}\n\nthen start it:\n\n  causeway gateway run\n",
        text("/command")
    )
}

fn shares_of(gateway: &Value) -> &[Value] {
    gateway
        .pointer("/status/shares")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn dirty_bytes(gateway: &Value) -> u64 {
    shares_of(gateway)
        .iter()
        .filter_map(|share| share.get("dirty_bytes").and_then(Value::as_u64))
        .fold(0, u64::saturating_add)
}

/// The id of the gateway that is called `name`, or has that id.
pub(super) async fn find(context: &Context<'_>, name: &str) -> Result<String, CtlError> {
    // Ids have a fixed form, which spares the list.
    if name.parse::<model::GatewayId>().is_ok() {
        return Ok(name.to_owned());
    }
    let mut cursor = None;
    let mut found = Vec::new();
    loop {
        let mut query = vec![("limit", "1000".to_owned())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let answer = context.api.get(&["gateways"], &query).await?;
        let named = |item: &&Value| item.get("name").and_then(Value::as_str) == Some(name);
        let ids = table::items(&answer).iter().filter(named);
        found.extend(ids.filter_map(|item| Some(item.get("id")?.as_str()?.to_owned())));
        cursor = answer
            .get("next")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    match (found.pop(), found.len()) {
        (Some(id), 0) => Ok(id),
        (Some(_), _) => Err(CtlError::Usage(format!(
            "several gateways are called `{name}`; name one by its id (`causeway ctl gateway list`)"
        ))),
        (None, _) => Err(CtlError::Usage(format!(
            "no gateway is called `{name}`; see `causeway ctl gateway list`"
        ))),
    }
}
