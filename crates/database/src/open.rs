//! Opening a database: connections, migrations, the key for secrets.

use std::{path::Path, path::PathBuf, sync::Arc, time::Duration};

use model::Secret;
use sea_orm::{
    ConnectOptions, DatabaseConnection, DatabaseTransaction, DbBackend, IsolationLevel,
    TransactionTrait as _,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait as _;
use tokio::sync::Mutex;

use crate::{audit::ChainTail, error::Result, migration::Migrator, sealing::Sealer};

/// Readers of a SQLite file; WAL lets them read while the writer waits for the disk.
const SQLITE_READERS: u32 = 4;
/// Connections to a database server.
const SERVER_CONNECTIONS: u32 = 16;
/// How long a call waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Where the database is.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `sqlite://path`, `postgres://…` or `mysql://…`; secret because of the password in it.
    pub url: Secret,
    /// Key for the secrets in it; made if it is not there. Lose it, and the buckets' and
    /// gateways' secrets must be given anew.
    pub key_file: PathBuf,
}

impl DatabaseConfig {
    /// A SQLite file and its key in `directory`, which must be there.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let file = directory.join("console.db");
        Self {
            url: Secret::new(format!("sqlite://{}", file.display())),
            key_file: directory.join("console.key"),
        }
    }
}

/// What the console remembers.
#[derive(Debug)]
pub struct Database {
    /// For statements that change nothing.
    pub(crate) reader: DatabaseConnection,
    /// For statements that do: with SQLite one connection, so that writers queue here and never
    /// meet as `SQLITE_BUSY`.
    pub(crate) writer: DatabaseConnection,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) chain: Mutex<Option<ChainTail>>,
}

impl Database {
    /// Connects, brings the tables up to date and reads the key.
    ///
    /// # Errors
    /// The database or the key file cannot be used.
    pub async fn connect(config: &DatabaseConfig) -> Result<Self> {
        let sealer = Arc::new(Sealer::open(&config.key_file)?);
        let url = config.url.expose();
        let (writer, reader) = if url.starts_with("sqlite:") {
            let writer = sea_orm::Database::connect(sqlite(url, 1)).await?;
            let reader = sea_orm::Database::connect(sqlite(url, SQLITE_READERS)).await?;
            (writer, reader)
        } else {
            let both = sea_orm::Database::connect(options(url, SERVER_CONNECTIONS)).await?;
            (both.clone(), both)
        };
        Migrator::up(&writer, None).await?;
        Ok(Self {
            reader,
            writer,
            sealer,
            chain: Mutex::default(),
        })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<()> {
        self.reader.ping().await?;
        Ok(())
    }

    /// Ends all connections; `SQLite` then needs no recovery at the next start.
    ///
    /// # Errors
    /// A connection does not end well.
    pub async fn shutdown(&self) -> Result<()> {
        self.reader.close_by_ref().await?;
        self.writer.close_by_ref().await?;
        Ok(())
    }

    /// A transaction in which what was read still holds when it commits.
    pub(crate) async fn begin_serializable(&self) -> Result<DatabaseTransaction> {
        let isolation = match self.writer.get_database_backend() {
            DbBackend::MySql | DbBackend::Postgres => Some(IsolationLevel::Serializable),
            // Always so: there is one writer.
            _ => None,
        };
        Ok(self.writer.begin_with_config(isolation, None).await?)
    }

    pub(crate) fn seal(&self, secret: &Secret, place: &str) -> Result<Vec<u8>> {
        self.sealer.seal(secret, place)
    }

    pub(crate) fn open_sealed(&self, sealed: &[u8], place: &str) -> Result<Secret> {
        self.sealer.open_sealed(sealed, place)
    }
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false);
    options
}

/// WAL with synchronous FULL: a commit that has returned survives a power cut.
fn sqlite(url: &str, connections: u32) -> ConnectOptions {
    let mut options = options(url, connections);
    options
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(ACQUIRE_TIMEOUT)
        });
    options
}
