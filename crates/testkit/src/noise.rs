//! Bytes for what must stand any bytes: valid ones, what a fuzzer found worth keeping, and others
//! like them.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};

use crate::Moments;

/// Longest input; what is longer is cut.
const LEN_MAX: usize = 4_096;
/// Changes of one seed at once.
const CHANGES_MAX: usize = 4;
/// Where decoders end and turn around.
const EDGES: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0xc0, 0xfe, 0xff];

/// Inputs of a fuzz target, the same each time.
#[derive(Debug)]
pub struct Noise {
    seeds: Vec<Vec<u8>>,
    moments: Moments,
}

impl Noise {
    /// From `fuzz/seeds/TARGET`: an input a line, in hexadecimal digits.
    ///
    /// # Panics
    /// There is no such file, or it says something else.
    #[must_use]
    pub fn like_seeds_of(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
        let text = fs::read_to_string(folder.join(target)).expect("a target has a file of seeds");
        let seeds: Result<Vec<_>, _> = text.lines().map(hex::decode).collect();
        let seeds = seeds.expect("a seed is hexadecimal digits");
        assert!(!seeds.is_empty(), "no seeds of {target}");
        let moments = Moments::of_seed(7);
        Self { seeds, moments }
    }

    /// Lets `check` have each seed, and `rounds` inputs that are like them; `CAUSEWAY_NOISE=100`
    /// makes it a hundred times as many. An input that makes it panic is printed.
    ///
    /// # Panics
    /// As `check` does.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no main that could pass it"
    )]
    pub fn play(mut self, rounds: usize, check: impl Fn(&[u8])) {
        let times = std::env::var("CAUSEWAY_NOISE");
        let times = times.map_or(1, |text| text.parse().expect("CAUSEWAY_NOISE is a number"));
        for seed in &self.seeds {
            play(seed, &check);
        }
        for _ in 0..rounds * times {
            play(&self.input(), &check);
        }
    }

    fn input(&mut self) -> Vec<u8> {
        let mut input = self.seed();
        for _ in 0..=self.moments.below(CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(LEN_MAX);
        input
    }

    fn seed(&mut self) -> Vec<u8> {
        let at = self.moments.below(self.seeds.len());
        self.seeds.get(at).cloned().unwrap_or_default()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.moments.below(input.len() + 1);
        let end = (at + 1 + self.moments.below(8)).min(input.len());
        let edge = EDGES.get(self.moments.below(EDGES.len()));
        match self.moments.below(7) {
            0 => input.truncate(at),
            1 => drop(input.drain(at.min(end)..end)),
            2 => input.extend_from_within(at.min(end)..),
            3 => input.insert(at, self.byte()),
            4 => input.extend(self.seed()),
            kind => {
                let new = if kind == 5 {
                    self.byte()
                } else {
                    edge.copied().unwrap_or_default()
                };
                if let Some(byte) = input.get_mut(at) {
                    *byte = new;
                }
            }
        }
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.moments.below(256)).unwrap_or_default()
    }
}

#[expect(clippy::print_stderr, reason = "cargo shows it if the test fails")]
fn play(input: &[u8], check: impl Fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(input))) {
        eprintln!("the input was {}", hex::encode(input));
        resume_unwind(panic);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn noise() -> Noise {
        Noise {
            seeds: vec![b"one seed".to_vec(), b"another".to_vec()],
            moments: Moments::of_seed(7),
        }
    }

    #[test]
    fn inputs_are_the_seeds_and_many_that_are_like_them_and_the_same_each_time() {
        let inputs = || {
            let seen = RefCell::new(Vec::new());
            noise().play(1_000, |input| seen.borrow_mut().push(input.to_vec()));
            seen.into_inner()
        };
        let first = inputs();
        assert_eq!(first, inputs());
        assert_eq!(first[..2], noise().seeds);
        let kinds: std::collections::BTreeSet<_> = first.iter().collect();
        assert!(kinds.len() > 700, "{}", kinds.len());
        assert!(first.iter().all(|input| input.len() <= LEN_MAX));
    }

    #[test]
    fn a_panic_is_passed_on() {
        let found = || noise().play(1_000, |input| assert!(input.len() < 20));
        assert!(catch_unwind(AssertUnwindSafe(found)).is_err());
    }
}
