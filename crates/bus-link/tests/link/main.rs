//! A bus across a link is a bus: what `message-bus` promises, through cuts too.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests, and not what helps them"
)]

mod calls;
mod events;
mod fixture;
mod proxy;
mod strangers;
