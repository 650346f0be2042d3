//! What is done, whoever does it.

use crate::error::BenchError;

/// Of a small file.
pub(super) const SMALL_LEN: usize = 4_096;
/// A write or read of a sequential part: what NFS clients ask for.
pub(super) const CALL_LEN: usize = 1 << 20;
/// A write or read at a random place.
pub(super) const RANDOM_LEN: usize = 4_096;
/// How often all names are looked up, the directory is listed, and places are read: each takes
/// microseconds, and CPU time is told in steps of 10 ms.
pub(super) const PASSES: u32 = 20;
/// Callers side by side, where there is more than one.
pub(super) const CALLERS: u32 = 16;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) files: u32,
    pub(super) data_mib: u32,
    pub(super) random: u32,
}

impl Load {
    /// Files that are made one at a time: each takes long.
    pub(super) fn files_alone(self) -> u32 {
        (self.files / 8).max(1)
    }

    /// Random writes that are made durable one at a time.
    pub(super) fn random_alone(self) -> u32 {
        (self.random / 10).max(1)
    }

    /// Names that are looked up.
    pub(super) fn lookups(self) -> impl Iterator<Item = u32> {
        (0..PASSES).flat_map(move |_| 0..self.files)
    }

    /// Random reads from memory.
    pub(super) fn random_reads(self) -> u32 {
        self.random.saturating_mul(PASSES)
    }

    /// Offsets of the large file, each call one.
    pub(super) fn sequence(self) -> impl Iterator<Item = u64> {
        (0..u64::from(self.data_mib)).map(|call| call * CALL_LEN as u64)
    }

    /// Places of the large file, spread over all of it, the same for everybody.
    pub(super) fn places(self, count: u32) -> impl Iterator<Item = u64> {
        let blocks = u64::from(self.data_mib) * (CALL_LEN / RANDOM_LEN) as u64;
        // Knuth's multiplier: neighbours are far apart, as are their neighbours.
        (0..u64::from(count)).map(move |n| {
            let spread = n.wrapping_add(1).wrapping_mul(6_364_136_223_846_793_005);
            (spread >> 20) % blocks * RANDOM_LEN as u64
        })
    }

    /// Numbers of the small files that one of the callers side by side makes.
    pub(super) fn share_of(self, caller: u32) -> impl Iterator<Item = u32> {
        (caller..self.files).step_by(CALLERS as usize)
    }
}

/// Name of a small file.
pub(super) fn small_name(number: u32) -> String {
    format!("small-{number:07}")
}

/// Name of a small file made one at a time.
pub(super) fn alone_name(number: u32) -> String {
    format!("alone-{number:07}")
}

/// Its name after it was renamed.
pub(super) fn renamed_name(number: u32) -> String {
    format!("renamed-{number:07}")
}

/// Content for a place of the large file: it tells where it belongs.
pub(super) fn content(offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0x5a; len];
    for (n, block) in bytes.chunks_exact_mut(RANDOM_LEN).enumerate() {
        let at = offset + (n * RANDOM_LEN) as u64;
        if let Some(head) = block.first_chunk_mut() {
            *head = at.to_le_bytes();
        }
    }
    bytes
}

/// What was read must be what was written: figures of a broken run are none.
pub(super) fn check(offset: u64, len: usize, bytes: &[u8]) -> Result<(), BenchError> {
    let is_right = bytes.len() == len
        && bytes.chunks(RANDOM_LEN).enumerate().all(|(n, block)| {
            let at = offset + (n * RANDOM_LEN) as u64;
            block.first_chunk() == Some(&at.to_le_bytes())
        });
    if is_right {
        return Ok(());
    }
    let text = format!(
        "{} bytes read at {offset} are not those written",
        bytes.len()
    );
    Err(BenchError::Broken(text))
}

/// So many must be found.
pub(super) fn check_count(what: &str, found: u64, wanted: u64) -> Result<(), BenchError> {
    if found == wanted {
        return Ok(());
    }
    let text = format!("{what}: {found} found, {wanted} are there");
    Err(BenchError::Broken(text))
}
