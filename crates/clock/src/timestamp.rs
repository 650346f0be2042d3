//! A point in wall-clock time.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z; a plain number in JSON.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// As milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This time and a duration; stops at the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// From `2026-11-23T23:28:00Z`, with or without a part of a second: ISO 8601 in UTC, as other
    /// machines write it.
    #[must_use]
    pub fn from_iso(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(time, ':')?;
        let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
        if !in_range || !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
        let ms: u64 = thousandths.parse().ok()?;
        // Years begin in March here, so that the leap day is the last day of one.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let leap_days = year / 4 - year / 100 + year / 400;
        let days = year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
        Some(Self(
            (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + ms,
        ))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, for logs and tables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, in_day) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
        let (second, ms) = (in_day / 1_000 % 60, in_day % 1_000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut next = || parts.next()?.parse().ok();
    let numbers = [next()?, next()?, next()?];
    parts.next().is_none().then_some(numbers)
}

/// Proleptic Gregorian date of a day number since the epoch, counted in 400-year eras that
/// begin on 1 March, so that the leap day is the last of its year.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_rfc_3339() {
        let check = |ms, want: &str| assert_eq!(Timestamp::from_millis(ms).to_string(), want);
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_795_478_399_999, "2026-11-23T23:59:59.999Z");
    }

    #[test]
    fn is_read_with_and_without_a_part_of_a_second() {
        let expected = Some(Timestamp::from_millis(951_827_696_000));
        assert_eq!(Timestamp::from_iso("2000-02-29T12:34:56Z"), expected);
        assert_eq!(Timestamp::from_iso("2000-02-29T12:34:56.000Z"), expected);
        let quarter = Timestamp::from_iso("1970-01-01T00:00:00.25Z");
        assert_eq!(quarter, Some(Timestamp::from_millis(250)));
        for bad in [
            "",
            "2000-13-01T00:00:00Z",
            "2000-01-01",
            "1-2-3T4:5:6Z",
            "2000-01-01T00:00:00.ééZ",
        ] {
            assert_eq!(Timestamp::from_iso(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_reads_back_as_it_is_shown() {
        for day in 0..40_000_u64 {
            let at = Timestamp::from_millis(day * 86_400_000 + 1);
            assert_eq!(Timestamp::from_iso(&at.to_string()), Some(at));
        }
    }
}
