//! After a start: what an earlier console left open.

use audit_log::Outcome;

use super::calls::audit_outcome;
use crate::{app::App, error::ApiResult};

/// Closes audit entries that a crash left open. Those of commands without an outcome stay: the
/// command is still under way, and its outcome closes them.
pub(crate) async fn close_abandoned_entries(app: &App) -> ApiResult<()> {
    for id in app.database.open_audit_entries().await? {
        let outcome = match app.database.command_by_audit_entry(id.0).await? {
            Some(command) => audit_outcome(&command),
            None => Some(Outcome::Unknown {
                reason: "the console ended before the action did".to_owned(),
            }),
        };
        if let Some(outcome) = outcome {
            app.audit.close(id, outcome).await;
        }
    }
    Ok(())
}
