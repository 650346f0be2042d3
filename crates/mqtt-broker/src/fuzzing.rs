//! A door for fuzz targets: sessions, each played by a script of any bytes, and what is kept on
//! disk.

use std::{path::Path, sync::Arc};

use crate::{
    offline,
    registry::{self, Registry},
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

/// Reads `bytes` as the body of a record of the offline store, and of the registry's journal.
///
/// # Panics
/// What was read cannot be written so that it reads the same.
pub fn check_records(bytes: &[u8]) {
    offline::check_record(bytes);
    registry::check_journal(bytes);
}

#[cfg(test)]
mod tests {
    use testkit::Noise;

    use super::*;

    #[test]
    fn no_script_breaks_a_session() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = Sessions::new(dir.path());
        Noise::like_seeds_of("mqtt_session").play(1_000, |script| sessions.play(script));
    }

    #[test]
    fn records_of_any_bytes_are_read_or_refused() {
        Noise::like_seeds_of("mqtt_store_decode").play(2_000, check_records);
    }
}
