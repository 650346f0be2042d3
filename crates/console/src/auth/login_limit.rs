//! Failed logins are counted: guessing a password takes years.

use std::{collections::HashMap, time::Duration};

use clock::Timestamp;
use parking_lot::Mutex;

use crate::limits::LOGIN_SOURCES_MAX;

/// Failures allowed within the window, for one user from one address.
const FAILURES_MAX: u32 = 5;
const WINDOW: Duration = Duration::from_mins(1);

#[derive(Debug)]
struct Failures {
    count: u32,
    since: Timestamp,
}

/// Counts failed logins by user name and address: neither can an outsider lock a user out from
/// elsewhere, nor can one address try passwords without end.
#[derive(Debug, Default)]
pub(crate) struct LoginLimit(Mutex<HashMap<(String, String), Failures>>);

impl LoginLimit {
    /// Whether another attempt may be made now; how long to wait if not.
    pub(crate) fn check(&self, user: &str, source: &str, now: Timestamp) -> Result<(), Duration> {
        let failures = self.0.lock();
        match failures.get(&(user.to_owned(), source.to_owned())) {
            Some(f) if f.count >= FAILURES_MAX && now.since(f.since) < WINDOW => {
                Err(WINDOW.saturating_sub(now.since(f.since)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An attempt is under way: it counts as failed until it has succeeded, so that many at the
    /// same time do not slip through.
    pub(crate) fn note_attempt(&self, user: &str, source: &str, now: Timestamp) {
        let mut failures = self.0.lock();
        if failures.len() >= LOGIN_SOURCES_MAX {
            failures.retain(|_, f| now.since(f.since) < WINDOW);
        }
        if failures.len() >= LOGIN_SOURCES_MAX {
            // Under attack from everywhere: forget, rather than lock everybody out.
            failures.clear();
        }
        let key = (user.to_owned(), source.to_owned());
        let entry = failures.entry(key).or_insert(Failures {
            count: 0,
            since: now,
        });
        if now.since(entry.since) >= WINDOW {
            (entry.count, entry.since) = (0, now);
        }
        entry.count += 1;
    }

    /// The attempt succeeded.
    pub(crate) fn note_success(&self, user: &str, source: &str) {
        self.0.lock().remove(&(user.to_owned(), source.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_attempt_within_a_minute_must_wait() {
        let limit = LoginLimit::default();
        let at = |s: u64| Timestamp::from_millis(s * 1_000);
        for _ in 0..FAILURES_MAX {
            assert!(limit.check("ada", "a", at(1)).is_ok());
            limit.note_attempt("ada", "a", at(1));
        }
        assert_eq!(
            limit.check("ada", "a", at(31)),
            Err(Duration::from_secs(30))
        );
        assert!(limit.check("ada", "b", at(31)).is_ok());
        assert!(limit.check("ada", "a", at(61)).is_ok());
        limit.note_success("ada", "a");
        assert!(limit.check("ada", "a", at(2)).is_ok());
    }
}
