//! Retained messages that a new subscription brings (MQTT 5, 3.3.1.3 and 3.8.3.1).

use mqtt_codec::{QoS, RetainHandling, SubscribeOptions};

use super::{Context, Live, Output};
use crate::{
    limits::RETAINED_PER_SUBSCRIPTION_MAX,
    message::{Outgoing, SubscriptionId, Terms},
};

/// A subscription that was granted just now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted<'s> {
    pub(super) filter: &'s str,
    pub(super) options: SubscribeOptions,
    pub(super) id: Option<SubscriptionId>,
    /// There was none with this filter before.
    pub(super) is_new: bool,
}

impl Granted<'_> {
    const fn brings_retained(&self) -> bool {
        match self.options.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => self.is_new,
            RetainHandling::DoNotSend => false,
        }
    }
}

impl Live {
    /// Sends what is retained, behind SUBACK, as the client takes it.
    pub(super) fn send_retained(
        &mut self,
        granted: &Granted<'_>,
        context: &Context<'_>,
        out: &mut Output,
    ) {
        if !granted.brings_retained() {
            return;
        }
        let now = context.clock.wall();
        let offline = context.offline;
        let terms = Terms {
            qos: granted.options.qos,
            // They say that they are retained, whatever the subscription wants of new ones.
            retain_as_published: true,
            ids: granted.id.as_slice(),
            shared: None,
        };
        let mut without_room = 0_u64;
        for message in offline.retained(granted.filter, RETAINED_PER_SUBSCRIPTION_MAX, now) {
            let outgoing = Outgoing::shared_from(&message);
            let stored = outgoing.parts.qos.min(terms.qos) > QoS::AtMostOnce;
            let taken = match &self.persistent {
                Some(persistent) if stored => {
                    let put = offline.put_retained(persistent.uid, &outgoing, terms, now);
                    put.is_ok()
                }
                _ => self
                    .window()
                    .wait_retained(&outgoing, terms, context.clock.now()),
            };
            without_room += u64::from(!taken);
        }
        if without_room > 0 {
            tracing::warn!(
                client.id = &*self.client_id,
                messages = without_room,
                "retained messages found no room"
            );
        }
        self.send_waiting(context.clock, out);
    }
}
