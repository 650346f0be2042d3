//! What can change in the registry, as it is written to the journal.

use message_bus::Precedence;
pub use message_bus::admin::Access;
use message_bus::admin::{CertificateState, InstanceSettings, TopicRights};
use model::{ClientId, GroupId, ParentTopic, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use super::certificates::{Authority, Certificate};

/// One line of the journal. All of them may be applied twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum Change {
    /// The broker was started for the n-th time.
    Epoch { epoch: u64 },
    /// A group exists.
    Group { group: GroupId },
    /// A parent topic exists.
    ParentTopic { parent: ParentTopic },
    /// How a parent topic stands beside others.
    Precedence {
        parent: ParentTopic,
        precedence: Precedence,
    },
    /// A group has rights on a parent topic, and no others.
    Grant {
        group: GroupId,
        parent: ParentTopic,
        access: Access,
    },
    /// A client may connect with this credential.
    Register {
        client_id: ClientId,
        access_key_id: String,
        secret: Secret,
        expires_at: Option<Timestamp>,
        #[serde(default)]
        created_at: Option<Timestamp>,
        #[serde(default)]
        rights: Option<TopicRights>,
    },
    /// It may no longer.
    Withdraw {
        client_id: ClientId,
        access_key_id: String,
    },
    /// It has no credential any more.
    Expel { client_id: ClientId },
    /// A group does not exist any more, nor do its grants.
    RemoveGroup { group: GroupId },
    /// A parent topic does not exist any more.
    RemoveParentTopic { parent: ParentTopic },
    /// A group has no rights on a parent topic any more.
    Ungrant { group: GroupId, parent: ParentTopic },
    /// The instance is set so.
    Settings { settings: InstanceSettings },
    /// Applications may sign with this key.
    AccessKey {
        access_key_id: String,
        secret: Secret,
        description: String,
        created_at: Timestamp,
        rights: Option<TopicRights>,
    },
    /// They may no longer.
    RemoveAccessKey { access_key_id: String },
    /// What tokens are signed with.
    TokenKey { key: Secret },
    /// A token is worthless; forgotten when it would have expired anyway.
    RevokeToken { id: String, until: Timestamp },
    /// A client may not connect.
    Block {
        client_id: ClientId,
        since: Timestamp,
    },
    /// It may again.
    Unblock { client_id: ClientId },
    /// What a verification certificate must carry.
    RegistrationCode { code: String },
    /// An authority is trusted.
    Authority { authority: Authority },
    /// It counts, or not.
    AuthorityState {
        serial: String,
        state: CertificateState,
    },
    /// It is forgotten, and its certificates.
    RemoveAuthority { serial: String },
    /// A device certificate was seen, or has another state now.
    Certificate { certificate: Certificate },
    /// It is forgotten.
    RemoveCertificate { authority: String, serial: String },
}
