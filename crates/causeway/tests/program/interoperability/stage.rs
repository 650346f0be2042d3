//! What clients play on: a broker and a console of their own, and all that lets a client in.

use std::{fs, path::PathBuf};

use super::{
    super::{
        authority::Authority,
        peer,
        separate::Cloud,
        support::{port, stdout, text},
    },
    driver::{Login, Proof, Target, Version},
    scenario::Mode,
};

pub(super) struct Stage {
    cloud: Cloud,
    /// The broker lets its devices in.
    authority: Authority,
    certificates: u64,
    /// An access key and its secret.
    key: (String, String),
    /// The last token that ends soon.
    short_token: Option<String>,
}

/// What stands after the group in a client ID.
pub(super) const GROUP: &str = "GID_lab@@@";

impl Stage {
    pub(super) fn start() -> Self {
        let cloud = Cloud::start();
        let done = |words: &[&str]| stdout(&cloud.ctl(&[&["mq"], words].concat()));
        done(&["group", "create", "GID_lab"]);
        done(&["topic", "create", "lab"]);
        let grant = ["topic", "grant", "lab", "GID_lab", "--access"];
        done(&[&grant[..], &["publish-and-subscribe"]].concat());
        let key = cloud.json(&["mq", "key", "create", "--description", "applications"]);
        let key = ["/access_key_id", "/secret"].map(|field| text(&key, field).to_owned());
        let dir = cloud.dir.path();
        let authority = Authority::new(dir, "devices");
        let code = cloud.json(&["mq", "ca", "code"]);
        let code = text(&code, "/code");
        authority.issue(dir, code, 1);
        let file = |name: &str| dir.join(format!("{name}.pem")).display().to_string();
        let (certificate, proof) = (file("devices"), file(code));
        let register = ["ca", "register", "devices", "--certificate", &certificate];
        done(&[&register[..], &["--verification", &proof]].concat());
        let [id, secret] = key;
        Self {
            cloud,
            authority,
            certificates: 1,
            key: (id, secret),
            short_token: None,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.cloud.dir.path().join(name)
    }

    pub(super) fn target(&self, version: Version) -> Target {
        Target {
            port: port(&self.cloud.broker.ready, "/tls_address"),
            ca_file: text(&self.cloud.broker.ready, "/ca_file").to_owned(),
            version,
        }
    }

    /// What lets `device` in.
    pub(super) fn login(&mut self, device: &str, mode: Mode) -> Login {
        let client_id = format!("{GROUP}{device}");
        let (id, secret) = &self.key;
        let shown = match mode {
            Mode::Signature => peer::Login::of_key(&client_id, id, secret),
            Mode::WrongPassword => peer::Login::of_key(&client_id, id, "guessed"),
            Mode::Token => peer::Login::of_token(&client_id, id, "RW", &self.token(3_600)),
            Mode::ShortToken => {
                let token = self.token(60);
                let login = peer::Login::of_token(&client_id, id, "RW", &token);
                self.short_token = Some(token);
                login
            }
            Mode::Device => {
                let register = ["mq", "device", "register", &client_id];
                peer::Login::of_device(&self.cloud.json(&register))
            }
            Mode::Certificate => {
                self.certificates += 1;
                let dir = self.cloud.dir.path();
                self.authority.issue(dir, device, self.certificates);
                let proof = Proof::Certificate {
                    file: self.file(&format!("{device}.pem")),
                    key: self.file(&format!("{device}.key")),
                };
                return Login { client_id, proof };
            }
        };
        let (user, password) = (shown.user, shown.password);
        Login {
            client_id,
            proof: Proof::Password { user, password },
        }
    }

    fn token(&self, lifetime_s: u32) -> String {
        let lifetime = lifetime_s.to_string();
        let apply = ["mq", "token", "apply", &self.key.0, "--resource", "lab/#"];
        let how = ["--access", "publish-and-subscribe", "--lifetime-s"];
        let applied = self
            .cloud
            .json(&[&apply[..], &how[..], &[&lifetime]].concat());
        text(&applied, "/token").to_owned()
    }

    pub(super) fn revoke_short_token(&mut self) {
        let token = self.short_token.take().expect("somebody came with it");
        let path = self.file("token");
        fs::write(&path, token).unwrap();
        let path = path.display().to_string();
        let revoke = ["mq", "token", "revoke", "--token-file", &path];
        stdout(&self.cloud.ctl(&revoke));
    }
}
