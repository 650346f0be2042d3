//! Waiting for something to become true, with an end.

use std::time::Duration;

use anyhow::{Result, bail};
use clock::Clock;

/// Asks again and again until `attempt` has an answer; the last reason is the error.
///
/// # Errors
/// `limit` passed; or `attempt` failed itself.
pub fn eventually<T>(
    what: &str,
    limit: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let clock = Clock::system();
    let began = clock.now();
    loop {
        if let Some(answer) = attempt()? {
            return Ok(answer);
        }
        if clock.now().duration_since(began) > limit {
            bail!("{what}: not within {limit:?}");
        }
        pause(Duration::from_millis(50));
    }
}

/// Waits between two looks at another process.
#[expect(
    clippy::disallowed_methods,
    reason = "other processes do not keep an injected clock"
)]
pub fn pause(how_long: Duration) {
    std::thread::sleep(how_long);
}
