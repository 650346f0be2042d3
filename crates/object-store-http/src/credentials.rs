//! Keys that requests are signed with; they can be replaced while requests go.

use std::{sync::Arc, time::Duration};

use clock::Clock;
use model::{BucketSettings, Secret};
use tokio::sync::watch;

/// Keys of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeys {
    /// Access key id.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
    /// Goes with keys that were lent for a while (STS).
    pub session_token: Option<Secret>,
}

impl AccessKeys {
    /// Whether there are none, as when whoever lends them has not done so yet.
    #[must_use]
    pub fn are_missing(&self) -> bool {
        self.id.is_empty() || self.secret.is_empty()
    }
}

impl From<&BucketSettings> for AccessKeys {
    fn from(settings: &BucketSettings) -> Self {
        let token = &settings.session_token;
        Self {
            id: settings.access_key_id.trim().to_owned(),
            secret: settings.secret_access_key.clone(),
            session_token: (!token.is_empty()).then(|| token.clone()),
        }
    }
}

/// Keys that somebody replaces: an operator, or whoever lends them.
#[derive(Debug)]
pub struct ReplaceableKeys {
    keys: watch::Sender<AccessKeys>,
    patience: Duration,
    clock: Clock,
}

impl ReplaceableKeys {
    /// With keys to begin with. A request whose keys are refused waits so long for others.
    #[must_use]
    pub fn new(keys: AccessKeys, patience: Duration, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            keys: watch::Sender::new(keys),
            patience,
            clock,
        })
    }

    /// From now on requests are signed with these.
    pub fn replace(&self, keys: AccessKeys) {
        self.keys.send_if_modified(|now| {
            let is_other = *now != keys;
            *now = keys;
            is_other
        });
    }

    /// The keys of now.
    #[must_use]
    pub fn keys(&self) -> AccessKeys {
        self.keys.borrow().clone()
    }

    /// The store refuses these, or there are none: waits for others. A request is sent once more
    /// if they come.
    pub(crate) async fn others(&self, refused: &AccessKeys) -> Option<AccessKeys> {
        let mut changes = self.keys.subscribe();
        tokio::select! {
            biased; // No dice here: a simulation repeats itself.
            // The sender lives as long as we are borrowed.
            _ = changes.wait_for(|keys| keys != refused) => {}
            () = self.clock.sleep(self.patience) => {}
        }
        Some(self.keys()).filter(|keys| keys != refused)
    }
}

/// Codes of answers that say that keys are wrong, or not good any more (S3, OSS).
pub(crate) fn is_about_keys(code: &str) -> bool {
    matches!(
        code,
        "InvalidAccessKeyId"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "SecurityTokenExpired"
            | "InvalidSecurityToken"
            | "SignatureDoesNotMatch"
    )
}
