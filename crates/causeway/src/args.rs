//! The command line.

use std::path::PathBuf;

use bench::BenchArgs;
use clap::{Args, Parser, Subcommand};

use crate::{
    config::{RawBroker, RawConsole, RawGateway, RawUp},
    ctl::CtlArgs,
    logging::LogArgs,
    roles::decrypt::DecryptArgs,
};

const EXAMPLES: &str = "\
Try it, everything in one process, below ./causeway-data:
  causeway up

Run it, each part on its own host:
  causeway broker --host mq.example.com
  causeway console --broker-link console.link --address 0.0.0.0:443
  causeway gateway join BUNDLE && causeway gateway run

Every setting is a flag, an environment variable CAUSEWAY_… and a key of the file given by
--config; flags beat the environment, which beats the file. `causeway ROLE --help` lists them.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.";

/// Files next to their users, kept in object storage, managed from one console
#[derive(Debug, Parser)]
#[command(name = "causeway", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(subcommand)]
    pub(crate) role: Role,
}

const UP_EXAMPLES: &str = "\
Examples:
  causeway up
  causeway up --data /srv/causeway --nfs-address 127.0.0.1:12049
  causeway up --host files.example.com --broker-tls-address 0.0.0.0:8883
      gateways on other machines can join

Port 0 picks a free port, and the same one at later starts while it is free.";

const BROKER_EXAMPLES: &str = "\
Examples:
  causeway broker --host mq.example.com
  causeway broker --config /etc/causeway/broker.toml

The first start makes DATA/console.link; the console needs a copy of it, mode 0600.";

const CONSOLE_EXAMPLES: &str = "\
Examples:
  causeway console --broker-link console.link
  causeway console --broker-link console.link --address 0.0.0.0:443 --host console.example.com
  causeway console reset-password --data /var/lib/causeway/console

The first start prints the password of the user `admin`.";

/// What to be.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Everything in one process, to try it out: console, broker, object store, one gateway
    #[command(after_help = UP_EXAMPLES)]
    Up(RoleArgs<RawUp>),
    /// The console: pages and API
    #[command(after_help = CONSOLE_EXAMPLES)]
    Console(ConsoleArgs),
    /// The message broker that gateways dial out to
    #[command(after_help = BROKER_EXAMPLES)]
    Broker(RoleArgs<RawBroker>),
    /// A gateway: serves files next to their users
    Gateway(GatewayArgs),
    /// Client of a console's API
    Ctl(Box<CtlArgs>),
    /// Measure this program on this machine, side by side with others
    Bench(BenchArgs),
    /// Read an encrypted object of a share without gateway and console: disaster recovery
    Decrypt(DecryptArgs),
    /// Print the OpenAPI document of the console's API
    Openapi,
}

/// Settings of a role and where its file is.
#[derive(Args, Debug)]
pub(crate) struct RoleArgs<R: Args> {
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) raw: R,
}

#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// Configuration file, TOML
    #[arg(long, value_name = "FILE", env = "CAUSEWAY_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// `causeway console`.
#[derive(Args, Debug)]
pub(crate) struct ConsoleArgs {
    #[command(flatten)]
    pub(crate) settings: RoleArgs<RawConsole>,
    #[command(subcommand)]
    pub(crate) action: Option<ConsoleAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConsoleAction {
    /// Set a new password for a user, with the console running or not; prints it
    ResetPassword {
        /// Who
        #[arg(long, value_name = "NAME", default_value = "admin")]
        user: String,
    },
}

const GATEWAY_EXAMPLES: &str = "\
Examples:
  causeway gateway join causeway1.eyJ…
  causeway gateway join --file bundle.txt --proxy http://proxy.example.com:3128
  causeway gateway run --config /etc/causeway/gateway.toml
  causeway gateway fsck --share projects --repair";

/// `causeway gateway`.
#[derive(Args, Debug)]
#[command(after_help = GATEWAY_EXAMPLES)]
pub(crate) struct GatewayArgs {
    #[command(flatten)]
    pub(crate) settings: RoleArgs<RawGateway>,
    #[command(subcommand)]
    pub(crate) action: GatewayAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GatewayAction {
    /// Give this host the identity of a gateway, by the activation bundle that the console made
    Join {
        /// The bundle; `-` reads it from standard input
        #[arg(required_unless_present = "file", conflicts_with = "file")]
        bundle: Option<String>,
        /// Read the bundle from this file
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Serve, until stopped
    Run,
    /// Check the caches of this host's shares while no gateway runs on them; changes nothing
    /// without --repair, and fails if something is left to mend
    Fsck(FsckArgs),
}

/// What to check, and how far to go.
#[derive(Args, Debug)]
pub(crate) struct FsckArgs {
    /// Only this share
    #[arg(long, value_name = "NAME")]
    pub(crate) share: Option<String>,
    /// Mend what is found; files that have lost bytes are listed by name
    #[arg(long)]
    pub(crate) repair: bool,
    /// Read all data and compare it with its checksums; takes as long as reading the disk
    #[arg(long)]
    pub(crate) read_data: bool,
    /// Print the reports as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_fits_together() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_stand_before_or_after_the_verb() {
        for line in [
            ["causeway", "gateway", "--data", "d", "run"],
            ["causeway", "gateway", "run", "--data", "d"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            let Role::Gateway(gateway) = cli.role else {
                panic!("a gateway was meant");
            };
            assert_eq!(gateway.settings.raw.data, Some("d".into()));
        }
    }

    #[test]
    fn a_bundle_comes_from_one_place() {
        let parse = |words: &[&str]| {
            let line = ["causeway", "gateway", "join"].iter().chain(words);
            Cli::try_parse_from(line).map(|_| ())
        };
        parse(&["causeway1.x.y"]).unwrap();
        parse(&["--file", "b"]).unwrap();
        parse(&[]).unwrap_err();
        parse(&["causeway1.x.y", "--file", "b"]).unwrap_err();
    }
}
