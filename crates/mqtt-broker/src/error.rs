//! Why a broker does not start, and why its registry refuses a change.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

/// Why a broker does not start.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// The registry cannot be opened, or refuses what the configuration asks for.
    #[error("cannot open the broker's registry")]
    Registry(#[from] RegistryError),
    /// The offline store cannot be opened.
    #[error("cannot open the broker's offline store")]
    Offline(#[source] io::Error),
    /// An address cannot be listened on.
    #[error("listener `{listener}` cannot listen on {address}")]
    Listen {
        /// Its name.
        listener: String,
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate and key do not work together.
    #[error("cannot use a certificate or key of listener `{listener}`")]
    Tls {
        /// Its name.
        listener: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// Names are for people, who would not know which is meant.
    #[error("there are two listeners called `{listener}`")]
    SameName {
        /// Their name.
        listener: String,
    },
    /// It has no certificates to change.
    #[error("there is no listener `{listener}` with TLS")]
    NoTls {
        /// The name.
        listener: String,
    },
    /// Certificates cannot be read again.
    #[error("cannot read the certificates of listener `{listener}` again: {reason}")]
    Certificates {
        /// Its name.
        listener: String,
        /// Why, and what to do.
        reason: String,
    },
    /// Nobody has said where certificates come from.
    #[error("this broker reads certificates only when it starts: start it again")]
    NoCertificateSource,
    /// The directory of traces cannot be used.
    #[error("cannot open the broker's traces")]
    Traces(#[source] io::Error),
    /// The machine refuses an event loop.
    #[error("cannot start an event loop")]
    EventLoop(#[source] io::Error),
}

/// Why the registry cannot be opened or changed.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// Reading or writing failed; nothing was changed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another broker uses the directory.
    #[error("{} is in use by another broker", path.display())]
    InUse {
        /// Its lock file.
        path: PathBuf,
    },
    /// The journal is damaged before its end, so what follows cannot be trusted.
    #[error("{} is damaged at byte {offset}; restore it from a backup", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Where.
        offset: u64,
    },
    /// An earlier failure left the journal in an unknown state.
    #[error("the registry takes no changes since writing its journal failed; restart the broker")]
    ReadOnly,
    /// The change breaks a rule.
    #[error("{0}")]
    Refused(String),
    /// What it names does not exist.
    #[error("there is no {0}")]
    NotFound(String),
    /// What it makes is there already, or what it removes is in use.
    #[error("{0}")]
    Conflict(String),
}
