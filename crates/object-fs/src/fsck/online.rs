//! Checks of a share that is in use.
//!
//! Records are read one by one while others change them, so what does not seem to fit is
//! looked at again at one moment of the whole index. Nothing is repaired: the share would have
//! to stop for that.

use std::sync::Arc;

use cache::{Entry, KeyRange, Table};
use model::ShareCheck;
use vfs::{ErrorKind, VfsError, VfsResult};

use super::{Checker, Depth, Finding, ORDER, STEP, Tally, tables::Tables};
use crate::engine::Engine;

impl Engine {
    /// Checks the share while it is in use; `report` is told how many records were looked at.
    pub(crate) async fn check(
        self: &Arc<Self>,
        data: bool,
        report: impl Fn(u64) + Send + 'static,
    ) -> VfsResult<ShareCheck> {
        let engine = Arc::clone(self);
        let checked = tokio::task::spawn_blocking(move || engine.check_now(data, &report));
        let failed = |e| VfsError::caused_by(ErrorKind::Io, "the check was abandoned", e);
        checked.await.map_err(failed)?
    }

    fn check_now(&self, data: bool, report: &dyn Fn(u64)) -> VfsResult<ShareCheck> {
        let depth = Depth { data };
        let now_ms = self.clock.wall().as_millis();
        let tables = Tables::new(&self.index);
        let mut checker = Checker::new(tables, &self.log, depth, now_ms);
        let mut tally = Tally::default();
        let mut remaining = 0;
        for table in ORDER {
            let mut range = KeyRange::all();
            loop {
                let entries = checker.tables.scan(table, &range, STEP)?;
                let Some(last) = entries.last() else { break };
                range = range.after(last.key.to_vec());
                for entry in &entries {
                    checker.look(table, entry)?;
                    if checker.found.is_empty() {
                        continue;
                    }
                    let suspected = std::mem::take(&mut checker.found);
                    checker.tables.forget();
                    for finding in self.confirmed(table, entry, suspected, depth)? {
                        remaining += 1;
                        tally.add(&finding);
                    }
                }
                // Directories move meanwhile.
                checker.tables.forget();
                report(checker.records);
            }
        }
        tally.0.records = checker.records;
        tally.0.blocks = checker.blocks;
        Ok(tally.finish(remaining))
    }

    /// Of what was suspected, what is so at one moment.
    fn confirmed(
        &self,
        table: Table,
        entry: &Entry,
        suspected: Vec<Finding>,
        depth: Depth,
    ) -> VfsResult<Vec<Finding>> {
        let view = self.index.view();
        let now = view
            .get(table, &entry.key)
            .map_err(crate::fault::of_cache)?;
        let Some(value) = now else {
            return Ok(Vec::new());
        };
        let entry = Entry {
            key: entry.key.clone(),
            value,
        };
        let now_ms = self.clock.wall().as_millis();
        let mut again = Checker::new(Tables::new(&view), &self.log, depth, now_ms);
        again.look(table, &entry)?;
        let confirmed = again.found;
        // That two files have a block cannot be seen from one of them.
        let overlaps = suspected
            .into_iter()
            .filter(|finding| finding.check == super::Check::ExtentOverlap);
        Ok(confirmed.into_iter().chain(overlaps).collect())
    }
}
