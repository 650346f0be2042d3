//! Credentials of gateways: from the one in a bundle to one of the gateway's own.
//!
//! Every step is stored before the broker is told, and may be repeated.

use database::{CredentialRecord, CredentialState};
use model::{ClientId, Credential, Downlink, GatewayId};
use serde_json::json;

use crate::{
    app::App,
    audit::Deed,
    auth::{Origin, token},
    error::ApiResult,
};

/// What a connection's credential makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It came with a bundle: it has been sent a credential of its own and will come again.
    Joining,
    /// It is who it says, for good.
    Member,
    /// This credential is not one that we know.
    Stranger,
}

/// A gateway has connected with the credential `access_key_id`.
pub(super) async fn handle_connect(
    app: &App,
    gateway: &GatewayId,
    client_id: &ClientId,
    access_key_id: &str,
) -> ApiResult<Standing> {
    let known = app.database.credentials_of(gateway).await?;
    let used = known
        .iter()
        .find(|c| c.credential.access_key_id == access_key_id);
    match used.map(|c| c.state) {
        Some(CredentialState::Bundle) => {
            offer(app, gateway, client_id, &known).await?;
            Ok(Standing::Joining)
        }
        Some(CredentialState::Offered) => {
            activate(app, gateway, access_key_id).await?;
            settle_credentials(app, gateway, client_id).await?;
            Ok(Standing::Member)
        }
        Some(CredentialState::Active) => Ok(Standing::Member),
        Some(CredentialState::Withdrawn) | None => {
            app.bus.withdraw(client_id, access_key_id).await?;
            Ok(Standing::Stranger)
        }
    }
}

/// Sends the gateway a credential of its own: the one it was offered before, if it did not
/// come back with it.
async fn offer(
    app: &App,
    gateway: &GatewayId,
    client_id: &ClientId,
    known: &[CredentialRecord],
) -> ApiResult<()> {
    let offered = known.iter().find(|c| c.state == CredentialState::Offered);
    let credential = match offered {
        Some(record) => record.credential.clone(),
        None => {
            let record = CredentialRecord {
                gateway: gateway.clone(),
                credential: new_credential(),
                state: CredentialState::Offered,
                created_at: app.clock.wall(),
                expires_at: None,
            };
            app.database.add_credential(&record, &[]).await?;
            record.credential
        }
    };
    app.bus.register(client_id, &credential, None).await?;
    app.send_downlink(client_id, &Downlink::Credential(credential))
        .await?;
    Ok(())
}

/// A credential nobody else has.
pub(crate) fn new_credential() -> Credential {
    Credential {
        access_key_id: token::random_key_id(),
        secret: token::random(),
    }
}

/// The gateway has come back with its own credential: it has joined.
async fn activate(app: &App, gateway: &GatewayId, access_key_id: &str) -> ApiResult<()> {
    let deed = Deed {
        action: "gateway.activate",
        target: format!("gateway/{gateway}"),
        details: json!({"access_key_id": access_key_id}),
    };
    let entry = app.audit.open("system", &Origin::system(), deed).await?;
    let done = async {
        app.database.use_credential(gateway, access_key_id).await?;
        if app.database.gateway(gateway).await?.activated_at.is_none() {
            let now = app.clock.wall();
            app.database.activate_gateway(gateway, now).await?;
        }
        Ok(())
    }
    .await;
    app.audit
        .close(entry, crate::audit::outcome_of(&done))
        .await;
    done
}

/// Brings the broker to what the database says of one gateway: lets in what is good, withdraws
/// what is not, and forgets the latter once the broker knows.
pub(crate) async fn settle_credentials(
    app: &App,
    gateway: &GatewayId,
    client_id: &ClientId,
) -> ApiResult<()> {
    for record in app.database.credentials_of(gateway).await? {
        let key = &record.credential.access_key_id;
        let expired = record.expires_at.is_some_and(|at| at <= app.clock.wall());
        if record.state == CredentialState::Withdrawn || expired {
            app.bus.withdraw(client_id, key).await?;
            app.database.delete_credential(key).await?;
        }
    }
    Ok(())
}

/// Tells a broker that may have forgotten: all credentials of one gateway.
pub(super) async fn restore_credentials(
    app: &App,
    gateway: &GatewayId,
    client_id: &ClientId,
) -> ApiResult<()> {
    settle_credentials(app, gateway, client_id).await?;
    let good = app.database.credentials_of(gateway).await?;
    for record in &good {
        app.bus
            .register(client_id, &record.credential, record.expires_at)
            .await?;
    }
    // A request may have withdrawn one in between, and it was registered again just now.
    let now_good = app.database.credentials_of(gateway).await?;
    for record in &good {
        let key = &record.credential.access_key_id;
        let still = now_good
            .iter()
            .any(|c| c.credential.access_key_id == *key && c.state != CredentialState::Withdrawn);
        if !still {
            app.bus.withdraw(client_id, key).await?;
        }
    }
    Ok(())
}
