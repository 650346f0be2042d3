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

#[derive(Debug)]
struct Held {
    keys: AccessKeys,
    /// Others were waited for in vain: who comes later does not wait again.
    in_vain: bool,
}

/// Keys that somebody replaces: an operator, or whoever lends them.
#[derive(Debug)]
pub struct ReplaceableKeys {
    held: watch::Sender<Held>,
    patience: Duration,
    clock: Clock,
}

impl ReplaceableKeys {
    /// With keys to begin with. A request whose keys are refused waits so long for others.
    #[must_use]
    pub fn new(keys: AccessKeys, patience: Duration, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            held: watch::Sender::new(Held {
                keys,
                in_vain: false,
            }),
            patience,
            clock,
        })
    }

    /// From now on requests are signed with these.
    pub fn replace(&self, keys: AccessKeys) {
        self.held.send_if_modified(|held| {
            let is_other = held.keys != keys;
            *held = Held {
                keys,
                in_vain: held.in_vain && !is_other,
            };
            is_other
        });
    }

    /// The keys of now.
    #[must_use]
    pub fn keys(&self) -> AccessKeys {
        self.held.borrow().keys.clone()
    }

    /// The store refuses these, or there are none: waits for others. A request is sent once more
    /// if they come.
    pub(crate) async fn others(&self, refused: &AccessKeys) -> Option<AccessKeys> {
        let mut changes = self.held.subscribe();
        tokio::select! {
            biased; // No dice here: a simulation repeats itself.
            // The sender lives as long as we are borrowed.
            _ = changes.wait_for(|held| held.keys != *refused || held.in_vain) => {}
            () = self.clock.sleep(self.patience) => {
                self.held.send_if_modified(|held| {
                    held.in_vain |= held.keys == *refused;
                    held.in_vain
                });
            }
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

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, future::join_all};
    use model::Timestamp;

    use super::*;

    fn keys(id: &str) -> AccessKeys {
        AccessKeys {
            id: id.to_owned(),
            secret: Secret::new("secret"),
            session_token: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn others_are_waited_for_once_and_taken_whenever_they_come() {
        let clock = Clock::of_runtime(Timestamp::from_millis(0));
        let patience = Duration::from_secs(10);
        let (first, second) = (keys("1"), keys("2"));
        let held = ReplaceableKeys::new(first.clone(), patience, clock.clone());
        let began = clock.now();
        let all = join_all((0..32).map(|_| held.others(&first))).await;
        assert!(all.iter().all(Option::is_none));
        assert_eq!(clock.now().saturating_duration_since(began), patience);
        assert_eq!(held.others(&first).now_or_never(), Some(None));
        held.replace(second.clone());
        let found = held.others(&first).now_or_never();
        assert_eq!(found, Some(Some(second.clone())));
        // For those, too, others may come.
        assert_eq!(held.others(&second).now_or_never(), None);
    }
}
