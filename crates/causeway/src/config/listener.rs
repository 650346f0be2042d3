//! One listener of `causeway broker`: as the file and flags say it, and checked.

use std::{collections::HashSet, net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use mqtt_broker::{ClientAuthentication, ListenerLimits, Rate};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// As the file says it; the flag says the same as `name=…,protocol=…,address=…`, and repeats a
/// word for each value of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawListener {
    pub(crate) name: Option<String>,
    pub(crate) protocol: Option<String>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) path: Option<String>,
    pub(crate) balancers: Vec<String>,
    pub(crate) certificates: Vec<PathBuf>,
    pub(crate) keys: Vec<PathBuf>,
    pub(crate) client_certificates: Option<String>,
    pub(crate) client_ca: Option<PathBuf>,
    pub(crate) kernel_tls: Option<bool>,
    pub(crate) connections_max: Option<usize>,
    pub(crate) connect_rate: Option<u32>,
    pub(crate) connect_burst: Option<u32>,
    pub(crate) handshake_timeout_s: Option<u64>,
}

/// Checked.
#[derive(Clone, Debug)]
pub(crate) struct ListenerSettings {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) web_socket_path: Option<String>,
    pub(crate) balancers: Vec<IpNet>,
    pub(crate) limits: ListenerLimits,
    pub(crate) tls: Option<TlsFiles>,
}

/// Where the certificates of a listener are.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// Certificate chain and key; none for the broker's own.
    pub(crate) pairs: Vec<(PathBuf, PathBuf)>,
    pub(crate) client_authentication: ClientAuthentication,
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether the kernel makes and opens the records, where it can.
    pub(crate) kernel: bool,
}

impl TlsFiles {
    /// No files: the broker's own certificate, and clients as the registry says.
    pub(crate) const fn own() -> Self {
        Self {
            pairs: Vec::new(),
            client_authentication: ClientAuthentication::Optional,
            client_ca: None,
            kernel: false,
        }
    }
}

/// Listeners of one broker.
const LISTENERS_MAX: usize = 64;
/// Certificates of one listener: a client is shown the first that fits.
const CERTIFICATES_MAX: usize = 64;
/// Names that `tls_address` and `address` take.
const TAKEN: [&str; 2] = ["tls", "tcp"];
const WEB_SOCKET_PATH: &str = "/mqtt";

/// The value of one flag, or of one part of the environment variable.
pub(super) fn parse_flag(text: &str) -> Result<RawListener, String> {
    let mut raw = RawListener::default();
    for part in text.split(',') {
        let (word, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` is not a word, `=` and a value"))?;
        set(&mut raw, word.trim(), value.trim()).map_err(|e| format!("`{word}`: {e}"))?;
    }
    Ok(raw)
}

fn set(raw: &mut RawListener, word: &str, value: &str) -> Result<(), String> {
    match word {
        "name" => raw.name = Some(value.to_owned()),
        "protocol" => raw.protocol = Some(value.to_owned()),
        "address" => raw.address = Some(number(value)?),
        "path" => raw.path = Some(value.to_owned()),
        "balancer" => raw.balancers.push(value.to_owned()),
        "certificate" => raw.certificates.push(value.into()),
        "key" => raw.keys.push(value.into()),
        "client_certificates" => raw.client_certificates = Some(value.to_owned()),
        "client_ca" => raw.client_ca = Some(value.into()),
        "kernel_tls" => raw.kernel_tls = Some(number(value)?),
        "connections_max" => raw.connections_max = Some(number(value)?),
        "connect_rate" => raw.connect_rate = Some(number(value)?),
        "connect_burst" => raw.connect_burst = Some(number(value)?),
        "handshake_timeout_s" => raw.handshake_timeout_s = Some(number(value)?),
        _ => return Err("no such setting of a listener".to_owned()),
    }
    Ok(())
}

fn number<T: std::str::FromStr<Err: std::fmt::Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|e: T::Err| format!("{value}: {e}"))
}

/// A network, or one address.
fn net(value: &str) -> Result<IpNet, String> {
    let one = value.parse::<std::net::IpAddr>().map(IpNet::from);
    one.or_else(|_| value.parse())
        .map_err(|e: ipnet::AddrParseError| format!("{value}: {e}"))
}

/// All of them, each with a name of its own.
pub(super) fn check_all(raw: Vec<RawListener>) -> Result<Vec<ListenerSettings>, ConfigError> {
    if raw.len() > LISTENERS_MAX {
        return Err(wrong("*", &format!("there may be {LISTENERS_MAX} at most")));
    }
    let mut names: HashSet<String> = TAKEN.map(str::to_owned).into();
    let mut checked = Vec::with_capacity(raw.len());
    for raw in raw {
        let name = name_of(&raw)?;
        if !names.insert(name.clone()) {
            return Err(wrong(
                &name,
                "another listener has this name; give it a `name` of its own",
            ));
        }
        checked.push(check(raw, name)?);
    }
    Ok(checked)
}

/// By its protocol, if it has none: most have one of each.
fn name_of(raw: &RawListener) -> Result<String, ConfigError> {
    let name = raw.name.as_ref().or(raw.protocol.as_ref());
    let name = name.ok_or_else(|| wrong("?", "it needs a name and a protocol"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(wrong(
            name,
            "a name has 1 to 64 letters, digits, `-` and `_`",
        ));
    }
    Ok(name.clone())
}

fn check(raw: RawListener, name: String) -> Result<ListenerSettings, ConfigError> {
    let (tls, web) = match raw.protocol.as_deref() {
        Some("tcp") => (false, false),
        Some("tls") => (true, false),
        Some("ws") => (false, true),
        Some("wss") => (true, true),
        _ => return Err(wrong(&name, "its protocol must be tcp, tls, ws or wss")),
    };
    let address = raw
        .address
        .ok_or_else(|| wrong(&name, "it needs an address"))?;
    if raw.path.is_some() && !web {
        return Err(wrong(&name, "only a WebSocket has a path"));
    }
    let limits = limits(&raw, &name)?;
    let tls_words = !raw.certificates.is_empty()
        || !raw.keys.is_empty()
        || raw.client_ca.is_some()
        || raw.client_certificates.is_some()
        || raw.kernel_tls.is_some();
    if tls_words && !tls {
        return Err(wrong(
            &name,
            "certificates and kernel_tls need protocol tls or wss",
        ));
    }
    let web_socket_path = web.then(|| raw.path.clone().unwrap_or_else(|| WEB_SOCKET_PATH.into()));
    if web_socket_path
        .as_ref()
        .is_some_and(|p| !p.starts_with('/'))
    {
        return Err(wrong(&name, "its path must begin with `/`"));
    }
    let balancers = raw.balancers.iter().map(|text| net(text));
    let balancers: Result<_, String> = balancers.collect();
    Ok(ListenerSettings {
        address,
        web_socket_path,
        balancers: balancers.map_err(|reason| wrong(&name, &reason))?,
        limits,
        tls: tls.then(|| tls_files(raw, &name)).transpose()?,
        name,
    })
}

fn limits(raw: &RawListener, name: &str) -> Result<ListenerLimits, ConfigError> {
    let mut limits = ListenerLimits::default();
    if let Some(max) = raw.connections_max {
        limits.connections_max = max;
    }
    if let Some(seconds) = raw.handshake_timeout_s {
        if !(1..=300).contains(&seconds) {
            return Err(wrong(name, "handshake_timeout_s must be 1 to 300"));
        }
        limits.handshake_timeout = Duration::from_secs(seconds);
    }
    limits.connect_rate = match (raw.connect_rate, raw.connect_burst) {
        (None, None) => None,
        (None, Some(_)) => return Err(wrong(name, "connect_burst needs connect_rate")),
        (Some(0), _) | (_, Some(0)) => {
            return Err(wrong(name, "a rate or burst of 0 would let nobody in"));
        }
        (Some(per_second), burst) => Some(Rate {
            per_second,
            burst: burst.unwrap_or(per_second),
        }),
    };
    Ok(limits)
}

fn tls_files(raw: RawListener, name: &str) -> Result<TlsFiles, ConfigError> {
    if raw.certificates.len() != raw.keys.len() {
        return Err(wrong(name, "each certificate needs its key"));
    }
    if raw.certificates.len() > CERTIFICATES_MAX {
        return Err(wrong(name, "it has too many certificates"));
    }
    let client_authentication = match raw.client_certificates.as_deref() {
        // Only once an authority is registered is anybody asked.
        None | Some("optional") => ClientAuthentication::Optional,
        Some("none") => ClientAuthentication::None,
        Some("required") => ClientAuthentication::Required,
        Some(_) => {
            let text = "client_certificates must be none, optional or required";
            return Err(wrong(name, text));
        }
    };
    Ok(TlsFiles {
        pairs: raw.certificates.into_iter().zip(raw.keys).collect(),
        client_authentication,
        client_ca: raw.client_ca,
        kernel: raw.kernel_tls.unwrap_or(false),
    })
}

fn wrong(name: &str, reason: &str) -> ConfigError {
    ConfigError::invalid("listeners", &format!("`{name}`: {reason}"))
}
