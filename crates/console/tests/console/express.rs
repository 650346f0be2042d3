//! Express sync: what one gateway changed reaches the others over the same objects, and no one
//! else.

use model::{ChangeBatch, ChangeNotice, ChangeReport, Event, EventKind, ObjectChange};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{FakeGateway, Fixture, share};

fn put(key: &str) -> ObjectChange {
    ObjectChange::Put {
        key: key.into(),
        size: 1,
        etag: Some("e".into()),
        metadata: None,
    }
}

impl FakeGateway {
    fn tell(&self, share: &str, number: (u64, u64), changes: Vec<ObjectChange>) {
        let event = Event {
            at: model::Timestamp::from_millis(5),
            kind: EventKind::Changes(ChangeReport {
                share: share.parse().unwrap(),
                batch: ChangeBatch {
                    epoch: number.0,
                    sequence: number.1,
                    changes,
                },
            }),
        };
        self.publish("csg_event", &serde_json::to_value(event).unwrap());
    }

    async fn next_notice(&self) -> ChangeNotice {
        serde_json::from_slice(&self.next(model::EXPRESS).await).unwrap()
    }

    /// The next notice, as `share <- gateway/share number prefix:keys`.
    async fn heard(&self) -> String {
        let notice = self.next_notice().await;
        let keys: Vec<&str> = notice.batch.changes.iter().map(ObjectChange::key).collect();
        let (epoch, sequence) = (notice.batch.epoch, notice.batch.sequence);
        format!(
            "{} <- {}/{} {epoch}.{sequence} {}:{}",
            notice.share,
            notice.from.gateway,
            notice.from.share,
            notice.prefix,
            keys.join(",")
        )
    }
}

/// A gateway with one share.
async fn gateway(f: &Fixture, name: &str, prefix: &str, more: Value) -> FakeGateway {
    let gateway = f.join_gateway().await;
    let mut settings = share(name, prefix);
    settings["writers"] = json!("many");
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let path = format!("/api/v1/gateways/{}/shares", gateway.id);
    let (status, answer) = f.post(&path, settings).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    gateway.next_intent().await;
    gateway
}

#[tokio::test]
async fn changes_reach_all_who_have_the_objects_and_nobody_else() {
    let f = Fixture::start().await;
    let a = gateway(&f, "a", "team/", json!({})).await;
    let b = gateway(&f, "b", "team/", json!({"writers": "none"})).await;
    let c = gateway(&f, "c", "", json!({"writers": "none"})).await;
    let d = gateway(&f, "d", "team/x/", json!({})).await;
    let e = gateway(&f, "e", "other/", json!({})).await;
    let silent = gateway(&f, "s", "team/", json!({"express_sync": false})).await;
    a.tell("a", (7, 1), vec![put("one"), put("x/two")]);
    let from = format!("{}/a", a.id);
    assert_eq!(b.heard().await, format!("b <- {from} 7.1 :one,x/two"));
    assert_eq!(c.heard().await, format!("c <- {from} 7.1 team/:one,x/two"));
    assert_eq!(d.heard().await, format!("d <- {from} 7.1 :two"));
    a.tell("a", (7, 2), vec![put("one")]);
    assert_eq!(d.heard().await, format!("d <- {from} 7.2 :"));
    // Who should hear nothing hears only this, from somebody who came later.
    let late = gateway(&f, "late", "other/y/", json!({})).await;
    late.tell("late", (1, 1), vec![put("k")]);
    assert_eq!(e.heard().await, format!("e <- {}/late 1.1 y/:k", late.id));
    let path = format!("/api/v1/gateways/{}/shares/s", silent.id);
    let mut settings = share("s", "team/");
    settings["writers"] = json!("many");
    let (status, answer) = f.put(&path, settings).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    a.tell("a", (7, 3), vec![put("now")]);
    assert_eq!(silent.heard().await, format!("s <- {from} 7.3 :now"));
}

#[tokio::test]
async fn a_gateway_speaks_only_for_what_it_may_write() {
    let f = Fixture::start().await;
    let a = gateway(&f, "a", "team/", json!({})).await;
    let reader = gateway(&f, "r", "team/", json!({"writers": "none"})).await;
    let liar = gateway(&f, "mine", "liar/", json!({})).await;
    let all = gateway(&f, "all", "", json!({"writers": "none"})).await;
    reader.tell("r", (1, 1), vec![put("not-mine-to-change")]);
    liar.tell("a", (1, 1), vec![put("of-another-gateway")]);
    liar.tell("nowhere", (1, 1), vec![put("of-no-share")]);
    liar.publish(
        "csg_event",
        &json!({"at": 1, "type": "changes", "share": "mine"}),
    );
    liar.tell("mine", (1, 1), vec![put("../team/one")]);
    // Its keys are all below its prefix, whatever they look like.
    assert_eq!(
        all.heard().await,
        format!("all <- {}/mine 1.1 liar/:../team/one", liar.id)
    );
    a.tell("a", (1, 1), vec![put("true")]);
    assert_eq!(reader.heard().await, format!("r <- {}/a 1.1 :true", a.id));
}

#[tokio::test]
async fn who_was_away_or_was_just_opened_hears_the_last_numbers() {
    let f = Fixture::start().await;
    let a = gateway(&f, "a", "team/", json!({})).await;
    let b = gateway(&f, "b", "team/", json!({})).await;
    let c = gateway(&f, "c", "team/x/", json!({})).await;
    a.tell("a", (7, 1), vec![put("one")]);
    let from = format!("{}/a", a.id);
    assert_eq!(b.heard().await, format!("b <- {from} 7.1 :one"));
    // Repeats are no news.
    a.tell("a", (7, 1), Vec::new());
    a.tell("a", (7, 2), vec![put("two")]);
    assert_eq!(b.heard().await, format!("b <- {from} 7.2 :two"));
    let id = b.id.clone();
    b.client.disconnect();
    f.until_gateway(&id, |g| g["state"] == "offline").await;
    a.tell("a", (7, 3), vec![put("three")]);
    while c.next_notice().await.batch.sequence < 3 {}
    let b = FakeGateway::reconnect(&f, &id);
    assert_eq!(b.heard().await, format!("b <- {from} 7.3 :"));
    b.tell("b", (9, 0), Vec::new());
    assert_eq!(b.heard().await, format!("b <- {from} 7.3 :"));
    assert_eq!(a.heard().await, format!("a <- {id}/b 9.0 :"));
}

#[tokio::test]
async fn a_console_that_was_started_again_learns_from_what_is_repeated() {
    let f = Fixture::start().await;
    let a = gateway(&f, "a", "team/", json!({})).await;
    let b = gateway(&f, "b", "team/", json!({})).await;
    a.tell("a", (7, 1), vec![put("one")]);
    b.next_notice().await;
    let f = f.crash_and_restart().await;
    a.tell("a", (7, 4), Vec::new());
    assert_eq!(b.heard().await, format!("b <- {}/a 7.4 :", a.id));
    drop(f);
}
