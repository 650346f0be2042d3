//! Events: in order, bounded, and whole again after a cut.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use clock::Clock;
use message_bus::{
    BusError, BusEvent, BusReceiver, BusSender, ChannelId, MessageBus, Online, Uplink, bus_queue,
};
use model::{ClientId, Credential, ParentTopic, Timestamp};

use crate::fixture::{Fixture, LONG, client_id, connected, next, online, parent, payload};

#[tokio::test]
async fn a_receiver_first_gets_who_is_online_and_then_what_changes() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let one = fixture.gateway("gw-1").await;
    let mut receiver = console.receive().await.unwrap();
    let channels = online(&mut receiver).await;
    assert_eq!(
        (channels.len(), &channels[0].client_id),
        (1, &client_id("gw-1"))
    );
    let _two = fixture.gateway("gw-2").await;
    assert_eq!(connected(&mut receiver).await, client_id("gw-2"));
    one.publish(
        &"csg_result/gw-1".parse().unwrap(),
        Bytes::from_static(b"\xffdone"),
    );
    assert_eq!(&payload(&mut receiver).await[..], b"\xffdone");
}

#[tokio::test]
async fn events_that_come_slowly_keep_nobody_silent() {
    let clock = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
    let fixture = Fixture::start_at(clock.clone()).await;
    let console = fixture.console().await;
    let gateway = fixture.gateway("gw-1").await;
    let mut receiver = console.receive().await.unwrap();
    online(&mut receiver).await;
    let topic = "csg_status/gw-1".parse().unwrap();
    for second in 0..31_u8 {
        gateway.publish(&topic, Bytes::from(vec![second]));
        assert_eq!(payload(&mut receiver).await[..], [second]);
        clock.advance(Duration::from_secs(1));
        // What is due by this clock goes through sockets.
        Clock::system().sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_cut_ends_the_receiver_and_the_next_one_learns_what_it_missed() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let one = fixture.gateway("gw-1").await;
    let mut receiver = console.receive().await.unwrap();
    assert_eq!(online(&mut receiver).await.len(), 1);
    for round in 2..5 {
        fixture.proxy.cut();
        // What was still under way when the link was cut may come before the end.
        while next(&mut receiver).await.is_some() {}
        let gone = console.receive().await.unwrap_err();
        assert!(matches!(gone, BusError::Unreachable { .. }), "{gone}");
        let _gone = fixture.gateway(&format!("gw-{round}")).await;
        fixture.proxy.heal();
        assert!(console.wait_until_up(LONG).await);
        receiver = console.receive().await.unwrap();
        let channels = online(&mut receiver).await;
        let missed = client_id(&format!("gw-{round}"));
        assert!(channels.iter().any(|c| c.client_id == missed));
        one.publish(
            &"csg_event/gw-1".parse().unwrap(),
            Bytes::from_static(b"again"),
        );
        assert_eq!(&payload(&mut receiver).await[..], b"again");
    }
}

#[tokio::test]
async fn a_later_receiver_replaces_an_earlier_one_here_and_at_another_console() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let mut first = console.receive().await.unwrap();
    online(&mut first).await;
    let mut second = console.receive().await.unwrap();
    online(&mut second).await;
    assert_eq!(next(&mut first).await, None);

    let other = fixture.console().await;
    let mut third = other.receive().await.unwrap();
    online(&mut third).await;
    assert_eq!(next(&mut second).await, None);

    // A cut at the console that was replaced does not make it take over again.
    fixture.proxy.heal();
    while next(&mut third).await.is_some() {}
    assert!(console.wait_until_up(LONG).await && other.wait_until_up(LONG).await);
    let mut third = other.receive().await.unwrap();
    online(&mut third).await;
    let _gateway = fixture.gateway("gw-1").await;
    assert_eq!(connected(&mut third).await, client_id("gw-1"));
}

#[tokio::test]
async fn a_console_that_does_not_read_holds_back_events_and_not_calls() {
    const EVENTS: u32 = 4_000;
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let gateway = fixture.gateway("gw-1").await;
    let mut receiver = console.receive().await.unwrap();
    online(&mut receiver).await;
    for number in 0..EVENTS {
        let payload = Bytes::from(number.to_be_bytes().repeat(250));
        gateway.publish(&"csg_status/gw-1".parse().unwrap(), payload);
    }
    console
        .send(&parent(), &client_id("gw-1"), Bytes::from_static(b"still"))
        .await
        .unwrap();
    assert_eq!(&gateway.recv().await.1[..], b"still");
    for number in 0..EVENTS {
        assert_eq!(payload(&mut receiver).await[..4], number.to_be_bytes());
    }
}

#[tokio::test]
async fn more_clients_than_fit_a_frame_are_one_online() {
    let fixture = Fixture::start().await;
    let mut gateways = Vec::new();
    for number in 0..2_500 {
        gateways.push(fixture.gateway(&format!("gw-{number}")).await);
    }
    let console = fixture.console().await;
    let mut receiver = console.receive().await.unwrap();
    assert_eq!(online(&mut receiver).await.len(), 2_500);
}

#[tokio::test]
async fn the_end_of_a_console_is_the_end_of_its_receiver() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let mut receiver = console.receive().await.unwrap();
    online(&mut receiver).await;
    drop(console);
    assert_eq!(next(&mut receiver).await, None);

    let console = fixture.console().await;
    fixture.server.shutdown();
    let error = loop {
        if let Err(error) = console.sessions(&client_id("gw-1")).await {
            break error;
        }
    };
    assert!(matches!(error, BusError::Unreachable { .. }));
}

#[tokio::test]
async fn an_answer_that_no_frame_holds_is_an_error_and_not_silence() {
    let (bus, _sender) = Flood::new();
    let fixture = Fixture::over(bus).await;
    let console = fixture.console().await;
    let error = console.sessions(&client_id("gw-1")).await.unwrap_err();
    let is_clear = matches!(&error, BusError::Refused { reason } if reason.contains("fit"));
    assert!(is_clear, "{error}");
}

#[tokio::test]
async fn what_a_console_does_not_read_stays_at_the_broker_and_fills_its_queue() {
    // Twice the queue of one priority, at the broker and at the console, with the link between.
    const BOUND: usize = 2 * message_bus::EVENTS_MAX + 1_000;
    let (bus, sender) = Flood::new();
    let fixture = Fixture::over(bus).await;
    let console = fixture.console().await;
    let mut receiver = console.receive().await.unwrap();
    let mut pushed = 0;
    let clock = Clock::system();
    let mut refused_since = None;
    loop {
        match sender.push(uplink()) {
            Ok(()) => (pushed, refused_since) = (pushed + 1, None),
            Err(_full) => {
                let since = *refused_since.get_or_insert(clock.now());
                if clock.now().duration_since(since) > Duration::from_millis(300) {
                    break;
                }
                clock.sleep(Duration::from_millis(1)).await;
            }
        }
        assert!(pushed < BOUND, "events pile up somewhere");
    }
    for _ in 0..pushed {
        payload(&mut receiver).await;
    }
}

/// A bus of nothing but events.
struct Flood(Mutex<Option<BusReceiver>>);

impl Flood {
    fn new() -> (Self, BusSender) {
        let (sender, receiver) = bus_queue();
        (Self(Mutex::new(Some(receiver))), sender)
    }
}

fn uplink() -> BusEvent {
    BusEvent::Uplink(Uplink {
        topic: "csg_status/gw-1".parse().unwrap(),
        from: client_id("gw-1"),
        at: Clock::system().wall(),
        payload: Bytes::from_static(&[7; 2_000]),
    })
}

fn nothing<T>() -> Result<T, BusError> {
    let reason = "there is nothing but events here".into();
    Err(BusError::Refused { reason })
}

#[async_trait]
impl MessageBus for Flood {
    async fn send(&self, _: &ParentTopic, _: &ClientId, _: Bytes) -> Result<ChannelId, BusError> {
        nothing()
    }

    async fn receive(&self) -> Result<BusReceiver, BusError> {
        self.0.lock().unwrap().take().map_or_else(nothing, Ok)
    }

    async fn register(
        &self,
        _: &ClientId,
        _: &Credential,
        _: Option<Timestamp>,
    ) -> Result<(), BusError> {
        nothing()
    }

    async fn withdraw(&self, _: &ClientId, _: &str) -> Result<(), BusError> {
        nothing()
    }

    async fn expel(&self, _: &ClientId) -> Result<(), BusError> {
        nothing()
    }

    /// More than a frame holds.
    async fn sessions(&self, client_id: &ClientId) -> Result<Vec<Online>, BusError> {
        let online = Online {
            client_id: client_id.clone(),
            channel: ChannelId(7),
            since: Clock::system().wall(),
            address: "127.0.0.1:1883".into(),
            access_key_id: "key".into(),
        };
        Ok(vec![online; 30_000])
    }
}
