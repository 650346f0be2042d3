//! Administration of the message queue by `ctl mq`, which speaks the console's HTTP API, and what
//! clients notice of it.

use std::fs;

use serde_json::Value;
use testkit::{Talker, eventually};

use super::{
    peer::Login,
    separate::Cloud,
    support::{LIMIT, port, stderr, stdout, text},
};

struct Queue {
    cloud: Cloud,
    ca: String,
    port: u16,
}

impl Queue {
    /// A broker with a group that may do everything below `lab`.
    fn start() -> Self {
        let cloud = Cloud::start();
        let ca = text(&cloud.broker.ready, "/ca_file").to_owned();
        let port = port(&cloud.broker.ready, "/tls_address");
        let queue = Self { cloud, ca, port };
        queue.done(&["group", "create", "GID_lab"]);
        queue.done(&["topic", "create", "lab"]);
        queue.grant("publish-and-subscribe");
        queue
    }

    fn grant(&self, access: &str) {
        self.done(&["topic", "grant", "lab", "GID_lab", "--access", access]);
    }

    fn done(&self, words: &[&str]) -> String {
        stdout(&self.cloud.ctl(&[&["mq"], words].concat()))
    }

    fn json(&self, words: &[&str]) -> Value {
        self.cloud.json(&[&["mq"], words].concat())
    }

    /// The code of the API's refusal.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.cloud.ctl(&[&["--json", "mq"], words].concat());
        assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
        let body: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", stderr(&output)));
        text(&body, "/error/code").to_owned()
    }

    fn login(&self, name: &str) -> Login {
        let client_id = format!("GID_lab@@@{name}");
        Login::of_device(&self.json(&["device", "register", &client_id]))
    }

    /// Whether the broker lets it in and takes its message.
    fn publishes(&self, login: &Login, topic: &str) -> bool {
        let tls = ["--cafile", &self.ca, "-V", "5"];
        let said = login.publish(self.port, topic, "x", &tls);
        // MQTT 5 says in PUBACK what is against it; the client prints that and ends with 0.
        said.status.success() && said.stderr.is_empty()
    }

    fn subscribe(&self, login: &Login, filter: &str) -> Talker {
        login.subscribe(self.port, filter, &["--cafile", &self.ca, "-V", "5"])
    }

    fn is_online(&self, client_id: &str) -> bool {
        self.json(&["client", "show", client_id])["online"] == true
    }

    fn wait_until_offline(&self, client_id: &str) {
        eventually("the client is gone", LIMIT, || {
            Ok((!self.is_online(client_id)).then_some(()))
        })
        .unwrap();
    }

    /// The token in a file, as no command line should have it.
    fn token_file(&self, token: &str) -> String {
        let path = self.cloud.dir.path().join("token");
        fs::write(&path, token).unwrap();
        path.display().to_string()
    }
}

fn items(list: &Value) -> &Vec<Value> {
    let items = list.as_array().or_else(|| list["items"].as_array());
    items.unwrap_or_else(|| panic!("no list: {list}"))
}

fn find<'v>(list: &'v Value, key: &str, value: &str) -> Option<&'v Value> {
    items(list).iter().find(|item| item[key] == value)
}

#[test]
fn groups_parent_topics_and_rights_come_and_go() {
    let queue = Queue::start();
    assert_eq!(
        queue.refused(&["group", "create", "lab"]),
        "INVALID_ARGUMENT"
    );
    let login = queue.login("one");
    assert!(queue.publishes(&login, "lab/x"));
    assert!(!queue.publishes(&login, "other/x"), "no such parent topic");

    let class = ["--class", "command", "--weight", "16"];
    queue.done(&[&["topic", "precedence", "lab"], &class[..]].concat());
    let lab = queue.json(&["topic", "list"]);
    let lab = find(&lab, "parent", "lab").unwrap();
    assert_eq!(lab["precedence"]["class"], "command", "{lab}");
    assert_eq!(lab["precedence"]["weight"], 16, "{lab}");
    assert_eq!(lab["grants"][0]["access"], "publish_and_subscribe", "{lab}");

    queue.grant("subscribe");
    assert!(!queue.publishes(&login, "lab/x"), "it may subscribe only");
    queue.grant("publish");
    assert!(queue.publishes(&login, "lab/x"));
    queue.done(&["topic", "ungrant", "lab", "GID_lab"]);
    assert!(!queue.publishes(&login, "lab/x"));

    let groups = queue.json(&["group", "list"]);
    assert_eq!(find(&groups, "group", "GID_lab").unwrap()["devices"], 1);
    assert_eq!(
        queue.refused(&["group", "delete", "GID_lab", "--yes"]),
        "CONFLICT"
    );
    queue.done(&["device", "unregister", "GID_lab@@@one", "--yes"]);
    queue.done(&["group", "delete", "GID_lab", "--yes"]);
    queue.done(&["topic", "delete", "lab", "--yes"]);
    assert!(find(&queue.json(&["group", "list"]), "group", "GID_lab").is_none());
    assert!(find(&queue.json(&["topic", "list"]), "parent", "lab").is_none());
    assert_eq!(
        queue.refused(&["topic", "delete", "csg_cmd", "--yes"]),
        "CONFLICT"
    );
}

#[test]
fn tokens_are_applied_for_queried_and_revoked() {
    let queue = Queue::start();
    let key = queue.json(&["key", "create", "--description", "token server"]);
    let (id, secret) = (text(&key, "/access_key_id"), text(&key, "/secret"));
    let apply = ["token", "apply", id, "--resource", "lab/news"];
    let applied = queue.json(&[&apply[..], &["--access", "subscribe"]].concat());
    let token = text(&applied, "/token").to_owned();
    let file = queue.token_file(&token);
    let status = queue.json(&["token", "query", "--token-file", &file]);
    assert_eq!(status["state"], "good", "{status}");

    let reader = Login::of_token("GID_lab@@@reader", id, "R", &token);
    let heard = queue.subscribe(&reader, "lab/news");
    let signer = Login::of_key("GID_lab@@@signer", id, secret);
    assert!(queue.publishes(&signer, "lab/news"));
    heard.hear("lab/news x");
    assert!(!queue.publishes(&reader, "lab/news"), "it reads only");

    let reader = queue.subscribe(&reader, "lab/news");
    queue.done(&["token", "revoke", "--token-file", &file]);
    queue.wait_until_offline("GID_lab@@@reader");
    drop(reader);
    let status = queue.json(&["token", "query", "--token-file", &file]);
    assert_eq!(status["state"], "revoked", "{status}");

    queue.done(&["key", "delete", id, "--yes"]);
    assert!(!queue.publishes(&signer, "lab/news"));
}

#[test]
fn device_credentials_are_registered_refreshed_and_unregistered() {
    let queue = Queue::start();
    let client_id = "GID_lab@@@till";
    let first = Login::of_device(&queue.json(&["device", "register", client_id]));
    assert!(queue.publishes(&first, "lab/x"));
    assert_eq!(
        queue.refused(&["device", "register", client_id]),
        "CONFLICT"
    );
    let shown = queue.json(&["device", "show", client_id]);
    assert_eq!(items(&shown).len(), 1, "{shown}");
    assert!(!shown.to_string().contains("secret"), "{shown}");
    assert_eq!(items(&queue.json(&["device", "list", "GID_lab"])).len(), 1);

    let connected = queue.subscribe(&first, "lab/#");
    let second = queue.json(&["device", "refresh", client_id, "--yes"]);
    let second = Login::of_device(&second);
    drop(connected);
    assert!(!queue.publishes(&first, "lab/x"), "it was replaced");
    assert!(queue.publishes(&second, "lab/x"));

    queue.done(&["device", "unregister", client_id, "--yes"]);
    assert!(!queue.publishes(&second, "lab/x"));
    assert_eq!(queue.refused(&["device", "show", client_id]), "NOT_FOUND");

    let narrow = ["--resource", "lab/own/#", "--access", "publish"];
    let register = [&["device", "register", client_id], &narrow[..]].concat();
    let narrow = Login::of_device(&queue.json(&register));
    assert!(queue.publishes(&narrow, "lab/own/x"));
    assert!(!queue.publishes(&narrow, "lab/x"));
}

#[test]
fn sessions_are_queried_closed_and_shut_out() {
    let queue = Queue::start();
    let (one, two) = (queue.login("one"), queue.login("two"));
    let (id, away) = (one.client_id.clone(), two.client_id.clone());
    let heard = queue.subscribe(&one, "lab/news");
    let shown = queue.json(&["client", "show", &id]);
    assert_eq!(shown["online"], true, "{shown}");
    assert_eq!(shown["subscriptions"][0]["filter"], "lab/news", "{shown}");
    assert_eq!(shown["subscriptions"][0]["qos"], 1, "{shown}");
    assert!(text(&shown, "/address").starts_with("127.0.0.1:"));
    let both = queue.json(&["client", "query", &id, &away]);
    assert_eq!(find(&both, "client_id", &id).unwrap()["online"], true);
    assert_eq!(find(&both, "client_id", &away).unwrap()["online"], false);
    let listed = queue.json(&["client", "list", "--group", "GID_lab"]);
    assert_eq!(items(&listed).len(), 1, "{listed}");

    let channel = shown["channel_id"].clone();
    queue.done(&["client", "close", &id, "--yes"]);
    heard.hear("DISCONNECT (152)");
    drop(heard);
    queue.wait_until_offline(&id);
    let heard = queue.subscribe(&one, "lab/news");
    let again = queue.json(&["client", "show", &id]);
    assert_ne!(again["channel_id"], channel, "{again}");
    assert_eq!(
        queue.refused(&["client", "close", &away, "--yes"]),
        "OFFLINE"
    );

    queue.done(&["client", "block", &id, "--yes"]);
    queue.wait_until_offline(&id);
    assert!(!queue.publishes(&one, "lab/x"));
    let blocked = queue.json(&["client", "blocked"]);
    assert!(find(&blocked, "client_id", &id).is_some(), "{blocked}");
    queue.done(&["client", "unblock", &id]);
    drop(heard);
    assert!(queue.publishes(&one, "lab/x"));
}

#[test]
fn messages_are_sent_and_traces_say_what_became_of_them() {
    let queue = Queue::start();
    let login = queue.login("one");
    let id = login.client_id.clone();
    let to_one = format!("lab/p2p/{id}");
    assert_eq!(queue.refused(&["send", &to_one, "x"]), "OFFLINE");
    let heard = queue.subscribe(&login, "lab/news");
    let sent = queue.json(&["send", "lab/news", "for all"]);
    assert_eq!(sent["receivers"], 1, "{sent}");
    heard.hear("lab/news for all");
    let sent = queue.json(&["send", &to_one, "Zm9yIG9uZQ==", "--base64"]);
    heard.hear("for one");

    let message = text(&sent, "/message_id").to_owned();
    let traced = |words: &[&str], wanted: &[(&str, &str)]| {
        eventually("the trace", LIMIT, || {
            let list = queue.json(&[&["trace"], words].concat());
            let is_there = |(action, code): &(&str, &str)| {
                let mut all = items(&list).iter();
                all.any(|t| t["action"] == *action && t["code"] == *code)
            };
            Ok(wanted.iter().all(is_there).then_some(()))
        })
        .unwrap();
    };
    traced(
        &["messages", "--message", &message],
        &[
            ("pub", "accepted"),
            ("sub", "delivered"),
            ("acked", "accepted"),
        ],
    );
    drop(heard);
    queue.wait_until_offline(&id);
    traced(
        &["devices", "--client", &id, "--last-s", "600", "--reverse"],
        &[("connect", "accepted")],
    );
    let settings = ["set", "--subscriptions-max", "31", "--trace", "everything"];
    queue.done(&settings);
    let shown = queue.json(&["show"]);
    assert_eq!(shown["settings"]["subscriptions_max"], 31, "{shown}");
    assert_eq!(shown["settings"]["trace"], "everything", "{shown}");
}
