//! How long changes of others took to get here.

use std::collections::VecDeque;

/// Delays that are kept: of the last batches.
const KEPT: usize = 1_024;

/// The last delays, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct Delays(VecDeque<u64>);

impl Delays {
    pub(super) fn add(&mut self, delay_ms: u64) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(delay_ms);
    }

    /// The delays that so many of a thousand do not pass; nothing if there is none.
    pub(super) fn at_permille<const N: usize>(&self, permille: [usize; N]) -> [Option<u64>; N] {
        let mut sorted: Vec<u64> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        permille.map(|part| {
            let place = (sorted.len() * part).div_ceil(1_000);
            sorted.get(place.saturating_sub(1)).copied()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_last_batches() {
        let mut delays = Delays::default();
        assert_eq!(delays.at_permille([500, 1_000]), [None, None]);
        delays.add(7);
        assert_eq!(delays.at_permille([500, 990]), [Some(7), Some(7)]);
        for ms in (1..=2_048).rev() {
            delays.add(ms);
        }
        let found = delays.at_permille([500, 990, 1_000]);
        assert_eq!(found, [Some(512), Some(1_014), Some(1_024)]);
    }
}
