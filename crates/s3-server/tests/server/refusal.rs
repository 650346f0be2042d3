//! What is refused before its body is read.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::start;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_before_the_body_says_that_the_connection_closes() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = start(dir.path()).await;
    let address = server.address();
    for (body, closes) in [("", false), ("Content-Length: 5\r\n", true)] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("PUT /bucket/key HTTP/1.1\r\nHost: {address}\r\n{body}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        if closes {
            stream.read_to_string(&mut answer).await.unwrap();
        } else {
            let mut bytes = [0; 1024];
            let got = stream.read(&mut bytes).await.unwrap();
            answer.push_str(std::str::from_utf8(&bytes[..got]).unwrap());
        }
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        let said = answer.to_lowercase().contains("\r\nconnection: close\r\n");
        assert_eq!(said, closes, "{answer}");
    }
    server.shutdown().await;
}
