//! What can go wrong with a link.

use std::{io, net::SocketAddr};

use thiserror::Error;

use crate::frame::DecodeError;

/// Why a link or one end of it does not come up.
#[derive(Debug, Error)]
pub enum BusLinkError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Certificate or key do not fit, or the authority cannot be read.
    #[error("cannot use the certificates of the bus link")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Where to connect to is not said.
    #[error("`{0}` is not `host:port`")]
    Address(String),
    /// An empty secret proves nothing.
    #[error("the secret of the bus link is empty")]
    NoSecret,
}

/// Why one connection ended.
#[derive(Debug, Error)]
pub(crate) enum LinkFault {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("the other end closed the connection")]
    Closed,
    #[error("the other end was silent for too long")]
    Silent,
    #[error("the other end did not finish its greeting in time")]
    Handshake,
    #[error("the other end does not know the secret of the bus link")]
    WrongSecret,
    #[error("the other end refused: {0}")]
    Refused(String),
    #[error("the other end broke the rules: {0}")]
    Protocol(&'static str),
}
