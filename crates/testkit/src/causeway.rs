//! The program under test: where it is, and what it says when it is ready.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Process, eventually};

/// The program that the same `cargo test` has built.
///
/// # Errors
/// It is not there: `cargo build` was not run.
pub fn causeway_binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test
        .ancestors()
        .nth(2)
        .context("tests lie in target/<profile>/deps")?;
    let binary = profile.join("causeway");
    ensure!(
        binary.try_exists()?,
        "{} is missing: build the workspace first",
        binary.display()
    );
    Ok(binary)
}

/// A folder that goes with the test, on a real disk.
///
/// # Errors
/// It cannot be made.
pub fn scratch_folder() -> Result<TempDir> {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testbed/scratch");
    std::fs::create_dir_all(&parent)?;
    Ok(tempfile::Builder::new()
        .prefix("t")
        .tempdir_in(parent.canonicalize()?)?)
}

/// What `causeway up --ready-file` writes.
#[derive(Clone, Debug)]
pub struct Ready(Value);

impl Ready {
    /// Waits until `process` has written `path`.
    ///
    /// # Errors
    /// It ended before, or took too long.
    pub fn wait(process: &mut Process, path: &Path) -> Result<Self> {
        eventually("the ready file", Duration::from_secs(60), || {
            ensure!(
                process.is_running()?,
                "ended before it was ready: {}",
                process.printed()
            );
            if !path.try_exists()? {
                return Ok(None);
            }
            Ok(Some(Self(serde_json::from_slice(&std::fs::read(path)?)?)))
        })
    }

    /// The text at a JSON pointer such as `/console/url`.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        let value = self.0.pointer(pointer).and_then(Value::as_str);
        value.expect("the ready file has this field")
    }
}
