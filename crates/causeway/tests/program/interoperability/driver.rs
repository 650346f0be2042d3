//! What every driver of a client takes and tells.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde::{Deserialize, Serialize};

/// Version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V311,
    V5,
}

impl Version {
    /// As people write it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        }
    }

    /// As it is in CONNECT.
    const fn level(self) -> &'static str {
        match self {
            Self::V311 => "4",
            Self::V5 => "5",
        }
    }
}

/// The broker, and how clients reach it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) port: u16,
    pub(super) ca_file: String,
    pub(super) version: Version,
}

/// What a client is to do.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Order {
    Connect {
        client: String,
        login: Login,
        subscribe: Vec<String>,
        qos: u8,
        will: Option<Will>,
    },
    Publish {
        client: String,
        topic: String,
        payload: String,
        qos: u8,
        retain: bool,
    },
    /// With DISCONNECT.
    Leave { client: String },
    /// Without.
    Cut { client: String },
}

/// What it says of itself.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Login {
    pub(super) client_id: String,
    pub(super) proof: Proof,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Proof {
    Password { user: String, password: String },
    Certificate { file: PathBuf, key: PathBuf },
}

/// Published with QoS 1.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Will {
    pub(super) topic: String,
    pub(super) payload: String,
}

/// What a client tells.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    pub(super) client: String,
    #[serde(flatten)]
    pub(super) news: News,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum News {
    /// It is connected, and all its subscriptions are granted.
    Ready,
    Refused {
        code: Option<u8>,
    },
    /// What it published is acknowledged as its `QoS` asks for.
    Sent,
    Message(Message),
    Closed {
        code: Option<u8>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: String,
    pub(super) qos: u8,
    pub(super) retain: bool,
}

/// Has clients do what they are ordered to; what they tell comes by a channel.
pub(super) trait Driver {
    fn order(&mut self, order: &Order);
}

/// A driver and what its clients tell.
pub(super) type Driven = (Box<dyn Driver>, Receiver<Event>);

/// A driver in another language: a program that reads orders and writes events, a line of JSON
/// each.
pub(super) struct Script {
    child: Child,
    orders: ChildStdin,
}

impl Script {
    pub(super) fn start(mut command: Command, target: &Target) -> Driven {
        command.arg(target.port.to_string()).arg(&target.ca_file);
        command.arg(target.version.level());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, events) = channel();
        let told = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in told.lines().map_while(Result::ok) {
                let event: Event =
                    serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let orders = child.stdin.take().unwrap();
        (Box::new(Self { child, orders }), events)
    }
}

impl Driver for Script {
    fn order(&mut self, order: &Order) {
        let line = serde_json::to_string(order).unwrap();
        writeln!(self.orders, "{line}").unwrap();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
