//! Clients of the message queue from elsewhere: Debian's mosquitto clients, and Python's paho.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha1::Sha1;

use super::support::{LIMIT, text};

/// What a client says of itself in CONNECT.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) client_id: String,
    pub(super) user: String,
    pub(super) password: String,
}

impl Login {
    /// With a credential that was just told.
    pub(super) fn of_device(issued: &Value) -> Self {
        let client_id = text(issued, "/client_id").to_owned();
        let id = text(issued, "/access_key_id");
        Self {
            user: format!("DeviceCredential|{id}|causeway"),
            password: sign(text(issued, "/secret"), &client_id),
            client_id,
        }
    }

    /// With a token of an access key.
    pub(super) fn of_token(client_id: &str, key: &str, kind: &str, token: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            user: format!("Token|{key}|causeway"),
            password: format!("{kind}|{token}"),
        }
    }

    /// With the signature of an access key.
    pub(super) fn of_key(client_id: &str, key: &str, secret: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            user: format!("Signature|{key}|causeway"),
            password: sign(secret, client_id),
        }
    }

    /// A mosquitto client that connects there.
    fn command(&self, program: &str, port: u16, more: &[&str]) -> Command {
        // Its lines are buffered when its output is a pipe.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", program, "-h", "localhost", "-p", &port.to_string()]);
        command.args(["-i", &self.client_id, "-u", &self.user]);
        command.args(["-P", &self.password]).args(more);
        command.stdin(Stdio::null());
        command
    }

    /// Publishes with QoS 1.
    pub(super) fn publish(&self, port: u16, topic: &str, payload: &str, more: &[&str]) -> Output {
        let mut command = self.command("mosquitto_pub", port, more);
        command.args(["-q", "1", "-t", topic, "-m", payload]);
        command.output().unwrap()
    }

    /// Subscribes; returns once the broker has granted it.
    pub(super) fn subscribe(&self, port: u16, filter: &str, more: &[&str]) -> Subscriber {
        let mut command = self.command("mosquitto_sub", port, more);
        command.args(["-d", "-v", "-q", "1", "-t", filter]);
        Subscriber::start(command, "Subscribed (mid")
    }
}

fn sign(secret: &str, client_id: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(client_id.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A program that prints what it hears.
pub(super) struct Subscriber {
    child: Child,
    lines: Receiver<String>,
}

impl Subscriber {
    /// Starts it, and waits until it has said `up`.
    pub(super) fn start(mut command: Command, up: &str) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let subscriber = Self { child, lines };
        subscriber.hear(up);
        subscriber
    }

    /// Waits for a line that holds `text`.
    pub(super) fn hear(&self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(LIMIT) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with `{text}` came, but {seen:?}"),
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
