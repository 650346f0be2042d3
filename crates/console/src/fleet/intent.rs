//! Sending gateways what is wanted of them.

use model::{Downlink, GatewayId};

use crate::{app::App, error::ApiResult};

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
