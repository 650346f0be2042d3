//! `kill -9` at any moment costs nothing that was answered, and tears nothing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clock::{Clock, spawn_named};

use crate::client::Client;

const ROUNDS: u64 = 8;
const WRITERS: u64 = 6;
const KEYS: u64 = 10;

struct Serving {
    _child: Killed,
    client: Client,
}

/// A process that ends by `kill -9` when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Serving {
    async fn start(directory: &Path) -> Self {
        let address_file = directory.with_extension("address");
        drop(std::fs::remove_file(&address_file));
        let child = Command::new(example("serve"))
            .arg(directory)
            .arg(&address_file)
            .spawn()
            .unwrap();
        let _child = Killed(child);
        let clock = Clock::system();
        for _ in 0..2_000 {
            if let Ok(address) = std::fs::read_to_string(&address_file) {
                let client = Client::new(&address);
                return Self { _child, client };
            }
            clock.sleep(Duration::from_millis(5)).await;
        }
        panic!("the server does not come up");
    }
}

/// Cargo builds examples next to tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(name)
}

/// Body of put number `seq`: its length differs from the next one's.
fn body(seq: u64) -> Vec<u8> {
    seq.to_be_bytes()
        .repeat(usize::try_from(1 + seq * 977 % 20_000).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kill_nine() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().join("store");
    let seq = Arc::new(AtomicU64::new(1));
    let answered = Arc::new(Mutex::new(BTreeMap::<String, u64>::new()));
    for round in 0..ROUNDS {
        let serving = Serving::start(&directory).await;
        let before = answered.lock().unwrap().clone();
        verify(&serving.client, &before).await;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, seq) = (serving.client.clone(), Arc::clone(&seq));
                let answered = Arc::clone(&answered);
                spawn_named("writer", async move {
                    // Each writer has keys of its own, so that its answers are in order.
                    loop {
                        let number = seq.fetch_add(1, Ordering::SeqCst);
                        let key = format!("w{writer}/k{}", number % KEYS);
                        let put = client.put(&key, body(number), &number.to_string()).await;
                        match put {
                            Ok(200) => answered.lock().unwrap().insert(key, number),
                            Ok(status) => panic!("status {status}"),
                            Err(_killed) => return,
                        };
                    }
                })
            })
            .collect();
        Clock::system()
            .sleep(Duration::from_millis(60 + round * 37))
            .await;
        drop(serving);
        for writer in writers {
            writer.join().await.unwrap();
        }
    }
    let answered = answered.lock().unwrap().clone();
    assert!(
        answered.len() > 20,
        "the test did write: {}",
        answered.len()
    );
    let serving = Serving::start(&directory).await;
    verify(&serving.client, &answered).await;
}

/// Each key is at its last answered put or a later one, with the metadata of the same put.
async fn verify(client: &Client, answered: &BTreeMap<String, u64>) {
    let listed = client.keys().await;
    for key in answered.keys() {
        assert!(listed.contains(key), "{key} is lost");
    }
    for key in listed {
        let answer = client.get(&key).await;
        assert_eq!(answer.status, 200, "{key}");
        let number: u64 = answer.note.unwrap().parse().unwrap();
        assert!(answer.body == body(number), "{key} is torn");
        assert!(
            answered.get(&key).is_none_or(|last| number >= *last),
            "{key} went back"
        );
    }
}
