//! The far ends of all sessions: they count, and note how long a message took.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use clock::Clock;
use mqtt_broker::MemoryPeers;
use parking_lot::{Condvar, Mutex};

use crate::{
    error::BenchError,
    packet::{self, kind},
};

/// Without any progress for so long, it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Count {
    Connected,
    Subscribed,
    Delivered,
}

/// All clients.
#[derive(Debug)]
pub(super) struct Peers {
    clock: Clock,
    counts: [AtomicU64; 3],
    /// The count that somebody waits for.
    awaited: AtomicU64,
    times_us: Mutex<Vec<u32>>,
    arrived: Condvar,
}

impl Peers {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            counts: Default::default(),
            awaited: AtomicU64::new(u64::MAX),
            times_us: Mutex::default(),
            arrived: Condvar::new(),
        }
    }

    fn cell(&self, count: Count) -> &AtomicU64 {
        let [connected, subscribed, delivered] = &self.counts;
        match count {
            Count::Connected => connected,
            Count::Subscribed => subscribed,
            Count::Delivered => delivered,
        }
    }

    pub(super) fn count(&self, count: Count) -> u64 {
        self.cell(count).load(Ordering::SeqCst)
    }

    /// Until there are `wanted` of it.
    pub(super) fn wait(&self, count: Count, wanted: u64) -> Result<(), BenchError> {
        self.awaited.store(wanted, Ordering::SeqCst);
        let mut times = self.times_us.lock();
        loop {
            let before = self.count(count);
            if before >= wanted {
                return Ok(());
            }
            let waited = self.arrived.wait_for(&mut times, PATIENCE);
            if waited.timed_out() && self.count(count) == before {
                return Err(BenchError::Stuck {
                    what: "waiting for the sessions",
                    done: before,
                });
            }
        }
    }

    pub(super) fn take_times(&self) -> Vec<u32> {
        std::mem::take(&mut self.times_us.lock())
    }

    fn one(&self, count: Count) {
        let there = self.cell(count).fetch_add(1, Ordering::SeqCst) + 1;
        if there == self.awaited.load(Ordering::SeqCst) {
            // Under the lock, so that whoever is about to wait hears it.
            let _times = self.times_us.lock();
            self.arrived.notify_all();
        }
    }
}

impl MemoryPeers for Peers {
    fn take(&self, _number: u32, mut bytes: &[u8]) {
        while let Some(frame) = packet::frame(bytes) {
            match frame.kind() {
                kind::CONNACK if frame.body.get(1) == Some(&0) => self.one(Count::Connected),
                kind::SUBACK => self.one(Count::Subscribed),
                kind::PUBLISH => {
                    let payload = frame.message().map(|m| m.payload).unwrap_or_default();
                    let gone_us = now_ns(&self.clock).saturating_sub(stamp_of(payload)) / 1_000;
                    self.times_us
                        .lock()
                        .push(u32::try_from(gone_us).unwrap_or(u32::MAX));
                    self.one(Count::Delivered);
                }
                _ => {}
            }
            bytes = bytes.get(frame.len..).unwrap_or_default();
        }
    }

    fn closed(&self, _number: u32) {}
}

fn now_ns(clock: &Clock) -> u64 {
    u64::try_from(clock.wall_nanos()).unwrap_or(u64::MAX)
}

/// A payload begins with when it was sent.
pub(super) fn stamp(payload: &mut [u8], clock: &Clock) {
    if let Some(first) = payload.first_chunk_mut::<8>() {
        *first = now_ns(clock).to_be_bytes();
    }
}

fn stamp_of(payload: &[u8]) -> u64 {
    payload
        .first_chunk::<8>()
        .map_or(0, |first| u64::from_be_bytes(*first))
}
