//! How fast one client may publish, in eight bytes.

use crate::{bucket::Rate, wheel::Tick};

/// Messages that a client may still send, and when that was counted. The first message fills it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    left: Left,
    filled: Tick,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Left {
    #[default]
    Unused,
    Some(u16),
    Out,
}

impl Pace {
    /// Uses one; says whether it may go on.
    pub(crate) fn take(&mut self, rate: Rate, now: Tick) -> bool {
        self.fill(rate, now);
        let left = match self.left {
            Left::Some(n) => n.saturating_sub(1),
            Left::Unused | Left::Out => 0,
        };
        self.left = if left == 0 {
            Left::Out
        } else {
            Left::Some(left)
        };
        left > 0
    }

    /// Whether it must rest.
    pub(crate) fn is_out(self) -> bool {
        self.left == Left::Out
    }

    /// Adds what was earned; says whether there is any.
    pub(crate) fn fill(&mut self, rate: Rate, now: Tick) -> bool {
        let burst = u16::try_from(rate.burst).unwrap_or(u16::MAX).max(1);
        let gone = now.0.saturating_sub(self.filled.0);
        let earned = gone.saturating_mul(rate.per_second) / Tick::PER_SECOND;
        let had = match self.left {
            Left::Unused => burst,
            Left::Some(n) => n,
            Left::Out => 0,
        };
        if self.left == Left::Unused || earned > 0 {
            self.filled = now;
        }
        let earned = u16::try_from(earned).unwrap_or(u16::MAX);
        let has = had.saturating_add(earned).min(burst);
        self.left = if has == 0 { Left::Out } else { Left::Some(has) };
        has > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_send_a_burst_and_then_the_rate() {
        let rate = Rate {
            per_second: 2,
            burst: 5,
        };
        let mut pace = Pace::default();
        let sent = |pace: &mut Pace, tick| {
            let mut sent = 0;
            while pace.fill(rate, Tick(tick)) {
                pace.take(rate, Tick(tick));
                sent += 1;
            }
            sent
        };
        assert_eq!(sent(&mut pace, 1_000), 5);
        assert_eq!(sent(&mut pace, 1_001), 0, "half a message");
        assert_eq!(sent(&mut pace, 1_002), 1);
        assert_eq!(sent(&mut pace, 1_006), 2);
        assert_eq!(sent(&mut pace, 9_000), 5);
    }
}
