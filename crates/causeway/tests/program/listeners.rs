//! Listeners of `causeway broker`: of every kind, from a file, with certificates that are read
//! again while clients stay, and what machines may know of it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;
use testkit::{Talker, eventually, python_with, run};

use super::{
    authority::Authority,
    peer::Login,
    separate::Cloud,
    support::{LIMIT, causeway, port, stderr, stdout, text},
};

/// The file of a broker with one listener of each kind.
fn config(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        r#"
[[listeners]]
name = "devices"
protocol = "tls"
address = "127.0.0.1:0"
certificates = ["{dir}/server.pem"]
keys = ["{dir}/server.key"]

[[listeners]]
name = "mutual"
protocol = "tls"
address = "127.0.0.1:0"
client_certificates = "required"
client_ca = "{dir}/clients.pem"

[[listeners]]
protocol = "wss"
address = "127.0.0.1:0"
path = "/queue"
certificates = ["{dir}/server.pem"]
keys = ["{dir}/server.key"]

[[listeners]]
protocol = "ws"
address = "127.0.0.1:0"

[[listeners]]
name = "balanced"
protocol = "tcp"
address = "127.0.0.1:0"
balancers = ["127.0.0.0/8"]
connections_max = 10
connect_rate = 1000
handshake_timeout_s = 20
"#
    )
}

struct Site {
    cloud: Cloud,
    dir: TempDir,
    authority: Authority,
}

impl Site {
    fn start() -> Self {
        let dir = testkit::scratch_folder().unwrap();
        let authority = Authority::new(dir.path(), "ca");
        authority.issue(dir.path(), "server", 1_001);
        Authority::new(dir.path(), "clients").issue(dir.path(), "client", 7);
        let file = dir.path().join("broker.toml");
        fs::write(&file, config(dir.path())).unwrap();
        let file = file.display().to_string();
        let more = ["--config", &file, "--metrics-address", "127.0.0.1:0"];
        let cloud = Cloud::start_with(&more);
        for words in [
            &["group", "create", "GID_lab"][..],
            &["topic", "create", "lab"],
            &[
                "topic",
                "grant",
                "lab",
                "GID_lab",
                "--access",
                "publish-and-subscribe",
            ],
        ] {
            stdout(&cloud.ctl(&[&["mq"], words].concat()));
        }
        Self {
            cloud,
            dir,
            authority,
        }
    }

    fn login(&self, name: &str) -> Login {
        let client_id = format!("GID_lab@@@{name}");
        let issued = self.cloud.json(&["mq", "device", "register", &client_id]);
        Login::of_device(&issued)
    }

    fn port(&self, listener: &str) -> u16 {
        port(&self.cloud.broker.ready, &format!("/listeners/{listener}"))
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// The serial number of the certificate that a listener shows.
    fn serial(&self, listener: &str) -> u64 {
        let address = format!("localhost:{}", self.port(listener));
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &address]);
        let shown = run(command.stderr(Stdio::null())).unwrap();
        let path = self.dir.path().join("shown.pem");
        fs::write(&path, &shown.stdout).unwrap();
        let mut command = Command::new("openssl");
        command
            .args(["x509", "-noout", "-serial", "-in"])
            .arg(&path);
        let told = stdout(&run(&mut command).unwrap());
        let (_, hex) = told.trim().split_once('=').unwrap();
        u64::from_str_radix(hex, 16).unwrap()
    }

    fn listener(&self, name: &str) -> Value {
        let all = self.cloud.json(&["mq", "listener", "list"]);
        let found = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|l| l["name"] == name);
        found
            .unwrap_or_else(|| panic!("no {name} in {all}"))
            .clone()
    }

    fn get(&self, path: &str) -> (String, String) {
        let port = port(&self.cloud.broker.ready, "/metrics_address");
        let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        line.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        line.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

/// Subscribes by paho over a WebSocket, and prints each payload.
const PAHO: &str = r#"
import sys, ssl
import paho.mqtt.client as mqtt
port, path, ca, client_id, user, password, topic = sys.argv[1:]
c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, transport="websockets",
                protocol=mqtt.MQTTv5)
c.ws_set_options(path=path)
if ca:
    c.tls_set(ca_certs=ca)
c.username_pw_set(user, password)
c.on_connect = lambda c, u, f, reason, p: (print("connected", reason, flush=True), c.subscribe(topic, 1))
c.on_subscribe = lambda *a: print("subscribed", flush=True)
c.on_message = lambda c, u, m: print("heard", m.payload.decode(), flush=True)
c.connect("localhost", int(port))
c.loop_forever()
"#;

fn paho(site: &Site, listener: &str, (path, ca): (&str, &str), login: &Login) -> Talker {
    let mut command = Command::new(python_with("paho-mqtt", "2.2.0").unwrap());
    command.args(["-c", PAHO, &site.port(listener).to_string(), path, ca]);
    command.args([&login.client_id, &login.user, &login.password, "lab/news"]);
    let talker = Talker::start(&command).unwrap();
    talker.hear("subscribed");
    talker
}

/// Passes one connection on to `to`, behind a header of PROXY protocol 2 that names 192.0.2.7.
fn balancer(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut broker = TcpStream::connect(("127.0.0.1", to)).unwrap();
        let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        header.extend([192, 0, 2, 7, 127, 0, 0, 1, 0x10, 0x92, 0x07, 0x5b]);
        broker.write_all(&header).unwrap();
        let (mut from, mut back) = (client.try_clone().unwrap(), broker.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut back).ok());
        std::io::copy(&mut broker, &mut client).ok();
    });
    port
}

#[test]
fn every_kind_of_listener_serves_clients() {
    let site = Site::start();
    let ca = site.file("ca.pem");
    let tls = ["--cafile", &ca];
    let devices = site.port("devices");
    let heard = site.login("sub").subscribe(devices, "lab/#", &tls);
    let secure = paho(&site, "wss", ("/queue", &ca), &site.login("wss"));
    let plain = paho(&site, "ws", ("/mqtt", ""), &site.login("ws"));
    let publisher = site.login("pub");
    for version in ["tlsv1.2", "tlsv1.3"] {
        let more = [&tls[..], &["--tls-version", version]].concat();
        let said = publisher.publish(devices, "lab/news", version, &more);
        assert!(said.status.success(), "{version}: {said:?}");
        for subscriber in [&heard, &secure, &plain] {
            subscriber.hear(version);
        }
    }

    // The broker's own certificate, and one of the client's.
    let own = text(&site.cloud.broker.ready, "/ca_file").to_owned();
    let mutual = site.port("mutual");
    let without = publisher.publish(mutual, "lab/news", "no", &["--cafile", &own]);
    assert!(!without.status.success(), "{without:?}");
    let (cert, key) = (site.file("client.pem"), site.file("client.key"));
    let with = ["--cafile", &own, "--cert", &cert, "--key", &key];
    let said = publisher.publish(mutual, "lab/news", "mutual", &with);
    assert!(said.status.success(), "{said:?}");
    heard.hear("mutual");

    let balanced = balancer(site.port("balanced"));
    let far = site.login("far").subscribe(balanced, "lab/news", &[]);
    let client = site.cloud.json(&["mq", "client", "show", "GID_lab@@@far"]);
    assert_eq!(client["address"], "192.0.2.7:4242", "{client}");
    drop(far);
    let listener = site.listener("balanced");
    assert_eq!(listener["protocol"], "tcp");
    assert_eq!(listener["connections_max"], 10);
}

#[test]
fn certificates_are_read_again_and_nobody_is_disconnected() {
    let site = Site::start();
    let ca = site.file("ca.pem");
    let tls = ["--cafile", &ca];
    let devices = site.port("devices");
    let heard = site.login("sub").subscribe(devices, "lab/#", &tls);
    let channel = |site: &Site| {
        let client = site.cloud.json(&["mq", "client", "show", "GID_lab@@@sub"]);
        text(&client, "/channel_id").to_owned()
    };
    let before = channel(&site);
    assert_eq!(site.serial("devices"), 1_001);

    site.authority.issue(site.dir.path(), "server", 1_002);
    let pid = site.cloud.broker.process.id().to_string();
    stdout(&run(Command::new("kill").args(["-HUP", &pid])).unwrap());
    eventually("the new certificate", LIMIT, || {
        Ok((site.serial("devices") == 1_002).then_some(()))
    })
    .unwrap();
    assert_eq!(site.serial("wss"), 1_002);

    site.authority.issue(site.dir.path(), "server", 1_003);
    let reloaded = site.cloud.json(&["mq", "listener", "reload"]);
    assert!(reloaded.to_string().contains("certificate_expires_at"));
    assert_eq!(site.serial("devices"), 1_003);

    fs::write(site.file("server.key"), "no key").unwrap();
    let refused = site.cloud.ctl(&["mq", "listener", "reload"]);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(stderr(&refused).contains("`devices`"), "{refused:?}");
    assert_eq!(site.serial("devices"), 1_003);

    let said = site.login("pub").publish(devices, "lab/x", "still", &tls);
    assert!(said.status.success(), "{said:?}");
    heard.hear("still");
    assert_eq!(channel(&site), before);
}

#[test]
fn machines_see_metrics_and_health_and_a_drained_broker_is_not_ready() {
    let mut site = Site::start();
    let ca = site.file("ca.pem");
    let tls = ["--cafile", &ca];
    let devices = site.port("devices");
    let heard = site.login("sub").subscribe(devices, "lab/#", &tls);
    let said = site.login("pub").publish(devices, "lab/x", "counted", &tls);
    assert!(said.status.success(), "{said:?}");
    heard.hear("counted");
    assert_eq!(site.get("/healthz").0, "HTTP/1.1 200 OK");
    assert_eq!(site.get("/readyz").0, "HTTP/1.1 200 OK");
    for line in [
        "causeway_mqtt_topic_messages_in_total{parent_topic=\"lab\"} 1",
        "causeway_mqtt_listener_connects_total{listener=\"devices\"} 2",
        "causeway_mqtt_connect_seconds_count{listener=\"devices\"} 2",
        "causeway_mqtt_deliver_seconds_bucket{parent_topic=\"lab\",le=\"+Inf\"} 1",
    ] {
        // A message is counted once it is written, and may be heard before that.
        let counted = eventually(line, LIMIT, || {
            let (status, page) = site.get("/metrics");
            assert_eq!(status, "HTTP/1.1 200 OK");
            Ok(page.contains(line).then_some(()))
        });
        counted.unwrap();
    }
    let slow = site.cloud.json(&["mq", "slow"]);
    assert_eq!(slow["items"].as_array().map(Vec::len), Some(0), "{slow}");

    let drain = ["mq", "drain", "--yes", "--window-s", "1", "--for-good"];
    let drain = [&drain[..], &["--server", "mq2.example:8883"]].concat();
    let told = stdout(&site.cloud.ctl(&drain));
    assert!(told.contains("gone in 1 s"), "{told}");
    assert_eq!(site.get("/readyz").0, "HTTP/1.1 503 Service Unavailable");
    eventually("all clients are gone", LIMIT, || {
        let gone = site.get("/metrics").1.contains("causeway_mqtt_clients 0\n");
        Ok(gone.then_some(()))
    })
    .unwrap();
    // Each event loop closes its own listening socket.
    eventually("nobody listens", LIMIT, || {
        let refused = TcpStream::connect(("127.0.0.1", devices)).is_err();
        Ok(refused.then_some(()))
    })
    .unwrap();
    drop(heard);
    site.cloud.broker.process.terminate(LIMIT).unwrap();
}

#[test]
fn the_environment_says_listeners_as_flags_do_and_wrong_ones_are_named() {
    let dir = testkit::scratch_folder().unwrap();
    let check = |listeners: &str, words: &str| {
        let mut command = causeway(&["broker", "--host", "localhost", "--data"]);
        command.arg(dir.path()).env("CAUSEWAY_LISTENERS", listeners);
        let refused = run(&mut command).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(stderr(&refused).contains(words), "{refused:?}");
    };
    check("protocol=udp,address=127.0.0.1:0", "tcp, tls, ws or wss");
    check("protocol=tcp,address=here", "here");
    check(
        "protocol=ws,address=127.0.0.1:0;protocol=ws,address=127.0.0.1:0",
        "another listener",
    );
    check(
        "name=x,protocol=tls,address=127.0.0.1:0,certificate=a.pem",
        "its key",
    );
}
