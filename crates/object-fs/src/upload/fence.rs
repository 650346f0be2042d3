//! Nothing changes the bucket when the lease is not ours.

use std::{future::Future, pin::pin};

use object_store::{StoreError, StoreErrorKind, StoreResult};

use crate::{engine::Engine, lease::Hold};

impl Engine {
    /// Sends a request that changes the bucket, as long as the lease lets it. It is given up at
    /// the moment when another gateway may have begun to write, however often it was tried
    /// below: what is cut off is looked at again as after a lost answer.
    pub(crate) async fn fenced<T>(
        &self,
        request: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        let mut request = pin!(request);
        loop {
            let now = self.clock.now();
            let until = match self.lease.hold(now) {
                Hold::Always => return request.await,
                Hold::Until(until) => until,
                Hold::Not => {
                    return Err(StoreError::new(
                        StoreErrorKind::Unavailable,
                        "the lease of the bucket is not ours just now",
                    ));
                }
            };
            tokio::select! {
                biased; // No dice here: a simulation repeats itself.
                answer = &mut request => return answer,
                () = self.clock.sleep(until.saturating_duration_since(now)) => {}
            }
        }
    }
}
