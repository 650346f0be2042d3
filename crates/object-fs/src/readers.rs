//! Who reads a file just now.

use std::collections::VecDeque;

/// Reads under way, counted by the epoch in which they began, oldest first. Almost always there
/// is one epoch, and room for it stays.
#[derive(Debug, Default)]
pub(crate) struct Readers(VecDeque<(u64, usize)>);

impl Readers {
    /// A read begins. Epochs only grow.
    pub(crate) fn enter(&mut self, epoch: u64) {
        match self.0.back_mut() {
            Some((last, count)) if *last == epoch => *count += 1,
            _ => self.0.push_back((epoch, 1)),
        }
    }

    /// One that began in `epoch` ends.
    pub(crate) fn leave(&mut self, epoch: u64) {
        let Some(at) = self.0.iter().position(|(e, _)| *e == epoch) else {
            return;
        };
        if let Some((_, count)) = self.0.get_mut(at) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(at);
            }
        }
    }

    /// When the one that takes longest began.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.0.front().map(|(epoch, _)| *epoch)
    }

    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_one_that_takes_longest() {
        let mut readers = Readers::default();
        for epoch in [3, 3, 4, 9] {
            readers.enter(epoch);
        }
        readers.leave(4);
        readers.leave(3);
        assert_eq!(readers.oldest(), Some(3));
        readers.leave(3);
        assert_eq!(readers.oldest(), Some(9));
        readers.leave(9);
        assert!(readers.are_none());
        assert_eq!(readers.oldest(), None);
    }
}
