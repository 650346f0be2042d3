//! Encryption at the gateway: what the bucket holds only the share's key opens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Secret;

/// The key of a share whose gateway encrypts what it uploads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientEncryption {
    /// What the key is called: derived from it, and telling nothing of it. The console sets it.
    #[serde(default)]
    pub key_id: String,
    /// The key, 64 hexadecimal digits. If it is empty for a new share, the console makes one; it
    /// never leaves the console but towards the gateway, and by an export.
    #[serde(default, skip_serializing_if = "Secret::is_empty")]
    #[schema(value_type = String, write_only)]
    pub key: Secret,
}
