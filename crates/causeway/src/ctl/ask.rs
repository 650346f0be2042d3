//! Confirmation of what cannot be taken back.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;

use super::{CtlError, output::Output};

/// Flags of every subcommand that destroys something.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ConfirmArgs {
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    Ahead,
    /// Only a dry run.
    No,
}

impl ConfirmArgs {
    /// Says what is about to happen and asks, unless the flags say otherwise.
    pub(super) fn confirm(self, output: Output, what: &str) -> Result<Go, CtlError> {
        if self.dry_run {
            output.show(&serde_json::json!({"dry_run": what}), || {
                format!("Would {what}. Nothing was changed.\n")
            })?;
            return Ok(Go::No);
        }
        if self.yes {
            return Ok(Go::Ahead);
        }
        if !io::stdin().is_terminal() {
            let reason = format!("this would {what}; add --yes to do it without being asked");
            return Err(CtlError::NotConfirmed(reason));
        }
        let mut err = io::stderr().lock();
        write!(err, "This will {what}. Go ahead? [y/N] ")?;
        err.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(Go::Ahead);
        }
        Err(CtlError::NotConfirmed("nothing was changed".to_owned()))
    }
}
