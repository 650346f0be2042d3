//! What is read from the environment beside clap's flags: secrets, which have no flag, and
//! where the user's configuration lives.

use std::{ffi::OsString, path::PathBuf};

use model::Secret;

/// Read once, at start.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// `CAUSEWAY_TOKEN`: a session token or API key for `ctl`.
    pub(crate) token: Option<Secret>,
    /// `CAUSEWAY_PASSWORD`: instead of a prompt.
    pub(crate) password: Option<Secret>,
    /// `CAUSEWAY_SECRET_ACCESS_KEY`: the secret of a share's bucket.
    pub(crate) secret_access_key: Option<Secret>,
    /// `CAUSEWAY_CTL_CONFIG`, else `causeway/ctl.json` in the user's configuration directory.
    pub(crate) login_file: Option<PathBuf>,
}

impl Environment {
    /// Reads it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the environment is read, once"
    )]
    pub(crate) fn read() -> Self {
        let secret = |name| std::env::var(name).ok().map(Secret::new);
        let path = |name| std::env::var_os(name).filter(|value: &OsString| !value.is_empty());
        let config_home = path("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(path("HOME")?).join(".config")));
        Self {
            token: secret("CAUSEWAY_TOKEN"),
            password: secret("CAUSEWAY_PASSWORD"),
            secret_access_key: secret("CAUSEWAY_SECRET_ACCESS_KEY"),
            login_file: path("CAUSEWAY_CTL_CONFIG")
                .map(PathBuf::from)
                .or_else(|| Some(config_home?.join("causeway/ctl.json"))),
        }
    }
}
