//! History of a gateway or share.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Series of points.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct History {
    /// Begin.
    pub(crate) from: u64,
    /// End.
    pub(crate) to: u64,
    /// Time between two points.
    pub(crate) step: u64,
    /// For each name its points: time and value. A time without data has no point.
    #[schema(value_type = BTreeMap<String, Vec<Vec<f64>>>)]
    pub(crate) series: BTreeMap<&'static str, Vec<(u64, f64)>>,
}
