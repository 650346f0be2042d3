//! What the two ends say to each other.
//!
//! ```text
//! broker                                 console
//!   Hello{version, nonce} ─────────────►
//!          ◄───────────── Proof{version, nonce, proof}
//!   Welcome{proof} or Refused{reason} ─►
//!          ◄───────────── Call{id, call}          Reply{id, outcome} ─►
//!          ◄───────────── Credit{events}          Online{channels, last}, Event, Ended ─►
//!   Ping, both ways
//! ```

use bytes::Bytes;
use message_bus::{AdminAnswer, AdminCall, BusError, ChannelId, Online, Presence};
use model::{ClientId, Credential, ParentTopic, Timestamp, Topic};
use serde::{Deserialize, Serialize};

/// Grows when the two ends would misunderstand each other.
pub(crate) const VERSION: u32 = 2;

/// A message and the bytes that go with it as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) message: Message,
    /// The payload of a `Send` or an uplink; else empty.
    pub(crate) body: Bytes,
}

impl From<Message> for Frame {
    fn from(message: Message) -> Self {
        let body = Bytes::new();
        Self { message, body }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Message {
    Hello {
        version: u32,
        nonce: String,
    },
    Proof {
        version: u32,
        nonce: String,
        proof: String,
    },
    Welcome {
        proof: String,
    },
    Refused {
        reason: String,
    },
    Call {
        id: u64,
        call: Call,
    },
    Reply {
        id: u64,
        outcome: Outcome,
    },
    /// So many more events may be sent.
    Credit {
        subscription: u64,
        events: usize,
    },
    /// A part of all that is connected; the receiver has the whole with the last.
    Online {
        subscription: u64,
        channels: Vec<Online>,
        last: bool,
    },
    Event {
        subscription: u64,
        event: Event,
    },
    /// Another receiver has taken over.
    Ended {
        subscription: u64,
    },
    Ping,
}

/// A call of the bus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub(crate) enum Call {
    Send {
        parent: ParentTopic,
        to: ClientId,
    },
    /// Events from now on, this many at first. What comes carries the subscription's number, so
    /// that nothing of an earlier one is taken for it.
    Receive {
        subscription: u64,
        events: usize,
    },
    Register {
        client_id: ClientId,
        credential: Credential,
        expires_at: Option<Timestamp>,
    },
    Withdraw {
        client_id: ClientId,
        access_key_id: String,
    },
    Expel {
        client_id: ClientId,
    },
    Sessions {
        client_id: ClientId,
    },
    Administer {
        request: Box<AdminCall>,
    },
}

/// How a call came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Done,
    Sent { channel: ChannelId },
    Sessions { channels: Vec<Online> },
    Administered { answer: Box<AdminAnswer> },
    Failed { error: BusError },
}

/// An event, its payload beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Presence {
        presence: Presence,
    },
    Uplink {
        topic: Topic,
        from: ClientId,
        at: Timestamp,
    },
}
