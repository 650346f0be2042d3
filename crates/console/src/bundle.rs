//! Activation bundles: made, signed, and their credential let in.

use database::{CredentialRecord, CredentialState, GatewayRecord};
use model::{ActivationBundle, Secret, Timestamp};
use rcgen::{KeyPair, SigningKey as _};

use crate::{
    api::Bundle,
    app::App,
    error::ApiResult,
    fleet::{new_credential, settle_credentials},
};

/// Signs bundles with the key of the authority that vouches for the broker: a bundle carries
/// its certificate, so whoever reads it can check that the two fit.
pub(crate) struct BundleSigner(KeyPair);

impl BundleSigner {
    pub(crate) fn open(key_pem: &Secret) -> Result<Self, rcgen::Error> {
        KeyPair::from_pem(key_pem.expose()).map(Self)
    }
}

/// A new bundle for a gateway; the one before is void.
pub(crate) async fn new_bundle(app: &App, gateway: &GatewayRecord) -> ApiResult<Bundle> {
    let now = app.clock.wall();
    let expires_at = now.plus(app.config.bundle_age_max);
    let record = CredentialRecord {
        gateway: gateway.id.clone(),
        credential: new_credential(),
        state: CredentialState::Bundle,
        created_at: now,
        expires_at: Some(expires_at),
    };
    app.database
        .add_credential(&record, &[CredentialState::Bundle])
        .await?;
    app.bus
        .register(&gateway.client_id, &record.credential, Some(expires_at))
        .await?;
    settle_credentials(app, &gateway.id, &gateway.client_id).await?;
    seal(app, gateway, record, expires_at)
}

fn seal(
    app: &App,
    gateway: &GatewayRecord,
    record: CredentialRecord,
    expires_at: Timestamp,
) -> ApiResult<Bundle> {
    let bundle = ActivationBundle {
        gateway: gateway.id.clone(),
        name: gateway.name.clone(),
        location: gateway.location,
        client_id: gateway.client_id.clone(),
        instance: app.config.instance.clone(),
        brokers: app.config.brokers.clone(),
        ca_pem: app.config.ca_pem.clone(),
        credential: record.credential,
        expires_at,
    };
    let mut failed = None;
    let text = bundle.seal(|body| {
        app.bundles.0.sign(body).unwrap_or_else(|error| {
            failed = Some(error);
            Vec::new()
        })
    });
    if let Some(error) = failed {
        return Err(crate::error::ApiError::internal(&error));
    }
    Ok(Bundle {
        command: Secret::new(format!("causeway gateway join {text}")),
        bundle: Secret::new(text),
        expires_at: expires_at.as_millis(),
    })
}
