//! `kill -9` of a broker: all its clients come back at once to the next one, each with its
//! credential checked against the store.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use clock::Clock;
use message_bus::{BusEvent, PresenceKind};

use crate::{
    kill::spawn,
    peer::{admit, broker, connect_bytes},
};

/// All are back by then, on a machine that has much else to do; 15,000 within 10 s on one that has
/// not.
const BACK_WITHIN: Duration = Duration::from_secs(60);
const THREADS: usize = 8;

fn name(n: usize) -> String {
    format!("gw-{n:06}")
}

/// The process of the clients. After each line they connect all at once, and say so when all are
/// in; then they wait until the broker is gone.
pub(crate) fn clients(address: &str, count: usize) {
    let address: SocketAddr = address.parse().unwrap();
    let connects: Vec<Vec<u8>> = (0..count).map(|n| connect_bytes(&name(n), true)).collect();
    let mut lines = std::io::stdin().lock().lines();
    while lines.next().is_some() {
        let parts = connects.chunks(count.div_ceil(THREADS));
        let sockets: Vec<Vec<TcpStream>> = thread::scope(|scope| {
            let running: Vec<_> = parts
                .map(|part| scope.spawn(move || connect_all(address, part)))
                .collect();
            running.into_iter().map(|r| r.join().unwrap()).collect()
        });
        println!("connected");
        std::io::stdout().flush().unwrap();
        for mut socket in sockets.into_iter().flatten() {
            // Until the broker is gone.
            socket.read_to_end(&mut Vec::new()).ok();
        }
        println!("gone");
        std::io::stdout().flush().unwrap();
    }
}

/// All of them have said CONNECT before the first looks for its answer.
fn connect_all(address: SocketAddr, connects: &[Vec<u8>]) -> Vec<TcpStream> {
    let mut sockets: Vec<_> = connects
        .iter()
        .map(|connect| open(address, connect))
        .collect();
    for (socket, connect) in sockets.iter_mut().zip(connects) {
        while !is_let_in(socket) {
            *socket = open(address, connect);
        }
    }
    sockets
}

fn open(address: SocketAddr, connect: &[u8]) -> TcpStream {
    loop {
        let Ok(mut socket) = TcpStream::connect(address) else {
            // The broker is not there yet.
            thread::yield_now();
            continue;
        };
        if socket.write_all(connect).is_ok() {
            return socket;
        }
    }
}

fn is_let_in(socket: &mut TcpStream) -> bool {
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).is_ok() && answer == [0x20, 2, 0, 0]
}

/// Tells the clients' process, and waits for its word.
fn ask(to: &mut ChildStdin, from: &mut BufReader<ChildStdout>, word: &str) {
    if word == "connected" {
        writeln!(to).unwrap();
    }
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), word);
}

pub(crate) fn run() {
    let count = crate::number("CAUSEWAY_STORM_CLIENTS", 500);
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..count).map(name).collect();
    admit(&broker(dir.path(), "127.0.0.1:0".parse().unwrap()), &names);
    let (mut first, address) = spawn(dir.path());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["clients", &address.to_string(), &count.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    ask(&mut to, &mut from, "connected");
    first.kill().unwrap();
    first.wait().unwrap();
    ask(&mut to, &mut from, "gone");

    let clock = Clock::system();
    let start = clock.now();
    let second = broker(dir.path(), address);
    let listening = clock.now() - start;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut events = runtime.block_on(second.bus().receive()).unwrap();
    ask(&mut to, &mut from, "connected");
    let back = clock.now() - start;
    assert!(
        back < BACK_WITHIN,
        "{count} clients were back after {back:?}"
    );
    let online = runtime.block_on(async {
        let mut channels: BTreeMap<String, i32> = BTreeMap::new();
        while channels.len() < count {
            match events.recv().await.unwrap() {
                BusEvent::Online { channels: all } => {
                    channels.extend(all.iter().map(|o| (o.client_id.to_string(), 1)));
                }
                BusEvent::Presence(presence) => {
                    let change = match presence.kind {
                        PresenceKind::Connect { .. } => 1,
                        PresenceKind::Disconnect => 0,
                        PresenceKind::TcpClean { .. } => -1,
                    };
                    *channels.entry(presence.client_id.to_string()).or_default() += change;
                }
                BusEvent::Uplink(_) => {}
            }
        }
        channels
    });
    assert!(
        online.values().all(|channels| *channels == 1),
        "each is online once"
    );
    assert_eq!(second.metrics().clients, count as u64);
    println!(
        "{count} clients: the broker listens after {listening:?}, all are back after {back:?}"
    );
    // It reads to its end.
    drop((to, second));
    child.wait().unwrap();
}
