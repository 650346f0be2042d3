//! Which shares of an intent can stand side by side.

use std::collections::{BTreeMap, BTreeSet};

use model::{BucketSettings, ErrorCode, Failure, Intent, ShareName, ShareSettings};

use crate::limits::SHARES_MAX;

/// An intent, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Plan<'a> {
    /// To be served.
    pub(crate) shares: Vec<&'a ShareSettings>,
    /// Not to be served, and why.
    pub(crate) refused: BTreeMap<ShareName, Failure>,
}

/// Refuses what would fight with a share before it in the document.
pub(crate) fn plan(intent: &Intent) -> Plan<'_> {
    let mut plan = Plan::default();
    let mut names = BTreeSet::new();
    for share in &intent.shares {
        if !names.insert(&share.name) {
            // The first of that name is served, and reported.
            continue;
        }
        let rival = plan
            .shares
            .iter()
            .find(|other| overlaps(&other.bucket, &share.bucket));
        let failure = if let Some(rival) = rival {
            let text = format!(
                "its bucket and prefix overlap with those of share `{}`; give it another prefix",
                rival.name
            );
            Failure::new(ErrorCode::PrefixOverlap, text)
        } else if plan.shares.len() >= SHARES_MAX {
            let text = format!("a gateway serves at most {SHARES_MAX} shares");
            Failure::new(ErrorCode::InvalidArgument, text)
        } else {
            plan.shares.push(share);
            continue;
        };
        plan.refused.insert(share.name.clone(), failure);
    }
    plan
}

/// Whether two shares would hold some of the same objects.
pub(crate) fn overlaps(a: &BucketSettings, b: &BucketSettings) -> bool {
    let place = |s: &BucketSettings| {
        (
            s.endpoint.trim_end_matches('/').to_owned(),
            s.bucket.clone(),
        )
    };
    place(a) == place(b) && (a.prefix.starts_with(&b.prefix) || b.prefix.starts_with(&a.prefix))
}
