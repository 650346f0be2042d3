//! What a broker counts.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::histogram::Histogram;

macro_rules! counters {
    (
        measured { $($(#[doc = $measured_doc:literal])+ $measured:ident,)+ }
        of_the_store { $($(#[doc = $store_doc:literal])+ $of_store:ident,)+ }
        of_the_loops { $($(#[doc = $doc:literal])+ $name:ident,)+ }
    ) => {
        /// Counters of one event loop, which alone writes them.
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)+ }

        /// What a broker has counted since its start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Metrics {
            $($(#[doc = $measured_doc])+ pub $measured: u64,)+
            $($(#[doc = $store_doc])+ pub $of_store: u64,)+
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Metrics {
            /// Name, explanation and value of what goes up and down.
            pub(crate) fn measured(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($measured), concat!($($measured_doc,)+), self.$measured),)+].into_iter()
            }

            /// Name, explanation and value of each counter.
            pub(crate) fn counted(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [
                    $((stringify!($of_store), concat!($($store_doc,)+), self.$of_store),)+
                    $((stringify!($name), concat!($($doc,)+), self.$name),)+
                ].into_iter()
            }

            pub(crate) fn add(&mut self, counters: &Counters) {
                $(self.$name = self.$name.saturating_add(counters.$name.read());)+
            }
        }
    };
}

counters! {
    measured {
        /// Clients that are connected.
        clients,
        /// Sockets that are open, those before CONNECT included.
        connections,
        /// Sessions that outlive their connection.
        sessions_persistent,
        /// Messages that wait for clients of persistent sessions.
        messages_waiting,
        /// Topics with a retained message.
        messages_retained,
        /// Bytes of the offline store that could not be read at the start.
        offline_damaged_bytes,
    }
    of_the_store {
        /// Messages put into the offline store.
        offline_stored,
        /// Messages of the offline store that went since there were too many.
        offline_dropped,
        /// Messages of the offline store that were of no use any more.
        offline_expired,
        /// Writes of the offline store that failed, and were done again.
        offline_failures,
    }
    of_the_loops {
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
        /// Messages to clients, counted when they are put into the output of a connection or the
        /// queue before it; what the kernel has taken of them is in the bytes written.
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
