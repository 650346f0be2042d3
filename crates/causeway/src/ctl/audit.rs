//! `ctl audit`.

use clap::Subcommand;
use serde_json::Value;

use super::{
    Context, CtlError,
    args::PageArgs,
    table::{self, Column, Format, column},
};

#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// Who did what, newest first
    List(PageArgs),
    /// Check that no record was changed or removed; fails if one was
    Verify,
}

const LIST: &[Column] = &[
    column("AT", "/at", Format::Time),
    column("ACTOR", "/actor", Format::Text),
    column("THROUGH", "/channel", Format::Text),
    column("FROM", "/source", Format::Text),
    column("ACTION", "/action", Format::Text),
    column("TARGET", "/target", Format::Text),
    column("OUTCOME", "/outcome", Format::Text),
    column("REASON", "/reason", Format::Text),
];

pub(super) async fn run(context: &Context<'_>, verb: AuditVerb) -> Result<(), CtlError> {
    match verb {
        AuditVerb::List(page) => {
            let answer = context.api.get(&["audit"], &page.query()).await?;
            let now = context.clock.wall();
            context
                .output
                .show(&answer, || table::list(LIST, &answer, now))
        }
        AuditVerb::Verify => verify(context).await,
    }
}

async fn verify(context: &Context<'_>) -> Result<(), CtlError> {
    let answer = context.api.get(&["audit", "verify"], &[]).await?;
    let records = answer.get("records").and_then(Value::as_u64);
    let records = records.unwrap_or_default();
    if answer.get("intact") == Some(&Value::Bool(true)) {
        let intact = || format!("The audit log is intact: {records} records.\n");
        return context.output.show(&answer, intact);
    }
    context.output.show(&answer, String::new)?;
    let broken = answer.get("broken_at").cloned().unwrap_or_default();
    Err(CtlError::Outcome {
        code: "BROKEN".to_owned(),
        message: format!(
            "the audit log was tampered with: record {broken} of {records} does not follow the one before"
        ),
    })
}
