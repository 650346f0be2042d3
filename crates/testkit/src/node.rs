//! Independent clients from the world of Node, in a folder of their own.

use std::{io::ErrorKind, path::PathBuf, process::Command};

use anyhow::Result;
use serde_json::Value;

use crate::{install, run_ok};

/// A folder for `NODE_PATH` that has this version of `package`, installed at first use.
///
/// # Errors
/// It cannot be installed.
pub fn node_with(package: &str, version: &str) -> Result<PathBuf> {
    let _alone = install::alone()?;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/testbed/node");
    let packages = folder.join("node_modules");
    let installed = std::fs::read(packages.join(package).join("package.json"));
    let installed: Value = match installed {
        Ok(json) => serde_json::from_slice(&json)?,
        Err(e) if e.kind() == ErrorKind::NotFound => Value::Null,
        Err(e) => return Err(e.into()),
    };
    if installed["version"] != version {
        std::fs::create_dir_all(&folder)?;
        let package = format!("{package}@{version}");
        let install = ["install", "--no-audit", "--no-fund", "--prefix"];
        run_ok(Command::new("npm").args(install).arg(&folder).arg(package))?;
    }
    Ok(packages)
}
