//! Keys that shares borrow from their roles: the first ones, and others long before those are over.
//!
//! ```text
//! a share with a role ──▶ due ──▶ borrowed ──▶ (two thirds of their life) ──▶ due
//!                          ▲ └──▶ failed ──▶ (5 s, 10 s, … 5 min) ─┐
//!                          └───────────────────────────────────────┘
//! ```
//!
//! What is due is in the database, so whichever console runs goes on where another stopped. The keys
//! that may assume a role stay here; its gateway gets what was lent, as part of its intent.

use std::{sync::Arc, time::Duration};

use database::{BorrowFailure, Borrowed, EventRecord, KeysRecord};
use futures::{StreamExt as _, stream};
use model::{
    AssumedRole, BucketSettings, ErrorCode, Failure, GatewayId, Severity, ShareName, Timestamp,
};
use serde_json::json;
use sts::{StsError, StsErrorKind};

use crate::{
    app::App,
    audit::{Deed, outcome_of},
    auth::Origin,
    error::{ApiError, ApiResult},
    fleet::Notice,
    limits::{BORROW_RETRY_MAX, BORROW_RETRY_MIN, BORROW_TICK, BORROWS_AT_ONCE, DUE_KEYS_MAX},
};

/// Borrows keys for a share from its role. Nothing is stored.
pub(crate) async fn borrow(
    app: &App,
    (gateway, share): (&GatewayId, &ShareName),
    bucket: &BucketSettings,
    role: &AssumedRole,
) -> Result<Borrowed, Failure> {
    let session = format!("causeway-{gateway}-{share}");
    let lent = app.sts.assume(bucket, role, &session).await;
    let keys = lent.map_err(|error| failure(&error))?;
    let at = app.clock.wall();
    // What the service gave counts, if it is less than what was asked for; more is another clock.
    let asked = Duration::from_secs(role.lifetime_s.into());
    let life = keys.expires_at.since(at).min(asked);
    Ok(Borrowed {
        due_at: at.plus(life * 2 / 3),
        keys,
        at,
    })
}

fn failure(error: &StsError) -> Failure {
    let code = match error.kind() {
        StsErrorKind::Refused => ErrorCode::BucketAccessDenied,
        StsErrorKind::Unavailable => ErrorCode::BucketUnreachable,
    };
    Failure::new(code, error.to_string())
}

/// Borrows what is due until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.clock.sleep(BORROW_TICK).await;
        if let Err(error) = borrow_due(&app).await {
            tracing::error!(error = %error.failure, "keys that are due cannot be looked at");
        }
    }
}

async fn borrow_due(app: &Arc<App>) -> ApiResult<()> {
    let due = app
        .database
        .due_keys(app.clock.wall(), DUE_KEYS_MAX)
        .await?;
    let renewing = stream::iter(due).for_each_concurrent(BORROWS_AT_ONCE, |record| async move {
        if let Err(error) = renew(app, &record).await {
            let (gateway, share) = (&record.gateway, &record.share);
            let error = error.failure;
            tracing::error!(gateway.id = %gateway, share.name = %share, %error, "keys not renewed");
        }
    });
    renewing.await;
    Ok(())
}

/// One attempt, with its entry in the audit log.
async fn renew(app: &Arc<App>, record: &KeysRecord) -> ApiResult<()> {
    let (gateway, share) = (&record.gateway, &record.share);
    let settings = match app.database.share(gateway, share).await {
        Ok(stored) => stored.settings,
        // It was removed just now, and what is due with it.
        Err(error) if error.kind() == database::DatabaseErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let bucket = settings.bucket;
    let Some(role) = bucket.role.clone() else {
        return Ok(());
    };
    let deed = Deed {
        action: "share.borrow_keys",
        target: format!("gateway/{gateway}/share/{share}"),
        details: json!({"role": role.arn, "attempt": record.failures + 1}),
    };
    let entry = app.audit.open("system", &Origin::system(), deed).await?;
    let done = match borrow(app, (gateway, share), &bucket, &role).await {
        Ok(borrowed) => store(app, record, &bucket, &borrowed).await,
        Err(failure) => match note_failure(app, record, &failure).await {
            Ok(()) => Err(failure.into()),
            Err(error) => Err(error),
        },
    };
    app.audit.close(entry, outcome_of(&done)).await;
    // A refusal was told; only what is our own fault goes on.
    done.or_else(|error: ApiError| match error.failure.code {
        ErrorCode::BucketAccessDenied | ErrorCode::BucketUnreachable => Ok(()),
        _ => Err(error),
    })
}

async fn store(
    app: &App,
    record: &KeysRecord,
    bucket: &BucketSettings,
    borrowed: &Borrowed,
) -> ApiResult<()> {
    let (gateway, share) = (&record.gateway, &record.share);
    let renewed = app.database.renew_keys(gateway, share, (bucket, borrowed));
    let Some(version) = renewed.await? else {
        // It has other settings by now, and borrows with those.
        return Ok(());
    };
    let (key, until) = (&borrowed.keys.access_key_id, borrowed.keys.expires_at);
    tracing::info!(gateway.id = %gateway, share.name = %share, key, %until, "keys were lent");
    if record.failures > 0 {
        let message = format!("share {share}: its role lends keys again, good until {until}");
        tell(app, record, Severity::Info, message).await?;
    }
    let changed = Notice::IntentChanged(gateway.clone(), version);
    app.fleet.tell(changed).await;
    Ok(())
}

async fn note_failure(app: &App, record: &KeysRecord, failure: &Failure) -> ApiResult<()> {
    let (gateway, share) = (&record.gateway, &record.share);
    let at = app.clock.wall();
    let noted = BorrowFailure {
        error: failure.clone(),
        at,
        due_at: at.plus(pause(record.failures)),
        failures: record.failures.saturating_add(1),
    };
    app.database
        .note_borrow_failure(gateway, share, &noted)
        .await?;
    tracing::warn!(gateway.id = %gateway, share.name = %share, %failure, "no keys were lent");
    if let Some((severity, state)) = news(record, at) {
        let message = format!("share {share}: its role lends no keys, {state}: {failure}");
        tell(app, record, severity, message).await?;
    }
    app.publish_gateway_and_shares(gateway).await;
    Ok(())
}

/// Whether a failure is worth an event: the first of a row, and the first without good keys.
fn news(record: &KeysRecord, now: Timestamp) -> Option<(Severity, String)> {
    let was_good = |at| record.good_keys(at).is_some();
    let is_first = record.failures == 0;
    if let Some(keys) = record.good_keys(now) {
        let state = format!("those it has are good until {}", keys.expires_at);
        return is_first.then_some((Severity::Warning, state));
    }
    let are_over_since = record.tried_at.is_some_and(was_good);
    let state = "it has none now, so uploads wait".to_owned();
    (is_first || are_over_since).then_some((Severity::Error, state))
}

/// To the next attempt, after so many that have failed before this one.
fn pause(failures: u32) -> Duration {
    BORROW_RETRY_MIN
        .saturating_mul(1 << failures.min(10))
        .min(BORROW_RETRY_MAX)
}

async fn tell(
    app: &App,
    record: &KeysRecord,
    severity: Severity,
    message: String,
) -> ApiResult<()> {
    let event = EventRecord {
        id: 0,
        gateway: record.gateway.clone(),
        at: app.clock.wall(),
        severity,
        share: Some(record.share.to_string()),
        message,
    };
    app.add_event(event).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::{LentKeys, Secret};

    use super::*;

    #[test]
    fn attempts_come_later_and_later_and_not_later_than_5_minutes() {
        let pauses: Vec<u64> = (0..9).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(pause(u32::MAX), BORROW_RETRY_MAX);
    }

    #[test]
    fn a_row_of_failures_is_told_at_its_beginning_and_when_the_keys_are_over() {
        let at = Timestamp::from_millis;
        let mut record = KeysRecord {
            gateway: "gw-1".parse().unwrap(),
            share: "a".parse().unwrap(),
            keys: Some(LentKeys {
                access_key_id: "k".into(),
                secret_access_key: Secret::new("s"),
                session_token: Secret::new("t"),
                expires_at: at(1_000),
            }),
            due_at: at(0),
            tried_at: None,
            failures: 0,
            error: None,
        };
        let mut told = Vec::new();
        for now in [600, 800, 1_200, 1_500] {
            if let Some((severity, _)) = news(&record, at(now)) {
                told.push((now, severity));
            }
            record.failures += 1;
            record.tried_at = Some(at(now));
        }
        assert_eq!(told, [(600, Severity::Warning), (1_200, Severity::Error)]);
        record.keys = None;
        record.failures = 0;
        assert!(news(&record, at(2_000)).is_some(), "it never had any");
    }
}
