//! Programs from elsewhere that tests install at first use, one at a time.

use std::{fs::File, path::Path};

use anyhow::Result;

/// Held while something is installed: tests run side by side, in one process and in several.
pub(crate) fn alone() -> Result<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testbed");
    std::fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join("install.lock"))?;
    lock.lock()?;
    Ok(lock)
}
