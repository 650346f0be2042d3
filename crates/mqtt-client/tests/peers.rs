//! The client against brokers that do what a test tells them, packet by packet.

#![expect(
    clippy::unwrap_used,
    reason = "the kit of a test fails the test; clippy knows only functions with #[test]"
)]

use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Task, spawn_named};
use model::Secret;
use mqtt_client::{
    Client, CloseReason, ConnectError, ConnectOptions, Deliveries, PublishError, Security,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const CONNACK: [u8; 5] = [0x20, 3, 0, 0, 0];

fn options(port: u16) -> ConnectOptions {
    ConnectOptions {
        client_id: "GID_test@@@gw-1".into(),
        user_name: "me".into(),
        password: Secret::new("p"),
        brokers: vec![format!("127.0.0.1:{port}").parse().unwrap()],
        security: Security::Plain,
        proxy: None,
        keep_alive: Duration::from_secs(1),
    }
}

/// A broker that takes one connection, reads CONNECT, sends `answer` and then does `script`.
async fn broker<F, S>(answer: &[u8], script: S) -> (ConnectOptions, Task<F::Output>)
where
    S: FnOnce(TcpStream) -> F + Send + 'static,
    F: Future<Output: Send> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = options(listener.local_addr().unwrap().port());
    let answer = answer.to_vec();
    let task = spawn_named("broker", async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_packet(&mut stream).await;
        stream.write_all(&answer).await.unwrap();
        script(stream).await
    });
    (options, task)
}

/// The next packet of less than 128 bytes.
async fn read_packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet).await.unwrap();
    let mut rest = vec![0; usize::from(packet[1])];
    stream.read_exact(&mut rest).await.unwrap();
    packet.extend(rest);
    packet
}

/// PUBLISH to topic `t`, QoS 1.
fn publish(packet_id: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x32, 0, 0, 1, b't', 0, packet_id, 0];
    packet.extend(payload);
    packet[1] = u8::try_from(packet.len() - 2).unwrap();
    packet
}

async fn connect(options: &ConnectOptions) -> (Client, Deliveries) {
    Client::connect(options, Clock::system()).await.unwrap()
}

async fn never() {
    std::future::pending().await
}

#[tokio::test]
async fn a_message_is_acknowledged_only_when_its_receiver_says_so() {
    let (options, broker) = broker(&CONNACK, |mut stream| async move {
        stream.write_all(&publish(1, b"first")).await.unwrap();
        stream.write_all(&publish(2, b"second")).await.unwrap();
        read_packet(&mut stream).await
    })
    .await;
    let (_client, mut deliveries) = connect(&options).await;
    let first = deliveries.recv().await.unwrap();
    let second = deliveries.recv().await.unwrap();
    assert_eq!(
        (first.topic.as_str(), &first.payload[..]),
        ("t", &b"first"[..])
    );
    drop(first);
    second.acknowledge();
    let puback = broker.join().await.unwrap();
    assert_eq!(puback[..4], [0x40, 2, 0, 2]);
}

#[tokio::test]
async fn the_words_of_a_refusal_are_passed_on() {
    let words = b"the bundle was used";
    let mut connack = vec![0x20, 0, 0, 0x87, 0, 0x1f, 0, 19];
    connack.extend(words);
    connack[1] = u8::try_from(connack.len() - 2).unwrap();
    connack[4] = u8::try_from(words.len() + 3).unwrap();
    let (options, _broker) = broker(&connack, |_| never()).await;
    let failure = Client::connect(&options, Clock::system())
        .await
        .unwrap_err();
    assert_eq!(failure.not_authorized(), Some("the bundle was used"));
}

#[tokio::test]
async fn a_busy_broker_is_not_a_wrong_credential() {
    let (options, _broker) = broker(&[0x20, 3, 0, 0x89, 0], |_| never()).await;
    let failure = Client::connect(&options, Clock::system())
        .await
        .unwrap_err();
    assert!(
        matches!(failure.attempts[0], ConnectError::Refused { .. }),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_link_that_swallows_everything_is_closed_in_time() {
    let (options, _broker) = broker(&CONNACK, |stream| async move {
        never().await;
        drop(stream);
    })
    .await;
    let (client, _deliveries) = connect(&options).await;
    let clock = Clock::system();
    let since = clock.now();
    // No PINGREQ is due while we send: the missing PUBACK must be enough.
    let sent = client
        .publish("t/1", Bytes::from_static(b"x"))
        .await
        .unwrap();
    assert_eq!(sent.await, Err(PublishError::Closed));
    assert_eq!(client.closed().await, CloseReason::NoAnswer);
    assert!(clock.now() - since < options.keep_alive * 2);
}

#[tokio::test]
async fn an_idle_link_is_asked_whether_it_lives() {
    let (options, broker) = broker(&CONNACK, |mut stream| async move {
        for _ in 0..2 {
            assert_eq!(read_packet(&mut stream).await, [0xc0, 0]);
            stream.write_all(&[0xd0, 0]).await.unwrap();
        }
    })
    .await;
    let (client, _deliveries) = connect(&options).await;
    broker.join().await.unwrap();
    assert_eq!(client.closed().await, CloseReason::Eof);
}

#[tokio::test]
async fn a_broker_that_says_why_it_closes_is_heard() {
    // SessionTakenOver, without properties.
    let (options, _broker) = broker(&CONNACK, |mut stream| async move {
        stream.write_all(&[0xe0, 1, 0x8e]).await.unwrap();
        never().await;
    })
    .await;
    let (client, _deliveries) = connect(&options).await;
    assert_eq!(client.closed().await, CloseReason::TakenOver);
}

#[tokio::test]
async fn a_peer_that_is_no_broker_is_refused() {
    for garbage in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        &[0xff; 64],
        &[0x20, 0xff, 0xff, 0xff, 0xff],
    ] {
        let (options, _broker) = broker(garbage, |_| never()).await;
        let failure = Client::connect(&options, Clock::system())
            .await
            .unwrap_err();
        assert!(
            matches!(failure.attempts[0], ConnectError::Broken { .. }),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn more_messages_than_were_asked_for_end_the_connection() {
    let (options, _broker) = broker(&CONNACK, |mut stream| async move {
        for packet_id in 1..=33 {
            stream.write_all(&publish(packet_id, b"x")).await.unwrap();
        }
        never().await;
    })
    .await;
    let (client, _deliveries) = connect(&options).await;
    assert!(matches!(client.closed().await, CloseReason::Protocol(_)));
}

#[tokio::test]
async fn a_refused_message_is_told_to_its_sender() {
    let (options, _broker) = broker(&CONNACK, |mut stream| async move {
        let publish = read_packet(&mut stream).await;
        let id = &publish[7..9];
        stream
            .write_all(&[0x40, 3, id[0], id[1], 0x87])
            .await
            .unwrap();
        never().await;
    })
    .await;
    let (client, _deliveries) = connect(&options).await;
    let sent = client
        .publish("t/1", Bytes::from_static(b"x"))
        .await
        .unwrap();
    assert_eq!(
        sent.await,
        Err(PublishError::Refused("NotAuthorized".into()))
    );
    let long = Bytes::from(vec![0; 64 * 1024 + 1]);
    let sent = client.publish("t/1", long).await.unwrap();
    assert!(matches!(sent.await, Err(PublishError::Invalid(_))));
}
