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
    // Those that are retired, too: they take as much room there as among the others.
    let before = app.database.shares_of(id).await?.into_iter();
    let before: Vec<_> = before.map(|share| share.settings).collect();
    let mut shares = before.clone();
    shares.retain(|share| share.name != settings.name);
    shares.push(settings.clone());
    let len = longest(shares);
    // What is too long already may be made shorter step by step.
    if len <= INTENT_LEN_MAX || len <= longest(before) {
        return Ok(Ok(()));
    }
    let message = format!(
        "the shares of this gateway would not fit into the {} KiB in which it is told of them; \
         give it fewer shares or access rules, or another gateway this share",
        INTENT_LEN_MAX >> 10
    );
    Ok(Err(Failure::new(ErrorCode::Busy, message)))
}

/// How long the message may become: keys that are lent come and go without anybody being asked, so
/// room for them is kept.
fn longest(shares: Vec<ShareSettings>) -> usize {
    let lent = shares.iter().filter(|share| share.bucket.role.is_some());
    let for_keys = lent.count() * LENT_KEYS_LEN_MAX;
    let message = Downlink::Intent(Intent {
        version: u64::MAX,
        shares,
        retired: Vec::new(),
    });
    let json = serde_json::to_vec(&message);
    json.map_or(usize::MAX, |json| json.len().saturating_add(for_keys))
}
