//! Who `ctl` is: sessions, kept in a file that only their owner can read.

use std::path::{Path, PathBuf};

use model::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Api, Context, CtlError,
    args::{ConnectionArgs, LoginArgs},
    output::Output,
    secret_input::SecretInput,
};
use crate::{environment::Environment, private_file};

const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// A session, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) url: String,
    pub(crate) user: String,
    pub(crate) token: Secret,
    pub(crate) expires_at: Timestamp,
    /// PEM file of the authority that vouches for the console.
    #[serde(default)]
    pub(crate) ca: Option<PathBuf>,
}

/// Where a session is stored.
#[derive(Clone, Debug)]
pub(crate) struct LoginFile(PathBuf);

impl LoginFile {
    /// The one of `causeway up` in `data`.
    pub(crate) fn of_data_dir(data: &Path) -> Self {
        Self(data.join("ctl.json"))
    }

    /// The one of `--data`, else the user's own.
    pub(super) fn locate(data: Option<&Path>, environment: &Environment) -> Result<Self, CtlError> {
        if let Some(data) = data {
            return Ok(Self::of_data_dir(data));
        }
        let homeless = || CtlError::Usage("set HOME or CAUSEWAY_CTL_CONFIG".to_owned());
        environment
            .login_file
            .clone()
            .map(Self)
            .ok_or_else(homeless)
    }

    /// Stores a session.
    pub(crate) fn store(&self, login: &Login) -> Result<(), CtlError> {
        if let Some(dir) = self.0.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            private_file::create_dir(dir)?;
        }
        let json = serde_json::to_vec_pretty(login).map_err(std::io::Error::from)?;
        Ok(private_file::write(&self.0, &json)?)
    }

    fn load(&self) -> Result<Option<Login>, CtlError> {
        let Some(text) = private_file::read_private(&self.0)? else {
            return Ok(None);
        };
        let broken = |error| {
            let path = self.0.display();
            CtlError::Usage(format!("{path} is broken ({error}); log in again"))
        };
        serde_json::from_str(&text).map(Some).map_err(broken)
    }

    /// The console that is meant, with the session there is for it.
    pub(super) fn connect(
        &self,
        connection: &ConnectionArgs,
        environment: &Environment,
    ) -> Result<Api, CtlError> {
        let login = self.load()?;
        let stored_url = login.as_ref().map(|login| login.url.clone());
        let url = connection.url.clone().or(stored_url);
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned());
        // A stored token goes to the console that gave it, and to no other.
        let login = login.filter(|login| same_url(&login.url, &url));
        let token = match (&environment.token, &login) {
            (Some(token), _) => token.clone(),
            (None, Some(login)) => login.token.clone(),
            (None, None) => return Err(CtlError::NotLoggedIn { url }),
        };
        let stored_ca = login.and_then(|login| login.ca);
        let ca = connection.ca.clone().or(stored_ca);
        Api::new(&url, Some(token), ca.as_deref())
    }
}

fn same_url(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

/// `ctl login`.
pub(super) async fn log_in(
    args: &LoginArgs,
    connection: &ConnectionArgs,
    file: &LoginFile,
    environment: &Environment,
    output: Output,
) -> Result<(), CtlError> {
    let url = connection.url.as_deref().unwrap_or(DEFAULT_URL);
    let password = SecretInput {
        what: "Password",
        file: args.password_file.as_deref(),
        flag: "--password-file",
        variable: ("CAUSEWAY_PASSWORD", environment.password.as_ref()),
    }
    .read()?;
    let ca = connection.ca.as_deref().map(std::path::absolute);
    let ca = ca.transpose()?;
    let (login, answer) = session(url, &args.user, &password, ca).await?;
    file.store(&login)?;
    let path = file.0.display();
    output.show(&answer, || {
        format!(
            "Logged in to {url} as {} until {}; the session is in {path}.\n",
            login.user, login.expires_at
        )
    })
}

/// Makes a session; the answer comes along without its token.
pub(crate) async fn session(
    url: &str,
    user: &str,
    password: &Secret,
    ca: Option<PathBuf>,
) -> Result<(Login, serde_json::Value), CtlError> {
    let api = Api::new(url, None, ca.as_deref())?;
    let body = json!({"user": user, "password": password});
    let mut answer = api.post(&["login"], &body).await?;
    let bad = || CtlError::BadAnswer("a login without a token".to_owned());
    let token = answer
        .as_object_mut()
        .and_then(|answer| answer.remove("token"));
    let token = token.and_then(|token| token.as_str().map(Secret::new));
    let expires_at = answer.get("expires_at").and_then(serde_json::Value::as_u64);
    let login = Login {
        url: url.to_owned(),
        user: user.to_owned(),
        token: token.ok_or_else(bad)?,
        expires_at: Timestamp::from_millis(expires_at.unwrap_or_default()),
        ca,
    };
    Ok((login, answer))
}

/// `ctl logout`.
pub(super) async fn log_out(context: &Context<'_>, file: &LoginFile) -> Result<(), CtlError> {
    let answer = context.api.post(&["logout"], &json!({})).await?;
    if file.0.try_exists()? {
        std::fs::remove_file(&file.0)?;
    }
    context.output.show(&answer, || "Logged out.\n".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(url: &str) -> (tempfile::TempDir, LoginFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = LoginFile::of_data_dir(&dir.path().join("deep"));
        file.store(&Login {
            url: url.to_owned(),
            user: "admin".to_owned(),
            token: Secret::new("t0ken"),
            expires_at: Timestamp::from_millis(0),
            ca: None,
        })
        .unwrap();
        (dir, file)
    }

    #[test]
    fn a_stored_token_goes_to_the_console_that_gave_it_only() {
        let (_dir, file) = stored("http://127.0.0.1:8080");
        let to = |url: &str| ConnectionArgs {
            url: Some(url.to_owned()),
            ca: None,
        };
        let environment = Environment::default();
        file.connect(&to("http://127.0.0.1:8080/"), &environment)
            .unwrap();
        let refused = file.connect(&to("http://evil.example.com"), &environment);
        assert!(matches!(refused, Err(CtlError::NotLoggedIn { .. })));
    }

    #[test]
    fn without_a_session_the_error_says_how_to_get_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = LoginFile::of_data_dir(dir.path());
        let nowhere = ConnectionArgs {
            url: None,
            ca: None,
        };
        let error = file.connect(&nowhere, &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("ctl login"), "{error}");
    }
}
