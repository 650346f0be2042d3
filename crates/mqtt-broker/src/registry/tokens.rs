//! Tokens: temporary rights, signed by this broker, so that a token costs nothing until it is
//! revoked; and then only until it would have expired.
//!
//! A token reads `base64url(claims).base64url(HMAC-SHA256(key, claims))`.

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use message_bus::admin::{AppliedToken, TokenApplication, TokenState, TokenStatus, TopicRights};
use model::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Registry, access_keys::no_key, change::Change, rights::check_rights, secrets};
use crate::{
    error::RegistryError,
    limits::{REVOKED_TOKENS_MAX, TOKEN_LEN_MAX, TOKEN_LIFETIME_MAX, TOKEN_LIFETIME_MIN},
};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) rights: TopicRights,
    pub(crate) expires_at: Timestamp,
}

/// What is wrong with a token, with the code of `$SYS/tokenInvalidNotice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error("this is not a token")]
    Forged,
    #[error("the token has expired")]
    Expired,
    #[error("the token was revoked")]
    Revoked,
    #[error("the token is not for this topic")]
    Resource,
    #[error("the token does not allow this")]
    Permission,
    #[error("the token was not signed by this broker")]
    Signature,
    #[error("the access key of the token does not exist")]
    Account,
}

impl TokenFault {
    pub(crate) const fn code(self) -> i8 {
        match self {
            Self::Forged => 1,
            Self::Expired => 2,
            Self::Revoked => 3,
            Self::Resource => 4,
            Self::Permission => 5,
            Self::Signature => 8,
            Self::Account => -1,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct TokenBook {
    key: Secret,
    revoked: HashMap<String, Timestamp>,
}

impl TokenBook {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::TokenKey { key } => self.key = key,
            Change::RevokeToken { id, until } => {
                self.revoked.insert(id, until);
            }
            _ => {}
        }
    }

    pub(super) fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    pub(super) fn changes(&self, now: Timestamp) -> Vec<Change> {
        let key = self.key.clone();
        let kept = self.revoked.iter().filter(|(_, until)| **until >= now);
        let revoked = kept.map(|(id, until)| Change::RevokeToken {
            id: id.clone(),
            until: *until,
        });
        [Change::TokenKey { key }]
            .into_iter()
            .chain(revoked)
            .collect()
    }

    fn mac(&self, claims: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(claims);
        mac
    }

    fn write(&self, token: &Token) -> Secret {
        let claims = serde_json::to_vec(token).expect("a token has only text and numbers");
        let mac = self.mac(&claims).finalize().into_bytes();
        let (claims, mac) = (URL_SAFE_NO_PAD.encode(claims), URL_SAFE_NO_PAD.encode(mac));
        Secret::new(format!("{claims}.{mac}"))
    }

    fn read(&self, text: &str) -> Result<Token, TokenFault> {
        if text.len() > TOKEN_LEN_MAX {
            return Err(TokenFault::Forged);
        }
        let (claims, mac) = text.split_once('.').ok_or(TokenFault::Forged)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).or(Err(TokenFault::Forged));
        let (claims, mac) = (decode(claims)?, decode(mac)?);
        // In constant time, and before anything in it is believed.
        if self.mac(&claims).verify_slice(&mac).is_err() {
            return Err(TokenFault::Signature);
        }
        serde_json::from_slice(&claims).or(Err(TokenFault::Forged))
    }
}

impl Registry {
    pub(super) fn ensure_token_key(&self) -> Result<(), RegistryError> {
        if self.identities.read().tokens.has_key() {
            return Ok(());
        }
        let key = secrets::secret();
        self.commit(vec![Change::TokenKey { key }])
    }

    /// Makes a token.
    ///
    /// # Errors
    /// The access key does not exist, or resources or lifetime break a rule.
    pub fn apply_token(
        &self,
        application: TokenApplication,
    ) -> Result<AppliedToken, RegistryError> {
        let TokenApplication {
            access_key_id: key,
            resources,
            access,
            lifetime_s,
        } = application;
        let lifetime = Duration::from_secs(lifetime_s).min(TOKEN_LIFETIME_MAX);
        if lifetime < TOKEN_LIFETIME_MIN {
            let text = format!("a token lives {TOKEN_LIFETIME_MIN:?} at least");
            return Err(RegistryError::Refused(text));
        }
        let rights = TopicRights { resources, access };
        check_rights(&rights)?;
        let identities = self.identities.read();
        if !identities.keys.has(&key) {
            return Err(no_key(&key));
        }
        let (id, expires_at) = (secrets::id(), self.clock.wall().plus(lifetime));
        let token = identities.tokens.write(&Token {
            id,
            key,
            rights,
            expires_at,
        });
        Ok(AppliedToken { token, expires_at })
    }

    /// What a token says, if it is good.
    pub(crate) fn check_token(&self, text: &str) -> Result<Token, TokenFault> {
        let identities = self.identities.read();
        let token = identities.tokens.read(text)?;
        if token.expires_at < self.clock.wall() {
            return Err(TokenFault::Expired);
        }
        if identities.tokens.revoked.contains_key(&token.id) {
            return Err(TokenFault::Revoked);
        }
        if !identities.keys.has(&token.key) {
            return Err(TokenFault::Account);
        }
        Ok(token)
    }

    pub(crate) fn is_revoked(&self, token_id: &str) -> bool {
        let identities = self.identities.read();
        identities.tokens.revoked.contains_key(token_id)
    }

    pub(crate) fn token_status(&self, text: &str) -> TokenStatus {
        let state = match self.check_token(text) {
            Ok(_) => TokenState::Good,
            Err(TokenFault::Expired) => TokenState::Expired,
            Err(TokenFault::Revoked) => TokenState::Revoked,
            Err(TokenFault::Account) => TokenState::NoAccessKey,
            Err(
                TokenFault::Forged
                | TokenFault::Signature
                | TokenFault::Resource
                | TokenFault::Permission,
            ) => TokenState::Forged,
        };
        let token = self.identities.read().tokens.read(text).ok();
        TokenStatus {
            state,
            access_key_id: token.as_ref().map(|t| t.key.clone()),
            expires_at: token.as_ref().map(|t| t.expires_at),
            rights: token.map(|t| t.rights),
        }
    }

    /// Makes a token worthless; returns its id. Twice is as good as once.
    pub(crate) fn revoke_token(&self, text: &str) -> Result<String, RegistryError> {
        let forged = |fault: TokenFault| RegistryError::Refused(fault.to_string());
        let token = self.identities.read().tokens.read(text).map_err(forged)?;
        let (id, now) = (token.id, self.clock.wall());
        if token.expires_at < now || self.is_revoked(&id) {
            return Ok(id);
        }
        self.forget_expired_revocations(now)?;
        self.commit(vec![Change::RevokeToken {
            id: id.clone(),
            until: token.expires_at,
        }])?;
        Ok(id)
    }

    fn forget_expired_revocations(&self, now: Timestamp) -> Result<(), RegistryError> {
        let mut identities = self.identities.write();
        let revoked = &mut identities.tokens.revoked;
        if revoked.len() < REVOKED_TOKENS_MAX {
            return Ok(());
        }
        revoked.retain(|_, until| *until >= now);
        if revoked.len() < REVOKED_TOKENS_MAX {
            return Ok(());
        }
        let text = format!(
            "{REVOKED_TOKENS_MAX} tokens are revoked already; delete the access key instead"
        );
        Err(RegistryError::Conflict(text))
    }
}
