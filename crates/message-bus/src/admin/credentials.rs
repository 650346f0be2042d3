//! Access keys of applications and credentials of devices.

use model::{GroupId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TopicRights;

/// A key for applications: signs for any client ID, and answers for tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccessKey {
    /// Its id, the second part of user names.
    pub access_key_id: String,
    /// What it is for.
    pub description: String,
    /// Since when.
    #[schema(value_type = u64)]
    pub created_at: Timestamp,
    /// Its rights, if they are less than those of a client's group.
    pub rights: Option<TopicRights>,
}

/// A credential that was just made. Its secret is told now and never again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuedCredential {
    /// The device, unless it is an access key.
    pub client_id: Option<String>,
    /// Its id, the second part of user names.
    pub access_key_id: String,
    /// The key of signatures.
    #[schema(value_type = String)]
    pub secret: Secret,
}

/// Which credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialQuery {
    /// Of the clients of this group.
    pub group: GroupId,
    /// Behind this client ID.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A credential of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceCredential {
    /// Whose.
    pub client_id: String,
    /// Its id, the second part of user names.
    pub access_key_id: String,
    /// Since when, if it was made after the broker learned to remember that.
    #[schema(value_type = Option<u64>)]
    pub created_at: Option<Timestamp>,
    /// Until when, if it ends by itself.
    #[schema(value_type = Option<u64>)]
    pub expires_at: Option<Timestamp>,
    /// Its rights, if they are less than those of its group.
    pub rights: Option<TopicRights>,
}

/// Credentials by client ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsPage {
    /// What is on it.
    pub items: Vec<DeviceCredential>,
    /// The client ID behind which the next page begins.
    pub next: Option<String>,
}
