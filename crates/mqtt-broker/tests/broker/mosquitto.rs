//! Debian's mosquitto clients, in both versions of the protocol, with and without TLS.

use std::process::{Command, Output, Stdio};

use bytes::Bytes;
use mqtt_broker::Access;
use testkit::Talker;

use crate::kit::{Device, Kit, next_presence, next_uplink};

#[derive(Clone, Debug)]
struct Peer {
    version: &'static str,
    port: u16,
    ca_file: Option<String>,
}

impl Peer {
    fn plain(kit: &Kit, version: &'static str) -> Self {
        Self {
            version,
            port: kit.address().port(),
            ca_file: None,
        }
    }

    fn command(&self, program: &str, device: &Device) -> Command {
        let mut command = Command::new(program);
        let port = self.port.to_string();
        let args = ["-h", "localhost", "-p", &port, "-V", self.version, "-d"];
        command.args(args);
        command.args(["-i", device.client_id.as_str()]);
        command.args(["-u", &device.user_name, "-P", &device.password]);
        if let Some(ca_file) = &self.ca_file {
            command.args(["--cafile", ca_file]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn publish(&self, device: &Device, topic: &str, message: &str, qos: &str) -> Output {
        let mut command = self.command("mosquitto_pub", device);
        command.args(["-t", topic, "-m", message, "-q", qos]);
        command.output().expect("mosquitto-clients is installed")
    }

    fn subscribe(&self, device: &Device, filter: &str, qos: &str) -> Talker {
        let mut command = self.command("mosquitto_sub", device);
        command.args(["-t", filter, "-q", qos, "-v"]);
        Talker::start(&command).expect("mosquitto-clients is installed")
    }
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

async fn uplink_and_downlink(kit: &Kit, peer: &Peer) {
    let device = kit.device("gw-one");
    let bus = kit.broker.bus();
    let mut receiver = bus.receive().await.unwrap();
    for qos in ["0", "1", "2"] {
        let output = peer.publish(&device, "csg_status/gw-one", "hello", qos);
        assert!(output.status.success(), "{}", text(&output));
        let uplink = next_uplink(&mut receiver).await;
        assert_eq!(uplink.topic.as_str(), "csg_status/gw-one");
        assert_eq!(
            (uplink.from, &uplink.payload[..]),
            (device.client_id.clone(), &b"hello"[..])
        );
    }
    let subscriber = peer.subscribe(&device, "csg_cmd/all", "1");
    subscriber.hear("received SUBACK");
    let parent = "csg_cmd".parse().unwrap();
    bus.send(&parent, &device.client_id, Bytes::from_static(b"do it"))
        .await
        .unwrap();
    subscriber.hear(&format!("csg_cmd/p2p/{} do it", device.client_id));
}

#[tokio::test]
async fn messages_go_up_and_down_in_3_1_1() {
    let kit = Kit::start();
    uplink_and_downlink(&kit, &Peer::plain(&kit, "311")).await;
}

#[tokio::test]
async fn messages_go_up_and_down_in_5() {
    let kit = Kit::start();
    uplink_and_downlink(&kit, &Peer::plain(&kit, "5")).await;
}

#[tokio::test]
async fn messages_go_up_and_down_over_tls() {
    let (kit, ca_pem) = Kit::start_tls();
    let ca_file = kit.dir.path().join("ca.pem");
    std::fs::write(&ca_file, ca_pem).unwrap();
    let ca_file = Some(ca_file.to_str().unwrap().to_owned());
    let port = kit.broker.tls_address().unwrap().port();
    for version in ["311", "5"] {
        uplink_and_downlink(
            &kit,
            &Peer {
                version,
                port,
                ca_file: ca_file.clone(),
            },
        )
        .await;
    }
}

#[test]
fn wildcard_subscribers_with_rights_get_what_matches() {
    let kit = Kit::start();
    let registry = kit.broker.registry();
    let group = "GID_monitor".parse().unwrap();
    registry.create_group(&group).unwrap();
    registry
        .grant(&group, &"csg_event".parse().unwrap(), Access::Subscribe)
        .unwrap();
    let monitors = ["a", "b"].map(|name| kit.add(Device::of_group("GID_monitor", name)));
    for (version, qos) in [("311", "0"), ("5", "1"), ("5", "2")] {
        let peer = Peer::plain(&kit, version);
        let all = peer.subscribe(&monitors[0], "csg_event/#", qos);
        let one_level = peer.subscribe(&monitors[1], "csg_event/+", qos);
        all.hear("received SUBACK");
        one_level.hear("received SUBACK");
        let device = kit.device("gw-two");
        let output = peer.publish(&device, "csg_event/gw-two/disk", "deep", "1");
        assert!(output.status.success(), "{}", text(&output));
        let output = peer.publish(&device, "csg_event/gw-two", "flat", "1");
        assert!(output.status.success(), "{}", text(&output));
        all.hear("csg_event/gw-two/disk deep");
        all.hear("csg_event/gw-two flat");
        let seen = one_level.hear("csg_event/gw-two flat");
        assert!(!seen.iter().any(|line| line.contains("deep")), "{seen:?}");
    }
}

#[test]
fn members_of_both_versions_share_what_comes() {
    let kit = Kit::start();
    let registry = kit.broker.registry();
    let group = "GID_monitor".parse().unwrap();
    registry.create_group(&group).unwrap();
    registry
        .grant(&group, &"csg_event".parse().unwrap(), Access::Subscribe)
        .unwrap();
    let members = [("a", "311"), ("b", "5")].map(|(name, version)| {
        let device = kit.add(Device::of_group("GID_monitor", name));
        let member = Peer::plain(&kit, version).subscribe(&device, "$share/g/csg_event/#", "2");
        member.hear("received SUBACK");
        member
    });
    let device = kit.device("gw-two");
    let peer = Peer::plain(&kit, "5");
    for message in ["first", "second"] {
        let output = peer.publish(&device, "csg_event/gw-two", message, "2");
        assert!(output.status.success(), "{}", text(&output));
    }
    let mut seen = members
        .map(|member| member.hear("csg_event/gw-two ").pop().unwrap())
        .map(|line| line.rsplit(' ').next().unwrap().to_owned());
    seen.sort();
    assert_eq!(seen, ["first", "second"]);
}

#[tokio::test]
async fn a_second_connection_takes_over() {
    let kit = Kit::start();
    let device = kit.device("gw-twice");
    let mut receiver = kit.broker.bus().receive().await.unwrap();
    let peer = Peer::plain(&kit, "5");
    let first = peer.subscribe(&device, "csg_cmd/all", "1");
    first.hear("received SUBACK");
    let (old, event) = next_presence(&mut receiver, &device).await;
    assert_eq!(event, "connect");
    let second = peer.subscribe(&device, "csg_cmd/all", "1");
    second.hear("received SUBACK");
    let (new, event) = next_presence(&mut receiver, &device).await;
    assert_eq!(event, "connect");
    assert_ne!(old, new);
    assert_eq!(
        next_presence(&mut receiver, &device).await,
        (old, "tcpclean: clientId conflict".into())
    );
    first.hear("Received DISCONNECT (142)");
}
