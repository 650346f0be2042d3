//! Runs commands: each at most once, several at a time, quick ones never behind slow ones.

use std::{collections::VecDeque, sync::Arc};

use clock::{Clock, Task, spawn_named};
use model::{Command, Failure, Method, Timestamp};
use mqtt_rpc::callee::{Begin, Callee, FjallStore, Intake, Recovered, StoreError};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info};
use uuid::Uuid;

use crate::{
    agent::Outbox,
    limits::{QUEUE_MAX, QUICK_COMMANDS_MAX, SLOW_COMMANDS_MAX},
    methods::Methods,
};

/// What the loop is told.
enum Event {
    /// A command came. Answered when it may be acknowledged.
    Came {
        command: Box<Command>,
        taken: oneshot::Sender<()>,
    },
    /// A command has been run.
    Ran {
        key: Uuid,
        lane: Lane,
        outcome: Result<Value, Failure>,
    },
}

/// Which commands wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Quick,
    Slow,
}

/// The way to the loop.
#[derive(Clone, Debug)]
pub(crate) struct CommandsHandle {
    events: mpsc::Sender<Event>,
}

impl CommandsHandle {
    /// Hands a command over; says whether it is safe here.
    pub(crate) async fn take(&self, command: Command) -> bool {
        let (taken, answer) = oneshot::channel();
        let command = Box::new(command);
        let sent = self.events.send(Event::Came { command, taken }).await;
        sent.is_ok() && answer.await.is_ok()
    }
}

/// The loop that owns the memory of commands.
pub(crate) struct Commands {
    callee: Arc<Mutex<Callee<FjallStore>>>,
    methods: Arc<Methods>,
    outbox: Arc<Outbox>,
    clock: Clock,
    events: mpsc::Receiver<Event>,
    events_out: mpsc::Sender<Event>,
    quick: Hands,
    slow: Hands,
    running: Vec<Task>,
    stop: watch::Receiver<bool>,
}

/// The hands of a lane.
#[derive(Debug)]
struct Hands {
    waiting: VecDeque<Uuid>,
    busy: usize,
    max: usize,
}

impl Commands {
    /// Starts the loop, with what a restart has left to do.
    pub(crate) fn start(
        (callee, recovered): (Callee<FjallStore>, Recovered),
        methods: Arc<Methods>,
        outbox: Arc<Outbox>,
        stop: watch::Receiver<bool>,
        clock: Clock,
    ) -> (CommandsHandle, Task) {
        let (events_out, events) = mpsc::channel(QUEUE_MAX);
        let handle = CommandsHandle {
            events: events_out.clone(),
        };
        outbox.push_replies(recovered.replies);
        let commands = Self {
            callee: Arc::new(Mutex::new(callee)),
            methods,
            outbox,
            clock,
            events,
            events_out,
            quick: Hands::new(QUICK_COMMANDS_MAX),
            slow: Hands::new(SLOW_COMMANDS_MAX),
            running: Vec::new(),
            stop,
        };
        (handle, spawn_named("commands", commands.run(recovered.run)))
    }

    async fn run(mut self, recovered: Vec<Command>) {
        for command in recovered {
            let lane = lane_of(&command.method);
            self.hands(lane).waiting.push_back(command.idempotency_key);
        }
        let mut stop = self.stop.clone();
        loop {
            self.begin_all().await;
            let event = tokio::select! {
                event = self.events.recv() => event,
                // What runs is cut short: the next start decides what becomes of it.
                _ended = stop.wait_for(|stop| *stop) => return,
            };
            match event {
                Some(Event::Came { command, taken }) => self.take(*command, taken).await,
                Some(Event::Ran { key, lane, outcome }) => self.ran(key, lane, outcome).await,
                None => return,
            }
        }
    }

    async fn take(&mut self, command: Command, taken: oneshot::Sender<()>) {
        info!(command.id = %command.id, method = command.method.as_str(), "command came");
        let lane = lane_of(&command.method);
        let handled = self
            .blocking(move |callee, now| callee.handle(command, now))
            .await;
        let Some(Intake { replies, run }) = handled else {
            // Not safe here: `taken` is dropped, and the message stays unacknowledged.
            return;
        };
        self.hands(lane).waiting.extend(run);
        self.outbox.push_replies(replies);
        // The connection may have ended meanwhile.
        taken.send(()).unwrap_or_default();
    }

    async fn begin_all(&mut self) {
        self.running.retain(|task| !task.is_finished());
        for lane in [Lane::Quick, Lane::Slow] {
            while let Some(key) = self.hands(lane).take_waiting() {
                self.begin(key, lane).await;
            }
        }
    }

    async fn begin(&mut self, key: Uuid, lane: Lane) {
        let begun = self
            .blocking(move |callee, now| callee.begin(key, now))
            .await;
        match begun {
            Some(Begin::Run { command, replies }) => {
                info!(command.id = %command.id, command.key = %key, "command is run");
                self.outbox.push_replies(replies);
                let (methods, events) = (Arc::clone(&self.methods), self.events_out.clone());
                self.running.push(spawn_named("command", async move {
                    let outcome = methods.run(&command).await;
                    // The loop ends only with the gateway.
                    drop(events.send(Event::Ran { key, lane, outcome }).await);
                }));
            }
            Some(Begin::Skip { replies }) => {
                self.outbox.push_replies(replies);
                self.hands(lane).give_back();
            }
            None => self.hands(lane).give_back(),
        }
    }

    async fn ran(&mut self, key: Uuid, lane: Lane, outcome: Result<Value, Failure>) {
        self.hands(lane).give_back();
        match &outcome {
            Ok(_) => info!(command.key = %key, "command finished"),
            Err(failure) => {
                info!(command.key = %key, code = ?failure.code, error = %failure, "command failed")
            }
        }
        let finished = self
            .blocking(move |callee, now| callee.finish(key, outcome, now))
            .await;
        self.outbox.push_replies(finished.unwrap_or_default());
    }

    fn hands(&mut self, lane: Lane) -> &mut Hands {
        match lane {
            Lane::Quick => &mut self.quick,
            Lane::Slow => &mut self.slow,
        }
    }

    /// Calls the memory of commands where waiting for the disk is allowed.
    async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Callee<FjallStore>, Timestamp) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let (callee, now) = (Arc::clone(&self.callee), self.clock.wall());
        let called = tokio::task::spawn_blocking(move || call(&mut callee.lock(), now)).await;
        match called {
            Ok(Ok(value)) => Some(value),
            Ok(Err(error)) => {
                let cause = error.0.to_string();
                error!(%error, cause, "the disk under the data directory fails");
                None
            }
            Err(error) => {
                error!(%error, "the memory of commands panicked");
                None
            }
        }
    }
}

impl Hands {
    fn new(max: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            busy: 0,
            max,
        }
    }

    /// The next command, if a hand is free for it.
    fn take_waiting(&mut self) -> Option<Uuid> {
        if self.busy >= self.max {
            return None;
        }
        let key = self.waiting.pop_front()?;
        self.busy = self.busy.saturating_add(1);
        Some(key)
    }

    fn give_back(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }
}

fn lane_of(method: &Method) -> Lane {
    match method {
        Method::StatusGet
        | Method::ShareList
        | Method::SharePin
        | Method::ShareUnpin
        | Method::SharePrefetch
        | Method::ShareFileStatus
        | Method::ShareQueue
        | Method::CommandGet
        | Method::Unknown(_) => Lane::Quick,
        Method::ShareSync | Method::ShareCheck | Method::ShareEvict | Method::RestartShare => {
            Lane::Slow
        }
    }
}

/// Whether a method that was cut short by a restart may run again: it only reads, or doing it
/// twice is doing it once.
pub(crate) fn is_repeatable(method: &Method) -> bool {
    match method {
        Method::StatusGet
        | Method::ShareList
        | Method::CommandGet
        | Method::ShareSync
        | Method::ShareCheck
        | Method::SharePin
        | Method::ShareUnpin
        | Method::SharePrefetch
        | Method::ShareEvict
        | Method::ShareFileStatus
        | Method::ShareQueue => true,
        Method::RestartShare | Method::Unknown(_) => false,
    }
}
