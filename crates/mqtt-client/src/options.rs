//! What a connection needs to know.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use model::Secret;
use thiserror::Error;

use crate::Proxy;

/// Where a broker listens: `host:port`, or `wss://host[:port]/path` for MQTT through a secure
/// WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// Name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The path of the WebSocket that carries MQTT, if one does.
    pub web_socket_path: Option<String>,
}

/// Why an address is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` must read host:port or wss://host[:port]/path")]
pub struct BrokerAddressError(String);

impl FromStr for BrokerAddress {
    type Err = BrokerAddressError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || BrokerAddressError(text.to_owned());
        let (authority, web_socket_path) = match text.strip_prefix("wss://") {
            None => (Cow::Borrowed(text), None),
            Some(rest) => {
                let (authority, path) = rest.split_once('/').ok_or_else(refused)?;
                let plain = |b: u8| b.is_ascii_graphic() && b != b'?' && b != b'#';
                if !path.bytes().all(plain) {
                    return Err(refused());
                }
                (with_port(authority), Some(format!("/{path}")))
            }
        };
        let (host, port) = authority.rsplit_once(':').ok_or_else(refused)?;
        let port = port.parse().ok().filter(|&p| p != 0).ok_or_else(refused)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == '@';
        if host.is_empty() || host.contains(odd) || (bare.is_none() && host.contains(':')) {
            return Err(refused());
        }
        let host = host.to_owned();
        Ok(Self {
            host,
            port,
            web_socket_path,
        })
    }
}

/// The port of HTTPS, if none is given.
fn with_port(authority: &str) -> Cow<'_, str> {
    let after_host = authority.rsplit(']').next().unwrap_or(authority);
    if after_host.contains(':') {
        Cow::Borrowed(authority)
    } else {
        Cow::Owned(format!("{authority}:{WSS_PORT}"))
    }
}

const WSS_PORT: u16 = 443;

impl BrokerAddress {
    /// `host:port`, as HTTP and its proxies name it.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.web_socket_path {
            None => f.write_str(&self.authority()),
            Some(path) => write!(f, "wss://{}{path}", self.authority()),
        }
    }
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS; the broker's certificate must come from these authorities, and no others.
    Tls {
        /// Certificates of the authorities, PEM.
        ca_pem: String,
    },
    /// None: for a broker on the same host.
    Plain,
}

/// All that a connection needs to know.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The client ID.
    pub client_id: String,
    /// The user name.
    pub user_name: String,
    /// The password.
    pub password: Secret,
    /// Tried in turn.
    pub brokers: Vec<BrokerAddress>,
    /// How the connection is protected.
    pub security: Security,
    /// The HTTP proxy to go through.
    pub proxy: Option<Proxy>,
    /// Longest silence towards the broker; full seconds.
    pub keep_alive: Duration,
}

impl ConnectOptions {
    /// How long an answer (PUBACK, PINGRESP) may take before the link counts as dead. With the
    /// three quarters of a keep alive that pass before a PINGREQ, a dead link is noticed
    /// within one and a quarter of the keep alive.
    #[must_use]
    pub fn answer_timeout(&self) -> Duration {
        self.keep_alive / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        let check = |text: &str| {
            let parsed = text.parse::<BrokerAddress>();
            parsed.map(|a| a.to_string()).map_err(|e| e.to_string())
        };
        assert_eq!(check("mq.example:8883"), Ok("mq.example:8883".into()));
        assert_eq!(check("[::1]:8883"), Ok("[::1]:8883".into()));
        let with_port = check("wss://mq.example:8443/mqtt");
        assert_eq!(with_port, Ok("wss://mq.example:8443/mqtt".into()));
        let without = check("wss://mq.example/mqtt");
        assert_eq!(without, Ok("wss://mq.example:443/mqtt".into()));
        let six = check("wss://[fd00::1]/a/b");
        assert_eq!(six, Ok("wss://[fd00::1]:443/a/b".into()));
        for bad in [
            "wss://mq.example",
            "wss:///mqtt",
            "wss://mq.example/m qtt",
            "wss://mq.example/mqtt?a",
            "https://mq.example/mqtt",
            "mq.example",
            "mq.example:0",
            ":8883",
            "::1:8883",
            "a b:1",
            "http://a:1",
            "a:65536",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
