//! A gateway that leaves its network through an HTTP proxy: the connection that the console sees
//! is one of the proxy's.

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::{
    separate::Cloud,
    support::{LIMIT, port, stderr, stdout, text},
};

/// `me:secret`, as HTTP writes it.
const LOGIN: &str = "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n";
const HEAD_LEN_MAX: usize = 4_096;

/// A proxy that connects to the broker only. It ends with the test's process.
#[derive(Clone)]
struct Proxy {
    address: SocketAddr,
    /// What it was asked to connect to.
    asked: Arc<Mutex<BTreeSet<String>>>,
    tunnels: Arc<Mutex<Vec<Tunnel>>>,
}

struct Tunnel {
    client: TcpStream,
    /// The proxy's address towards the broker.
    from: SocketAddr,
}

impl Proxy {
    fn start(broker_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
            tunnels: Arc::default(),
        };
        let serving = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let proxy = serving.clone();
                // A client that breaks off has seen enough.
                thread::spawn(move || proxy.tunnel(client, broker_port).ok());
            }
        });
        proxy
    }

    fn url(&self, login: &str) -> String {
        format!("http://{login}{}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().cloned().collect()
    }

    fn has_tunnel_from(&self, address: &str) -> bool {
        let tunnels = self.tunnels.lock().unwrap();
        tunnels.iter().any(|t| t.from.to_string() == address)
    }

    fn cut(&self) {
        for tunnel in self.tunnels.lock().unwrap().drain(..) {
            drop(tunnel.client.shutdown(Shutdown::Both));
        }
    }

    fn tunnel(&self, mut client: TcpStream, broker_port: u16) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_LEN_MAX {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        self.asked.lock().unwrap().insert(target.clone());
        if !head.contains(LOGIN) {
            return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        }
        if !head.starts_with("CONNECT ") || target != format!("127.0.0.1:{broker_port}") {
            return client.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
        }
        let mut broker = TcpStream::connect(("127.0.0.1", broker_port))?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        self.tunnels.lock().unwrap().push(Tunnel {
            client: client.try_clone()?,
            from: broker.local_addr()?,
        });
        let (mut from_broker, mut to_client) = (broker.try_clone()?, client.try_clone()?);
        thread::spawn(move || {
            drop(io::copy(&mut from_broker, &mut to_client));
            drop(to_client.shutdown(Shutdown::Both));
        });
        drop(io::copy(&mut client, &mut broker));
        broker.shutdown(Shutdown::Both)
    }
}

#[test]
fn a_gateway_joins_and_runs_through_a_proxy() {
    let cloud = Cloud::start();
    let broker_port = port(&cloud.broker.ready, "/tls_address");
    let proxy = Proxy::start(broker_port);
    let bundle = cloud.bundle();

    let nobody = cloud.join_with(&bundle, "gateway", &["--proxy", &proxy.url("")]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    assert!(stderr(&nobody).contains("407"), "{nobody:?}");

    let url = proxy.url("me:secret@");
    stdout(&cloud.join_with(&bundle, "gateway", &["--proxy", &url]));
    let gateway = cloud.run_gateway_with(&["--proxy", &url]);
    cloud.wait_for_state("online");
    let is_through = || {
        let shown = cloud.json(&["gateway", "show", "site"]);
        let address = shown["address"].as_str().unwrap_or_default();
        let there = shown["state"] == "online" && proxy.has_tunnel_from(address);
        Ok(there.then_some(()))
    };
    let run_command = || {
        let command = cloud.json(&["command", "issue", "site", "status.get"]);
        assert_eq!(text(&command, "/state"), "finished", "{command}");
    };
    testkit::eventually("it comes through the proxy", LIMIT, is_through).unwrap();
    run_command();

    // The tunnel breaks: the gateway is back through another one, by itself.
    proxy.cut();
    testkit::eventually("it is back through the proxy", LIMIT, is_through).unwrap();
    run_command();
    assert_eq!(proxy.asked(), [format!("127.0.0.1:{broker_port}")]);
    assert!(!gateway.process.printed().contains("secret@"));
    cloud.stop(gateway);
}
