//! `ctl mq key|token|device`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    super::{
        Context, CtlError,
        args::PageArgs,
        ask::{ConfirmArgs, Go},
        secret_input::SecretInput,
        table::{Column, Format, column},
    },
    Request,
    rules::Access,
};

#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// All access keys, without their secrets
    List,
    /// Make an access key; its secret is shown once
    Create {
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        #[command(flatten)]
        rights: RightsArgs,
    },
    /// Delete an access key, its tokens and the connections made with either
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
}

/// Rights that are less than those of a group.
#[derive(Args, Debug)]
pub(super) struct RightsArgs {
    /// Topic or topic filter that it may use; may be given several times [default: all of its group]
    #[arg(long, value_name = "FILTER", requires = "access")]
    resource: Vec<String>,
    /// What it may do with them
    #[arg(long, requires = "resource")]
    access: Option<Access>,
}

impl RightsArgs {
    fn json(&self) -> Value {
        match self.access {
            Some(access) => json!({"resources": self.resource, "access": access}),
            None => Value::Null,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenVerb {
    /// Make a token
    Apply {
        /// The access key that answers for it
        key: String,
        /// Topic or topic filter; may be given up to 100 times
        #[arg(long, value_name = "FILTER", required = true)]
        resource: Vec<String>,
        /// What it allows
        #[arg(long)]
        access: Access,
        /// How long it is good, 60 seconds to 30 days
        #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
        lifetime_s: u64,
    },
    /// Whether a token is good, and for what
    Query(TokenArgs),
    /// Make a token worthless; clients that hold it are disconnected
    Revoke(TokenArgs),
}

/// A token, which does not stand on the command line, where every process sees it.
#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    /// File with the token, `-` for standard input [default: asks]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum DeviceVerb {
    /// Credentials of the devices of a group, without their secrets
    List {
        /// Group ID
        group: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Make the first credential of a device; its secret is shown once
    Register {
        /// Client ID, <Group ID>@@@<Device ID>
        client_id: String,
        #[command(flatten)]
        rights: RightsArgs,
    },
    /// The credentials of one device, without their secrets
    Show {
        /// Client ID
        client_id: String,
    },
    /// Replace the credentials of a device by a new one; its connection is closed
    Refresh {
        /// Client ID
        client_id: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Withdraw the credentials of a device; its connection is closed
    Unregister {
        /// Client ID
        client_id: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
}

const KEYS: &[Column] = &[
    column("ACCESS KEY", "/access_key_id", Format::Text),
    column("FOR", "/description", Format::Text),
    column("SINCE", "/created_at", Format::Time),
    column("RIGHTS", "/rights", Format::Text),
];

const ISSUED: &[Column] = &[
    column("CLIENT ID", "/client_id", Format::Text),
    column("ACCESS KEY", "/access_key_id", Format::Text),
    column("SECRET (shown once)", "/secret", Format::Text),
];

const TOKEN: &[Column] = &[
    column("TOKEN", "/token", Format::Text),
    column("GOOD UNTIL", "/expires_at", Format::Time),
];

const STATUS: &[Column] = &[
    column("STATE", "/state", Format::Text),
    column("ACCESS KEY", "/access_key_id", Format::Text),
    column("RIGHTS", "/rights", Format::Text),
    column("GOOD UNTIL", "/expires_at", Format::Time),
];

const DEVICES: &[Column] = &[
    column("CLIENT ID", "/client_id", Format::Text),
    column("ACCESS KEY", "/access_key_id", Format::Text),
    column("SINCE", "/created_at", Format::Time),
    column("UNTIL", "/expires_at", Format::Time),
    column("RIGHTS", "/rights", Format::Text),
];

const CREDENTIALS: &str = "device-credentials";

pub(super) async fn key(context: &Context<'_>, verb: KeyVerb) -> Result<(), CtlError> {
    match verb {
        KeyVerb::List => Request::get(&["access-keys"]).list(context, KEYS).await,
        KeyVerb::Create {
            description,
            rights,
        } => {
            let body = json!({"description": description, "rights": rights.json()});
            let request = Request::new(Method::POST, &["access-keys"]).body(body);
            request.card(context, ISSUED).await
        }
        KeyVerb::Delete { id, confirm } => {
            let what = format!("delete the access key {id} and disconnect who came in by it");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            Request::new(Method::DELETE, &["access-keys", &id])
                .say(context, format!("Access key {id} is deleted.\n"))
                .await
        }
    }
}

pub(super) async fn token(context: &Context<'_>, verb: TokenVerb) -> Result<(), CtlError> {
    match verb {
        TokenVerb::Apply {
            key,
            resource,
            access,
            lifetime_s,
        } => {
            let body = json!({"access_key_id": key, "resources": resource, "access": access,
                "lifetime_s": lifetime_s});
            let request = Request::new(Method::POST, &["tokens"]).body(body);
            request.card(context, TOKEN).await
        }
        TokenVerb::Query(token) => {
            let request = Request::new(Method::POST, &["tokens", "query"]);
            request.body(token.body()?).card(context, STATUS).await
        }
        TokenVerb::Revoke(token) => {
            let request = Request::new(Method::POST, &["tokens", "revoke"]);
            let done = "The token is worthless.\n".to_owned();
            request.body(token.body()?).say(context, done).await
        }
    }
}

impl TokenArgs {
    fn body(&self) -> Result<Value, CtlError> {
        let token = SecretInput {
            what: "Token",
            file: self.token_file.as_deref(),
            flag: "--token-file",
            variable: ("CAUSEWAY_MQ_TOKEN", None),
        };
        Ok(json!({"token": token.read()?}))
    }
}

pub(super) async fn device(context: &Context<'_>, verb: DeviceVerb) -> Result<(), CtlError> {
    match verb {
        DeviceVerb::List { group, page } => {
            let mut query = page.query();
            query.push(("group", group));
            let request = Request::get(&[CREDENTIALS]).query(query);
            request.list(context, DEVICES).await
        }
        DeviceVerb::Register { client_id, rights } => {
            let body = json!({"client_id": client_id, "rights": rights.json()});
            let request = Request::new(Method::POST, &[CREDENTIALS]).body(body);
            request.card(context, ISSUED).await
        }
        DeviceVerb::Show { client_id } => {
            let path = [CREDENTIALS, &client_id];
            Request::get(&path).list(context, DEVICES).await
        }
        DeviceVerb::Refresh { client_id, confirm } => {
            let what = format!("replace the credentials of {client_id} and disconnect it");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            let path = [CREDENTIALS, &client_id, "refresh"];
            Request::new(Method::POST, &path)
                .card(context, ISSUED)
                .await
        }
        DeviceVerb::Unregister { client_id, confirm } => {
            let what = format!("withdraw the credentials of {client_id} and disconnect it");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            Request::new(Method::DELETE, &[CREDENTIALS, &client_id])
                .say(context, format!("{client_id} has no credential.\n"))
                .await
        }
    }
}
