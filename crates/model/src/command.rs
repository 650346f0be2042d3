//! Commands: management calls to one gateway, as RPC over MQTT.
//!
//! A command goes down on `csg_cmd/p2p/<client ID>`, replies come up on `csg_result/<gateway id>`.
//! Both are JSON in the payload, so that any MQTT broker carries them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Failure, Timestamp};

/// Version of the envelope. A reader refuses a higher one.
pub const WIRE_VERSION: u32 = 1;
/// Largest command or reply, in bytes of JSON; the queue's payload limit.
pub const COMMAND_LEN_MAX: usize = 64 * 1024;

/// Id of a command (UUID version 7: sorts by time of issue).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct CommandId(pub Uuid);

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CommandId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// Report status now. Result: [`crate::GatewayStatus`].
    #[serde(rename = "status.get")]
    StatusGet,
    /// List shares. Result: `{"shares": [ShareStatus]}`.
    #[serde(rename = "share.list")]
    ShareList,
    /// Look for changes in the bucket now. Parameters `{"share", "path"?}`;
    /// result `{"listed", "added", "changed", "removed"}`.
    #[serde(rename = "share.sync")]
    ShareSync,
    /// Check the cache of a share while it serves. Parameters `{"share", "data"?}`;
    /// result [`crate::ShareCheck`].
    #[serde(rename = "share.check")]
    ShareCheck,
    /// Keep a file or tree in the cache. Parameters `{"share", "path"}`; result `{}`.
    #[serde(rename = "share.pin")]
    SharePin,
    /// The opposite. Parameters `{"share", "path"}`; result `{"was_pinned"}`.
    #[serde(rename = "share.unpin")]
    ShareUnpin,
    /// Begin to fetch a file or tree into the cache. Parameters `{"share", "path"}`; result
    /// `{}`; how far it is, the share's status tells.
    #[serde(rename = "share.prefetch")]
    SharePrefetch,
    /// Let a file or tree go from the cache, except what is dirty or pinned. Parameters
    /// `{"share", "path"}`; result `{"files", "bytes", "dirty", "pinned"}`.
    #[serde(rename = "share.evict")]
    ShareEvict,
    /// The state of one file. Parameters `{"share", "path"}`; result [`crate::FileStatus`].
    #[serde(rename = "share.file-status")]
    ShareFileStatus,
    /// What waits for the object store. Parameters `{"share", "limit"?}`; result
    /// `{"items": [QueueItem]}`.
    #[serde(rename = "share.queue")]
    ShareQueue,
    /// Stop serving a share and serve it again. Parameters `{"share"}`; result `{}`.
    #[serde(rename = "gateway.restart-share")]
    RestartShare,
    /// What became of an earlier command. Parameters `{"id"}`; result: the stored
    /// [`ReplyBody`], or the failure `NOT_FOUND`.
    #[serde(rename = "command.get")]
    CommandGet,
    /// A method this version does not know; it is rejected, never run.
    #[serde(untagged)]
    Unknown(String),
}

impl Method {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::StatusGet => "status.get",
            Self::ShareList => "share.list",
            Self::ShareSync => "share.sync",
            Self::ShareCheck => "share.check",
            Self::SharePin => "share.pin",
            Self::ShareUnpin => "share.unpin",
            Self::SharePrefetch => "share.prefetch",
            Self::ShareEvict => "share.evict",
            Self::ShareFileStatus => "share.file-status",
            Self::ShareQueue => "share.queue",
            Self::RestartShare => "gateway.restart-share",
            Self::CommandGet => "command.get",
            Self::Unknown(name) => name,
        }
    }

    /// From the name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "status.get" => Self::StatusGet,
            "share.list" => Self::ShareList,
            "share.sync" => Self::ShareSync,
            "share.check" => Self::ShareCheck,
            "share.pin" => Self::SharePin,
            "share.unpin" => Self::ShareUnpin,
            "share.prefetch" => Self::SharePrefetch,
            "share.evict" => Self::ShareEvict,
            "share.file-status" => Self::ShareFileStatus,
            "share.queue" => Self::ShareQueue,
            "gateway.restart-share" => Self::RestartShare,
            "command.get" => Self::CommandGet,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// One command, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// [`WIRE_VERSION`].
    pub version: u32,
    /// Its id. A reissue has a new id and the same key.
    pub id: CommandId,
    /// What to do.
    pub method: Method,
    /// When the console sent it.
    pub issued_at: Timestamp,
    /// After this it must not be started.
    pub deadline: Timestamp,
    /// Same key, same effect: the gateway runs it at most once.
    pub idempotency_key: Uuid,
    /// Counts reissues of one key; a gateway refuses one older than it has seen.
    pub generation: u32,
    /// The console node that issued it; replies carry it back.
    pub reply_to: String,
    /// No result is wanted; a delivered mark still comes.
    #[serde(default)]
    pub noreply: bool,
    /// What the method needs.
    #[serde(default)]
    pub params: Value,
}

/// How far a command is known to have come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The console has stored it.
    Accepted,
    /// The gateway has it.
    Delivered,
    /// The gateway is at it.
    Started,
    /// It has an outcome.
    Finished,
}

/// An error from the other side.
pub type RemoteError = Failure;

/// What a gateway says about a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReplyBody {
    /// It has arrived.
    Delivered,
    /// It is being run.
    Started,
    /// It was run, with this result.
    Finished {
        /// The method's result.
        result: Value,
    },
    /// It was run and failed.
    Failed {
        /// Why.
        error: RemoteError,
    },
    /// It was not run, and will not be: reissue is safe.
    Rejected {
        /// Why.
        error: RemoteError,
    },
}

/// A reply, as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// [`WIRE_VERSION`].
    pub version: u32,
    /// The command's id.
    pub id: CommandId,
    /// The command's key.
    pub idempotency_key: Uuid,
    /// The command's `reply_to`.
    pub reply_to: String,
    /// When the gateway said it.
    pub at: Timestamp,
    /// What it says.
    pub body: ReplyBody,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_keep_their_names_on_the_wire() {
        for method in [
            Method::StatusGet,
            Method::ShareList,
            Method::ShareSync,
            Method::ShareCheck,
            Method::SharePin,
            Method::ShareUnpin,
            Method::SharePrefetch,
            Method::ShareEvict,
            Method::ShareFileStatus,
            Method::ShareQueue,
            Method::RestartShare,
            Method::CommandGet,
            Method::Unknown("disk.format".into()),
        ] {
            let json = serde_json::to_string(&method).unwrap();
            assert_eq!(json, format!("\"{}\"", method.as_str()));
            assert_eq!(serde_json::from_str::<Method>(&json).unwrap(), method);
            assert_eq!(Method::from_name(method.as_str()), method);
        }
    }
}
