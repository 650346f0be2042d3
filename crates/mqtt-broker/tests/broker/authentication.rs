//! By signature, by token, by certificate: who is let in, and for how long.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clock::{Clock, Timestamp};
use hmac::{Hmac, Mac as _};
use message_bus::{
    AdminAnswer, AdminCall,
    admin::{Access, TokenApplication, TokenState, TopicRights},
};
use model::{ClientId, Credential, Secret};
use mqtt_codec::{Connect, Packet, Property, ProtocolVersion, QoS, ReasonCode};
use sha1::Sha1;

use crate::{
    kit::{Device, INSTANCE, Kit},
    lab::qos1,
    raw::{Raw, Said, connect_packet},
};

use ProtocolVersion::{V5, V311};

const GROUP: &str = "GID_orders";
const UPLOAD: &str = "$SYS/uploadToken";

/// A group with rights on `orders`, and an access key.
struct Shop {
    kit: Kit,
    key: String,
    secret: Secret,
}

impl Shop {
    fn open(clock: Clock) -> Self {
        let kit = Kit::start_at(clock, |_| {});
        let registry = kit.broker.registry();
        let (group, parent) = (GROUP.parse().unwrap(), "orders".parse().unwrap());
        registry.create_group(&group).unwrap();
        registry.create_parent_topic(&parent).unwrap();
        registry
            .grant(&group, &parent, Access::PublishAndSubscribe)
            .unwrap();
        let issued = registry.create_access_key("the shop", None).unwrap();
        Self {
            kit,
            key: issued.access_key_id,
            secret: issued.secret,
        }
    }

    fn token(&self, resource: &str, access: Access, lifetime_s: u64) -> Secret {
        let application = TokenApplication {
            access_key_id: self.key.clone(),
            resources: vec![resource.to_owned()],
            access,
            lifetime_s,
        };
        self.kit
            .broker
            .registry()
            .apply_token(application)
            .unwrap()
            .token
    }

    /// A client whose password is `password`, as the mode of its user name wants it.
    fn client(&self, name: &str, mode: &str, password: String) -> Device {
        let client_id: ClientId = format!("{GROUP}@@@{name}").parse().unwrap();
        Device {
            client_id,
            user_name: format!("{mode}|{}|{INSTANCE}", self.key),
            password,
            credential: Credential {
                access_key_id: self.key.clone(),
                secret: self.secret.clone(),
            },
        }
    }

    fn signing(&self, name: &str) -> Device {
        let mut client = self.client(name, "Signature", String::new());
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.expose().as_bytes()).unwrap();
        mac.update(client.client_id.as_str().as_bytes());
        client.password = STANDARD.encode(mac.finalize().into_bytes());
        client
    }

    fn refusal(&self, client: &Device) -> (ReasonCode, String) {
        let mut raw = Raw::open(self.kit.address(), V5);
        raw.send(&Packet::Connect(connect_packet(client, V5)));
        match raw.recv() {
            Said::ConnAck(reason, text) => (reason, text),
            other => panic!("{other:?}"),
        }
    }

    fn ask(&self, call: AdminCall) -> AdminAnswer {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime
            .block_on(self.kit.broker.bus().administer(call))
            .unwrap()
    }
}

fn notice(said: Said, topic: &str) -> serde_json::Value {
    match said {
        Said::Publish {
            topic: on, payload, ..
        } if on == topic => serde_json::from_slice(&payload).unwrap(),
        other => panic!("not a {topic}: {other:?}"),
    }
}

#[test]
fn an_access_key_signs_for_any_client_id_until_it_is_deleted() {
    let shop = Shop::open(Clock::system());
    let (one, two) = (shop.signing("one"), shop.signing("two"));
    let mut connected = Raw::connect(shop.kit.address(), &one, V5);
    Raw::connect(shop.kit.address(), &two, V311);
    let mut forged = one.clone();
    forged.password = two.password;
    assert_eq!(shop.refusal(&forged).0, ReasonCode::BadUserNameOrPassword);

    let access_key_id = shop.key.clone();
    shop.ask(AdminCall::DeleteAccessKey { access_key_id });
    assert!(matches!(
        connected.recv(),
        Said::Disconnect(ReasonCode::NotAuthorized, _)
    ));
    assert_eq!(shop.refusal(&one).0, ReasonCode::NotAuthorized);
}

#[test]
fn a_token_allows_its_topics_and_no_others() {
    let shop = Shop::open(Clock::system());
    let write = shop.token("orders/eu/#", Access::Publish, 3_600);
    let read = shop.token("orders/+/state", Access::Subscribe, 3_600);
    let both = format!("W|{}|R|{}", write.expose(), read.expose());
    let client = shop.client("till-1", "Token", both);
    for version in [V311, V5] {
        let mut raw = Raw::connect(shop.kit.address(), &client, version);
        assert_eq!(
            raw.subscribe(&[("orders/eu/state", QoS::AtLeastOnce)]),
            [ReasonCode::GrantedQoS1]
        );
        raw.publish("orders/eu/new", b"1", Some(1));
        assert!(matches!(raw.recv(), Said::PubAck(1, ..)));
        // In the token for reading only.
        raw.publish("orders/us/state", b"2", Some(2));
        let told = notice(raw.recv(), "$SYS/tokenInvalidNotice");
        assert_eq!(told["code"], 5, "{told}");
        if version == V5 {
            assert!(matches!(
                raw.recv(),
                Said::Disconnect(ReasonCode::NotAuthorized, _)
            ));
        }
        assert_eq!(raw.recv(), Said::Closed);
    }
    let mut raw = Raw::connect(shop.kit.address(), &client, V5);
    raw.publish("orders/us/new", b"3", Some(3));
    let told = notice(raw.recv(), "$SYS/tokenInvalidNotice");
    assert_eq!(told["code"], 4);
}

#[test]
fn a_bad_token_is_refused_with_its_reason() {
    let shop = Shop::open(Clock::system());
    let token = shop.token("orders/#", Access::Publish, 60);
    let check = |password: String, words: &str| {
        let (reason, text) = shop.refusal(&shop.client("till-1", "Token", password));
        assert!(
            reason != ReasonCode::Success && text.contains(words),
            "{reason:?} {text}"
        );
    };
    check("RW|nonsense".into(), "not a token");
    check(token.expose().to_owned(), "must read R|<token>");
    check(format!("R|{}", token.expose()), "does not allow");
    check(format!("W|{}x", token.expose()), "");
    let (claims, _) = token.expose().split_once('.').unwrap();
    check(format!("W|{claims}.AAAA"), "not signed by this broker");
    shop.ask(AdminCall::RevokeToken {
        token: token.clone(),
    });
    check(format!("W|{}", token.expose()), "revoked");
    let AdminAnswer::TokenStatus(status) = shop.ask(AdminCall::QueryToken { token }) else {
        panic!("another answer")
    };
    assert_eq!(status.state, TokenState::Revoked);
}

#[test]
fn the_holder_of_a_token_is_told_before_it_ends_and_may_upload_the_next() {
    let clock = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
    let shop = Shop::open(clock.clone());
    let first = shop.token("orders/#", Access::PublishAndSubscribe, 600);
    let client = shop.client("till-1", "Token", format!("RW|{}", first.expose()));
    let mut raw = Raw::open(shop.kit.address(), V311);
    // Without keep alive: the clock moves faster than the client.
    let keep_alive_s = 0;
    raw.send(&Packet::Connect(Connect {
        keep_alive_s,
        ..connect_packet(&client, V311)
    }));
    assert!(matches!(raw.recv(), Said::ConnAck(ReasonCode::Success, _)));
    clock.advance(Duration::from_secs(301));
    let told = notice(raw.recv(), "$SYS/tokenExpireNotice");
    assert_eq!(told["expireTime"], 1_700_000_600_000_u64);
    assert_eq!(told["type"], "RW");

    let second = shop.token("orders/#", Access::PublishAndSubscribe, 3_600);
    let upload = format!(r#"{{"token":"{}","type":"RW"}}"#, second.expose());
    raw.publish(UPLOAD, upload.as_bytes(), Some(7));
    assert!(matches!(raw.recv(), Said::PubAck(7, ..)));
    // The first one ends: it has a successor, so nothing happens.
    clock.advance(Duration::from_secs(300));
    raw.ping();
    raw.publish("orders/eu", b"still there", Some(8));
    assert!(matches!(raw.recv(), Said::PubAck(8, ..)));

    let id = shop.token("orders/a", Access::Publish, 60);
    let upload = format!(r#"{{"token":"{}","type":"RW"}}"#, id.expose());
    raw.publish(UPLOAD, upload.as_bytes(), Some(9));
    let told = notice(raw.recv(), "$SYS/tokenInvalidNotice");
    assert_eq!((&told["code"], &told["type"]), (&5.into(), &"RW".into()));
    assert_eq!(raw.recv(), Said::Closed);
}

#[test]
fn a_token_that_comes_by_an_alias_goes_to_nobody_else() {
    let shop = Shop::open(Clock::system());
    let token = shop.token("orders/#", Access::PublishAndSubscribe, 600);
    let client = shop.client("till-1", "Token", format!("RW|{}", token.expose()));
    let mut watcher = Raw::connect(shop.kit.address(), &shop.signing("watch"), V5);
    watcher.subscribe(&[("orders/#", QoS::AtMostOnce)]);
    let mut raw = Raw::connect(shop.kit.address(), &client, V5);
    let next = shop.token("orders/#", Access::PublishAndSubscribe, 3_600);
    let upload = format!(r#"{{"token":"{}","type":"RW"}}"#, next.expose());
    let alias = [Property::TopicAlias(1)];
    raw.say_with("orders/eu", "first", qos1(1), &alias);
    raw.say_with(UPLOAD, &upload, qos1(2), &alias);
    raw.say_with("", &upload, qos1(3), &alias);
    for n in 1..=3 {
        let said = raw.recv();
        assert!(
            matches!(&said, Said::PubAck(got, ReasonCode::Success, _) if *got == n),
            "{said:?}"
        );
    }
    assert_eq!(watcher.see().payload, "first");
    watcher.ping();
}

#[test]
fn an_expired_or_revoked_token_ends_its_connections_with_a_notice() {
    let clock = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
    let shop = Shop::open(clock.clone());
    let (short, long) = (
        shop.token("orders/#", Access::Publish, 60),
        shop.token("orders/#", Access::Publish, 3_600),
    );
    let connect = |name: &str, token: &Secret| {
        let client = shop.client(name, "Token", format!("W|{}", token.expose()));
        Raw::connect(shop.kit.address(), &client, V5)
    };
    let (mut expiring, mut revoked) = (connect("a", &short), connect("b", &long));
    // It lives less than the notice is early.
    notice(expiring.recv(), "$SYS/tokenExpireNotice");
    clock.advance(Duration::from_secs(60));
    let told = notice(expiring.recv(), "$SYS/tokenInvalidNotice");
    assert_eq!(told["code"], 2);
    assert!(matches!(expiring.recv(), Said::Disconnect(..)));

    revoked.ping();
    shop.ask(AdminCall::RevokeToken { token: long });
    let told = notice(revoked.recv(), "$SYS/tokenInvalidNotice");
    assert_eq!(told["code"], 3);
}

#[test]
fn a_device_credential_may_have_less_rights_than_its_group() {
    let shop = Shop::open(Clock::system());
    let client_id: ClientId = format!("{GROUP}@@@scale-1").parse().unwrap();
    let rights = TopicRights {
        resources: vec!["orders/weights".into()],
        access: Access::Publish,
    };
    let registry = shop.kit.broker.registry();
    let issued = registry.register_device(&client_id, Some(rights)).unwrap();
    let device = Device::with(
        client_id,
        Credential {
            access_key_id: issued.access_key_id,
            secret: issued.secret,
        },
    );
    let mut raw = Raw::connect(shop.kit.address(), &device, V5);
    raw.publish("orders/weights", b"1", Some(1));
    assert!(matches!(
        raw.recv(),
        Said::PubAck(1, ReasonCode::NoMatchingSubscribers, _)
    ));
    raw.publish("orders/other", b"1", Some(2));
    assert!(matches!(
        raw.recv(),
        Said::PubAck(2, ReasonCode::NotAuthorized, _)
    ));
    let codes = raw.subscribe(&[("orders/weights", QoS::AtMostOnce)]);
    assert_eq!(codes, [ReasonCode::NotAuthorized]);
}
