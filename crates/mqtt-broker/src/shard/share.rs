//! Messages to shared subscriptions: one of the members gets each, wherever it is connected.

use std::sync::Arc;

use mqtt_codec::QoS;

use super::Shard;
use crate::{
    inbox::{Delivered, Letter},
    message::{Message, Outgoing},
    offline::NotKept,
    session::Live,
    shared_subscriptions::{Asked, Member, SharedId},
};

/// A message for one member on another shard, and who is asked after it.
#[derive(Debug)]
pub(crate) struct SharedDeliver {
    pub(crate) message: Arc<Message>,
    member: Member,
    asked: Asked,
}

/// What became of a message.
#[derive(Debug)]
pub(super) enum Given {
    /// A member has it, will get it, or all must do without.
    Done,
    /// It is this member's turn, in whose persistent session it is to be put.
    Kept(Member),
    /// It must be tried again.
    NoRoom,
}

/// How asking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    /// It is to be put into the store for this member.
    Kept(Member),
    /// A member has it, or another shard asks on.
    Taken,
    /// The message is of no use any more.
    Expired,
    /// All are gone.
    Nobody,
    /// Who is there does not keep up; this one was the last of them.
    Full(u32),
    /// The way to another shard is full.
    NoRoom,
}

impl Shard {
    /// Gives it to a member, unless that one gets it from the store.
    pub(super) fn give_shared(
        &mut self,
        shared: SharedId,
        outgoing: &Outgoing<'_>,
        dropped: &mut usize,
    ) -> Given {
        let asked = self.shared.shared_subscriptions.ask(shared);
        match self.offer(asked, outgoing) {
            Offered::Kept(member) => Given::Kept(member),
            Offered::NoRoom if outgoing.parts.qos != QoS::AtMostOnce => Given::NoRoom,
            offered => {
                *dropped += self.settle_shared(offered, outgoing);
                Given::Done
            }
        }
    }

    /// The same where nobody waits for the disk: its publisher was answered long ago.
    fn give_shared_now(&mut self, shared: SharedId, outgoing: &Outgoing<'_>) {
        let mut dropped = 0;
        match self.give_shared(shared, outgoing, &mut dropped) {
            Given::Done => {}
            Given::Kept(member) => {
                let kept = self.keep((shared, member), outgoing);
                dropped += usize::from(kept != Offered::Taken);
            }
            Given::NoRoom => dropped += 1,
        }
        self.counters().messages_dropped.add(dropped);
    }

    /// The same for a message of the console, who wants to know whether a member has it.
    pub(super) fn send_shared(&mut self, shared: SharedId, outgoing: &Outgoing<'_>) -> bool {
        let asked = self.shared.shared_subscriptions.ask(shared);
        let offered = match self.offer(asked, outgoing) {
            Offered::Kept(member) => self.keep((shared, member), outgoing),
            offered => offered,
        };
        let lost = self.settle_shared(offered, outgoing);
        self.counters().messages_dropped.add(lost);
        offered == Offered::Taken
    }

    /// Asks one after the other.
    fn offer(&mut self, mut asked: Asked, outgoing: &Outgoing<'_>) -> Offered {
        let mut result = Offered::Nobody;
        while let Some(member) = self.shared.shared_subscriptions.next(&mut asked) {
            if member.keeps(outgoing.parts.qos).is_some() {
                return Offered::Kept(member);
            }
            let offered = if member.seat.shard == self.index {
                self.offer_here(member, asked.shared, outgoing)
            } else {
                self.offer_there(member, asked, outgoing)
            };
            match offered {
                Offered::Taken | Offered::Expired | Offered::Kept(_) => return offered,
                Offered::Full(_) | Offered::NoRoom => result = offered,
                Offered::Nobody => {}
            }
        }
        result
    }

    fn offer_here(&mut self, member: Member, shared: SharedId, outgoing: &Outgoing<'_>) -> Offered {
        let (slot, channel) = (member.seat.slot, Some(member.channel));
        match self.deliver(slot, channel, outgoing, member.terms(shared)) {
            Delivered::Sent | Delivered::Waits => {
                self.counters().messages_out.one();
                Offered::Taken
            }
            Delivered::Stored => Offered::Taken,
            Delivered::Full => Offered::Full(slot),
            Delivered::Gone => Offered::Nobody,
            Delivered::Expired => Offered::Expired,
        }
    }

    /// Puts a message into the session of a member.
    fn keep(&self, (shared, member): (SharedId, Member), outgoing: &Outgoing<'_>) -> Offered {
        let Some(uid) = member.keeps(outgoing.parts.qos) else {
            return Offered::Nobody;
        };
        let now = self.shared.clock.wall();
        let terms = member.terms(shared);
        match self.shared.offline.put(uid, outgoing, terms, now) {
            Ok(()) => Offered::Taken,
            Err(NotKept::Full) => Offered::NoRoom,
            Err(NotKept::Gone) => Offered::Nobody,
        }
    }

    fn offer_there(&self, member: Member, asked: Asked, outgoing: &Outgoing<'_>) -> Offered {
        let deliver = SharedDeliver {
            message: outgoing.share(),
            member,
            asked,
        };
        let inbox = self.inbox(u32::from(member.seat.shard));
        match inbox.push(Letter::Shared(Box::new(deliver))) {
            Ok(()) => Offered::Taken,
            Err(_) => Offered::NoRoom,
        }
    }

    /// What came of it when nobody waits any more; how many messages are lost.
    fn settle_shared(&mut self, offered: Offered, outgoing: &Outgoing<'_>) -> usize {
        match offered {
            Offered::Taken => 0,
            Offered::Nobody | Offered::NoRoom | Offered::Kept(_) => 1,
            Offered::Expired => {
                self.counters().messages_expired.one();
                0
            }
            Offered::Full(slot) => {
                self.settle(slot, Delivered::Full, outgoing.parts.qos);
                0
            }
        }
    }

    /// A message that another shard has passed on.
    pub(super) fn take_shared(&mut self, deliver: &SharedDeliver) {
        let outgoing = Outgoing::shared_from(&deliver.message);
        let asked = deliver.asked;
        let here = self.offer_here(deliver.member, asked.shared, &outgoing);
        let offered = match here {
            Offered::Taken | Offered::Expired => here,
            Offered::Nobody | Offered::Full(_) | Offered::NoRoom | Offered::Kept(_) => {
                match (self.offer(asked, &outgoing), here) {
                    // It was promised that a member gets it; this one could not.
                    (Offered::Nobody | Offered::NoRoom, Offered::Full(slot)) => Offered::Full(slot),
                    // Its publisher does not wait any more, so it gets what the lost one had not.
                    (Offered::Kept(member), _) => self.keep((asked.shared, member), &outgoing),
                    (offered, _) => offered,
                }
            }
        };
        let lost = self.settle_shared(offered, &outgoing);
        self.counters().messages_dropped.add(lost);
    }

    /// What a member that is gone had not been sent goes to the others (MQTT 5, 4.8.2).
    pub(super) fn pass_on(&mut self, live: &mut Live) {
        for (shared, message) in live.take_shared() {
            self.give_shared_now(shared, &Outgoing::shared_from(&message));
        }
    }
}
