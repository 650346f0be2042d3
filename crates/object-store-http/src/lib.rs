//! The object store port over HTTP: Amazon S3, whatever speaks it, and Alibaba Cloud OSS.
//!
//! Not here: when to call (`object-fs`), retrying for ever (the engine does; here a call is
//! tried a few times over a few seconds and then answers [`StoreErrorKind::Unavailable`]).
//! Invariant: memory of a put is bounded by [`limits`], whatever the object's size.
//! Invariant: a key is sent as it is, byte for byte, under the share's prefix.
//! Start at [`open`], then `store.rs`. Tested by `tests/store.rs` against `s3-server`, by
//! `tests/faults.rs` against a server that lies, and by unit tests of each dialect's words.
//!
//! # Why not an `opendal::Operator`
//! Requests are our own, signed by the crates that opendal signs with (reqsign). Its operator
//! (read at 0.59.5) changes keys (white space trimmed, `//` made one), refuses to write a key
//! that ends in `/`, which a directory marker with attributes is, drops user metadata and
//! content type from a multipart copy, and has one error for a missing key and a missing bucket.
//!
//! [`StoreErrorKind::Unavailable`]: object_store::StoreErrorKind::Unavailable

#![forbid(unsafe_code)]

mod answer;
mod check;
mod checksum;
mod conditions;
mod config;
mod copy;
mod credentials;
mod dialect;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod limits;
mod list;
mod multipart;
mod part;
mod put;
mod read;
mod remote;
mod request;
mod signer;
mod store;
#[cfg(test)]
mod testing;
mod time;
mod xml;

use std::{sync::Arc, time::Duration};

use model::{BucketSettings, ServerEncryption};
use object_store::{ObjectStore, StoreError, StoreErrorKind};

pub use credentials::{AccessKeys, ReplaceableKeys};
pub use remote::Patience;

/// Opens a bucket. Nothing is sent yet: [`ObjectStore::check`] does that.
///
/// # Errors
/// The settings cannot be right: no endpoint, a bucket name that is none, and the like.
pub fn open(settings: &BucketSettings) -> Result<Arc<dyn ObjectStore>, StoreError> {
    open_with(settings, Patience::default())
}

/// Opens a bucket with other time-outs than usual.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    settings: &BucketSettings,
    patience: Patience,
) -> Result<Arc<dyn ObjectStore>, StoreError> {
    open_as(
        settings,
        OpenOptions {
            patience,
            ..OpenOptions::default()
        },
    )
}

/// What an opened bucket is like beyond its settings.
#[derive(Debug, Default)]
pub struct OpenOptions {
    /// Time-outs and attempts.
    pub patience: Patience,
    /// How the store encrypts what is put.
    pub encryption: ServerEncryption,
    /// Keys instead of those of the settings; requests wait for some while there are none.
    pub keys: Option<Arc<ReplaceableKeys>>,
}

/// Opens a bucket with all that can be said of it.
///
/// # Errors
/// As [`open`].
pub fn open_as(
    settings: &BucketSettings,
    options: OpenOptions,
) -> Result<Arc<dyn ObjectStore>, StoreError> {
    let config = config::Config::parse(settings, options.encryption)?;
    let keys = match options.keys {
        Some(keys) => keys,
        None if settings.lacks_keys() => {
            let message = "access key id and secret access key must be given";
            return Err(StoreError::new(StoreErrorKind::Other, message));
        }
        None => {
            // Nobody will replace them: nothing to wait for.
            let clock = options.patience.clock.clone();
            ReplaceableKeys::new(AccessKeys::from(settings), Duration::ZERO, clock)
        }
    };
    let remote = remote::Remote::new(config, options.patience, keys)?;
    Ok(Arc::new(store::RemoteStore::new(remote)))
}
