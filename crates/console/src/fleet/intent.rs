//! Sending gateways what is wanted of them.

use model::{Downlink, ErrorCode, Failure, GatewayId, Intent, ShareSettings};

use crate::{
    app::App,
    error::ApiResult,
    limits::{INTENT_LEN_MAX, LENT_KEYS_LEN_MAX},
};

/// Sends a gateway its whole intent.
///
/// One that is lost is healed: it is sent again at the next connect, and when the gateway
/// reports an older version.
pub(crate) async fn send_intent(app: &App, id: &GatewayId) -> ApiResult<()> {
    let client_id = app.database.gateway(id).await?.client_id;
    let intent = app.database.intent(id, app.clock.wall()).await?;
    app.send_downlink(&client_id, &Downlink::Intent(intent))
        .await?;
    Ok(())
}

/// Whether the intent of a gateway, with this share in place of the one of its name or beside the
/// others, can be sent at all.
pub(crate) async fn fits(
    app: &App,
    id: &GatewayId,
    settings: &ShareSettings,
) -> ApiResult<Result<(), Failure>> {
    let mut shares = app.database.shares_of(id).await?;
    shares.retain(|share| share.name != settings.name);
    shares.push(settings.clone());
    // Keys come and go without anybody being asked: room for the longest is kept.
    let lent = shares.iter().filter(|share| share.bucket.role.is_some());
    let for_keys = lent.count() * LENT_KEYS_LEN_MAX;
    let message = Downlink::Intent(Intent {
        version: u64::MAX,
        shares,
    });
    let len = serde_json::to_vec(&message).map_or(usize::MAX, |json| json.len());
    if len.saturating_add(for_keys) <= INTENT_LEN_MAX {
        return Ok(Ok(()));
    }
    let message = format!(
        "the shares of this gateway would not fit into the {} KiB in which it is told of them; \
         give it fewer shares or access rules, or another gateway this share",
        INTENT_LEN_MAX >> 10
    );
    Ok(Err(Failure::new(ErrorCode::Busy, message)))
}
