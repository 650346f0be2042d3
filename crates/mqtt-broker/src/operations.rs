//! What an operator asks of a broker at work, over whichever way he comes.

use std::sync::{Arc, atomic::Ordering};

use message_bus::admin::{DrainOrder, ListenerStatus, SlowClient};
use tokio::sync::oneshot;

use crate::{
    config::ListenerCertificates,
    drain::{Drain, Draining, Elsewhere},
    error::{BrokerError, RegistryError},
    exposition,
    inbox::Letter,
    limits::{DRAIN_WINDOW_MAX, SERVER_REFERENCE_LEN_MAX},
    listener::ListenerState,
    metrics::Metrics,
    shared::Shared,
    slow::{self, SlowConsumer},
    tls::TlsSlot,
};

impl Shared {
    /// Whether clients can connect here.
    pub(crate) fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::SeqCst) && self.draining.load().is_none()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let mut metrics = Metrics::default();
        for counters in &self.counters {
            metrics.add(counters);
        }
        metrics.clients = metrics
            .clients_connected
            .saturating_sub(metrics.clients_gone);
        self.offline.measure(&mut metrics);
        metrics.connections = self.connections.load(Ordering::Relaxed) as u64;
        metrics
    }

    /// What happened and is in no trace, as too much did.
    pub(crate) fn traces_dropped(&self) -> u64 {
        let untraced = self.counters.iter().map(|c| c.messages_untraced.read());
        self.tracer.dropped() + untraced.sum::<u64>()
    }

    pub(crate) fn exposition(&self) -> String {
        exposition::page(self, &self.metrics())
    }

    pub(crate) fn drain(&self, drain: Drain) {
        let draining = Draining::new(drain, self.clock.now());
        self.draining.store(Some(Arc::new(draining)));
    }

    pub(crate) async fn slow_consumers(&self, n: usize) -> Vec<SlowConsumer> {
        let mut replies = Vec::new();
        for inbox in &self.inboxes {
            let (reply, answer) = oneshot::channel();
            // One that is full of letters, or has ended, has nothing to say.
            if inbox.push(Letter::Survey(reply)).is_ok() {
                replies.push(answer);
            }
        }
        let mut all = Vec::new();
        for reply in replies {
            all.extend(reply.await.unwrap_or_default());
        }
        slow::worst(all, n)
    }

    pub(crate) fn listener_statuses(&self) -> Vec<ListenerStatus> {
        self.listeners.iter().map(status).collect()
    }

    /// All are read before the first is replaced.
    pub(crate) fn reload_certificates(&self) -> Result<(), BrokerError> {
        let Some(source) = &self.certificates else {
            return Err(BrokerError::NoCertificateSource);
        };
        let mut read: Vec<(&ListenerState, &TlsSlot, ListenerCertificates)> = Vec::new();
        for listener in &self.listeners {
            let Some(slot) = &listener.tls else { continue };
            let loaded = source.load(&listener.name);
            let loaded = loaded.map_err(|reason| BrokerError::Certificates {
                listener: listener.name.clone(),
                reason,
            })?;
            read.extend(loaded.map(|loaded| (listener, slot, loaded)));
        }
        let mut built = Vec::with_capacity(read.len());
        for (listener, slot, loaded) in read {
            let replacement = slot.prepare(loaded);
            let replacement = replacement.map_err(|source| BrokerError::Tls {
                listener: listener.name.clone(),
                source,
            })?;
            built.push((slot, replacement));
        }
        for (slot, replacement) in built {
            slot.commit(replacement);
        }
        // An authority may have been registered meanwhile.
        self.trust_authorities();
        tracing::info!("certificates were read again");
        Ok(())
    }
}

fn status(listener: &ListenerState) -> ListenerStatus {
    ListenerStatus {
        name: listener.name.clone(),
        protocol: listener.protocol().to_owned(),
        address: listener.address.to_string(),
        connections: listener.connections() as u64,
        connections_max: listener.connections_max() as u64,
        certificate_expires_at: listener.tls.as_ref().and_then(TlsSlot::expires_at),
    }
}

/// What the operator wants, if it can be done.
pub(crate) fn drain_of(order: DrainOrder) -> Result<Drain, RegistryError> {
    let refused = |text: String| Err(RegistryError::Refused(text));
    let max_s = DRAIN_WINDOW_MAX.as_secs();
    if u64::from(order.window_s) > max_s {
        return refused(format!("the window may be {max_s} s at most"));
    }
    if let Some(reference) = &order.server_reference {
        let len = reference.len();
        let plain = reference.chars().all(|c| !c.is_control());
        if len == 0 || len > SERVER_REFERENCE_LEN_MAX || !plain {
            return refused(format!(
                "the server reference must have 1 to {SERVER_REFERENCE_LEN_MAX} characters"
            ));
        }
    }
    Ok(Drain {
        elsewhere: if order.for_good {
            Elsewhere::ForGood
        } else {
            Elsewhere::ForNow
        },
        server_reference: order.server_reference,
        window: std::time::Duration::from_secs(u64::from(order.window_s)),
    })
}

/// As the console shows it.
pub(crate) fn slow_client(slow: &SlowConsumer) -> SlowClient {
    SlowClient {
        client_id: slow.client_id.to_string(),
        channel_id: slow.channel.to_string(),
        waiting: slow.waiting as u64,
        waiting_bytes: slow.waiting_bytes as u64,
        unsent_bytes: slow.unsent_bytes as u64,
        dropped: slow.dropped,
    }
}
