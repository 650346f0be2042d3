//! Letters from one event loop to another: bounded for each parent topic, commands first, and one
//! wake-up for many.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use message_bus::{
    ChannelId,
    admin::Subscription,
    fair::{FairQueue, Open, Place, Queued},
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    bell::Bell,
    limits::{INBOX_BOUNDS, INBOX_BYTES_MAX, INBOX_LEN_MAX, LETTERS_AT_ONCE},
    memory::FromMemory,
    message::Message,
    session::End,
    shard::SharedDeliver,
    shared_subscriptions::SharedId,
    slow::SlowConsumer,
};

/// What one shard asks of another.
#[derive(Debug)]
pub(crate) enum Letter {
    /// Deliver to one connection.
    Deliver(Deliver),
    /// Deliver to every matching subscription of the shard.
    Fanout(Arc<Message>),
    /// Deliver to one member of a shared subscription.
    Shared(Box<SharedDeliver>),
    /// Close a connection.
    Close(Close),
    /// Say who does not keep up.
    Survey(oneshot::Sender<Vec<SlowConsumer>>),
    /// The offline store has something new for a connection.
    News { slot: u32, channel: ChannelId },
    /// Bytes of a client in this process.
    Memory(FromMemory),
    /// A token with this id is worth nothing any more.
    Revoked(Arc<str>),
    /// Say what a connection subscribes to.
    Describe(Describe),
    /// As `Fanout`, and to shared subscriptions, and say how many got it.
    SendOut(SendOut),
}

#[derive(Debug)]
pub(crate) struct Describe {
    pub(crate) slot: u32,
    pub(crate) channel: ChannelId,
    pub(crate) reply: oneshot::Sender<Vec<Subscription>>,
}

#[derive(Debug)]
pub(crate) struct SendOut {
    pub(crate) message: Arc<Message>,
    /// Of which one member each gets it.
    pub(crate) shared: Vec<SharedId>,
    pub(crate) reply: oneshot::Sender<u64>,
}

#[derive(Debug)]
pub(crate) struct Deliver {
    pub(crate) slot: u32,
    pub(crate) channel: ChannelId,
    pub(crate) message: Arc<Message>,
    /// Told what came of it; without it, a client that does not keep up is closed.
    pub(crate) reply: Option<oneshot::Sender<Delivered>>,
}

#[derive(Debug)]
pub(crate) struct Close {
    pub(crate) slot: u32,
    pub(crate) channel: ChannelId,
    pub(crate) end: End,
    pub(crate) done: Option<oneshot::Sender<()>>,
}

/// What came of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// Written to the connection.
    Sent,
    /// In the client's queue.
    Waits,
    /// In the offline store, for the client's persistent session.
    Stored,
    /// The client does not keep up; it does not get this message.
    Full,
    /// The connection is gone, or cannot take a message of this size.
    Gone,
    /// The message is of no use any more.
    Expired,
}

/// No room; the letter comes back.
#[derive(Debug)]
pub(crate) struct InboxFull(pub(crate) Letter);

#[derive(Debug)]
pub(crate) struct Inbox {
    bell: Arc<Bell>,
    /// How many letters there are, without the lock.
    len: AtomicUsize,
    /// Whether the shard is wanted, with or without letters.
    called: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    /// Messages, each in the place of its parent topic.
    messages: FairQueue<Posted>,
    /// What is said about connections, and their bytes.
    others: VecDeque<Letter>,
    others_bytes: usize,
    /// The event loop has ended: what comes now is lost, and whoever waits for it is told so.
    closed: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            messages: FairQueue::new(&INBOX_BOUNDS),
            others: VecDeque::new(),
            others_bytes: 0,
            closed: false,
        }
    }
}

impl Letter {
    /// The message that it brings.
    fn message(&self) -> Option<&Arc<Message>> {
        match self {
            Self::Deliver(deliver) => Some(&deliver.message),
            Self::Fanout(message) => Some(message),
            Self::Shared(deliver) => Some(&deliver.message),
            Self::SendOut(send) => Some(&send.message),
            Self::News { .. }
            | Self::Memory(_)
            | Self::Close(_)
            | Self::Survey(_)
            | Self::Revoked(_)
            | Self::Describe(_) => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Memory(from) => from.bytes.len(),
            _ => self.message().map_or(0, |message| message.len()),
        }
    }
}

/// A letter with a message.
#[derive(Debug)]
struct Posted(Letter);

impl Queued for Posted {
    fn place(&self) -> Place<'_> {
        let message = self.0.message();
        message
            .expect("only letters with a message are posted so")
            .place()
    }

    fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl Inbox {
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        Self {
            bell,
            len: AtomicUsize::new(0),
            called: AtomicBool::new(false),
            queue: Mutex::default(),
        }
    }

    /// Adds a letter. `Close` and `News` are never refused: there is one for each connection at
    /// most times.
    pub(crate) fn push(&self, letter: Letter) -> Result<(), InboxFull> {
        let was_empty = self.push_quietly(letter)?;
        if was_empty {
            self.wake();
        }
        Ok(())
    }

    /// The same for a caller who sees to it that the letters are taken; whether this is the
    /// first that waits.
    pub(crate) fn push_quietly(&self, letter: Letter) -> Result<bool, InboxFull> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Ok(false);
        }
        let was_empty = queue.is_empty();
        if letter.message().is_some() {
            let posted = queue.messages.push(Posted(letter));
            posted.map_err(|Posted(letter)| InboxFull(letter))?;
        } else {
            queue.add_other(letter)?;
        }
        self.len.store(queue.len(), Ordering::SeqCst);
        Ok(was_empty)
    }

    /// How many letters wait.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    /// Whether a turn of the shard has something to find.
    pub(crate) fn is_waiting(&self) -> bool {
        self.called.load(Ordering::SeqCst) || self.len() > 0
    }

    /// Sees to it that somebody looks at the shard.
    pub(crate) fn wake(&self) {
        // One call is enough until the shard has its turn.
        if !self.called.swap(true, Ordering::SeqCst) {
            self.bell.ring();
        }
    }

    /// Drops everything, now and later.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.messages = FairQueue::new(&INBOX_BOUNDS);
        queue.others = VecDeque::new();
    }

    /// Says that a whole turn begins: who calls from now on calls for another one.
    pub(crate) fn answer_call(&self) {
        // Mostly nobody has, and to look costs less than to say so.
        if self.called.load(Ordering::SeqCst) {
            self.called.store(false, Ordering::SeqCst);
        }
    }

    /// Takes all that is said about connections, and up to `max` messages of the classes that are
    /// open, [`LETTERS_AT_ONCE`] at most; a `careful` taker gets at most one that goes to many.
    pub(crate) fn take(
        &self,
        into: &mut VecDeque<Letter>,
        (open, max): (Open, usize),
        careful: bool,
    ) {
        let mut queue = self.queue.lock();
        queue.others_bytes = 0;
        into.append(&mut queue.others);
        for _ in 0..LETTERS_AT_ONCE.min(max) {
            let Some(Posted(letter)) = queue.messages.pop_from(open) else {
                break;
            };
            let to_many = matches!(letter, Letter::Fanout(_) | Letter::SendOut(_));
            into.push_back(letter);
            if to_many && careful {
                break;
            }
        }
        self.len.store(queue.len(), Ordering::SeqCst);
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.messages.len() + self.others.len()
    }

    fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.others.is_empty()
    }

    fn add_other(&mut self, letter: Letter) -> Result<(), InboxFull> {
        let bytes = self.others_bytes + letter.len();
        let bounded = !matches!(
            letter,
            Letter::Close(_) | Letter::Revoked(_) | Letter::News { .. }
        );
        if bounded && (self.others.len() >= INBOX_LEN_MAX || bytes > INBOX_BYTES_MAX) {
            return Err(InboxFull(letter));
        }
        self.others_bytes = bytes;
        self.others.push_back(letter);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
