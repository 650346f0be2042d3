//! Independent clients from the Python world, in an environment of their own.

use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::run_ok;

/// A Python that has `package`, installed at first use.
///
/// # Errors
/// It cannot be installed.
pub fn python_with(package: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/testbed/python");
    let python = folder.join("bin/python");
    if !python.try_exists()? {
        run_ok(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    }
    let import = package.split('-').next().unwrap_or(package);
    if run_ok(Command::new(&python).args(["-c", &format!("import {import}")])).is_err() {
        run_ok(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]))?;
    }
    Ok(python)
}
