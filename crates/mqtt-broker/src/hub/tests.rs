use std::{sync::mpsc, time::Duration};

use model::{ClientId, Timestamp};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn client(n: u64) -> ClientId {
    format!("GID_test@@@gw-{n}").parse().unwrap()
}

fn online(n: u64) -> Online {
    Online {
        client_id: client(n),
        channel: ChannelId(n),
        since: Timestamp::from_millis(n),
        address: "peer".into(),
        access_key_id: "key".into(),
    }
}

fn come(n: u64) -> Presence {
    Presence {
        client_id: client(n),
        channel: ChannelId(n),
        at: Timestamp::from_millis(n),
        kind: PresenceKind::Connect {
            address: "peer".into(),
            access_key_id: "key".into(),
        },
    }
}

fn gone(n: u64) -> Presence {
    let reason = "closed by client".into();
    Presence {
        kind: PresenceKind::TcpClean { reason },
        ..come(n)
    }
}

async fn first_of(receiver: &mut BusReceiver) -> Vec<u64> {
    let Some(BusEvent::Online { channels }) = receiver.recv().await else {
        panic!("who is connected is told first");
    };
    let mut all: Vec<u64> = channels.iter().map(|o| o.channel.0).collect();
    all.sort_unstable();
    all
}

#[tokio::test]
async fn clients_come_and_go_while_a_receiver_attaches_and_it_knows_each() {
    let hub = std::sync::Arc::new(Hub::default());
    let mut before = hub.attach(Vec::new);
    let (attached, receiver) = mpsc::channel();
    let attaching = std::sync::Arc::clone(&hub);
    std::thread::spawn(move || {
        let receiver = attaching.attach(|| {
            let change = |presence| attaching.change(|tell| tell(presence));
            // Some are seen already, and some not yet, when they come or go.
            change(come(3));
            let seen = [1, 2, 3].map(online).to_vec();
            change(come(4));
            change(gone(1));
            change(gone(3));
            change(come(5));
            change(gone(5));
            change(gone(9));
            seen
        });
        attached.send(receiver).unwrap();
    });
    let mut receiver = receiver
        .recv_timeout(PATIENCE)
        .expect("a client waits for the receiver, and that for its client");
    assert_eq!(first_of(&mut receiver).await, [2, 4]);
    hub.change(|tell| tell(come(6)));
    assert_eq!(receiver.recv().await, Some(BusEvent::Presence(come(6))));
    // The one before was told until then, and no longer.
    assert!(first_of(&mut before).await.is_empty());
    for presence in [
        come(3),
        come(4),
        gone(1),
        gone(3),
        come(5),
        gone(5),
        gone(9),
    ] {
        assert_eq!(before.recv().await, Some(BusEvent::Presence(presence)));
    }
    assert_eq!(before.recv().await, None);
}

#[tokio::test]
async fn nothing_is_missed_between_the_first_event_and_those_behind_it() {
    const CLIENTS: u64 = 20_000;
    let hub = Hub::default();
    let online_now = Mutex::new(std::collections::BTreeSet::new());
    let mut receiver = std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..CLIENTS {
                hub.change(|tell| {
                    online_now.lock().insert(n);
                    tell(come(n));
                });
                if n % 3 == 0 {
                    hub.change(|tell| {
                        online_now.lock().remove(&n);
                        tell(gone(n));
                    });
                }
            }
        });
        let all = || online_now.lock().iter().map(|n| online(*n)).collect();
        hub.attach(all)
    });
    hub.close();
    let mut known = first_of(&mut receiver).await;
    while let Some(event) = receiver.recv().await {
        match event {
            BusEvent::Presence(presence) if presence == come(presence.channel.0) => {
                assert!(!known.contains(&presence.channel.0), "told twice");
                known.push(presence.channel.0);
            }
            BusEvent::Presence(presence) => known.retain(|n| *n != presence.channel.0),
            other => panic!("not presence: {other:?}"),
        }
    }
    let want: Vec<u64> = (0..CLIENTS).filter(|n| n % 3 != 0).collect();
    assert_eq!(known, want);
}

#[tokio::test]
async fn who_attaches_while_the_broker_stops_hears_of_the_end() {
    let hub = Hub::default();
    let mut receiver = hub.attach(|| {
        hub.close();
        Vec::new()
    });
    assert!(first_of(&mut receiver).await.is_empty());
    assert_eq!(receiver.recv().await, None);
}
