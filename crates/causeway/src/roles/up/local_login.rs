//! The user `local`: whoever can read the data directory. `ctl --data DIR` works without a
//! password, and the audit log tells it from people who logged in.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clock::{Clock, Task, spawn_named};
use database::Database;
use model::{Role, Secret};

use crate::{
    authority::Authority,
    config::UpSettings,
    ctl::{Api, CtlError, Login, LoginFile, session},
    error::RoleError,
    roles::{
        accounts::{Absent, renew_password},
        link::host_port,
    },
};

const USER: &str = "local";
/// After a failure; the session lasts for hours.
const RETRY: Duration = Duration::from_secs(60);

/// How this host reaches the console.
#[derive(Clone, Debug)]
pub(super) struct ConsolePlace {
    pub(super) url: String,
    ca: Option<PathBuf>,
}

impl ConsolePlace {
    pub(super) fn of(settings: &UpSettings, address: SocketAddr, authority: &Authority) -> Self {
        if address.ip().is_loopback() {
            let url = format!("http://{address}");
            return Self { url, ca: None };
        }
        Self {
            url: format!("https://{}", host_port(&settings.host, address.port())),
            ca: Some(authority.path()),
        }
    }
}

/// Keeps a session in `ctl.json`; ends when dropped.
#[derive(Debug)]
pub(super) struct LocalLogin {
    pub(super) api: Api,
    _renewal: Task,
}

impl LocalLogin {
    /// Gives `local` a password that nobody learns, logs in, and stores the session.
    pub(super) async fn start(
        database: &Database,
        place: &ConsolePlace,
        data: &Path,
        clock: &Clock,
    ) -> Result<Self, RoleError> {
        let password = renew_password(database, clock, USER, Absent::Create(Role::Admin)).await?;
        let file = LoginFile::of_data_dir(data);
        let login = log_in(place, &password, &file).await?;
        let api = Api::new(&place.url, Some(login.token.clone()), place.ca.as_deref())?;
        let renewing = renew(login, place.clone(), (password, file), clock.clone());
        Ok(Self {
            api,
            _renewal: spawn_named("local-login", renewing),
        })
    }
}

async fn log_in(
    place: &ConsolePlace,
    password: &Secret,
    file: &LoginFile,
) -> Result<Login, CtlError> {
    let (login, _) = session(&place.url, USER, password, place.ca.clone()).await?;
    file.store(&login)?;
    Ok(login)
}

/// Sessions end; `up` may run for months.
async fn renew(
    mut login: Login,
    place: ConsolePlace,
    (password, file): (Secret, LoginFile),
    clock: Clock,
) {
    loop {
        let left = login.expires_at.since(clock.wall());
        clock.sleep((left / 2).max(RETRY)).await;
        match log_in(&place, &password, &file).await {
            Ok(renewed) => login = renewed,
            Err(error) => tracing::warn!(%error, "the session of ctl was not renewed"),
        }
    }
}
