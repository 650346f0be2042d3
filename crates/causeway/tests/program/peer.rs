//! Clients of the message queue from elsewhere: Debian's mosquitto clients, and Python's paho.

use std::process::{Child, Command, Output, Stdio};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha1::Sha1;
use testkit::Talker;

use super::support::text;

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
        let mut command = Command::new(program);
        command.args(["-h", "localhost", "-p", &port.to_string()]);
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

    /// Publishes each line of its standard input with QoS 1.
    pub(super) fn publish_lines(&self, port: u16, topic: &str) -> Child {
        let mut command = self.command("mosquitto_pub", port, &["-l", "-q", "1", "-t", topic]);
        command.stdin(Stdio::piped()).spawn().unwrap()
    }

    /// Subscribes; returns once the broker has granted it.
    pub(super) fn subscribe(&self, port: u16, filter: &str, more: &[&str]) -> Talker {
        let mut command = self.command("mosquitto_sub", port, more);
        command.args(["-d", "-v", "-q", "1", "-t", filter]);
        let talker = Talker::start(&command).unwrap();
        talker.hear("Subscribed (mid");
        talker
    }
}

fn sign(secret: &str, client_id: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(client_id.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
