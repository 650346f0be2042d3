//! How many messages are traced.

use message_bus::admin::TraceLevel;
use model::{BULK, STATUS, Timestamp};

use crate::limits::TRACED_MESSAGES_PER_SECOND;

/// Whether a message on a topic of `parent` is traced, if there are not too many.
pub(crate) fn is_wanted(level: TraceLevel, parent: &str) -> bool {
    match level {
        TraceLevel::Devices => false,
        TraceLevel::Messages => ![STATUS, BULK].contains(&parent),
        TraceLevel::Everything => true,
    }
}

/// Messages of this second, which are traced up to [`TRACED_MESSAGES_PER_SECOND`].
#[derive(Debug, Default)]
pub(crate) struct Budget {
    second: u64,
    messages: u32,
}

impl Budget {
    /// Whether there is room for one more.
    pub(crate) fn takes(&mut self, now: Timestamp) -> bool {
        let second = now.as_millis() / 1_000;
        if self.second != second {
            *self = Self {
                second,
                messages: 0,
            };
        }
        let takes = self.messages < TRACED_MESSAGES_PER_SECOND;
        self.messages += u32::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_as_many_as_the_other() {
        let mut budget = Budget::default();
        for second in [7, 8] {
            let now = Timestamp::from_millis(second * 1_000);
            let taken = (0..1_000).filter(|_| budget.takes(now)).count();
            assert_eq!(taken, TRACED_MESSAGES_PER_SECOND as usize);
        }
    }
}
