//! The opening handshake (RFC 6455, 4): HTTP, once.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use httparse::{EMPTY_HEADER, Header, Request, Response, Status};
use sha1::{Digest as _, Sha1};
use thiserror::Error;

use crate::limits::{FIELDS_MAX, HEAD_LEN_MAX};

/// The subprotocol of MQTT (MQTT 5, 6.0-3).
pub const SUBPROTOCOL: &str = "mqtt";
/// RFC 6455, 1.3.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why there is no WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UpgradeError {
    /// Not HTTP, or too long.
    #[error("not a request that HTTP knows, or too long")]
    Malformed,
    /// Another path.
    #[error("there is nothing at this path")]
    Path,
    /// Not a request for a WebSocket of version 13.
    #[error("not a request for a WebSocket of version 13")]
    NoUpgrade,
    /// The client does not speak MQTT.
    #[error("the subprotocol mqtt was not offered")]
    Subprotocol,
    /// The server's answer.
    #[error("the server answered {0}")]
    Refused(u16),
    /// The server's answer does not fit the request.
    #[error("the server's answer does not fit the request")]
    Mismatch,
}

impl UpgradeError {
    /// The response for a client.
    #[must_use]
    pub const fn response(&self) -> &'static str {
        match self {
            Self::Malformed | Self::Refused(_) | Self::Mismatch => {
                "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::Subprotocol => {
                "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                 Content-Length: 36\r\n\r\nThe subprotocol must be \"mqtt\" here.\n"
            }
            Self::Path => {
                "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
            Self::NoUpgrade => {
                "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\
                 Content-Length: 0\r\n\r\n"
            }
        }
    }
}

/// A head that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Its length; frames follow.
    pub len: usize,
    /// The response that opens the WebSocket.
    pub response: String,
}

/// Reads a client's request for `path`; `None` if more of it must come.
///
/// # Errors
/// There will be no WebSocket; the client gets [`UpgradeError::response`].
pub fn parse_request(bytes: &[u8], path: &str) -> Result<Option<Accepted>, UpgradeError> {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut request = Request::new(&mut fields);
    let Some(len) = complete(request.parse(bytes), bytes)? else {
        return Ok(None);
    };
    let asked = request.path.unwrap_or_default();
    let asked = asked.split_once('?').map_or(asked, |(path, _)| path);
    if asked != path {
        return Err(UpgradeError::Path);
    }
    let is_get = request.method == Some("GET");
    let key = value(request.headers, "sec-websocket-key");
    let key = key.filter(|key| STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16));
    let upgrades = has_token(request.headers, "upgrade", "websocket")
        && has_token(request.headers, "connection", "upgrade")
        && value(request.headers, "sec-websocket-version") == Some("13");
    let (true, true, Some(key)) = (is_get, upgrades, key) else {
        return Err(UpgradeError::NoUpgrade);
    };
    if !has_token(request.headers, "sec-websocket-protocol", SUBPROTOCOL) {
        return Err(UpgradeError::Subprotocol);
    }
    let accept = accept_of(key);
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    );
    Ok(Some(Accepted { len, response }))
}

/// The key of a request, from 16 bytes that nobody can foresee.
#[must_use]
pub fn key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// A client's request for `path` of `host`.
#[must_use]
pub fn request(host: &str, path: &str, key: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    )
}

/// Reads a server's response to a request with `key`; gives its length, behind which frames
/// follow, or `None` if more of it must come.
///
/// # Errors
/// There will be no WebSocket.
pub fn parse_response(bytes: &[u8], key: &str) -> Result<Option<usize>, UpgradeError> {
    let mut fields = [EMPTY_HEADER; FIELDS_MAX];
    let mut response = Response::new(&mut fields);
    let Some(len) = complete(response.parse(bytes), bytes)? else {
        return Ok(None);
    };
    let code = response.code.unwrap_or_default();
    if code != 101 {
        return Err(UpgradeError::Refused(code));
    }
    let fits = has_token(response.headers, "upgrade", "websocket")
        && has_token(response.headers, "connection", "upgrade")
        && value(response.headers, "sec-websocket-accept") == Some(&accept_of(key))
        && value(response.headers, "sec-websocket-protocol") == Some(SUBPROTOCOL);
    if fits {
        Ok(Some(len))
    } else {
        Err(UpgradeError::Mismatch)
    }
}

fn complete(
    parsed: Result<Status<usize>, httparse::Error>,
    bytes: &[u8],
) -> Result<Option<usize>, UpgradeError> {
    match parsed {
        Ok(Status::Complete(len)) => Ok(Some(len)),
        Ok(Status::Partial) if bytes.len() < HEAD_LEN_MAX => Ok(None),
        Ok(Status::Partial) | Err(_) => Err(UpgradeError::Malformed),
    }
}

fn value<'h>(fields: &[Header<'h>], name: &str) -> Option<&'h str> {
    let field = fields.iter().find(|f| f.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(field.value).ok().map(str::trim)
}

/// Whether a list, which may be spread over several fields, names `token`.
fn has_token(fields: &[Header<'_>], name: &str, token: &str) -> bool {
    fields
        .iter()
        .filter(|f| f.name.eq_ignore_ascii_case(name))
        .filter_map(|f| std::str::from_utf8(f.value).ok())
        .flat_map(|list| list.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

fn accept_of(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(MAGIC.as_bytes());
    STANDARD.encode(hash.finalize())
}
