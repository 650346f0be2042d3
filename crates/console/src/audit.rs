//! Every control action has an entry: opened before it, closed after it.

use std::{future::Future, sync::Arc};

use audit_log::{Action, AuditLog, EntryId, Outcome};
use clock::{Clock, spawn_named};
use database::Database;
use model::ErrorCode;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    api::AuditEntry,
    auth::{Caller, Origin},
    error::{ApiError, ApiResult},
    stream::{Item, Stream},
};

/// What is about to be done.
#[derive(Debug)]
pub(crate) struct Deed {
    pub(crate) action: &'static str,
    pub(crate) target: String,
    /// Parameters without secrets.
    pub(crate) details: Value,
}

/// Writes the audit log and shows it on the stream.
#[derive(Clone)]
pub(crate) struct Auditor {
    pub(crate) log: Arc<dyn AuditLog>,
    pub(crate) database: Arc<Database>,
    pub(crate) stream: Stream,
    pub(crate) clock: Clock,
}

impl Auditor {
    /// Opens an entry. If this fails the action must not be done.
    pub(crate) async fn open(
        &self,
        actor: &str,
        origin: &Origin,
        deed: Deed,
    ) -> ApiResult<EntryId> {
        let action = Action {
            actor: actor.to_owned(),
            source: origin.source.clone(),
            channel: origin.channel.to_owned(),
            action: deed.action.to_owned(),
            target: deed.target,
            details: deed.details,
        };
        let id = self.log.open(self.clock.wall(), action).await?;
        self.show(id).await;
        Ok(id)
    }

    /// Closes an entry. If this fails the entry stays open, and the next start closes it.
    pub(crate) async fn close(&self, id: EntryId, outcome: Outcome) {
        let closed = self.log.close(self.clock.wall(), id, outcome).await;
        if let Err(error) = closed {
            tracing::error!(%error, entry = id.0, "an audit entry stays open");
        }
        self.show(id).await;
    }

    /// Does something with an entry around it. Once begun it is done to its end, even if
    /// whoever asked for it hangs up.
    pub(crate) async fn act<T: Send + 'static>(
        self: &Arc<Self>,
        caller: &Caller,
        deed: Deed,
        work: impl Future<Output = ApiResult<T>> + Send + 'static,
    ) -> ApiResult<T> {
        let origin = caller.origin.clone();
        self.act_as(caller.user.clone(), origin, deed, work).await
    }

    /// The same for somebody who has not proved yet who they are.
    pub(crate) async fn act_as<T: Send + 'static>(
        self: &Arc<Self>,
        actor: String,
        origin: Origin,
        deed: Deed,
        work: impl Future<Output = ApiResult<T>> + Send + 'static,
    ) -> ApiResult<T> {
        let auditor = Arc::clone(self);
        let (tell, told) = oneshot::channel();
        spawn_named("audited-action", async move {
            let done = match auditor.open(&actor, &origin, deed).await {
                Ok(entry) => {
                    let done = work.await;
                    auditor.close(entry, outcome_of(&done)).await;
                    done
                }
                Err(refused) => Err(refused),
            };
            // Whoever asked may have hung up; the entry has the outcome.
            drop(tell.send(done));
        })
        .detach();
        told.await.unwrap_or_else(|_gone| {
            let message = "the action ended in a fault; the console's log says more";
            Err(ApiError::new(ErrorCode::Internal, message))
        })
    }

    async fn show(&self, id: EntryId) {
        if !self.stream.has_readers() {
            return;
        }
        // A log other than the database's has entries that are not shown live.
        if let Ok(entry) = self.database.audit_entry(id).await {
            self.stream.publish(Item::Audit(AuditEntry::from(entry)));
        }
    }
}

pub(crate) fn outcome_of<T>(done: &ApiResult<T>) -> Outcome {
    match done {
        Ok(_) => Outcome::Succeeded,
        Err(error) => Outcome::Failed {
            reason: reason(&error.failure),
        },
    }
}

/// Error code and sentence.
pub(crate) fn reason(failure: &model::Failure) -> String {
    let code = serde_json::to_value(failure.code).unwrap_or_default();
    format!("{}: {}", code.as_str().unwrap_or_default(), failure.message)
}
