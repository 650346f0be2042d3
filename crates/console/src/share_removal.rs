//! Shares that were deleted and need keys until their gateways have emptied them.
//!
//! ```text
//! wanted ──▶ retired: keys are lent as before ──▶ its gateway has it no more ──▶ gone
//!   ▲            │  └──▶ deleted with `give_up`: given up ────────────────────────▲
//!   └── made again over the same objects
//! ```
//!
//! What is retired is in the database, so whichever console runs goes on where another stopped.

use std::sync::Arc;

use database::PlacedShare;
use model::{ErrorCode, GatewayId, GatewayStatus, ShareName};
use serde_json::json;

use crate::{
    api::ShareGone,
    app::App,
    audit::{Deed, outcome_of},
    auth::Origin,
    error::{ApiError, ApiResult},
    fleet::Notice,
    limits::REMOVAL_TICK,
    stream::Item,
};

/// Looks what gateways have emptied until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        app.clock.sleep(REMOVAL_TICK).await;
        if let Err(error) = forget_emptied(&app).await {
            tracing::error!(error = %error.failure, "shares that are removed cannot be read");
        }
    }
}

async fn forget_emptied(app: &App) -> ApiResult<()> {
    for share in app.database.retired_shares().await? {
        let (name, gateway) = (&share.settings.name, &share.gateway);
        let status = app.view.get(gateway).and_then(|live| live.status);
        if let (Some(retired_in), Some(record)) = (share.retired_in, status)
            && has_it_no_more(&record.status, name, retired_in)
        {
            // Each for itself: one that stays must not keep the others.
            if let Err(error) = forget(app, &share, retired_in).await {
                let error = error.failure;
                tracing::error!(gateway.id = %gateway, share.name = %name, %error,
                    "a share that is removed is not forgotten");
            }
        }
    }
    Ok(())
}

/// Refuses to delete a gateway that still empties shares: the keys that it does that with would go.
pub(crate) async fn refuse_unfinished(app: &App, gateway: &GatewayId) -> ApiResult<()> {
    let mut retired = app.database.share_places(Some(gateway)).await?;
    retired.retain(|share| share.retired_in.is_some());
    if retired.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = retired.iter().map(|s| s.settings.name.as_str()).collect();
    let message = format!(
        "shares of it are still being removed ({}), and need it to upload what they hold; wait until \
         they are gone, or repeat with force=true to lose that",
        names.join(", ")
    );
    Err(ApiError::new(ErrorCode::Conflict, message))
}

/// A gateway lists a removed share until all that this held is in the bucket. A report of before it
/// has heard of the removal says nothing: the share may not have come to it yet.
fn has_it_no_more(status: &GatewayStatus, name: &ShareName, retired_in: u64) -> bool {
    status.intent_version >= retired_in && status.shares.iter().all(|share| share.name != *name)
}

async fn forget(app: &App, share: &PlacedShare, retired_in: u64) -> ApiResult<()> {
    let (gateway, name) = (&share.gateway, &share.settings.name);
    let deed = Deed {
        action: "share.forget",
        target: format!("gateway/{gateway}/share/{name}"),
        details: json!({"deleted_in_version": retired_in}),
    };
    let entry = app.audit.open("system", &Origin::system(), deed).await?;
    let removed = app.database.remove_retired(gateway, name, retired_in).await;
    let removed = removed.map_err(ApiError::from).and_then(|version| {
        let again = || ApiError::new(ErrorCode::Conflict, "the share is wanted again");
        version.ok_or_else(again)
    });
    app.audit.close(entry, outcome_of(&removed)).await;
    let version = removed?;
    tracing::info!(gateway.id = %gateway, share.name = %name, "a removed share is forgotten");
    tell_gone(app, (gateway.clone(), name.clone()), version).await;
    Ok(())
}

/// Tells its gateway, and who watches, that a share is in no version from this one on.
pub(crate) async fn tell_gone(app: &App, (gateway, name): (GatewayId, ShareName), version: u64) {
    app.stream.publish(Item::ShareGone(ShareGone {
        gateway_id: gateway.as_str().to_owned(),
        name: name.into(),
        deleted: true,
    }));
    let changed = Notice::IntentChanged(gateway, version);
    app.fleet.tell(changed).await;
}

#[cfg(test)]
mod tests {
    use model::{ShareState, ShareStatus};

    use super::*;

    #[test]
    fn a_gateway_has_a_share_no_more_once_it_knows_that_it_is_removed_and_lists_it_no_more() {
        let name: ShareName = "a".parse().unwrap();
        let idle = ShareStatus::idle(name.clone(), ShareState::Starting, 0);
        let check = |version: u64, shares: &[ShareStatus], expected: bool| {
            let status = serde_json::json!({
                "gateway": "gw-1", "at": 0, "started_at": 0, "software_version": "",
                "intent_version": version, "nfs_address": "", "memory_bytes": 0, "cpu_ms": 0,
                "cache_disk": {"total_bytes": 0, "free_bytes": 0}, "shares": shares,
            });
            let status = serde_json::from_value(status).unwrap();
            assert_eq!(has_it_no_more(&status, &name, 5), expected, "{status:?}");
        };
        check(4, &[], false);
        check(4, std::slice::from_ref(&idle), false);
        check(5, std::slice::from_ref(&idle), false);
        check(5, &[], true);
        let name = "b".parse().unwrap();
        check(6, &[ShareStatus { name, ..idle }], true);
    }
}
