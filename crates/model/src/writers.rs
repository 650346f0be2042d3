//! Who else writes to a share's part of the bucket, and who wins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What becomes of a file that was changed both here and in the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// The local copy moves to `.conflicts/`; the bucket's takes its place.
    #[default]
    KeepBoth,
    /// The bucket's content takes the file's place; the local change is dropped.
    BucketWins,
    /// The local content overwrites the object.
    GatewayWins,
}

/// Which gateways may write below a bucket's prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Writers {
    /// One: it holds a lease; another gateway's share is read only until the lease is free.
    #[default]
    One,
    /// Several, without a lease; conflicts are settled by their policy.
    Many,
    /// None through this share: it is read only.
    None,
}
