//! Rates from two reports: counters only grow while a gateway runs.

use std::{collections::BTreeMap, time::Duration};

use model::{GatewayStatus, ShareName, ShareStatus};

use crate::api::Rates;

/// Reports that are closer than this are not compared: the noise would be larger than the rate.
const APART_MIN: Duration = Duration::from_millis(500);

/// The rates of each share between two reports, if they can be compared.
pub(crate) fn between(
    before: &GatewayStatus,
    after: &GatewayStatus,
) -> Option<BTreeMap<ShareName, Rates>> {
    let apart = after.at.since(before.at);
    if before.started_at != after.started_at || apart < APART_MIN {
        return None;
    }
    let rates = after.shares.iter().filter_map(|now| {
        let then = before.shares.iter().find(|s| s.name == now.name)?;
        Some((now.name.clone(), of_share(then, now, apart)))
    });
    Some(rates.collect())
}

fn of_share(then: &ShareStatus, now: &ShareStatus, apart: Duration) -> Rates {
    let rate = |then: u64, now: u64| per_second(now.saturating_sub(then), apart);
    Rates {
        upload_bytes_per_s: rate(then.uploaded_bytes, now.uploaded_bytes),
        download_bytes_per_s: rate(then.downloaded_bytes, now.downloaded_bytes),
        read_bytes_per_s: rate(then.read_bytes, now.read_bytes),
        write_bytes_per_s: rate(then.written_bytes, now.written_bytes),
    }
}

fn per_second(amount: u64, apart: Duration) -> u64 {
    let per_second = u128::from(amount) * 1_000 / apart.as_millis().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}
