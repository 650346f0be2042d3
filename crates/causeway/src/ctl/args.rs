//! The command line of `ctl`: nouns and verbs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{
    audit::AuditVerb, command::CommandVerb, event::EventVerb, gateway::GatewayVerb, mq::MqArgs,
    share::ShareVerb, user::UserVerb,
};

const EXAMPLES: &str = "\
Examples:
  causeway ctl login --url https://console.example.com --user admin
  causeway ctl gateway add london --location on-premises
  causeway ctl share list london
  causeway ctl share sync london projects
  causeway ctl --json command list --gateway london | jq '.items[].state'
  causeway ctl watch

A gateway is named by its name or its id. Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// Client of a console's API
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CtlArgs {
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    /// Use the login that `causeway up` made in this data directory
    #[arg(long, value_name = "DIR", global = true)]
    pub(super) data: Option<PathBuf>,
    /// Print what the API answers, as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) noun: Noun,
}

/// Which console.
#[derive(Args, Clone, Debug)]
pub(super) struct ConnectionArgs {
    /// The console [default: where you logged in last, else `http://127.0.0.1:8080`]
    #[arg(long, value_name = "URL", env = "CAUSEWAY_URL", global = true)]
    pub(super) url: Option<String>,
    /// Certificate authority of the console, a PEM file, besides the system's
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CA", global = true)]
    pub(super) ca: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Noun {
    /// Log in; the session is kept in a private file
    Login(LoginArgs),
    /// End the session
    Logout,
    /// Who you are logged in as, and for how long
    Whoami,
    /// Totals over all gateways
    Overview,
    /// Gateways: list, add, look at, rename, delete
    #[command(subcommand)]
    Gateway(GatewayVerb),
    /// Shares of a gateway
    #[command(subcommand)]
    Share(ShareVerb),
    /// Commands to gateways, and what became of them
    #[command(subcommand)]
    Command(CommandVerb),
    /// What gateways have told
    #[command(subcommand)]
    Event(EventVerb),
    /// Who did what, and whether the record is intact
    #[command(subcommand)]
    Audit(AuditVerb),
    /// Who may log in
    #[command(subcommand)]
    User(UserVerb),
    /// The message queue: groups, topics, keys, clients, messages and traces
    Mq(MqArgs),
    /// Print changes as they happen, until interrupted
    Watch,
}

/// `ctl login`.
#[derive(Args, Debug)]
pub(super) struct LoginArgs {
    /// Who
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(super) user: String,
    /// File with the password, `-` for standard input [default: `CAUSEWAY_PASSWORD`, else asks]
    #[arg(long, value_name = "FILE")]
    pub(super) password_file: Option<PathBuf>,
}

/// Which part of a list.
#[derive(Args, Clone, Debug)]
pub(super) struct PageArgs {
    /// Most items to list
    #[arg(long, value_name = "COUNT", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Go on where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl PageArgs {
    /// As parameters of a request.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        let limit = ("limit", self.limit.to_string());
        let cursor = self.cursor.clone().map(|cursor| ("cursor", cursor));
        [limit].into_iter().chain(cursor).collect()
    }
}
