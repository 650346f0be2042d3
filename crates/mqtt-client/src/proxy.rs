//! HTTP proxies: a tunnel by CONNECT (RFC 9110, 9.3.6).

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use model::Secret;
use thiserror::Error;

use crate::{BrokerAddress, limits::PROXY_HEAD_LEN_MAX};

/// An HTTP proxy, `http://[user:password@]host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it listens.
    pub address: BrokerAddress,
    login: Option<(String, Secret)>,
}

/// Why a proxy's URL is refused. It does not repeat the URL, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a proxy must read http://[user:password@]host:port")]
pub struct ProxyError;

impl FromStr for Proxy {
    type Err = ProxyError;
    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let rest = url.strip_prefix("http://").ok_or(ProxyError)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, address) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, address)) => {
                let (user, password) = login.split_once(':').ok_or(ProxyError)?;
                let password = Secret::new(percent_decode(password)?);
                (Some((percent_decode(user)?, password)), address)
            }
        };
        let address: BrokerAddress = address.parse().ok().ok_or(ProxyError)?;
        if address.web_socket_path.is_some() {
            return Err(ProxyError);
        }
        Ok(Self { address, login })
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.address)
    }
}

impl Proxy {
    /// The request for a tunnel to `broker`.
    pub(crate) fn request(&self, broker: &BrokerAddress) -> String {
        let broker = broker.authority();
        let mut request = format!("CONNECT {broker} HTTP/1.1\r\nHost: {broker}\r\n");
        if let Some((user, password)) = &self.login {
            let login = STANDARD.encode(format!("{user}:{}", password.expose()));
            request.push_str("Proxy-Authorization: Basic ");
            request.push_str(&login);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        request
    }
}

/// What a proxy has answered so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Its head is not complete.
    Incomplete,
    /// The tunnel stands.
    Open,
    /// There is no tunnel; the first line says why.
    Refused(String),
}

/// Reads the head of an answer. The broker speaks only after us, so nothing may follow it.
pub(crate) fn parse_answer(bytes: &[u8]) -> Answer {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        if bytes.len() >= PROXY_HEAD_LEN_MAX {
            return Answer::Refused("its answer is too long".into());
        }
        return Answer::Incomplete;
    };
    let line = bytes.split(|&b| b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let http = words.next().is_some_and(|w| w.starts_with("HTTP/1."));
    let status = words.next().unwrap_or_default();
    let success = status.len() == 3 && status.starts_with('2');
    if !http || !success {
        return Answer::Refused(line.chars().filter(|c| !c.is_control()).take(200).collect());
    }
    if end.saturating_add(4) != bytes.len() {
        return Answer::Refused("it sent data of its own into the tunnel".into());
    }
    Answer::Open
}

fn percent_decode(text: &str) -> Result<String, ProxyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let (code, tail) = tail.split_at_checked(2).ok_or(ProxyError)?;
        let code = std::str::from_utf8(code).ok().ok_or(ProxyError)?;
        bytes.push(u8::from_str_radix(code, 16).ok().ok_or(ProxyError)?);
        rest = tail;
    }
    let text = String::from_utf8(bytes).ok().ok_or(ProxyError)?;
    if text.contains(char::is_control) {
        return Err(ProxyError);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_carries_the_login_and_debug_does_not() {
        let proxy: Proxy = "http://me:p%40ss@proxy.example:3128/".parse().unwrap();
        let request = proxy.request(&"mq.example:8883".parse().unwrap());
        assert_eq!(
            request,
            "CONNECT mq.example:8883 HTTP/1.1\r\nHost: mq.example:8883\r\n\
             Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
        );
        assert_eq!(format!("{proxy:?}"), "Proxy(proxy.example:3128)");
    }

    #[test]
    fn only_http_urls_with_a_port_are_proxies() {
        for bad in [
            "proxy:3128",
            "https://proxy:1",
            "http://proxy",
            "http://me@proxy:1",
            "http://a:%0d@b:1",
        ] {
            assert_eq!(bad.parse::<Proxy>(), Err(ProxyError), "{bad}");
        }
    }

    #[test]
    fn an_answer_is_read_to_its_end() {
        let check = |text: &str| parse_answer(text.as_bytes());
        assert_eq!(check("HTTP/1.1 200 OK\r\nVia: x\r\n"), Answer::Incomplete);
        assert_eq!(check("HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"), Answer::Open);
        assert_eq!(
            check("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
            Answer::Refused("HTTP/1.1 407 Proxy Authentication Required".into())
        );
        assert!(matches!(
            check("HTTP/1.0 200 \r\n\r\nx"),
            Answer::Refused(_)
        ));
        assert!(matches!(check("SSH-2.0-x\r\n\r\n"), Answer::Refused(_)));
        assert!(matches!(
            check(&"x".repeat(PROXY_HEAD_LEN_MAX)),
            Answer::Refused(_)
        ));
    }
}
