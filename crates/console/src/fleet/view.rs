//! What requests read: the gateways as the owner knows them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::atomic::{AtomicBool, Ordering},
};

use database::{GatewayRecord, ShareRecord};
use model::{ClientId, ErrorCode, Failure, GatewayId, ShareSettings, ShareState, Timestamp};
use parking_lot::RwLock;

use super::live::Live;
use crate::{
    api::{Gateway, GatewayState, Share, ShareKeys},
    features,
};

/// Written by the owner only; a reader holds the lock for one copy.
#[derive(Debug, Default)]
pub(crate) struct View {
    gateways: RwLock<HashMap<GatewayId, Live>>,
    bus_connected: AtomicBool,
}

impl View {
    pub(crate) fn get(&self, id: &GatewayId) -> Option<Live> {
        self.gateways.read().get(id).cloned()
    }

    pub(crate) fn is_bus_connected(&self) -> bool {
        self.bus_connected.load(Ordering::Relaxed)
    }

    pub(super) fn set_bus_connected(&self, connected: bool) {
        self.bus_connected.store(connected, Ordering::Relaxed);
    }

    pub(super) fn insert(&self, id: GatewayId, live: Live) {
        self.gateways.write().insert(id, live);
    }

    pub(super) fn remove(&self, id: &GatewayId) {
        self.gateways.write().remove(id);
    }

    pub(super) fn contains(&self, id: &GatewayId) -> bool {
        self.gateways.read().contains_key(id)
    }

    pub(super) fn ids(&self) -> Vec<GatewayId> {
        self.gateways.read().keys().cloned().collect()
    }

    pub(super) fn update<T>(
        &self,
        id: &GatewayId,
        change: impl FnOnce(&mut Live) -> T,
    ) -> Option<T> {
        self.gateways.write().get_mut(id).map(change)
    }

    /// The client ID of a gateway that is connected.
    pub(super) fn client_if_online(&self, id: &GatewayId) -> Option<ClientId> {
        let gateways = self.gateways.read();
        let live = gateways.get(id).filter(|live| live.channels.is_online())?;
        Some(live.client_id.clone())
    }

    /// All that are known, as they are now.
    pub(crate) fn all(&self) -> BTreeMap<GatewayId, Live> {
        let gateways = self.gateways.read();
        gateways
            .iter()
            .map(|(id, l)| (id.clone(), l.clone()))
            .collect()
    }
}

/// A gateway as the API shows it.
pub(crate) fn gateway(
    record: GatewayRecord,
    live: Option<&Live>,
    bundle_expires_at: Option<Timestamp>,
) -> Gateway {
    let channel = live.and_then(|l| l.channels.newest());
    let state = match (channel, record.activated_at) {
        (Some(_), Some(_)) => GatewayState::Online,
        (None, Some(_)) => GatewayState::Offline,
        (_, None) => GatewayState::Activating,
    };
    let ms = Timestamp::as_millis;
    let status = live.and_then(|l| l.status.as_ref());
    // What holds for this moment only says nothing about a gateway that is away.
    let online = live.filter(|l| l.channels.is_online());
    let seen_live = live.and_then(|l| l.last_seen_at);
    Gateway {
        id: record.id.into(),
        name: record.name,
        location: record.location,
        client_id: record.client_id.into(),
        state,
        last_seen_at: seen_live.max(record.last_seen_at).map(ms),
        online_since: channel.map(|c| ms(c.since)),
        address: channel.map(|c| c.address.clone()).or(record.address),
        round_trip_ms: online.and_then(|l| l.round_trip_ms),
        intent_version: record.intent_version,
        reached_version: live.and_then(Live::reached_version),
        software_version: status.map(|s| s.status.software_version.clone()),
        activated_at: record.activated_at.map(ms),
        created_at: ms(record.created_at),
        bundle_expires_at: bundle_expires_at.map(ms),
        status: status.map(|s| s.status.clone()),
        status_at: status.map(|s| ms(s.at)),
        rates: online.and_then(Live::total_rates),
    }
}

/// A share as the API shows it.
pub(crate) fn share(
    record: ShareRecord,
    intent_version: u64,
    live: Option<&Live>,
    keys: Option<ShareKeys>,
) -> Share {
    let ShareRecord {
        settings,
        retired_in,
    } = record;
    let removing = retired_in.is_some();
    let report = live.and_then(|l| l.status.as_ref());
    let status = report.and_then(|r| r.status.shares.iter().find(|s| s.name == settings.name));
    let without_keys = keys.as_ref().and_then(without_keys);
    let error = without_keys.or_else(|| live.and_then(|l| error_of(&settings, l)));
    let reached = live.and_then(Live::reached_version);
    Share {
        // A version that was never told here is that of another time: see `ahead`.
        in_sync: !removing && error.is_none() && reached == Some(intent_version),
        error,
        status: status.cloned(),
        status_at: report.map(|r| r.at.as_millis()),
        mount_command: report
            .filter(|_| !removing)
            .and_then(|r| mount_command(&r.status.nfs_address, &settings)),
        rates: live
            .filter(|l| l.channels.is_online())
            .and_then(|l| l.rates.as_ref())
            .and_then(|r| r.get(&settings.name).copied()),
        settings: settings.into(),
        removing,
        keys,
    }
}

/// Why its gateway cannot use the bucket, where that is known here. What the gateway says of it
/// follows from that.
fn without_keys(keys: &ShareKeys) -> Option<Failure> {
    let error = keys.error.as_ref().filter(|_| !keys.good)?;
    let message = format!("the gateway has no keys for the bucket: {}", error.message);
    Some(Failure::new(error.code, message))
}

fn error_of(settings: &ShareSettings, live: &Live) -> Option<Failure> {
    let report = live.report.as_ref();
    let part = report.and_then(|r| r.shares.iter().find(|s| s.name == settings.name));
    if let Some(error) = part.and_then(|p| p.error.clone()) {
        return Some(error);
    }
    let status = &live.status.as_ref()?.status;
    if let Some(failure) = features::missing(settings, Some(status)) {
        return Some(failure);
    }
    let share = status.shares.iter().find(|s| s.name == settings.name)?;
    match &share.state {
        ShareState::Failed { reason } => {
            // Of a share that is emptied it says what is left; this says what is in the way.
            let upload = share.last_upload_error.as_ref();
            let message = upload.map_or_else(
                || reason.clone(),
                |upload| format!("{reason}; the last upload failed: {upload}"),
            );
            Some(Failure::new(ErrorCode::Internal, message))
        }
        ShareState::Starting | ShareState::Serving => None,
    }
}

/// Ports are given because our NFS server needs no portmapper.
fn mount_command(nfs_address: &str, settings: &ShareSettings) -> Option<String> {
    let (host, port) = nfs_address.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let (export, name) = (settings.export_path(), &settings.name);
    Some(format!(
        "mount -t nfs -o vers=3,proto=tcp,mountproto=tcp,port={port},mountport={port},nolock \
         {host}:{export} /mnt/{name}"
    ))
}
