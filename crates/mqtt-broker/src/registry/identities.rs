//! Everybody who may come in, and who may not.

use std::collections::BTreeMap;

use model::{ClientId, Timestamp};

use super::{
    access_keys::AccessKeys, certificates::Authorities, change::Change, credentials::Credentials,
    tokens::TokenBook,
};

#[derive(Debug, Default)]
pub(super) struct Identities {
    pub(super) credentials: Credentials,
    pub(super) keys: AccessKeys,
    pub(super) tokens: TokenBook,
    pub(super) blocked: BTreeMap<ClientId, Timestamp>,
    pub(super) authorities: Authorities,
}

impl Identities {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Register { .. } | Change::Withdraw { .. } | Change::Expel { .. } => {
                self.credentials.apply(change);
            }
            Change::AccessKey { .. } | Change::RemoveAccessKey { .. } => self.keys.apply(change),
            Change::TokenKey { .. } | Change::RevokeToken { .. } => self.tokens.apply(change),
            Change::Block { client_id, since } => {
                self.blocked.insert(client_id, since);
            }
            Change::Unblock { client_id } => {
                self.blocked.remove(&client_id);
            }
            Change::RegistrationCode { .. }
            | Change::Authority { .. }
            | Change::AuthorityState { .. }
            | Change::RemoveAuthority { .. }
            | Change::Certificate { .. }
            | Change::RemoveCertificate { .. } => self.authorities.apply(change),
            Change::Epoch { .. }
            | Change::Group { .. }
            | Change::RemoveGroup { .. }
            | Change::ParentTopic { .. }
            | Change::RemoveParentTopic { .. }
            | Change::Grant { .. }
            | Change::Ungrant { .. }
            | Change::Precedence { .. }
            | Change::Settings { .. } => {}
        }
    }

    /// Everything, for a new journal.
    pub(super) fn changes(&self, now: Timestamp) -> Vec<Change> {
        let blocked = self.blocked.iter().map(|(client_id, since)| Change::Block {
            client_id: client_id.clone(),
            since: *since,
        });
        (self.credentials.changes())
            .chain(self.keys.changes())
            .chain(self.tokens.changes(now))
            .chain(blocked)
            .chain(self.authorities.changes())
            .collect()
    }
}
