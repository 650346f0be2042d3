//! A store without its thread: the test says when it commits, and when the power goes.

use std::{collections::BTreeMap, io, sync::Arc};

use message_bus::ChannelId;
use model::Timestamp;
use mqtt_codec::{PacketId, Properties, QoS};
use parking_lot::Mutex;

use crate::{
    config::OfflineLimits,
    message::{MessageRef, Outgoing},
    offline::{
        Attach, Committer, Lsn, Offline, Publication, Ready, StoredSubscription,
        disk::{Disk, SegmentId},
        record::{StoredWill, Uid},
    },
    routes::Seat,
    session::Answer,
};

#[derive(Debug, Default)]
struct Platter {
    durable: BTreeMap<u64, Vec<u8>>,
    /// Behind what is durable, of the newest segment.
    volatile: Vec<u8>,
    newest: u64,
    /// Operations until the power goes.
    left: Option<u32>,
}

/// A disk that forgets what was not synced when the power goes.
#[derive(Clone, Debug, Default)]
pub(super) struct PowerDisk(Arc<Mutex<Platter>>);

impl PowerDisk {
    /// The power goes after so many operations.
    pub(super) fn fail_after(&self, operations: u32) {
        self.0.lock().left = Some(operations);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.0.lock().left == Some(0)
    }

    /// Power again. Of what was not synced, the first `torn` bytes happen to be there.
    pub(super) fn restart(&self, torn: usize) {
        let mut platter = self.0.lock();
        platter.left = None;
        let volatile = std::mem::take(&mut platter.volatile);
        let newest = platter.newest;
        let kept = volatile.get(..torn.min(volatile.len())).unwrap();
        platter
            .durable
            .entry(newest)
            .or_default()
            .extend_from_slice(kept);
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().durable.values().map(Vec::len).sum()
    }

    /// Changes a byte of the oldest segment.
    pub(super) fn damage(&self, at: usize) {
        let mut platter = self.0.lock();
        let oldest = platter
            .durable
            .iter_mut()
            .find(|(_, bytes)| bytes.len() > at)
            .unwrap();
        oldest.1[at] ^= 0xff;
    }

    fn operation(&self) -> io::Result<parking_lot::MutexGuard<'_, Platter>> {
        let mut platter = self.0.lock();
        match &mut platter.left {
            None => {}
            Some(0) => return Err(io::Error::other("no power")),
            Some(left) => *left -= 1,
        }
        Ok(platter)
    }
}

impl Disk for PowerDisk {
    fn segments(&mut self) -> io::Result<Vec<SegmentId>> {
        Ok(self
            .operation()?
            .durable
            .keys()
            .copied()
            .map(SegmentId)
            .collect())
    }

    fn read(&mut self, id: SegmentId) -> io::Result<Vec<u8>> {
        Ok(self.operation()?.durable.get(&id.0).unwrap().clone())
    }

    fn create(&mut self, id: SegmentId) -> io::Result<()> {
        let mut platter = self.operation()?;
        platter.volatile.clear();
        platter.newest = id.0;
        platter.durable.insert(id.0, Vec::new());
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.operation()?.volatile.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut platter = self.operation()?;
        let volatile = std::mem::take(&mut platter.volatile);
        let newest = platter.newest;
        platter.durable.get_mut(&newest).unwrap().extend(volatile);
        Ok(())
    }

    fn cut(&mut self, id: SegmentId, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).unwrap();
        self.operation()?
            .durable
            .get_mut(&id.0)
            .unwrap()
            .truncate(len);
        Ok(())
    }

    fn remove(&mut self, id: SegmentId) -> io::Result<()> {
        self.operation()?.durable.remove(&id.0);
        Ok(())
    }
}

pub(super) struct Rig {
    pub(super) disk: PowerDisk,
    pub(super) offline: Offline,
    pub(super) committer: Committer<PowerDisk>,
    pub(super) now: Timestamp,
    channels: u64,
}

pub(super) fn small() -> OfflineLimits {
    OfflineLimits {
        segment_len: 700,
        compact_len_min: 2_000,
        ..OfflineLimits::default()
    }
}

impl Rig {
    pub(super) fn new(limits: OfflineLimits) -> Self {
        Self::on(
            PowerDisk::default(),
            limits,
            Timestamp::from_millis(1_000_000),
            0,
        )
    }

    fn on(disk: PowerDisk, limits: OfflineLimits, now: Timestamp, channels: u64) -> Self {
        let (offline, committer) = Offline::open_on(disk.clone(), limits, now).unwrap();
        // A store that stops never waits for work, nor after a failure.
        offline.stop();
        Self {
            disk,
            offline,
            committer,
            now,
            channels,
        }
    }

    /// Power off, and on again.
    pub(super) fn crash(self, torn: usize) -> Self {
        self.disk.restart(torn);
        Self::on(
            self.disk,
            self.offline.limits.clone(),
            self.now,
            self.channels,
        )
    }

    /// Writes all there is, if there is power; returns whose shards are told.
    pub(super) fn commit(&mut self) -> Vec<ChannelId> {
        let mut told = Vec::new();
        while let Some(committed) = self.committer.commit(&self.offline) {
            told.extend(committed.news.into_iter().map(|(_, channel)| channel));
        }
        told
    }

    pub(super) fn attach(&mut self, client_id: &str, clean_start: bool) -> Client {
        self.attach_with(client_id, clean_start, u32::MAX, None)
    }

    pub(super) fn attach_with(
        &mut self,
        client_id: &str,
        clean_start: bool,
        expiry_s: u32,
        will: Option<StoredWill>,
    ) -> Client {
        self.channels += 1;
        let channel = ChannelId(self.channels);
        let attached = self.offline.attach(Attach {
            client_id: &client_id.into(),
            clean_start,
            expiry_s,
            will,
            seat: Seat { shard: 0, slot: 0 },
            channel,
        });
        let attached = attached.unwrap();
        Client {
            at: (attached.uid, channel),
            present: attached.present,
            inbound: attached.inbound,
        }
    }

    pub(super) fn subscribe(&self, client: &Client, filter: &str) -> Option<Lsn> {
        let subscription = StoredSubscription {
            filter: filter.parse().unwrap(),
            share: None,
            qos: QoS::ExactlyOnce,
            no_local: false,
            retain_as_published: false,
            id: None,
        };
        self.offline.subscribe(client.at.0, subscription)
    }

    pub(super) fn publish(&self, topic: &str, payload: &[u8], qos: QoS) -> Option<Lsn> {
        self.publish_from(
            None,
            MessageRef {
                payload,
                qos,
                ..plain(topic)
            },
        )
    }

    pub(super) fn publish_from(
        &self,
        from: Option<(Uid, PacketId)>,
        parts: MessageRef<'_>,
    ) -> Option<Lsn> {
        let outgoing = Outgoing::borrowed(parts);
        let retained = parts
            .retain
            .then(|| self.offline.retain(&outgoing).unwrap());
        let published = self.offline.publish(&Publication {
            from: from.map(|(uid, _)| uid),
            inbound: from.map(|(_, id)| id),
            to: None,
            chosen: &[],
            parent: parts.topic.split('/').next().unwrap(),
            outgoing: &outgoing,
            now: self.now,
        });
        published.unwrap().until.max(retained.flatten())
    }

    pub(super) fn take(&self, client: &Client) -> Vec<Ready> {
        self.offline.take(client.at, 10, self.now)
    }

    /// Takes and acknowledges everything that is there, as text.
    pub(super) fn drain(&mut self, client: &Client) -> Vec<String> {
        let mut payloads = Vec::new();
        loop {
            self.commit();
            let ready = self.take(client);
            if ready.is_empty() {
                return payloads;
            }
            for ready in ready {
                if let Ready::Message {
                    packet_id, message, ..
                } = ready
                {
                    payloads.push(text(&message));
                    self.offline.answered(client.at, packet_id, Answer::PubAck);
                }
            }
        }
    }
}

/// A client that is connected.
pub(super) struct Client {
    pub(super) at: (Uid, ChannelId),
    pub(super) present: bool,
    pub(super) inbound: Vec<u16>,
}

pub(super) fn text(message: &crate::message::Message) -> String {
    String::from_utf8(message.parts().payload.to_vec()).unwrap()
}

pub(super) fn plain(topic: &str) -> MessageRef<'_> {
    MessageRef {
        topic,
        properties: Properties::NONE,
        payload: b"x",
        qos: QoS::AtLeastOnce,
        retain: false,
        expires_at: None,
    }
}
