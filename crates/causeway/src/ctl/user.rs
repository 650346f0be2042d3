//! `ctl user`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use model::{Role, Secret};
use serde_json::json;

use super::{
    Context, CtlError,
    ask::{ConfirmArgs, Go},
    secret_input::SecretInput,
    table::{self, Column, Format, column},
};

#[derive(Debug, Subcommand)]
pub(super) enum UserVerb {
    /// Who may log in
    List,
    /// Let somebody log in
    Add {
        /// Who
        name: String,
        /// What they may do: admin, operator, auditor, viewer
        #[arg(long, value_name = "ROLE", default_value = "viewer")]
        role: Role,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// No longer let somebody log in; ends their sessions
    Delete {
        /// Who
        name: String,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Change your own password
    Password {
        /// File with the password so far, `-` for standard input
        /// [default: `CAUSEWAY_PASSWORD`, else asks]
        #[arg(long, value_name = "FILE")]
        old_password_file: Option<PathBuf>,
        /// File with the new password, `-` for standard input [default: asks]
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(super) struct PasswordArgs {
    /// File with their password, `-` for standard input [default: `CAUSEWAY_PASSWORD`, else asks]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

const LIST: &[Column] = &[
    column("NAME", "/name", Format::Text),
    column("ROLE", "/role", Format::Text),
    column("SINCE", "/created_at", Format::Time),
];

pub(super) async fn run(context: &Context<'_>, verb: UserVerb) -> Result<(), CtlError> {
    match verb {
        UserVerb::List => {
            let answer = context.api.get(&["users"], &[]).await?;
            let now = context.clock.wall();
            context
                .output
                .show(&answer, || table::list(LIST, &answer, now))
        }
        UserVerb::Add {
            name,
            role,
            password,
        } => add(context, &name, role, &password).await,
        UserVerb::Delete { name, confirm } => delete(context, &name, confirm).await,
        UserVerb::Password {
            old_password_file,
            new_password_file,
        } => {
            let variable = context.environment.password.as_ref();
            let old = password("Password so far", old_password_file.as_deref(), variable)?;
            let new = password("New password", new_password_file.as_deref(), None)?;
            let body = json!({"old": old, "new": new});
            let answer = context.api.post(&["me", "password"], &body).await?;
            context
                .output
                .show(&answer, || "The password was changed.\n".to_owned())
        }
    }
}

const ME: &[Column] = &[
    column("name", "/user/name", Format::Text),
    column("role", "/user/role", Format::Text),
    column("session ends", "/expires_at", Format::Time),
];

/// `ctl whoami`.
pub(super) async fn whoami(context: &Context<'_>) -> Result<(), CtlError> {
    let answer = context.api.get(&["me"], &[]).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::card(ME, &answer, now))
}

async fn add(
    context: &Context<'_>,
    name: &str,
    role: Role,
    from: &PasswordArgs,
) -> Result<(), CtlError> {
    let variable = context.environment.password.as_ref();
    let secret = password("Password", from.password_file.as_deref(), variable)?;
    let body = json!({"name": name, "password": secret, "role": role});
    let answer = context.api.post(&["users"], &body).await?;
    context
        .output
        .show(&answer, || format!("{name} can log in.\n"))
}

async fn delete(context: &Context<'_>, name: &str, confirm: ConfirmArgs) -> Result<(), CtlError> {
    let what = format!("delete the user {name} and end their sessions");
    if confirm.confirm(context.output, &what)? == Go::No {
        return Ok(());
    }
    let answer = context.api.delete(&["users", name], &[]).await?;
    context
        .output
        .show(&answer, || format!("{name} can no longer log in.\n"))
}

fn password(
    what: &'static str,
    file: Option<&Path>,
    variable: Option<&Secret>,
) -> Result<Secret, CtlError> {
    SecretInput {
        what,
        file,
        flag: "--password-file",
        variable: ("CAUSEWAY_PASSWORD", variable),
    }
    .read()
}
