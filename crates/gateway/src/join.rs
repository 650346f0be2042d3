//! Joining: from an activation bundle to an identity.

use std::{io, path::PathBuf};

use clock::Clock;
use model::{
    ActivationBundle, BundleError, ClientId, Credential, Downlink, GatewayId, INTENT, Timestamp,
};
use mqtt_client::{BrokerAddress, Client, ConnectFailure, Deliveries, Proxy};
use thiserror::Error;
use tracing::{info, warn};

use crate::{
    DataDirError, GatewayPaths, bundle, data_dir::DataDir, identity::Identity,
    limits::JOIN_ROTATION_WAIT,
};

/// A gateway that has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its id.
    pub gateway: GatewayId,
    /// The name its operator gave it.
    pub name: String,
    /// Its client ID.
    pub client_id: ClientId,
    /// Whether the bundle's credential has been replaced already. If not, the first run of
    /// the gateway does it, and until then the bundle must be kept secret.
    pub rotated: bool,
}

/// Why a gateway cannot join.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The bundle is not one, or was changed.
    #[error(transparent)]
    Bundle(BundleError),
    /// The bundle is too old, or this host's clock is wrong.
    #[error(
        "the activation bundle expired at {expired_at}, and this host's clock says {now}; if the clock is right, make a new bundle in the console"
    )]
    Expired {
        /// When it expired.
        expired_at: Timestamp,
        /// This host's time.
        now: Timestamp,
    },
    /// The directory belongs to a gateway already.
    #[error(
        "`{}` already holds gateway {gateway}; to run that one: `causeway gateway run`; to join another, use another data directory",
        data_dir.display()
    )]
    AlreadyJoined {
        /// Which.
        gateway: GatewayId,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The broker does not take the bundle's credential.
    #[error(
        "the message queue refused the bundle ({reason}): it was used before, withdrawn, or has expired; make a new one in the console"
    )]
    Refused {
        /// The broker's words.
        reason: String,
    },
    /// The broker's certificate is not valid at this host's time.
    #[error(
        "the certificate of the message queue is not valid at this host's time, {now}; set its clock right and join again"
    )]
    ClockSkew {
        /// This host's time.
        now: Timestamp,
    },
    /// No broker can be reached.
    #[error(
        "cannot reach the message queue: {failure}; allow outbound TCP to {brokers}, or name an HTTP proxy that may connect there"
    )]
    Unreachable {
        /// The addresses in the bundle.
        brokers: String,
        /// What was tried.
        failure: ConnectFailure,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The identity cannot be stored.
    #[error("cannot store the gateway's identity in `{}`", data_dir.display())]
    Store {
        /// The data directory.
        data_dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Joins directly.
///
/// # Errors
/// [`JoinError`]; each says what to do.
pub async fn join(bundle: &str, paths: &GatewayPaths, clock: Clock) -> Result<Joined, JoinError> {
    join_through(bundle, paths, None, clock).await
}

/// Joins, through a proxy if one is given.
///
/// The console replaces the bundle's credential as soon as it sees the first connection, so a
/// second join with the same bundle is refused. If the console is not there at that moment,
/// the first run of the gateway does the rest.
///
/// # Errors
/// [`JoinError`]; each says what to do.
pub async fn join_through(
    bundle: &str,
    paths: &GatewayPaths,
    proxy: Option<&Proxy>,
    clock: Clock,
) -> Result<Joined, JoinError> {
    let now = clock.wall();
    let bundle = bundle::open(bundle, now).map_err(|error| match error {
        BundleError::Expired(expired_at) => JoinError::Expired { expired_at, now },
        BundleError::Malformed | BundleError::Tampered => JoinError::Bundle(error),
    })?;
    let dir = DataDir::lock(&paths.data_dir)?;
    let store_failed = |source| JoinError::Store {
        data_dir: paths.data_dir.clone(),
        source,
    };
    if let Some(other) = Identity::load(&dir).map_err(store_failed)? {
        let (gateway, data_dir) = (other.gateway, paths.data_dir.clone());
        return Err(JoinError::AlreadyJoined { gateway, data_dir });
    }
    let mut joining = Joining {
        identity: Identity::from_bundle(&bundle),
        proxy,
        clock,
    };
    let (client, deliveries) = joining.connect().await?;
    // The bundle is proven: from here on a crash leaves a gateway that can be run.
    joining.identity.store(&dir).map_err(store_failed)?;
    let credential = joining.wait_for_credential(deliveries).await;
    let rotated = match credential {
        None => false,
        Some(credential) => {
            joining.identity.adopt(credential);
            joining.identity.store(&dir).map_err(store_failed)?;
            true
        }
    };
    client.disconnect().await;
    if rotated {
        // The console withdraws the bundle's credential when it sees the new one. If that
        // cannot be now, it is at the first run.
        match joining.connect().await {
            Ok((client, _)) => client.disconnect().await,
            Err(error) => warn!(%error, "the new credential could not be used yet"),
        }
    }
    info!(gateway = %bundle.gateway, rotated, "joined");
    Ok(joined(bundle, rotated))
}

fn joined(bundle: ActivationBundle, rotated: bool) -> Joined {
    let ActivationBundle {
        gateway,
        name,
        client_id,
        ..
    } = bundle;
    Joined {
        gateway,
        name,
        client_id,
        rotated,
    }
}

struct Joining<'a> {
    identity: Identity,
    proxy: Option<&'a Proxy>,
    clock: Clock,
}

impl Joining<'_> {
    async fn connect(&self) -> Result<(Client, Deliveries), JoinError> {
        let options = self
            .identity
            .connect_options(&self.identity.credential, self.proxy);
        let malformed =
            |_: mqtt_client::BrokerAddressError| JoinError::Bundle(BundleError::Malformed);
        let options = options.map_err(malformed)?;
        if options.brokers.is_empty() {
            return Err(JoinError::Bundle(BundleError::Malformed));
        }
        Client::connect(&options, self.clock.clone())
            .await
            .map_err(|failure| self.explain(failure, &options.brokers))
    }

    fn explain(&self, failure: ConnectFailure, brokers: &[BrokerAddress]) -> JoinError {
        if let Some(reason) = failure.not_authorized() {
            let reason = reason.to_owned();
            return JoinError::Refused { reason };
        }
        if failure.is_clock_skew() {
            return JoinError::ClockSkew {
                now: self.clock.wall(),
            };
        }
        let brokers: Vec<_> = brokers.iter().map(ToString::to_string).collect();
        JoinError::Unreachable {
            brokers: brokers.join(", "),
            failure,
        }
    }

    /// The credential that the console sends at the first connection. The message is not
    /// acknowledged: until the new credential is used, the console may send it again.
    async fn wait_for_credential(&self, mut deliveries: Deliveries) -> Option<Credential> {
        let waiting = async {
            while let Some(delivery) = deliveries.recv().await {
                let ours = delivery.topic.starts_with(INTENT);
                match serde_json::from_slice(&delivery.payload) {
                    Ok(Downlink::Credential(credential)) if ours => return Some(credential),
                    // The intent comes again at each connection.
                    Ok(Downlink::Intent(_) | Downlink::Credential(_)) | Err(_) => {}
                }
            }
            None
        };
        tokio::select! {
            credential = waiting => credential,
            () = self.clock.sleep(JOIN_ROTATION_WAIT) => None,
        }
    }
}
