//! The scenario as its file says it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What clients do, part by part.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    #[serde(rename = "part")]
    pub(super) parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) name: String,
    /// Which clients cannot play it, and why.
    #[serde(default)]
    pub(super) cannot: BTreeMap<String, String>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    Connect {
        client: String,
        /// Another name to make its client ID of.
        id: Option<String>,
        #[serde(default)]
        by: Mode,
        #[serde(default)]
        subscribe: Vec<String>,
        /// Of its subscriptions.
        #[serde(default = "at_least_once")]
        qos: u8,
        will: Option<WillWords>,
    },
    BeRefused {
        client: String,
        by: Mode,
        code: u8,
    },
    Publish {
        client: String,
        topic: String,
        payload: String,
        qos: u8,
        #[serde(default)]
        retain: bool,
    },
    Hear {
        client: String,
        topic: String,
        payload: String,
        qos: u8,
        #[serde(default)]
        retain: bool,
    },
    /// All that is published comes to one of them, and each gets a part.
    Share {
        clients: Vec<String>,
        payloads: Vec<String>,
    },
    /// A message whose payload nobody knows before.
    BeTold {
        client: String,
        topic: String,
        holds: String,
        qos: u8,
    },
    BeClosed {
        client: String,
        code: u8,
    },
    Leave {
        client: String,
    },
    Cut {
        client: String,
    },
    RevokeToken,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WillWords {
    pub(super) topic: String,
    pub(super) payload: String,
}

/// What a client shows to be let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    #[default]
    Signature,
    Token,
    /// One that ends so soon that its holder is told at once.
    ShortToken,
    Device,
    Certificate,
    WrongPassword,
}

const fn at_least_once() -> u8 {
    1
}

impl Scenario {
    pub(super) fn read() -> Self {
        toml::from_str(include_str!("scenario.toml")).unwrap_or_else(|e| panic!("{e}"))
    }
}
