//! What the kernel says of the processors (`/proc/…/schedstat`, `/proc/stat`; man page proc(5)).

use std::{fs::File, os::unix::fs::FileExt as _, time::Duration};

/// Where the kernel does not tell, nothing is known.
#[derive(Debug)]
pub(super) struct Processors {
    schedstat: Option<File>,
    stat: Option<File>,
}

impl Processors {
    /// Of this machine, and for the thread that calls it.
    pub(super) fn open() -> Self {
        Self {
            schedstat: File::open("/proc/thread-self/schedstat").ok(),
            stat: File::open("/proc/stat").ok(),
        }
    }

    /// How long the thread was ready and had to wait for a processor.
    pub(super) fn run_delay(&self) -> Option<Duration> {
        read(self.schedstat.as_ref()?, run_delay)
    }

    /// How long processors had nothing to do, all of them together.
    pub(super) fn idle(&self) -> Option<Duration> {
        read(self.stat.as_ref()?, idle)
    }
}

fn read(file: &File, parse: fn(&str) -> Option<Duration>) -> Option<Duration> {
    let mut text = [0; 256];
    let len = file.read_at(&mut text, 0).ok()?;
    parse(str::from_utf8(text.get(..len)?).ok()?)
}

/// Time on a processor, run delay, time slices: in nanoseconds, but the last.
fn run_delay(schedstat: &str) -> Option<Duration> {
    let delay = schedstat.split_ascii_whitespace().nth(1)?;
    delay.parse().ok().map(Duration::from_nanos)
}

/// `cpu`, user, nice, system, idle and others, in hundredths of a second.
fn idle(stat: &str) -> Option<Duration> {
    let mut words = stat.lines().next()?.split_ascii_whitespace();
    let idle = words.nth(4)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(idle.saturating_mul(10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_delay_is_the_second_number() {
        assert_eq!(run_delay("12 345 6\n"), Some(Duration::from_nanos(345)));
        assert_eq!(run_delay(""), None);
        assert_eq!(run_delay("1 -2 3"), None);
    }

    #[test]
    fn idle_is_the_fourth_number_of_all_processors() {
        let stat = "cpu  11 22 33 44 55 0 66\ncpu0 1 2 3 4";
        assert_eq!(idle(stat), Some(Duration::from_millis(440)));
        assert_eq!(idle("cpu  11 22"), None);
        assert_eq!(idle("cpu 1 2 3 x"), None);
    }
}
