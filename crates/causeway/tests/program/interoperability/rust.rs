//! Clients of rumqttc. It is built without TLS here, which would bring a second library for it:
//! its bytes go through a [`Tunnel`].

mod v311;
mod v5;

use std::{collections::HashMap, sync::mpsc::channel, time::Duration};

use clock::{Task, spawn_named};
use tokio::{
    runtime::Runtime,
    sync::mpsc::{Sender, channel as orders},
};

use super::{
    driver::{Driven, Driver, Event, Login, Order, Target, Version, Will},
    tunnel::Tunnel,
};

/// Orders of one client that wait; each is answered before the next is given.
const ORDERS_MAX: usize = 8;
const KEEP_ALIVE: Duration = Duration::from_secs(30);

pub(super) struct Rust {
    runtime: Runtime,
    target: Target,
    events: std::sync::mpsc::Sender<Event>,
    clients: HashMap<String, Running>,
}

/// A client that connects or is connected. It is cut off when this is dropped.
struct Running {
    orders: Sender<Ask>,
    _task: Task,
}

/// How it is to connect.
struct Connect {
    /// Of the tunnel.
    port: u16,
    login: Login,
    subscribe: Vec<String>,
    qos: u8,
    will: Option<Will>,
}

/// What a client that is connected is to do.
enum Ask {
    Publish {
        topic: String,
        payload: String,
        qos: u8,
        retain: bool,
    },
    Leave,
}

impl Rust {
    pub(super) fn start(target: &Target) -> Driven {
        let (events, told) = channel();
        let driver = Self {
            runtime: Runtime::new().unwrap(),
            target: target.clone(),
            events,
            clients: HashMap::new(),
        };
        (Box::new(driver), told)
    }

    fn connect(&mut self, client: &str, connect: impl FnOnce(u16) -> Connect) {
        let _inside = self.runtime.enter();
        let (sender, asks) = orders(ORDERS_MAX);
        let tunnel = Tunnel::open();
        let connect = connect(tunnel.port());
        let tunnel = tunnel.run(&self.target, &connect.login.proof);
        let (events, name) = (self.events.clone(), client.to_owned());
        let tell = move |news| {
            let client = name.clone();
            // The test has ended if nobody listens.
            drop(events.send(Event { client, news }));
        };
        let version = self.target.version;
        let task = spawn_named("client", async move {
            let tunnel = spawn_named("tunnel", tunnel);
            let last = match version {
                Version::V311 => v311::run(connect, asks, &tell).await,
                Version::V5 => v5::run(connect, asks, &tell).await,
            };
            // What it said last has to go through.
            tunnel.join().await;
            tell(last);
        });
        let running = Running {
            orders: sender,
            _task: task,
        };
        self.clients.insert(client.to_owned(), running);
    }

    fn ask(&self, client: &str, ask: Ask) {
        let sent = self.clients[client].orders.blocking_send(ask);
        assert!(sent.is_ok(), "{client} is gone");
    }
}

impl Driver for Rust {
    fn order(&mut self, order: &Order) {
        match order.clone() {
            Order::Connect {
                client,
                login,
                subscribe,
                qos,
                will,
            } => self.connect(&client, |port| Connect {
                port,
                login,
                subscribe,
                qos,
                will,
            }),
            Order::Publish {
                client,
                topic,
                payload,
                qos,
                retain,
            } => self.ask(
                &client,
                Ask::Publish {
                    topic,
                    payload,
                    qos,
                    retain,
                },
            ),
            Order::Leave { client } => self.ask(&client, Ask::Leave),
            Order::Cut { client } => drop(self.clients.remove(&client)),
        }
    }
}
