//! Tokens: temporary rights on topics.

use model::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Access, TopicRights};

/// A token is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenApplication {
    /// The access key that answers for it; the second part of its users' names.
    pub access_key_id: String,
    /// Topics and topic filters, 100 at most.
    pub resources: Vec<String>,
    /// What it allows.
    pub access: Access,
    /// How long it is good, in seconds: from 60; what is over 30 days is cut to 30 days.
    pub lifetime_s: u64,
}

/// A new token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppliedToken {
    /// The token, for the client's password: `R|<token>`, `W|<token>` or `RW|<token>`.
    #[schema(value_type = String)]
    pub token: Secret,
    /// Until when it is good.
    #[schema(value_type = u64)]
    pub expires_at: Timestamp,
}

/// Whether a token lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It does.
    Good,
    /// Nobody here made it.
    Forged,
    /// It is too old.
    Expired,
    /// It was revoked.
    Revoked,
    /// Its access key was deleted.
    NoAccessKey,
}

/// What a token is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenStatus {
    /// Whether it lets anybody in.
    pub state: TokenState,
    /// The access key that answers for it, unless it is forged.
    pub access_key_id: Option<String>,
    /// What it allows, unless it is forged.
    pub rights: Option<TopicRights>,
    /// Until when, unless it is forged.
    #[schema(value_type = Option<u64>)]
    pub expires_at: Option<Timestamp>,
}
