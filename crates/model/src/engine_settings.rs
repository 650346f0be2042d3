//! How a share's engine works: its mode, what becomes of deletes, and how bytes travel.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use crate::Bandwidth;

/// Where the files of a share are, and when a write is safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShareMode {
    /// What was used lately is in the cache; changes go to the bucket behind the writer.
    #[default]
    Cache,
    /// All files are in the cache, too.
    Replication,
    /// A commit returns when the bytes are in the bucket.
    WriteThrough,
}

/// How the store encrypts what it keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ServerEncryption {
    /// As the bucket says.
    #[default]
    BucketDefault,
    /// With keys of the store's own (AES-256).
    StoreKeys,
    /// With a key of the key service.
    KeyService {
        /// Which; that of the account's by default.
        #[serde(default)]
        key_id: Option<String>,
    },
}

/// How files go to the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadLimits {
    /// A file that never rests is uploaded this long after its first change, in milliseconds.
    #[serde(default = "default_rest_max_ms")]
    pub rest_max_ms: u64,
    /// Larger files go in parts of at least this length: whole MiB, 5 or more.
    #[serde(default = "default_part_bytes")]
    pub part_bytes: u64,
    /// Requests that change the bucket, at a time, at most; how many there are the store decides.
    #[serde(default = "default_requests_max")]
    pub requests_max: u32,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            rest_max_ms: default_rest_max_ms(),
            part_bytes: default_part_bytes(),
            requests_max: default_requests_max(),
        }
    }
}

const fn default_rest_max_ms() -> u64 {
    60_000
}

const fn default_part_bytes() -> u64 {
    8 << 20
}

const fn default_requests_max() -> u32 {
    256
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineSettings {
    /// Where the files are, and when a write is safe.
    #[serde(default)]
    pub mode: ShareMode,
    /// Whether objects stay when clients delete their files.
    #[serde(default)]
    pub ignore_delete: bool,
    /// How the store encrypts what this share puts.
    #[serde(default)]
    pub encryption: ServerEncryption,
    /// What may go over the line, and what clients may write and read.
    #[serde(default)]
    pub bandwidth: Bandwidth,
    /// How files go to the bucket.
    #[serde(default)]
    pub uploads: UploadLimits,
    /// A directory that somebody opens is looked up in the bucket if that was not done for so many
    /// seconds; 0 = never.
    #[serde(default)]
    pub refresh_after_s: u64,
}

/// Why settings of an engine are refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EngineSettingsError {
    /// S3 takes no shorter parts, and a part is in memory while it goes.
    #[error("parts must have 5 to 64 MiB, in whole MiB, not {0} bytes")]
    PartBytes(u64),
    /// None would be no upload at all.
    #[error("1 to 1,024 requests can go at a time, not {0}")]
    Requests(u32),
    /// Longer would be a loss waiting to happen.
    #[error("a file can wait at most a day for its upload, not {0} ms")]
    Rest(u64),
    /// They are looked through for each body.
    #[error("a week has at most 32 windows, not {0}")]
    Windows(usize),
    /// A day has 1,440 minutes.
    #[error("window {0} must have days, begin before minute 1,440 and end by then")]
    Window(usize),
    /// No place on Earth has another.
    #[error("the clock can be up to 14 hours from UTC, not {0} minutes")]
    Offset(i16),
    /// Uploads would never end.
    #[error("a limit must be 0 (none) or at least 16 KiB a second, not {0}")]
    Limit(u64),
    /// Then the look at the whole bucket comes first.
    #[error("a directory can be a day old at most before it is looked up, not {0} s")]
    Refresh(u64),
    /// A header cannot have it.
    #[error("the id of an encryption key has 1 to 256 printable characters without spaces")]
    KeyId,
}

const MIB: u64 = 1 << 20;
const PART_BYTES_MIN: u64 = 5 * MIB;
const PART_BYTES_MAX: u64 = 64 * MIB;
const REQUESTS_MAX: u32 = 1_024;
const REST_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
const REFRESH_S_MAX: u64 = 24 * 60 * 60;
const KEY_ID_LEN_MAX: usize = 256;

impl EngineSettings {
    /// Whether an engine can work like that.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn check(&self) -> Result<(), EngineSettingsError> {
        let UploadLimits {
            rest_max_ms,
            part_bytes,
            requests_max,
        } = self.uploads;
        if !(PART_BYTES_MIN..=PART_BYTES_MAX).contains(&part_bytes) || part_bytes % MIB != 0 {
            return Err(EngineSettingsError::PartBytes(part_bytes));
        }
        if !(1..=REQUESTS_MAX).contains(&requests_max) {
            return Err(EngineSettingsError::Requests(requests_max));
        }
        if rest_max_ms > REST_MS_MAX {
            return Err(EngineSettingsError::Rest(rest_max_ms));
        }
        if self.refresh_after_s > REFRESH_S_MAX {
            return Err(EngineSettingsError::Refresh(self.refresh_after_s));
        }
        self.encryption.check()?;
        self.bandwidth.check()
    }
}

impl ServerEncryption {
    fn check(&self) -> Result<(), EngineSettingsError> {
        let Self::KeyService { key_id: Some(id) } = self else {
            return Ok(());
        };
        let is_plain = id.bytes().all(|b| b.is_ascii_graphic());
        ((1..=KEY_ID_LEN_MAX).contains(&id.len()) && is_plain)
            .then_some(())
            .ok_or(EngineSettingsError::KeyId)
    }
}

#[cfg(test)]
mod tests {
    use EngineSettingsError as E;

    use super::*;
    use crate::bandwidth::tests::nights;

    #[test]
    fn what_no_engine_can_do_is_refused_with_what_can_be() {
        let refused = |change: &dyn Fn(&mut EngineSettings)| {
            let mut settings = EngineSettings {
                bandwidth: nights(0),
                ..EngineSettings::default()
            };
            assert_eq!(settings.check(), Ok(()));
            change(&mut settings);
            settings.check().unwrap_err()
        };
        assert_eq!(refused(&|s| s.uploads.part_bytes = 1), E::PartBytes(1));
        assert_eq!(refused(&|s| s.uploads.requests_max = 0), E::Requests(0));
        let day = REST_MS_MAX + 1;
        assert_eq!(refused(&|s| s.uploads.rest_max_ms = day), E::Rest(day));
        let key = |key_id: &str| ServerEncryption::KeyService {
            key_id: Some(key_id.into()),
        };
        assert_eq!(refused(&|s| s.encryption = key("a\nb")), E::KeyId);
        assert_eq!(
            refused(&|s| s.bandwidth.windows[1].days.clear()),
            E::Window(2)
        );
        assert_eq!(
            refused(&|s| s.bandwidth.windows[0].to_minute = 1_441),
            E::Window(1)
        );
        assert_eq!(
            refused(&|s| s.bandwidth.utc_offset_minutes = 900),
            E::Offset(900)
        );
        let slow = |s: &mut EngineSettings| s.bandwidth.limits.download_bytes_per_s = 1;
        assert_eq!(refused(&slow), E::Limit(1));
        assert_eq!(
            refused(&|s| s.bandwidth.windows[0].limits.read_bytes_per_s = 1),
            E::Limit(1)
        );
        let days = 2 * REFRESH_S_MAX;
        assert_eq!(refused(&|s| s.refresh_after_s = days), E::Refresh(days));
        let many = |s: &mut EngineSettings| {
            let window = s.bandwidth.windows[0].clone();
            s.bandwidth.windows = vec![window; 33];
        };
        assert_eq!(refused(&many), E::Windows(33));
    }

    #[test]
    fn settings_of_before_are_read_as_the_defaults() {
        let read: EngineSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(read, EngineSettings::default());
    }
}
