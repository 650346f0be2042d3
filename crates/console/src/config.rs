//! What a console needs to know at its start.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use model::{GroupId, Secret};
use thiserror::Error;

/// How long an activation bundle is good for unless said otherwise.
pub const BUNDLE_AGE_DEFAULT: Duration = Duration::from_hours(24);

/// Settings of a console.
#[derive(Clone, Debug)]
pub struct ConsoleConfig {
    /// Where it listens. Plain HTTP on loopback only.
    pub listen: SocketAddr,
    /// Certificate and key to serve HTTPS with.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Name of this console among those of the same database; replies to commands carry it.
    pub node: String,
    /// Group of the gateways' client IDs.
    pub group: GroupId,
    /// MQTT instance id, a part of the gateways' user names.
    pub instance: String,
    /// Addresses of the broker for gateways, `host:port`, TLS.
    pub brokers: Vec<String>,
    /// Certificate of the authority that vouches for the broker, PEM.
    pub ca_pem: String,
    /// Key of that authority (ECDSA P-256), PEM; signs activation bundles.
    pub ca_key_pem: Secret,
    /// How long an activation bundle is good for.
    pub bundle_age_max: Duration,
    /// Password of the user `admin` that is made at the first start; random if not given.
    pub first_password: Option<Secret>,
}

/// Why a console does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Passwords would travel in the clear.
    #[error(
        "{0} is not a loopback address: give the console a certificate, or listen on 127.0.0.1"
    )]
    PlainOnNetwork(SocketAddr),
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The authority's key cannot be used.
    #[error("cannot read the authority's key")]
    Authority(#[source] rcgen::Error),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] database::DatabaseError),
    /// What an earlier console left could not be read.
    #[error("cannot take up what an earlier console left")]
    Load(#[source] model::Failure),
    /// The services that lend keys cannot be asked.
    #[error("cannot set up the client that borrows keys")]
    Sts(#[source] sts::StsError),
    /// The first user's password could not be made.
    #[error("cannot make the first password")]
    Password(#[source] argon2::password_hash::Error),
}
