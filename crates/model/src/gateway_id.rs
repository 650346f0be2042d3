//! Ids of gateways: `gw-` and eight characters that are easy to read out.

use std::{fmt, str::FromStr};

use rand::Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{DeviceId, client_id::text_type};

/// Lower case letters and digits without those that look alike (0 o 1 l i).
const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
const RANDOM_LEN: usize = 8;
const LEN_MAX: usize = 32;

/// Why a gateway id is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("gateway id `{0}` must be gw- and 1 to 29 lower case letters, digits or `-`")]
pub struct GatewayIdError(String);

/// One gateway; also the device id of its MQTT client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GatewayId(Box<str>);
text_type!(GatewayId);

impl GatewayId {
    /// A new id, unique for all practical purposes (31^8).
    pub fn random(rng: &mut impl Rng) -> Self {
        let tail: String = (0..RANDOM_LEN)
            .filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())))
            .map(|&b| char::from(b))
            .collect();
        Self(format!("gw-{tail}").into())
    }

    /// The same word as a device id.
    #[must_use]
    pub fn to_device_id(&self) -> DeviceId {
        self.0
            .parse()
            .expect("a gateway id follows the rule of device ids")
    }
}

impl FromStr for GatewayId {
    type Err = GatewayIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let tail = text.strip_prefix("gw-").unwrap_or_default();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !tail.is_empty() && text.len() <= LEN_MAX && tail.bytes().all(plain) {
            Ok(Self(text.into()))
        } else {
            Err(GatewayIdError(text.to_owned()))
        }
    }
}
