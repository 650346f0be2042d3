//! A directory that somebody opens is looked up in the bucket, if that was not done lately.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use clock::spawn_named;
use parking_lot::Mutex;
use tokio::sync::watch;
use vfs::Inode;

use super::Engine;

/// How long whoever opens a directory waits for the bucket's answer; then he is shown what was
/// there before, and the look goes on.
const PATIENCE: Duration = Duration::from_millis(250);
/// Looks under way at a time; who comes when there are more is shown what is there.
const LOOKS_MAX: usize = 8;
/// Directories whose last look is remembered, 40 bytes each; others count as never looked up.
const REMEMBERED_MAX: usize = 16_384;

/// When which directory was looked up.
#[derive(Debug, Default)]
pub(crate) struct Refreshes(Mutex<Looks>);

#[derive(Debug, Default)]
struct Looks {
    by_dir: HashMap<Inode, Look>,
    /// In the order of their beginnings; a directory may be in it more than once.
    order: VecDeque<(Inode, Instant)>,
    under_way: usize,
}

#[derive(Debug)]
struct Look {
    began: Instant,
    /// Closed when it has ended.
    end: watch::Receiver<()>,
}

/// What is to be done about a directory that somebody opens.
enum Turn {
    Look(watch::Sender<()>, watch::Receiver<()>),
    Wait(watch::Receiver<()>),
    Nothing,
}

impl Refreshes {
    fn turn(&self, dir: Inode, now: Instant, after: Duration) -> Turn {
        let mut looks = self.0.lock();
        if let Some(look) = looks.by_dir.get(&dir) {
            if look.end.has_changed().is_ok() {
                return Turn::Wait(look.end.clone());
            }
            if now.saturating_duration_since(look.began) < after {
                return Turn::Nothing;
            }
        }
        if looks.under_way >= LOOKS_MAX {
            return Turn::Nothing;
        }
        let (sender, end) = watch::channel(());
        looks.under_way += 1;
        looks.order.push_back((dir, now));
        let began = now;
        let look = Look {
            began,
            end: end.clone(),
        };
        looks.by_dir.insert(dir, look);
        looks.forget_oldest();
        Turn::Look(sender, end)
    }

    fn ended(&self) {
        self.0.lock().under_way -= 1;
    }
}

impl Looks {
    fn forget_oldest(&mut self) {
        while self.order.len() > REMEMBERED_MAX {
            let Some((dir, began)) = self.order.pop_front() else {
                return;
            };
            if self
                .by_dir
                .get(&dir)
                .is_some_and(|look| look.began == began)
            {
                self.by_dir.remove(&dir);
            }
        }
    }
}

impl Engine {
    /// Somebody opens a directory, or looks for a name in it.
    pub(super) async fn refresh(self: &Arc<Self>, dir: Inode) {
        let Some(after) = self.config.refresh_after else {
            return;
        };
        if !self.import.read().is_complete {
            return;
        }
        let mut end = match self.refreshes.turn(dir, self.clock.now(), after) {
            Turn::Look(sender, end) => {
                let engine = Arc::clone(self);
                // Ends with its listing; abandoned with the engine's runtime.
                spawn_named("refresh", async move {
                    engine.look_up_dir(dir).await;
                    engine.refreshes.ended();
                    drop(sender);
                })
                .detach();
                end
            }
            Turn::Wait(end) => end,
            Turn::Nothing => return,
        };
        tokio::select! {
            biased; // No dice here: a simulation repeats itself.
            // An error says that its sender is gone: that it has ended.
            _ended = end.changed() => {}
            () = self.clock.sleep(PATIENCE) => {}
        }
    }

    async fn look_up_dir(self: &Arc<Self>, dir: Inode) {
        let prefix = match self.desired_key(dir) {
            Ok(Some(prefix)) => prefix,
            // The root, or it is gone.
            Ok(None) if dir == super::ROOT => String::new(),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(share = %self.config.name, %error, "cannot look up a directory");
                return;
            }
        };
        if let Err(error) = self.scan_level(&prefix).await {
            tracing::warn!(share = %self.config.name, prefix, %error, "cannot look up a directory");
        }
    }
}
