//! Calls: all of them, many at once, and while the link is down.

use bytes::Bytes;
use clock::Clock;
use futures::{FutureExt as _, future::join_all};
use message_bus::{BusError, MessageBus as _};

use crate::fixture::{Fixture, LONG, client_id, credential, parent};

#[tokio::test]
async fn every_call_does_at_the_broker_what_it_says() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let id = client_id("gw-1");
    assert_eq!(
        console.send(&parent(), &id, Bytes::new()).await,
        Err(BusError::Offline {
            client_id: id.clone()
        }),
    );
    console.register(&id, &credential(), None).await.unwrap();
    let gateway = fixture.bus.connect(&id, "key").unwrap();
    let channel = console
        .send(&parent(), &id, Bytes::from_static(b"\0payload\xff"))
        .await
        .unwrap();
    let (topic, payload) = gateway.recv().await;
    assert_eq!(topic.to_string(), "csg_cmd/p2p/GID_test@@@gw-1");
    assert_eq!(&payload[..], b"\0payload\xff");
    let sessions = console.sessions(&id).await.unwrap();
    assert_eq!((sessions.len(), sessions[0].channel), (1, channel));
    console.withdraw(&id, "key").await.unwrap();
    assert_eq!(console.sessions(&id).await.unwrap(), []);
    assert!(fixture.bus.connect(&id, "key").is_err());
    console.register(&id, &credential(), None).await.unwrap();
    let _gateway = fixture.bus.connect(&id, "key").unwrap();
    console.expel(&id).await.unwrap();
    assert!(fixture.bus.credentials(&id).is_empty());
}

#[tokio::test]
async fn errors_of_the_broker_come_through_as_they_are() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let _gateway = fixture.gateway("gw-1").await;
    let id = client_id("gw-1");
    let full = loop {
        if let Err(error) = console.send(&parent(), &id, Bytes::new()).await {
            break error;
        }
    };
    assert_eq!(
        full,
        BusError::Full {
            client_id: id.clone()
        }
    );
    let long = Bytes::from(vec![0; 4 << 20]);
    let refused = console.send(&parent(), &id, long).await;
    assert!(
        matches!(refused, Err(BusError::Refused { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn more_calls_than_there_is_room_for_wait_their_turn() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let id = client_id("gw-1");
    let outcomes = join_all((0..3_000).map(|_| console.sessions(&id))).await;
    assert!(
        outcomes
            .into_iter()
            .all(|outcome| outcome == Ok(Vec::new()))
    );
}

#[tokio::test]
async fn while_the_link_is_down_calls_fail_at_once() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let id = client_id("gw-1");
    fixture.proxy.cut();
    let clock = Clock::system();
    // The cut is noticed when the connection ends, without any call.
    while console.wait_until_up(std::time::Duration::ZERO).await {
        clock.sleep(std::time::Duration::from_millis(1)).await;
    }
    for _ in 0..100 {
        let failed = console.sessions(&id).now_or_never();
        assert!(
            matches!(failed, Some(Err(BusError::Unreachable { .. }))),
            "{failed:?}"
        );
        let failed = console.receive().now_or_never();
        assert!(matches!(failed, Some(Err(BusError::Unreachable { .. }))));
        // With a new budget of what a task may do before others.
        tokio::task::yield_now().await;
    }
    fixture.proxy.heal();
    assert!(console.wait_until_up(LONG).await);
    assert_eq!(console.sessions(&id).await, Ok(Vec::new()));
}

#[tokio::test]
async fn calls_under_way_at_a_cut_are_told() {
    let fixture = Fixture::start().await;
    let console = fixture.console().await;
    let id = client_id("gw-1");
    for _ in 0..20 {
        assert!(console.wait_until_up(LONG).await);
        let calls = join_all((0..200).map(|_| console.sessions(&id)));
        let (outcomes, ()) = tokio::join!(calls, async { fixture.proxy.heal() });
        for outcome in outcomes {
            assert!(
                matches!(outcome, Ok(_) | Err(BusError::Unreachable { .. })),
                "{outcome:?}"
            );
        }
    }
}
