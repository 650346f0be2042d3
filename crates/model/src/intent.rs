//! Intent: what an operator wants a gateway to be, and how far the gateway has come.
//!
//! Travels on `csg_intent/p2p/<client ID>` as [`Downlink`]; answers as [`crate::Event`].

use serde::{Deserialize, Serialize};

use crate::{Failure, Secret, ShareName, ShareSettings};

/// A message on the parent topic `csg_intent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Downlink {
    /// The whole document; replaces any older version.
    Intent(Intent),
    /// A new credential: store it durably, then reconnect with it. The console withdraws the
    /// old one when it sees the new one in use.
    Credential(Credential),
}

/// All settings of one gateway. Sent whole, so that a lost message is healed by the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Grows by one with each change.
    pub version: u64,
    /// The shares it should serve; any other share is no longer wanted. A gateway that does not know
    /// what one of them needs cannot read the document, and stays with the one before.
    #[serde(with = "crate::guarded_shares")]
    pub shares: Vec<ShareSettings>,
    /// Shares that are no longer wanted, as long as what they hold may still need keys that are lent:
    /// whoever has one empties it into its bucket with these. Others are emptied with what they had.
    #[serde(default, with = "crate::guarded_shares")]
    pub retired: Vec<ShareSettings>,
}

/// A device credential of the message queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Goes into the user name, `DeviceCredential|<access key id>|<instance>`.
    pub access_key_id: String,
    /// Signs the client ID: the password is base64(HMAC-SHA1(secret, client ID)).
    pub secret: Secret,
}

/// How far a gateway has come with its intent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentReport {
    /// The version it has worked on.
    pub version: u64,
    /// Part by part.
    pub shares: Vec<ShareReport>,
}

/// One share of an [`IntentReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareReport {
    /// Which share.
    pub name: ShareName,
    /// Why it is not as wanted; nothing if it is.
    pub error: Option<Failure>,
}
