//! Bad input at each door of the program: told in words that say what to do, and everything
//! else goes on.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Output},
};

use model::{ActivationBundle, Timestamp};
use rcgen::{KeyPair, SigningKey as _};
use serde_json::Value;
use testkit::{eventually, run};

use super::{
    separate::Cloud,
    support::{LIMIT, Up, causeway, nfs_copy, nfs_url, port, stderr, stdout, text},
};

/// A client of the message queue: Debian's mosquitto.
struct Till<'a> {
    up: &'a Up,
    user_name: String,
    password: String,
}

impl Till<'_> {
    fn publish(&self, client_id: &str, topic: &str) -> Output {
        let port = port(&self.up.ready, "/broker/tcp_address").to_string();
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-V", "5", "-q", "1", "-d"]);
        command.args(["-i", client_id, "-t", topic, "-m", "hello"]);
        command.args(["-u", &self.user_name, "-P", &self.password]);
        run(&mut command).unwrap()
    }

    /// Publishing is refused: to the client by a code, and in words, to the client or in the
    /// operator's trace (mosquitto does not print the words of a refused CONNECT).
    fn is_refused(&self, (client_id, topic): (&str, &str), code: &str, words: &str) {
        let output = self.publish(client_id, topic);
        let told = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            stderr(&output)
        );
        assert!(told.contains(code), "{client_id} {topic}: {told}");
        eventually(words, LIMIT, || {
            let trace = ["mq", "trace", "devices", "--client", client_id];
            let traced = stdout(&self.up.ctl(&trace));
            let found = told.contains(words) || traced.contains(words);
            Ok(found.then_some(()))
        })
        .unwrap_or_else(|error| panic!("{client_id} {topic}: {error}: {told}"));
    }
}

#[test]
fn clients_of_the_message_queue_are_told_which_rule_they_broke() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    for words in [
        &["mq", "group", "create", "GID_shop"][..],
        &["mq", "group", "create", "GID_office"],
        &["mq", "topic", "create", "orders"],
        &[
            "mq", "topic", "grant", "orders", "GID_shop", "--access", "publish",
        ],
    ] {
        stdout(&up.ctl(words));
    }
    let device = up.ctl_json(&["mq", "device", "register", "GID_shop@@@till-1"]);
    let till = Till {
        up: &up,
        user_name: format!(
            "DeviceCredential|{}|{}",
            text(&device, "/access_key_id"),
            text(&up.ready, "/broker/instance")
        ),
        password: signature(text(&device, "/secret"), "GID_shop@@@till-1"),
    };
    let good = till.publish("GID_shop@@@till-1", "orders/new");
    assert!(good.status.success(), "{good:?}");

    let long = format!("GID_shop@@@{}", "x".repeat(54));
    assert_eq!(long.len(), 65);
    let too_long = till.publish(&long, "orders/new");
    assert!(!too_long.status.success(), "{too_long:?}");
    assert!(
        stderr(&too_long).contains("Client Identifier not valid"),
        "{too_long:?}"
    );
    till.is_refused(
        ("GID_office@@@till-1", "orders/new"),
        "Not authorized",
        "does not exist for this client",
    );
    let topic = format!("orders/{}", "t".repeat(58));
    assert_eq!(topic.len(), 65);
    let mine = "GID_shop@@@till-1";
    till.is_refused((mine, &topic), "Topic Name invalid", "65 characters");
    till.is_refused(
        (mine, "unheard/new"),
        "Not authorized",
        "`unheard` does not exist",
    );
    assert!(till.publish(mine, "orders/new").status.success());
    up.stop();
}

/// `base64(HMAC-SHA1(secret, client ID))`, by somebody else's code.
fn signature(secret: &str, client_id: &str) -> String {
    let script = "import base64, hmac, sys\n\
                  key, text = (word.encode() for word in sys.argv[1:])\n\
                  print(base64.b64encode(hmac.new(key, text, 'sha1').digest()).decode())";
    let output = run(Command::new("python3").args(["-c", script, secret, client_id])).unwrap();
    stdout(&output).trim().to_owned()
}

#[test]
fn a_share_that_cannot_work_is_refused_by_what_is_wrong_with_it() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let store = |key: &str| text(&up.ready, &format!("/object_store/{key}")).to_owned();
    let key_file = |name: &str, key: &str| {
        let path = dir.path().join(name);
        fs::write(&path, key).unwrap();
        path.display().to_string()
    };
    let good_key = key_file("good", &store("secret_access_key"));
    let bad_key = key_file("bad", "not the key");
    let (endpoint, bucket, key_id) = (store("endpoint"), store("bucket"), store("access_key_id"));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let create = |more: &[&str]| {
        let mut words = vec!["share", "create", "demo", "second"];
        words.extend(["--allow", "127.0.0.0/8"]);
        for (flag, value) in [
            ("--endpoint", &*endpoint),
            ("--bucket", &bucket),
            ("--prefix", "second/"),
            ("--access-key-id", &key_id),
            ("--secret-key-file", &good_key),
            ("--cache-size", "1GiB"),
        ] {
            if !more.contains(&flag) {
                words.extend([flag, value]);
            }
        }
        words.extend(more);
        let output = up.ctl(&words);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {output:?}");
        let said = stderr(&output);
        assert!(said.contains("nothing was changed"), "{more:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (wrong, check, words) in [
        (
            ["--bucket", "nowhere"],
            "bucket",
            "make it, or check its name",
        ),
        (["--secret-key-file", &bad_key], "bucket", "enter it again"),
        (["--access-key-id", "nobody"], "bucket", "refuses the keys"),
        (["--endpoint", &away], "bucket", "check the endpoint"),
        (
            ["--prefix", "demo/inner/"],
            "overlap",
            "choose another prefix",
        ),
        (["--prefix", ""], "overlap", "choose another prefix"),
        (["--prefix", "a//b/"], "prefix", "must read like"),
        (["--cache-size", "1MiB"], "cache", "MiB"),
    ] {
        let said = create(&wrong);
        let failed = said
            .lines()
            .find(|line| line.split_whitespace().nth(1) == Some("no"));
        let failed = failed.unwrap_or_else(|| panic!("{wrong:?}: {said}"));
        assert!(failed.starts_with(check), "{wrong:?}: {failed}");
        assert!(failed.contains(words), "{wrong:?}: {failed}");
    }
    let shares = up.ctl_json(&["share", "list", "demo"]);
    assert_eq!(shares["items"].as_array().unwrap().len(), 1, "{shares}");
    up.stop();
}

#[test]
fn an_expired_bundle_is_refused_before_anything_is_asked() {
    let cloud = Cloud::start();
    let path = cloud.bundle();
    // What the console would have made a while ago: signed with its own key.
    let bundle = fs::read_to_string(&path).unwrap();
    let mut bundle = ActivationBundle::open(&bundle, Timestamp::default(), |_, _, _| true).unwrap();
    bundle.expires_at = Timestamp::from_millis(1_700_000_000_000);
    let key = fs::read_to_string(cloud.dir.path().join("broker/ca.key")).unwrap();
    let key = KeyPair::from_pem(&key).unwrap();
    fs::write(&path, bundle.seal(|body| key.sign(body).unwrap())).unwrap();
    let late = cloud.join(&path, "late");
    assert_eq!(late.status.code(), Some(1), "{late:?}");
    let said = stderr(&late);
    assert!(
        said.contains("expired") && said.contains("make a new bundle"),
        "{said}"
    );
    assert!(
        !cloud
            .dir
            .path()
            .join("late/identity.json")
            .try_exists()
            .unwrap()
    );
}

/// What no protocol begins with, what is half of something, and lengths that are lies.
const RUBBISH: [&[u8]; 5] = [
    b"\x00\xff\x00\xff\x7f\x7f\x7f\x7f rubbish rubbish rubbish",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\nContent-Length: 99999999999999999999\r\n\r\n",
    // A CONNECT of 256 MiB.
    b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x05",
    // One record of 2 GiB, which would be an RPC call.
    b"\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02",
    // A LOOKUP whose handle is longer than the call.
    b"\x80\x00\x00\x2c\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa3\x00\x00\x00\x03\
      \x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xf0",
];

#[test]
fn rubbish_at_any_port_disturbs_nobody() {
    let dir = testkit::scratch_folder().unwrap();
    let mut up = Up::start(&dir);
    let nfs = port(&up.ready, "/gateway/nfs_address");
    let local = dir.path().join("local");
    fs::write(&local, "still here").unwrap();
    let of_url = |pointer: &str| {
        let url = text(&up.ready, pointer);
        url.rsplit(':').next().unwrap().parse::<u16>().unwrap()
    };
    let doors = [
        of_url("/console/url"),
        of_url("/object_store/endpoint"),
        port(&up.ready, "/broker/tcp_address"),
        port(&up.ready, "/broker/tls_address"),
        nfs,
    ];
    for door in doors {
        for rubbish in RUBBISH {
            let mut stream = TcpStream::connect(("127.0.0.1", door)).unwrap();
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            stream.write_all(rubbish).unwrap();
            // Who has ended the connection by now is not told that no more comes.
            if let Err(error) = stream.shutdown(std::net::Shutdown::Write) {
                assert_eq!(
                    error.kind(),
                    std::io::ErrorKind::NotConnected,
                    "port {door}"
                );
            }
            // An answer or none, but then the end; a reset is one too.
            let mut answer = Vec::new();
            if let Err(error) = stream.read_to_end(&mut answer) {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "port {door}");
            }
        }
    }
    let id = text(&up.ready, "/gateway/client_id").to_owned();
    for payload in [
        "not json",
        "{\"version\": 1}",
        "[]",
        "{\"version\":\"\u{ffff}\"}",
    ] {
        for parent in ["csg_cmd", "csg_intent"] {
            let topic = format!("{parent}/p2p/{id}");
            stdout(&up.ctl(&["mq", "send", &topic, payload]));
        }
    }
    assert!(up.process.is_running().unwrap(), "{}", up.process.printed());
    assert!(
        !up.process.printed().contains("panicked"),
        "{}",
        up.process.printed()
    );
    nfs_copy(&local.display().to_string(), &nfs_url(nfs, "/demo/after"));
    let command = up.ctl_json(&["command", "issue", "demo", "status.get"]);
    assert_eq!(command["state"], "finished", "{command}");
    up.stop();
}

#[test]
fn json_that_is_none_of_ours_is_answered_with_what_is_wrong() {
    let dir = testkit::scratch_folder().unwrap();
    let up = Up::start(&dir);
    let url = text(&up.ready, "/console/url").to_owned();
    let ctl: Value = serde_json::from_slice(&fs::read(up.data.join("ctl.json")).unwrap()).unwrap();
    let token = text(&ctl, "/token");
    let post = |path: &str, body: &str| -> (String, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-w", "\n%{http_code}", "--data-binary", "@-"]);
        curl.args(["-H", "Content-Type: application/json"]);
        curl.args(["-H", &format!("Authorization: Bearer {token}")]);
        curl.arg(format!("{url}{path}"));
        let said = stdout(&super::support::run_with_input(&mut curl, body));
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.to_owned(), serde_json::from_str(body).unwrap())
    };
    let deep = "[".repeat(100_000);
    for (body, words) in [
        ("{\"name\":", "EOF"),
        ("", "EOF"),
        ("[]", "invalid"),
        ("{\"name\": 7}", "string"),
        ("{\"nam\": \"x\"}", "nam"),
        ("{\"name\": \"\\ud800\"}", "hex escape"),
        (&deep, "invalid type"),
    ] {
        let (status, answer) = post("/api/v1/gateways", body);
        assert_eq!(status, "400", "{answer}");
        assert_eq!(text(&answer, "/error/code"), "INVALID_ARGUMENT");
        let message = text(&answer, "/error/message");
        assert!(message.contains(words), "{words}: {message}");
    }
    let mut bad_params = causeway(&["ctl", "--data"]);
    bad_params.arg(&up.data);
    bad_params.args([
        "command",
        "issue",
        "demo",
        "share.sync",
        "--params",
        "{share}",
    ]);
    let refused = run(&mut bad_params).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(stderr(&refused).contains("--params"), "{refused:?}");
    eventually("all is well", LIMIT, || {
        let overview = up.ctl_json(&["overview"]);
        Ok((overview["gateways"]["online"] == 1).then_some(()))
    })
    .unwrap();
    up.stop();
}
