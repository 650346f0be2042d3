//! MQTT 5 by rumqttc.

use clock::spawn_named;
use rumqttc::{
    Outgoing,
    v5::{
        AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError,
        mqttbytes::{
            QoS, qos,
            v5::{ConnectReturnCode, LastWill, Packet, SubscribeReasonCode},
        },
    },
};
use tokio::sync::mpsc::Receiver;

use super::{
    super::driver::{Message, News, Proof},
    Ask, Connect, KEEP_ALIVE, ORDERS_MAX,
};

/// Connects and does what it is asked to; why it is over.
pub(super) async fn run(
    connect: Connect,
    asks: Receiver<Ask>,
    tell: &(dyn Fn(News) + Sync),
) -> News {
    let mut options = MqttOptions::new(&connect.login.client_id, "127.0.0.1", connect.port);
    options.set_keep_alive(KEEP_ALIVE).set_clean_start(true);
    if let Proof::Password { user, password } = &connect.login.proof {
        options.set_credentials(user, password);
    }
    if let Some(will) = &connect.will {
        let (topic, payload) = (will.topic.as_str(), will.payload.as_bytes());
        let will = LastWill::new(topic, payload, QoS::AtLeastOnce, false, None);
        options.set_last_will(will);
    }
    let (client, mut events) = AsyncClient::new(options, ORDERS_MAX);
    for filter in &connect.subscribe {
        let qos = qos(connect.qos).unwrap();
        client.subscribe(filter, qos).await.unwrap();
    }
    let _asking = spawn_named("asks", ask(client, asks));
    hear(&mut events, connect.subscribe.len(), tell).await
}

async fn ask(client: AsyncClient, mut asks: Receiver<Ask>) {
    while let Some(ask) = asks.recv().await {
        match ask {
            Ask::Publish {
                topic,
                payload,
                qos: level,
                retain,
            } => {
                let qos = qos(level).unwrap();
                client.publish(topic, qos, retain, payload).await.unwrap();
            }
            Ask::Leave => client.disconnect().await.unwrap(),
        }
    }
}

async fn hear(events: &mut EventLoop, ungranted: usize, tell: &(dyn Fn(News) + Sync)) -> News {
    let mut ear = Ear { ungranted, tell };
    loop {
        let heard = events.poll().await;
        let end = heard.as_ref().err().map(last_words);
        // What came right before the end is still there.
        let more = end
            .iter()
            .flat_map(|_| std::mem::take(&mut events.state.events));
        for event in heard.into_iter().chain(more) {
            if let Err(refusal) = ear.take(event) {
                return refusal;
            }
        }
        if let Some(end) = end {
            return end;
        }
    }
}

struct Ear<'t> {
    /// Subscriptions that are not granted yet.
    ungranted: usize,
    tell: &'t (dyn Fn(News) + Sync),
}

impl Ear<'_> {
    fn take(&mut self, event: Event) -> Result<(), News> {
        match event {
            Event::Incoming(Packet::ConnAck(_)) if self.ungranted == 0 => (self.tell)(News::Ready),
            Event::Incoming(Packet::SubAck(granted)) => {
                let success = |code| matches!(code, &SubscribeReasonCode::Success(_));
                if !granted.return_codes.iter().all(success) {
                    return Err(News::Refused { code: None });
                }
                self.ungranted -= 1;
                if self.ungranted == 0 {
                    (self.tell)(News::Ready);
                }
            }
            Event::Incoming(Packet::Publish(publish)) => (self.tell)(News::Message(Message {
                topic: String::from_utf8(publish.topic.to_vec()).unwrap(),
                payload: String::from_utf8(publish.payload.to_vec()).unwrap(),
                qos: publish.qos as u8,
                retain: publish.retain,
            })),
            Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))
            | Event::Outgoing(Outgoing::Publish(0)) => (self.tell)(News::Sent),
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
        Ok(())
    }
}

fn last_words(error: &ConnectionError) -> News {
    match error {
        ConnectionError::ConnectionRefused(code) => News::Refused {
            code: match code {
                ConnectReturnCode::BadUserNamePassword => Some(134),
                ConnectReturnCode::NotAuthorized => Some(135),
                _ => None,
            },
        },
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => {
            let code = Some(*reason_code as u8);
            News::Closed { code }
        }
        _ => News::Closed { code: None },
    }
}
