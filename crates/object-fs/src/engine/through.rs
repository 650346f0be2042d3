//! Write-through: a commit returns when the bytes are in the bucket.

use std::{sync::Arc, time::Duration};

use model::ShareMode;
use vfs::{ErrorKind, VfsError, VfsResult};

use super::Engine;
use crate::{node::Node, upload::Work};

/// How long a client waits for the bucket before it is told to ask again.
const THROUGH_MAX: Duration = Duration::from_secs(20);
/// Longest wait until a file is looked at again.
const LOOK: Duration = Duration::from_millis(200);

impl Engine {
    /// Where the share writes through, returns when what was committed is in the bucket.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when the bucket does not take it in time: the client asks
    /// again, and nothing is lost meanwhile.
    pub(super) async fn write_through(&self, node: &Arc<Node>) -> VfsResult<()> {
        if self.config.mode != ShareMode::WriteThrough {
            return Ok(());
        }
        let work = Work::Inode(node.inode);
        let committed = node.lock()?.synced.changed;
        let deadline = self.clock.now() + THROUGH_MAX;
        loop {
            // Before the look, so that nothing that happens after it is missed.
            let mut settled = std::pin::pin!(self.queue.settled());
            settled.as_mut().enable();
            if node.lock()?.record.clean_generation >= committed {
                return Ok(());
            }
            let now = self.clock.now();
            let item = self.queue.item(&work);
            if now >= deadline {
                let reason = item.and_then(|item| item.error);
                let reason = reason.unwrap_or_else(|| "it is still on its way".to_owned());
                let message = format!("the bucket has not taken the file yet: {reason}");
                return Err(VfsError::new(ErrorKind::Unavailable, message));
            }
            // It need not rest; after a failure the store should.
            self.queue.expedite(&work, now);
            tokio::select! {
                biased; // No dice here: a simulation repeats itself.
                () = settled => {}
                () = self.clock.sleep(LOOK) => {}
            }
        }
    }
}
