//! Start and end of a console.

use std::{net::SocketAddr, sync::Arc};

use audit_log::AuditLog;
use clock::{Clock, Task, spawn_named};
use database::{Database, UserRecord};
use message_bus::MessageBus;
use model::{Role, Secret};
use sts::StsClient;

use crate::{
    app::App,
    audit::Auditor,
    auth::{
        login_limit::LoginLimit,
        password::{self, Passwords},
        token,
    },
    bucket_probe::{BucketProbe, StoreProbe},
    bundle::BundleSigner,
    config::{ConsoleConfig, StartError},
    error::ApiError,
    fleet::{self, FleetHandle, Owner, View, recovery},
    key_borrower,
    server::Server,
    share_removal,
    stream::{Item, Stream},
};

/// Name of the user made at the first start.
const FIRST_USER: &str = "admin";

/// What a console stands on.
#[derive(Clone)]
pub struct Parts {
    /// The way to the gateways.
    pub bus: Arc<dyn MessageBus>,
    /// What is remembered.
    pub database: Arc<Database>,
    /// Where actions are noted; normally the database.
    pub audit: Arc<dyn AuditLog>,
    /// Looks into buckets.
    pub probe: Arc<dyn BucketProbe>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// A console that runs. Dropping it ends it; [`Console::shutdown`] does so in order.
pub struct Console {
    app: Arc<App>,
    server: Server,
    owner: Task,
    borrower: Task,
    remover: Task,
    first_password: Option<Secret>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console")
            .field("address", &self.server.address)
            .finish_non_exhaustive()
    }
}

impl Console {
    /// Starts a console that keeps its audit log in its database.
    ///
    /// # Errors
    /// The database, the address or the authority's key cannot be used.
    pub async fn start(
        config: ConsoleConfig,
        bus: Arc<dyn MessageBus>,
        database: Arc<Database>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let parts = Parts {
            bus,
            audit: Arc::clone(&database) as Arc<dyn AuditLog>,
            database,
            probe: Arc::new(StoreProbe),
        };
        Self::start_with(config, parts, clock).await
    }

    /// Starts a console on parts of the caller's choice.
    ///
    /// # Errors
    /// The database, the address or the authority's key cannot be used.
    pub async fn start_with(
        config: ConsoleConfig,
        parts: Parts,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let first_password = make_first_user(&config, &parts.database, &clock).await?;
        let (fleet, notices) = FleetHandle::new();
        let stream = Stream::new();
        let app = Arc::new(App {
            bundles: BundleSigner::open(&config.ca_key_pem).map_err(StartError::Authority)?,
            audit: Arc::new(Auditor {
                log: parts.audit,
                database: Arc::clone(&parts.database),
                stream: stream.clone(),
                clock: clock.clone(),
            }),
            passwords: Passwords::new().map_err(StartError::Password)?,
            logins: LoginLimit::default(),
            view: View::default(),
            database: parts.database,
            bus: parts.bus,
            probe: parts.probe,
            sts: StsClient::new(clock.clone()).map_err(StartError::Sts)?,
            config,
            clock,
            stream,
            fleet,
        });
        recovery::close_abandoned_entries(&app)
            .await
            .map_err(at_start)?;
        let owner = Owner::load(Arc::clone(&app), notices)
            .await
            .map_err(at_start)?;
        let server = Server::start(Arc::clone(&app))?;
        let owner = fleet::start(owner);
        let borrower = spawn_named("key-borrower", key_borrower::run(Arc::clone(&app)));
        let remover = spawn_named("share-remover", share_removal::run(Arc::clone(&app)));
        tracing::info!(address = %server.address, "the console is up");
        Ok(Self {
            app,
            server,
            owner,
            borrower,
            remover,
            first_password,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// The password of `admin`, if this start made that user.
    #[must_use]
    pub const fn first_password(&self) -> Option<&Secret> {
        self.first_password.as_ref()
    }

    /// Ends streams, lets open requests end, and stops.
    pub async fn shutdown(self) {
        self.app.stream.publish(Item::End);
        self.server.shutdown().await;
        drop(self.remover);
        drop(self.borrower);
        drop(self.owner);
    }
}

/// Before there is a request, a failure is the start's.
fn at_start(error: ApiError) -> StartError {
    StartError::Load(error.failure)
}

async fn make_first_user(
    config: &ConsoleConfig,
    database: &Database,
    clock: &Clock,
) -> Result<Option<Secret>, StartError> {
    if database.user_count().await? > 0 {
        return Ok(None);
    }
    let given = config.first_password.clone();
    let password = given.unwrap_or_else(token::random_password);
    let user = UserRecord {
        name: FIRST_USER.to_owned(),
        role: Role::Admin,
        password_hash: password::hash_now(&password).map_err(StartError::Password)?,
        created_at: clock.wall(),
    };
    database.create_user(&user).await?;
    Ok(Some(password))
}
