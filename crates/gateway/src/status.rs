//! What the gateway reports that it is.

use std::{net::SocketAddr, path::PathBuf};

use clock::Clock;
use model::{
    CacheDiskStatus, Feature, GatewayId, GatewayStatus, ShareState, StatusMessage, Timestamp,
};
use parking_lot::Mutex;

use crate::{
    limits::{REASON_CHARS_MAX, STATUS_LEN_MAX},
    process,
    shares::Snapshot,
};

/// Where a status comes from.
#[derive(Debug)]
pub(crate) struct StatusSource {
    gateway: GatewayId,
    started_at: Timestamp,
    cache_dir: PathBuf,
    nfs: SocketAddr,
    advertised_host: Option<String>,
    /// Our address on the way to the message queue.
    local_address: Mutex<Option<SocketAddr>>,
    clock: Clock,
}

impl StatusSource {
    pub(crate) fn new(
        gateway: GatewayId,
        cache_dir: PathBuf,
        nfs: SocketAddr,
        advertised_host: Option<String>,
        clock: Clock,
    ) -> Self {
        let started_at = clock.wall();
        let local_address = Mutex::new(None);
        Self {
            gateway,
            started_at,
            cache_dir,
            nfs,
            advertised_host,
            local_address,
            clock,
        }
    }

    pub(crate) fn set_local_address(&self, address: Option<SocketAddr>) {
        *self.local_address.lock() = address;
    }

    /// The status now.
    pub(crate) fn read(&self, snapshot: &Snapshot) -> GatewayStatus {
        let cpu_ms = process::cpu_time().as_millis();
        fitting(GatewayStatus {
            gateway: self.gateway.clone(),
            at: self.clock.wall(),
            started_at: self.started_at,
            software_version: env!("CARGO_PKG_VERSION").to_owned(),
            features: Feature::ALL.map(|f| f.as_str().to_owned()).into(),
            intent_version: snapshot.report.version,
            nfs_address: self.nfs_address(),
            memory_bytes: process::memory_bytes(),
            cpu_ms: u64::try_from(cpu_ms).unwrap_or(u64::MAX),
            cache_disk: self.cache_disk(),
            shares: snapshot.statuses(),
        })
    }

    fn cache_disk(&self) -> CacheDiskStatus {
        process::disk(&self.cache_dir).unwrap_or_default()
    }

    /// Where clients reach us: as the host was told, else where we listen; if that is every
    /// address, the one that leads to the message queue.
    fn nfs_address(&self) -> String {
        let port = self.nfs.port();
        if let Some(host) = &self.advertised_host {
            return if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            };
        }
        let mut address = self.nfs;
        if let Some(local) = *self.local_address.lock()
            && address.ip().is_unspecified()
        {
            address.set_ip(local.ip());
        }
        address.to_string()
    }
}

/// A status that the queue takes: the words of errors are cut first, then the lists, as the
/// numbers of 128 shares always fit.
fn fitting(mut status: GatewayStatus) -> GatewayStatus {
    if fits(&status) {
        return status;
    }
    for share in &mut status.shares {
        share.last_upload_error = None;
        if let ShareState::Failed { reason } = &mut share.state {
            *reason = reason.chars().take(REASON_CHARS_MAX).collect();
        }
    }
    if !fits(&status) {
        for share in &mut status.shares {
            share.cache.lost.clear();
            share.cache.jobs.clear();
        }
    }
    status
}

fn fits(status: &GatewayStatus) -> bool {
    let json = serde_json::to_vec(&StatusMessage(status.clone()));
    json.is_ok_and(|json| json.len() <= STATUS_LEN_MAX)
}

#[cfg(test)]
mod tests {
    use model::{CacheStatus, ShareStatus};

    use super::*;
    use crate::{
        limits::SHARES_MAX,
        shares::{Line, LineState, tests::share},
    };

    #[test]
    fn a_status_of_all_shares_that_fail_fits_into_a_message() {
        let line = |n: usize| {
            let state = LineState::Failed("x".repeat(4_000));
            Line::new(&share(&format!("a{n:031}")), state)
        };
        let lines = (0..SHARES_MAX).map(line).collect();
        let snapshot = Snapshot {
            lines,
            ..Snapshot::default()
        };
        let status = source("127.0.0.1:1", None).read(&snapshot);
        assert!(fits(&status));
        assert_eq!(status.shares.len(), SHARES_MAX);
    }

    #[test]
    fn a_status_of_all_shares_at_work_fits_into_a_message() {
        let mut status = source("127.0.0.1:1", None).read(&Snapshot::default());
        let busy = |n: usize| {
            let name = format!("a{n:031}").parse().unwrap();
            let idle = ShareStatus::idle(name, ShareState::Serving, 1 << 48);
            let mut json = serde_json::to_value(&idle).unwrap();
            for (_, value) in json.as_object_mut().unwrap() {
                if value.is_u64() {
                    *value = (1_u64 << 48).into();
                }
            }
            let cache = CacheStatus {
                write_rate: 1 << 40,
                upload_rate: 1 << 40,
                full_in_ms: Some(1 << 40),
                lost: vec!["x".repeat(1_000)],
                ..CacheStatus::default()
            };
            ShareStatus {
                cache,
                ..serde_json::from_value(json).unwrap()
            }
        };
        status.shares = (0..SHARES_MAX).map(busy).collect();
        let status = fitting(status);
        assert!(fits(&status));
        assert_eq!(status.shares.len(), SHARES_MAX);
    }

    fn source(listen: &str, advertised: Option<&str>) -> StatusSource {
        StatusSource::new(
            "gw-test".parse().unwrap(),
            PathBuf::from("/"),
            listen.parse().unwrap(),
            advertised.map(str::to_owned),
            Clock::system(),
        )
    }

    #[test]
    fn the_address_for_clients_is_the_one_that_leads_to_the_queue() {
        let check = |listen: &str, advertised: Option<&str>, want: &str| {
            let source = source(listen, advertised);
            source.set_local_address(Some("10.1.2.3:50000".parse().unwrap()));
            assert_eq!(source.read(&Snapshot::default()).nfs_address, want);
        };
        check("0.0.0.0:2049", None, "10.1.2.3:2049");
        check("10.9.9.9:2049", None, "10.9.9.9:2049");
        check("0.0.0.0:2049", Some("files.example"), "files.example:2049");
        check("[::]:2049", Some("2001:db8::1"), "[2001:db8::1]:2049");
    }
}
