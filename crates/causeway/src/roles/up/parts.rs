//! The parts of `up`, and the order in which they start and stop.

use std::{path::PathBuf, sync::Arc};

use clock::Clock;
use console::{Console, ConsoleConfig};
use database::{Database, DatabaseConfig};
use gateway::Gateway;
use model::{BucketSettings, Provider};
use mqtt_broker::{Broker, BrokerConfig, TlsListener};
use s3_server::{S3Server, S3ServerConfig};

use super::{
    local_login::{ConsolePlace, LocalLogin},
    remembered::Remembered,
    store_keys::StoreKeys,
};
use crate::{
    authority::Authority,
    config::{INSTANCE, UpSettings, group_of_region, processors},
    data_dir::DataDir,
    error::RoleError,
    roles::{
        link::host_port,
        stop::{stop, stop_broker, stop_database},
        tls,
    },
};

/// The bucket of the share `demo`.
const BUCKET: &str = "demo";

/// What runs.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) store: S3Server,
    pub(super) bucket: BucketSettings,
    pub(super) objects: PathBuf,
    pub(super) broker: Broker,
    pub(super) authority: Authority,
    pub(super) database: Arc<Database>,
    pub(super) console: Console,
    pub(super) url: String,
    pub(super) login: LocalLogin,
    pub(super) gateway: Option<Gateway>,
}

impl Parts {
    /// Starts all but the gateway, which needs the others to join.
    pub(super) async fn start(
        settings: &UpSettings,
        data: &DataDir,
        clock: &Clock,
    ) -> Result<Self, RoleError> {
        let objects = data.subdirectory("objects")?;
        let (store, bucket) = start_store(settings, data, &objects, clock).await?;
        let authority = Authority::open(&data.path().join("authority"), clock.wall())?;
        let broker = start_broker(settings, data, &authority, clock)?;
        let console_dir = data.subdirectory("console")?;
        let database = Database::connect(&DatabaseConfig::in_directory(&console_dir))
            .await
            .map_err(RoleError::part("open the database"))?;
        let database = Arc::new(database);
        let config = console_config(settings, &broker, &authority, clock)?;
        let bus = broker.bus();
        let console = Console::start(config, bus, Arc::clone(&database), clock.clone())
            .await
            .map_err(RoleError::part("start the console"))?;
        let place = ConsolePlace::of(settings, console.address(), &authority);
        let login = LocalLogin::start(&database, &place, data.path(), clock).await?;
        Ok(Self {
            store,
            bucket,
            objects,
            broker,
            authority,
            database,
            console,
            url: place.url,
            login,
            gateway: None,
        })
    }

    /// Where gateways connect to the broker, `host:port`.
    pub(super) fn broker_address(&self, settings: &UpSettings) -> String {
        broker_address(&self.broker, settings)
    }

    /// The ports in use, for the next start.
    pub(super) fn remember(&self) -> Remembered {
        let port = |address: Option<std::net::SocketAddr>| address.map_or(0, |a| a.port());
        Remembered {
            console: self.console.address().port(),
            broker_tls: port(self.broker.tls_address()),
            broker_tcp: port(self.broker.tcp_address()),
            s3: self.store.address().port(),
            nfs: port(self.gateway.as_ref().map(Gateway::nfs_address)),
        }
    }

    /// Stops all: first who calls, then who is called.
    pub(super) async fn stop(self, clock: &Clock) {
        if let Some(gateway) = self.gateway {
            stop(clock, "gateway", gateway.shutdown()).await;
        }
        drop(self.login);
        stop(clock, "console", self.console.shutdown()).await;
        stop_broker(clock, self.broker).await;
        stop_database(clock, &self.database).await;
        stop(clock, "object store", self.store.shutdown()).await;
    }
}

async fn start_store(
    settings: &UpSettings,
    data: &DataDir,
    objects: &std::path::Path,
    clock: &Clock,
) -> Result<(S3Server, BucketSettings), RoleError> {
    let keys = StoreKeys::open(data.path())?;
    let config = S3ServerConfig {
        address: settings.s3,
        directory: objects.to_owned(),
        buckets: vec![BUCKET.to_owned()],
        access_key_id: keys.access_key_id.clone(),
        secret: keys.secret_access_key.clone(),
    };
    let store = S3Server::start(config, clock.clone())
        .await
        .map_err(RoleError::part("start the object store"))?;
    let bucket = BucketSettings {
        provider: Provider::S3,
        endpoint: format!("http://{}", store.address()),
        region: "us-east-1".to_owned(),
        bucket: BUCKET.to_owned(),
        // A part of the bucket only, so that there is room for more shares beside it.
        prefix: "demo/".to_owned(),
        access_key_id: keys.access_key_id,
        secret_access_key: keys.secret_access_key,
        session_token: model::Secret::default(),
        signature: model::OssSignature::default(),
        role: None,
    };
    Ok((store, bucket))
}

fn start_broker(
    settings: &UpSettings,
    data: &DataDir,
    authority: &Authority,
    clock: &Clock,
) -> Result<Broker, RoleError> {
    let certificate = authority.server("broker", &[&settings.host], clock.wall())?;
    let config = BrokerConfig {
        tls: Some(TlsListener {
            address: settings.broker_tls,
            cert_chain: certificate.chain,
            key: certificate.key,
        }),
        tcp: Some(settings.broker_tcp),
        groups: vec![group_of_region(None)?],
        threads: processors(),
        ..BrokerConfig::new(data.subdirectory("broker")?, INSTANCE)
    };
    Broker::start(config, clock.clone()).map_err(RoleError::part("start the broker"))
}

fn broker_address(broker: &Broker, settings: &UpSettings) -> String {
    let tls = broker.tls_address().unwrap_or(settings.broker_tls);
    host_port(&settings.host, tls.port())
}

fn console_config(
    settings: &UpSettings,
    broker: &Broker,
    authority: &Authority,
    clock: &Clock,
) -> Result<ConsoleConfig, RoleError> {
    let tls = if settings.console.ip().is_loopback() {
        None
    } else {
        let certificate = authority.server("console", &[&settings.host], clock.wall())?;
        Some(tls::server_config(certificate)?)
    };
    Ok(ConsoleConfig {
        listen: settings.console,
        tls,
        node: "up".to_owned(),
        group: group_of_region(None)?,
        instance: INSTANCE.to_owned(),
        brokers: vec![broker_address(broker, settings)],
        ca_pem: authority.pem().to_owned(),
        ca_key_pem: authority.key_pem(),
        bundle_age_max: console::BUNDLE_AGE_DEFAULT,
        first_password: None,
    })
}
