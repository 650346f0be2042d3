//! `ctl event`.

use clap::Subcommand;

use super::{
    Context, CtlError,
    args::PageArgs,
    gateway::find,
    table::{self, Column, Format, column},
};

#[derive(Debug, Subcommand)]
pub(super) enum EventVerb {
    /// Events of a gateway, newest first
    List {
        /// Name or id
        gateway: String,
        #[command(flatten)]
        page: PageArgs,
    },
}

const LIST: &[Column] = &[
    column("AT", "/at", Format::Time),
    column("SEVERITY", "/severity", Format::Text),
    column("SHARE", "/share", Format::Text),
    column("MESSAGE", "/message", Format::Text),
];

pub(super) async fn run(context: &Context<'_>, verb: EventVerb) -> Result<(), CtlError> {
    let EventVerb::List { gateway, page } = verb;
    let id = find(context, &gateway).await?;
    let path = ["gateways", &id, "events"];
    let answer = context.api.get(&path, &page.query()).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::list(LIST, &answer, now))
}
