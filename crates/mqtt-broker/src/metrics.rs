//! What a broker counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::histogram::Histogram;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Counters of one event loop, which alone writes them.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)+ }

        /// What a broker has counted since its start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Metrics {
            /// Clients that are connected.
            pub clients: u64,
            /// Sockets that are open, those before CONNECT included.
            pub connections: u64,
            /// Sessions that outlive their connection.
            pub sessions_persistent: u64,
            /// Messages that wait for clients of persistent sessions.
            pub messages_waiting: u64,
            /// Topics with a retained message.
            pub messages_retained: u64,
            /// Messages put into the offline store.
            pub offline_stored: u64,
            /// Messages of the offline store that went since there were too many.
            pub offline_dropped: u64,
            /// Messages of the offline store that were of no use any more.
            pub offline_expired: u64,
            /// Bytes of the offline store that could not be read at the start.
            pub offline_damaged_bytes: u64,
            /// Writes of the offline store that failed, and were done again.
            pub offline_failures: u64,
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Metrics {
            /// Name, explanation and value of each counter.
            pub(crate) fn counted(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), concat!($($doc,)+), self.$name),)+].into_iter()
            }

            pub(crate) fn add(&mut self, counters: &Counters) {
                $(self.$name = self.$name.saturating_add(counters.$name.read());)+
            }
        }
    };
}

counters! {
    /// Sockets accepted.
    accepted,
    /// Sockets closed at once, since there were too many.
    refused_full,
    /// Clients let in.
    clients_connected,
    /// Clients that went, by whatever reason.
    clients_gone,
    /// CONNECT packets that were refused.
    connects_refused,
    /// Bytes read.
    bytes_in,
    /// Bytes written.
    bytes_out,
    /// Packets that could not be parsed, each the end of its connection.
    packets_malformed,
    /// Messages from clients.
    messages_in,
    /// Messages to clients.
    messages_out,
    /// Messages handed to the console.
    uplinks,
    /// Messages that a rule refused.
    messages_refused,
    /// Messages that were not traced, as too many came in their second.
    messages_untraced,
    /// P2P messages whose receiver was not connected.
    messages_no_receiver,
    /// `QoS` 0 messages and status dropped since somebody did not keep up.
    messages_dropped,
    /// Messages whose expiry interval was over before somebody could get them.
    messages_expired,
    /// Times a publisher had to wait.
    stalls,
    /// Times a client sent faster than it may, and was not read for a while.
    throttled,
    /// Clients sent away before the broker stopped.
    sent_away,
    /// Clients closed since they did not keep up.
    slow_clients_closed,
    /// Clients closed since nothing was heard of them.
    keep_alive_timeouts,
    /// Connections taken over by another with the same client ID.
    take_overs,
}

/// How long things took in one event loop.
#[derive(Debug)]
pub(crate) struct Latencies {
    /// One for each listener.
    pub(crate) connect: Box<[Histogram]>,
}

impl Latencies {
    pub(crate) fn new(listeners: usize) -> Self {
        Self {
            connect: (0..listeners).map(|_| Histogram::default()).collect(),
        }
    }
}

/// One number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: usize) {
        // One writer, so no read-modify-write is needed.
        let sum = self.0.load(Ordering::Relaxed).saturating_add(n as u64);
        self.0.store(sum, Ordering::Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
