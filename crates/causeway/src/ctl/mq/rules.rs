//! `ctl mq show|set|group|topic`.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::{
        Context, CtlError,
        ask::{ConfirmArgs, Go},
        table::{Column, Format, column, plain},
    },
    Request,
};

/// `ctl mq set`.
#[derive(Args, Debug)]
pub(super) struct SetArgs {
    /// Most subscriptions of one client, 1 to 1000
    #[arg(long, value_name = "COUNT")]
    subscriptions_max: Option<u32>,
    /// Longest payload of a message in bytes, 1024 to 65536
    #[arg(long, value_name = "BYTES")]
    payload_bytes_max: Option<u32>,
    /// What is traced
    #[arg(long, value_name = "LEVEL")]
    trace: Option<Trace>,
}

#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Trace {
    /// Connections only
    Devices,
    /// Messages, too, but not status and bulk
    Messages,
    /// Messages of every topic
    Everything,
}

/// Whether messages go before those of other parent topics.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Class {
    /// Before all that are not commands
    Command,
    /// By weight, in what commands leave
    Normal,
}

/// What may be done with topics.
#[derive(Clone, Copy, Debug, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Access {
    /// Publish only
    Publish,
    /// Subscribe only
    Subscribe,
    /// Both
    PublishAndSubscribe,
}

#[derive(Debug, Subcommand)]
pub(super) enum GroupVerb {
    /// All groups
    List,
    /// Make a group
    Create {
        /// Group ID, GID_… or GID-…
        group: String,
    },
    /// Delete a group that nobody uses
    Delete {
        /// Group ID
        group: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TopicVerb {
    /// All parent topics, and which groups may use them
    List,
    /// Make a parent topic
    Create {
        /// First level of its topics
        parent: String,
    },
    /// Delete a parent topic on which no group has rights
    Delete {
        /// Its name
        parent: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Set how a parent topic stands beside others where messages must wait
    Precedence {
        /// Its name
        parent: String,
        /// Before others or with them
        #[arg(long)]
        class: Class,
        /// Its share within its class, 1 to 64
        #[arg(long, default_value_t = 8)]
        weight: u8,
    },
    /// Set what a group may do with the topics of a parent topic
    Grant {
        /// Parent topic
        parent: String,
        /// Group ID
        group: String,
        /// What it may do
        #[arg(long)]
        access: Access,
    },
    /// Take a group's rights on a parent topic away
    Ungrant {
        /// Parent topic
        parent: String,
        /// Group ID
        group: String,
    },
}

const INSTANCE: &[Column] = &[
    column("INSTANCE", "/instance", Format::Text),
    column("CLIENTS", "/clients", Format::Text),
    column("GROUPS", "/groups", Format::Text),
    column("PARENT TOPICS", "/parent_topics", Format::Text),
    column(
        "SUBSCRIPTIONS A CLIENT",
        "/settings/subscriptions_max",
        Format::Text,
    ),
    column("PAYLOAD", "/settings/payload_bytes_max", Format::Bytes),
    column("TRACE", "/settings/trace", Format::Text),
    column("TRACES DROPPED", "/traces_dropped", Format::Text),
];

const GROUPS: &[Column] = &[
    column("GROUP", "/group", Format::Text),
    column("FLEET", "/fleet", Format::YesNo),
    column("CONNECTED", "/clients", Format::Text),
    column("DEVICES", "/devices", Format::Text),
];

pub(super) async fn show(context: &Context<'_>) -> Result<(), CtlError> {
    Request::get(&[]).card(context, INSTANCE).await
}

pub(super) async fn set(context: &Context<'_>, args: SetArgs) -> Result<(), CtlError> {
    let instance = Request::get(&[]).send(context).await?;
    let mut settings = instance.get("settings").cloned().unwrap_or_default();
    let mut change = |name: &str, value: Option<Value>| {
        if let (Some(settings), Some(value)) = (settings.as_object_mut(), value) {
            settings.insert(name.to_owned(), value);
        }
    };
    change(
        "subscriptions_max",
        args.subscriptions_max.map(|n| json!(n)),
    );
    change(
        "payload_bytes_max",
        args.payload_bytes_max.map(|n| json!(n)),
    );
    change("trace", args.trace.map(|level| json!(level)));
    Request::new(Method::PUT, &["settings"])
        .body(settings)
        .say(context, "The settings count from now on.\n".to_owned())
        .await
}

pub(super) async fn group(context: &Context<'_>, verb: GroupVerb) -> Result<(), CtlError> {
    match verb {
        GroupVerb::List => Request::get(&["groups"]).list(context, GROUPS).await,
        GroupVerb::Create { group } => {
            Request::new(Method::POST, &["groups"])
                .body(json!({"group": group}))
                .say(context, format!("Group {group} exists.\n"))
                .await
        }
        GroupVerb::Delete { group, confirm } => {
            let what = format!("delete the group {group} and its rights");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            Request::new(Method::DELETE, &["groups", &group])
                .say(context, format!("Group {group} is deleted.\n"))
                .await
        }
    }
}

pub(super) async fn topic(context: &Context<'_>, verb: TopicVerb) -> Result<(), CtlError> {
    match verb {
        TopicVerb::List => topics(context).await,
        TopicVerb::Create { parent } => {
            Request::new(Method::POST, &["parent-topics"])
                .body(json!({"parent": parent}))
                .say(context, format!("Parent topic {parent} exists.\n"))
                .await
        }
        TopicVerb::Delete { parent, confirm } => {
            let what = format!("delete the parent topic {parent}");
            if confirm.confirm(context.output, &what)? == Go::No {
                return Ok(());
            }
            Request::new(Method::DELETE, &["parent-topics", &parent])
                .say(context, format!("Parent topic {parent} is deleted.\n"))
                .await
        }
        TopicVerb::Precedence {
            parent,
            class,
            weight,
        } => {
            Request::new(Method::PUT, &["parent-topics", &parent, "precedence"])
                .body(json!({"class": class, "weight": weight}))
                .say(
                    context,
                    format!("{parent} has this precedence from now on.\n"),
                )
                .await
        }
        TopicVerb::Grant {
            parent,
            group,
            access,
        } => {
            Request::new(Method::PUT, &["parent-topics", &parent, "grants", &group])
                .body(json!({"access": access}))
                .say(context, format!("{group} has these rights on {parent}.\n"))
                .await
        }
        TopicVerb::Ungrant { parent, group } => {
            Request::new(
                Method::DELETE,
                &["parent-topics", &parent, "grants", &group],
            )
            .say(context, format!("{group} has no rights on {parent}.\n"))
            .await
        }
    }
}

/// One line for each parent topic, and below it one for each group.
async fn topics(context: &Context<'_>) -> Result<(), CtlError> {
    let answer = Request::get(&["parent-topics"]).send(context).await?;
    context.output.show(&answer, || {
        let text = |value: &Value, name: &str| {
            let value = value.get(name).and_then(Value::as_str);
            plain(value.unwrap_or_default())
        };
        let items = |value: &Value, name: &str| {
            let items = value.get(name).and_then(Value::as_array);
            items.cloned().unwrap_or_default()
        };
        let mut shown = String::new();
        for topic in items(&answer, "items") {
            let precedence = topic.get("precedence").cloned().unwrap_or_default();
            let weight = precedence.get("weight").and_then(Value::as_u64);
            shown.push_str(&format!(
                "{}  {} {}\n",
                text(&topic, "parent"),
                text(&precedence, "class"),
                weight.unwrap_or_default()
            ));
            for grant in items(&topic, "grants") {
                let (group, access) = (text(&grant, "group"), text(&grant, "access"));
                shown.push_str(&format!("  {group}  {access}\n"));
            }
        }
        shown
    })
}
