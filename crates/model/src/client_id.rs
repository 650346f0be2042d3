//! Client IDs: `<Group ID>@@@<Device ID>`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Length of a whole client ID, set by the queue's rules.
pub const CLIENT_ID_LEN_MAX: usize = 64;
const GROUP_ID_LEN_MIN: usize = 7;
const SEPARATOR: &str = "@@@";

/// Why a client ID, Group ID or Device ID is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientIdError {
    /// Longer than the queue allows.
    #[error("client ID has {len} characters; at most {CLIENT_ID_LEN_MAX} are allowed")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// No `@@@` between group and device.
    #[error("client ID `{0}` must read <Group ID>@@@<Device ID>")]
    NoSeparator(String),
    /// The group part breaks its rule.
    #[error(
        "Group ID `{0}` must start with GID_ or GID- and have at least 7 letters, digits, `-` or `_`"
    )]
    BadGroup(String),
    /// The device part breaks its rule.
    #[error("Device ID `{0}` must be one or more letters, digits, `-` or `_`")]
    BadDevice(String),
}

/// Group and device, at the first separator: no group has an `@`. Byte by byte, as the texts are
/// too short for a search to pay.
fn split(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == b'@')?;
    let (group, rest) = text.split_at(at);
    rest.strip_prefix(SEPARATOR).map(|device| (group, device))
}

/// Whether it is made of letters, digits, `-` and `_`, of one of them at least.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_name_byte)
}

/// By a table, since each message has a name or two.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    NAME_BYTES.get(usize::from(byte)).is_some_and(|is| *is)
}

static NAME_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut rest = table.as_mut_slice();
    let mut byte = 0_u8;
    while let [is, behind @ ..] = rest {
        *is = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        rest = behind;
        byte = byte.wrapping_add(1);
    }
    table
};

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.into()
            }
        }
        impl TryFrom<String> for $name {
            type Error = <$name as FromStr>::Err;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}
pub(crate) use text_type;

/// A group of clients of one role and region, `GID_…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupId(Box<str>);
text_type!(GroupId);

impl GroupId {
    fn check(text: &str) -> Result<(), ClientIdError> {
        let prefixed = text.starts_with("GID_") || text.starts_with("GID-");
        let sized = (GROUP_ID_LEN_MIN..=CLIENT_ID_LEN_MAX).contains(&text.len());
        if prefixed && sized && is_name(text) {
            Ok(())
        } else {
            Err(ClientIdError::BadGroup(text.to_owned()))
        }
    }
}

impl FromStr for GroupId {
    type Err = ClientIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::check(text).map(|()| Self(text.into()))
    }
}

/// One device within its group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId(Box<str>);
text_type!(DeviceId);

impl DeviceId {
    fn check(text: &str) -> Result<(), ClientIdError> {
        if is_name(text) && text.len() < CLIENT_ID_LEN_MAX {
            Ok(())
        } else {
            Err(ClientIdError::BadDevice(text.to_owned()))
        }
    }
}

impl FromStr for DeviceId {
    type Err = ClientIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::check(text).map(|()| Self(text.into()))
    }
}

/// A client of the message queue. One allocation; group and device are slices of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Box<str>);
text_type!(ClientId);

impl ClientId {
    /// From its two parts.
    ///
    /// # Errors
    /// The whole is longer than [`CLIENT_ID_LEN_MAX`].
    pub fn new(group: &GroupId, device: &DeviceId) -> Result<Self, ClientIdError> {
        format!("{group}{SEPARATOR}{device}").parse()
    }

    /// Whether `text` is a client ID: the same as to parse it, without an allocation.
    ///
    /// # Errors
    /// Why it is none.
    pub fn check(text: &str) -> Result<(), ClientIdError> {
        if text.len() > CLIENT_ID_LEN_MAX {
            return Err(ClientIdError::TooLong { len: text.len() });
        }
        let Some((group, device)) = split(text) else {
            return Err(ClientIdError::NoSeparator(text.to_owned()));
        };
        GroupId::check(group)?;
        DeviceId::check(device)
    }

    /// The part before `@@@`.
    #[must_use]
    pub fn group(&self) -> &str {
        split(&self.0).map_or("", |(group, _)| group)
    }

    /// The part after `@@@`.
    #[must_use]
    pub fn device(&self) -> &str {
        split(&self.0).map_or("", |(_, device)| device)
    }
}

impl FromStr for ClientId {
    type Err = ClientIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::check(text).map(|()| Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_group_separator_device() {
        let id: ClientId = "GID_csg@@@gw-7f3k2m9q".parse().unwrap();
        assert_eq!((id.group(), id.device()), ("GID_csg", "gw-7f3k2m9q"));
    }

    #[test]
    fn what_breaks_the_rule_is_refused_with_its_reason() {
        let check = |text: &str| text.parse::<ClientId>().unwrap_err().to_string();
        let long = format!("GID_csg@@@{}", "d".repeat(55));
        assert_eq!(long.len(), 65);
        assert!(check(&long).contains("65 characters"));
        assert!(check("GID_csg").contains("@@@"));
        assert!(check("csg@@@x").contains("GID_"));
        assert!(check("GID_csg@@@a/b").contains("Device ID"));
        assert!(check("GID_csg@@@").contains("Device ID"));
    }
}
