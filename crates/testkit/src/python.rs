//! Independent clients from the Python world, in an environment of their own.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{install, run_ok};

/// A Python that has this version of `package`, installed at first use.
///
/// # Errors
/// It cannot be installed.
pub fn python_with(package: &str, version: &str) -> Result<PathBuf> {
    let _alone = install::alone()?;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/testbed/python");
    let python = folder.join("bin/python");
    if !python.try_exists()? {
        run_ok(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let ask = format!("from importlib.metadata import version; print(version('{package}'))");
    let installed = run_ok(Command::new(&python).args(["-c", &ask]));
    if installed.ok().as_deref().map(str::trim) != Some(version) {
        let package = format!("{package}=={version}");
        run_ok(Command::new(&python).args(["-m", "pip", "install", "--quiet", &package]))?;
    }
    Ok(python)
}
