//! What one does while another waits: on one thread, whose turns are counted.

use super::*;
use crate::{node::Node, upload::Work};

/// Turns of everybody else before a disk has answered: more than anything here takes.
const TURNS: u32 = 1_000;

/// A disk that takes its time, and files that rest until they are asked for.
async fn bench() -> Bench {
    let config = ObjectFsConfig {
        upload_delay: PATIENCE,
        ..config()
    };
    let clock = Clock::system();
    let store = Arc::new(MemStore::new(clock.clone()));
    let bench = Bench::in_time(store, config, clock, Committer::Waiter(TURNS)).await;
    bench.imported().await;
    bench
}

/// Gives others their turns until `holds`.
async fn turns_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..100 * TURNS {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come to that");
}

impl Bench {
    async fn node(&self, path: &str) -> Arc<Node> {
        let inode = self.find(path).await.unwrap().inode;
        self.fs().engine().node(inode).unwrap()
    }

    fn upload_now(&self, node: &Node) {
        let work = Work::Inode(node.inode);
        self.fs().engine().queue.expedite(&work, self.clock.now());
    }

    async fn at_rest(&self, node: &Node) {
        let work = Work::Inode(node.inode);
        self.until("nothing to do", |bench| {
            !bench.fs().engine().queue.has(&work)
        })
        .await;
    }
}

#[tokio::test]
async fn an_object_follows_a_directory_that_is_renamed_while_its_upload_ends() {
    let mut bench = bench().await;
    bench.make_dir("old").await.unwrap();
    bench.put("old/f", "x").await;
    let file = bench.node("old/f").await;
    bench.upload_now(&file);
    turns_until(|| file.state.lock().record.remote.is_some()).await;
    bench.rename("old", "new").await.unwrap();
    bench.at_rest(&file).await;
    assert_eq!(bench.object("new/f"), "x");
    drop(file);
    bench.crash(|| false).await;
    bench.drain().await;
    assert_eq!(bench.keys(), ["new/f"]);
}
