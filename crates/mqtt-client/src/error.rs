//! Why there is no connection, or no longer.

use std::{fmt, io};

use thiserror::Error;

/// Why one broker address could not be used.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Name look-up or TCP failed.
    #[error("cannot reach {peer}")]
    Unreachable {
        /// `host:port` of the broker, or of the proxy.
        peer: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("{peer} did not answer in time ({step})")]
    TimedOut {
        /// `host:port`.
        peer: String,
        /// What was waited for.
        step: &'static str,
    },
    /// The proxy would not connect us.
    #[error("the proxy {proxy} refused to connect to {broker}: {answer}")]
    Proxy {
        /// `host:port` of the proxy.
        proxy: String,
        /// `host:port` of the broker.
        broker: String,
        /// The first line of its answer.
        answer: String,
    },
    /// The broker's certificate is not valid at this host's time.
    #[error("the certificate of {broker} is not valid at this host's time; check its clock")]
    ClockSkew {
        /// `host:port`.
        broker: String,
    },
    /// TLS failed: not the broker we know, or something between us and it.
    #[error("no secure connection to {broker}")]
    Tls {
        /// `host:port`.
        broker: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no WebSocket at this path, or something between us and it speaks for it.
    #[error("no WebSocket to {broker}")]
    WebSocket {
        /// Its address.
        broker: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The broker does not take this credential.
    #[error("{broker} refused the credential: {reason}")]
    NotAuthorized {
        /// `host:port`.
        broker: String,
        /// Its words, or the name of its reason code.
        reason: String,
    },
    /// The broker refused for another reason.
    #[error("{broker} refused the connection: {reason}")]
    Refused {
        /// `host:port`.
        broker: String,
        /// Its words, or the name of its reason code.
        reason: String,
    },
    /// The peer does not speak MQTT 5, or hung up before CONNACK.
    #[error("{broker} ended the connection before it answered: {reason}")]
    Broken {
        /// `host:port`.
        broker: String,
        /// How it ended.
        reason: CloseReason,
    },
}

/// Why none of the broker addresses could be used; one entry for each that was tried.
#[derive(Debug)]
pub struct ConnectFailure {
    /// In the order of trying.
    pub attempts: Vec<ConnectError>,
}

impl ConnectFailure {
    /// The words of a broker that does not take the credential; no other address is tried
    /// after that.
    #[must_use]
    pub fn not_authorized(&self) -> Option<&str> {
        self.attempts.iter().find_map(|attempt| match attempt {
            ConnectError::NotAuthorized { reason, .. } => Some(reason.as_str()),
            ConnectError::Unreachable { .. }
            | ConnectError::TimedOut { .. }
            | ConnectError::Proxy { .. }
            | ConnectError::ClockSkew { .. }
            | ConnectError::Tls { .. }
            | ConnectError::WebSocket { .. }
            | ConnectError::Refused { .. }
            | ConnectError::Broken { .. } => None,
        })
    }

    /// Whether nobody listens anywhere: trying again costs nobody anything.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        let unreachable = |a: &ConnectError| matches!(a, ConnectError::Unreachable { .. });
        !self.attempts.is_empty() && self.attempts.iter().all(unreachable)
    }

    /// Whether a broker's certificate is not valid at this host's time.
    #[must_use]
    pub fn is_clock_skew(&self) -> bool {
        let skew = |a: &ConnectError| matches!(a, ConnectError::ClockSkew { .. });
        self.attempts.iter().any(skew)
    }
}

impl fmt::Display for ConnectFailure {
    /// All attempts with their causes: there is no single source to attach.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.attempts.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{attempt}")?;
            if let Some(source) = std::error::Error::source(attempt) {
                write!(f, ": {source}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConnectFailure {}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// We said goodbye.
    #[error("closed by this side")]
    Local,
    /// The broker said why it closes.
    #[error("the broker closed the connection: {0}")]
    Broker(String),
    /// Somebody came in under the same client ID.
    #[error("another connection took over the client ID")]
    TakenOver,
    /// The other side hung up without a word.
    #[error("the connection was closed by the other side")]
    Eof,
    /// Nothing came back in time.
    #[error("the link is dead: no answer in time")]
    NoAnswer,
    /// The socket failed.
    #[error("the connection broke: {0}")]
    Io(String),
    /// What came is not MQTT 5.
    #[error("the broker broke the protocol: {0}")]
    Protocol(String),
}

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PublishError {
    /// The connection ended first; it may or may not have arrived.
    #[error("the connection ended before the message was acknowledged")]
    Closed,
    /// The broker does not take it.
    #[error("the broker refused the message: {0}")]
    Refused(String),
    /// It breaks a rule of MQTT or of the queue.
    #[error("the message cannot be sent: {0}")]
    Invalid(String),
}
