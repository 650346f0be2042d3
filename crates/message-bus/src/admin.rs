//! Administration of the queue: what a console asks of a broker beside sending and receiving.
//!
//! The types are those of the console's HTTP API too, so that a word means the same in both.
//! Calls that change something may be sent twice: the second one says that it is done already.

mod certificates;
mod clients;
mod credentials;
mod messages;
mod operations;
mod rules;
mod tokens;
mod traces;

use model::{ClientId, GroupId, ParentTopic};
use serde::{Deserialize, Serialize};

use crate::precedence::Precedence;

pub use certificates::{
    CertificateQuery, CertificateState, CertificatesPage, DeviceCertificate, NewAuthority,
    TrustedAuthority,
};
pub use clients::{
    BlockedClient, BlockedPage, BlockedQuery, ClientSession, ClientsPage, ClientsQuery,
    Subscription,
};
pub use credentials::{
    AccessKey, CredentialQuery, CredentialsPage, DeviceCredential, IssuedCredential,
};
pub use messages::{MessageSent, MessageToSend};
pub use operations::{DrainOrder, ListenerStatus, SlowClient};
pub use rules::{
    Access, Grant, Group, Instance, InstanceSettings, ParentTopicRules, TopicRights, TraceLevel,
};
pub use tokens::{AppliedToken, TokenApplication, TokenState, TokenStatus};
pub use traces::{TraceAction, TraceEntry, TraceOf, TracePage, TraceQuery};

/// Most client IDs of one batch query.
pub const SESSIONS_QUERY_MAX: usize = 100;
/// Most entries of one page of clients, credentials, certificates or traces.
pub const PAGE_MAX: usize = 100;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "fields say what they are; variants are documented"
)]
pub enum AdminCall {
    /// What this instance is and how it is set.
    Instance,
    /// Sets it.
    SetSettings { settings: InstanceSettings },
    /// All groups.
    Groups,
    /// Makes a group.
    CreateGroup { group: GroupId },
    /// Deletes a group that nobody uses.
    DeleteGroup { group: GroupId },
    /// All parent topics with their grants.
    ParentTopics,
    /// Makes a parent topic.
    CreateParentTopic { parent: ParentTopic },
    /// Sets how a parent topic stands beside others where messages must wait.
    SetPrecedence {
        parent: ParentTopic,
        precedence: Precedence,
    },
    /// Deletes a parent topic that no group may use any more.
    DeleteParentTopic { parent: ParentTopic },
    /// Sets what a group may do with a parent topic.
    Grant {
        parent: ParentTopic,
        group: GroupId,
        access: Access,
    },
    /// Takes a group's rights on a parent topic away.
    Ungrant { parent: ParentTopic, group: GroupId },
    /// All access keys, without their secrets.
    AccessKeys,
    /// Makes an access key.
    CreateAccessKey {
        description: String,
        rights: Option<TopicRights>,
    },
    /// Deletes an access key, its tokens and the connections made with either.
    DeleteAccessKey { access_key_id: String },
    /// Makes a token.
    ApplyToken { application: TokenApplication },
    /// Whether a token is good.
    QueryToken { token: model::Secret },
    /// Makes a token worthless; its clients are told and disconnected.
    RevokeToken { token: model::Secret },
    /// Device credentials, without their secrets.
    DeviceCredentials { query: CredentialQuery },
    /// Makes the first credential of a device.
    RegisterDevice {
        client_id: ClientId,
        rights: Option<TopicRights>,
    },
    /// The credentials of one device, without their secrets.
    Device { client_id: ClientId },
    /// Replaces the credentials of a device; its connection is closed.
    RefreshDevice { client_id: ClientId },
    /// Withdraws the credentials of a device; its connection is closed.
    UnregisterDevice { client_id: ClientId },
    /// Clients that may not connect.
    BlockedClients { query: BlockedQuery },
    /// Shuts a client out; its connection is closed.
    Block { client_id: ClientId },
    /// Lets it in again.
    Unblock { client_id: ClientId },
    /// Who is connected.
    Clients { query: ClientsQuery },
    /// What is known of these clients, connected or not: [`SESSIONS_QUERY_MAX`] at most.
    Sessions { client_ids: Vec<ClientId> },
    /// Closes a client's connection; it may come again.
    CloseConnection { client_id: ClientId },
    /// Sends a message to a topic or to one client.
    Send { message: MessageToSend },
    /// Reads traces.
    Traces { query: TraceQuery },
    /// The code that a verification certificate must carry as its common name.
    RegistrationCode,
    /// All certificate authorities.
    Authorities,
    /// Trusts an authority whose key the caller has proved to hold.
    RegisterAuthority { authority: NewAuthority },
    /// Sets whether certificates of an authority let anybody in.
    SetAuthority {
        serial: String,
        state: CertificateState,
    },
    /// Forgets an authority that is inactive, and its device certificates.
    DeleteAuthority { serial: String },
    /// Device certificates of an authority that were seen.
    DeviceCertificates { query: CertificateQuery },
    /// Sets whether a device certificate lets its device in.
    SetDeviceCertificate {
        authority: String,
        serial: String,
        state: CertificateState,
    },
    /// Forgets a device certificate; when it comes again it is registered again.
    DeleteDeviceCertificate { authority: String, serial: String },
    /// Where clients connect.
    Listeners,
    /// Reads the certificates of the listeners again; connections that are there stay.
    ReloadCertificates,
    /// The clients that are furthest behind in taking their messages: [`PAGE_MAX`] at most.
    SlowClients { limit: usize },
    /// Takes no more clients and sends all away that are there.
    Drain { order: DrainOrder },
    /// Metrics as Prometheus reads them.
    Metrics,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "with", rename_all = "snake_case")]
pub enum AdminAnswer {
    /// It is done.
    Done,
    /// See [`AdminCall::Instance`].
    Instance(Instance),
    /// See [`AdminCall::Groups`].
    Groups(Vec<Group>),
    /// See [`AdminCall::ParentTopics`].
    ParentTopics(Vec<ParentTopicRules>),
    /// See [`AdminCall::AccessKeys`].
    AccessKeys(Vec<AccessKey>),
    /// A credential with its secret, which is not told again.
    Issued(IssuedCredential),
    /// See [`AdminCall::ApplyToken`].
    Token(AppliedToken),
    /// See [`AdminCall::QueryToken`].
    TokenStatus(TokenStatus),
    /// See [`AdminCall::DeviceCredentials`] and [`AdminCall::Device`].
    DeviceCredentials(CredentialsPage),
    /// See [`AdminCall::BlockedClients`].
    BlockedClients(BlockedPage),
    /// See [`AdminCall::Clients`] and [`AdminCall::Sessions`].
    Clients(ClientsPage),
    /// See [`AdminCall::Send`].
    Sent(MessageSent),
    /// See [`AdminCall::Traces`].
    Traces(TracePage),
    /// See [`AdminCall::RegistrationCode`].
    RegistrationCode(String),
    /// See [`AdminCall::Authorities`].
    Authorities(Vec<TrustedAuthority>),
    /// See [`AdminCall::DeviceCertificates`].
    DeviceCertificates(CertificatesPage),
    /// See [`AdminCall::Listeners`].
    Listeners(Vec<ListenerStatus>),
    /// See [`AdminCall::SlowClients`].
    SlowClients(Vec<SlowClient>),
    /// See [`AdminCall::Metrics`].
    Metrics(String),
}
