//! Secrets on their way in: from a file, standard input, the environment or a prompt; never
//! from the command line, which every user of the host can read.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    path::Path,
};

use model::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::{CtlError, api::read_text};

/// Longer than any key or password.
const SECRET_LEN_MAX: u64 = 4_096;

/// Where one secret may come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecretInput<'a> {
    /// What it is, for the prompt.
    pub(crate) what: &'static str,
    /// The file given; `-` is standard input.
    pub(crate) file: Option<&'a Path>,
    /// The flag that gives the file.
    pub(crate) flag: &'static str,
    /// The environment variable and its value.
    pub(crate) variable: (&'static str, Option<&'a Secret>),
}

impl SecretInput<'_> {
    /// The secret, of the first source that has one.
    pub(crate) fn read(self) -> Result<Secret, CtlError> {
        let secret = match (self.file, self.variable.1) {
            (Some(file), _) if file == Path::new("-") => first_line(io::stdin().lock())?,
            (Some(file), _) => first_line(read_text(file)?.as_bytes())?,
            (None, Some(secret)) => return Ok(secret.clone()),
            (None, None) => self.prompt()?,
        };
        if secret.is_empty() {
            return Err(CtlError::Usage(format!("{} is empty", self.what)));
        }
        Ok(secret)
    }

    fn prompt(self) -> Result<Secret, CtlError> {
        if !io::stdin().is_terminal() {
            return Err(CtlError::Usage(format!(
                "{}: no terminal to ask on; give {} FILE (`-` is standard input) or set {}",
                self.what, self.flag, self.variable.0
            )));
        }
        let mut out = io::stderr().lock();
        write!(out, "{}: ", self.what)?;
        out.flush()?;
        let hidden = HiddenInput::begin()?;
        let secret = first_line(io::stdin().lock());
        drop(hidden);
        writeln!(out)?;
        secret
    }
}

fn first_line(input: impl io::BufRead) -> Result<Secret, CtlError> {
    let mut line = String::new();
    input.take(SECRET_LEN_MAX).read_line(&mut line)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n'])))
}

/// While it lives, the terminal does not show what is typed.
struct HiddenInput(Termios);

impl HiddenInput {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0) {
            tracing::warn!(%error, "the terminal stays without echo; run `stty echo`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input<'a>(file: Option<&'a Path>, value: Option<&'a Secret>) -> SecretInput<'a> {
        SecretInput {
            what: "Password",
            file,
            flag: "--password-file",
            variable: ("CAUSEWAY_PASSWORD", value),
        }
    }

    #[test]
    fn a_file_beats_the_environment_and_loses_its_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "from file \r\nmore").unwrap();
        let variable = Secret::new("from environment");
        let read = |file| input(file, Some(&variable)).read().unwrap();
        assert_eq!(read(Some(&path)).expose(), "from file ");
        assert_eq!(read(None).expose(), "from environment");
        std::fs::write(&path, "\n").unwrap();
        assert!(input(Some(&path), None).read().is_err());
    }
}
