//! A door for fuzz targets: sessions, each played by a script of any bytes.

use std::{path::Path, sync::Arc};

use crate::{
    registry::Registry,
    session::{bench, play},
};

/// What sessions need: made once, as it writes to a disk.
#[derive(Debug)]
pub struct Sessions(Arc<Registry>);

impl Sessions {
    /// With a registry in `dir`.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self(bench::registry(dir))
    }

    /// Plays `script` against a new session.
    ///
    /// # Panics
    /// What a client may rely on does not hold.
    pub fn play(&self, script: &[u8]) {
        play::play(script, &self.0);
    }
}
