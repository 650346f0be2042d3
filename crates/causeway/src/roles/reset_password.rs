//! `causeway console reset-password`: for whoever has lost theirs and can log in to the host.

use std::path::Path;

use clock::Clock;
use database::{Database, DatabaseConfig};
use model::Secret;

use super::accounts::{Absent, renew_password};
use crate::{ctl::print, error::RoleError, private_file::FileError};

/// Sets a new random password and prints it. A console that runs on the same database keeps
/// running; the user's sessions end.
pub(crate) async fn run(
    data: &Path,
    url: Option<Secret>,
    user: &str,
    clock: &Clock,
) -> Result<(), RoleError> {
    // Without this look, a mistyped directory would get a new and empty database.
    let found = data.canonicalize();
    let directory = found.map_err(FileError::at("open the data directory", data))?;
    let config = database_config(&directory, url);
    let database = Database::connect(&config)
        .await
        .map_err(RoleError::part("open the database"))?;
    let password = renew_password(&database, clock, user, Absent::Refuse).await?;
    database
        .shutdown()
        .await
        .map_err(RoleError::part("close the database"))?;
    Ok(print(&format!(
        "The password of {user} is now: {}\n",
        password.expose()
    ))?)
}

/// SQLite in the console's directory unless a URL is given; the key is there in either case.
pub(super) fn database_config(directory: &Path, url: Option<Secret>) -> DatabaseConfig {
    let own = DatabaseConfig::in_directory(directory);
    match url {
        Some(url) => DatabaseConfig { url, ..own },
        None => own,
    }
}
