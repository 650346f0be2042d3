//! Bandwidth: what may go over the line to the bucket, and what clients may write and read, by a
//! weekly schedule.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::EngineSettingsError;

const WINDOWS_MAX: usize = 32;
/// Minutes of a day.
pub const DAY_MINUTES: u16 = 24 * 60;
const OFFSET_MINUTES_MAX: u16 = 14 * 60;
const LINE_BYTES_MIN: u64 = 16 << 10;

/// Bounds on what goes over the line, and on what clients write and read; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineLimits {
    /// Bytes a second to the bucket.
    #[serde(default)]
    pub upload_bytes_per_s: u64,
    /// Bytes a second from it.
    #[serde(default)]
    pub download_bytes_per_s: u64,
    /// Bytes a second that clients write to the share, in all.
    #[serde(default)]
    pub write_bytes_per_s: u64,
    /// Bytes a second that clients read from it, in all.
    #[serde(default)]
    pub read_bytes_per_s: u64,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

/// A time of the week with limits of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineWindow {
    /// On which days it begins.
    pub days: Vec<Weekday>,
    /// When it begins, in minutes after midnight.
    pub from_minute: u16,
    /// When it ends; on the next day if that is not later.
    pub to_minute: u16,
    /// What holds within.
    pub limits: LineLimits,
}

/// What may go over the line, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bandwidth {
    /// What holds outside of all windows.
    #[serde(default)]
    pub limits: LineLimits,
    /// Times with other limits; the first that holds a moment decides.
    #[serde(default)]
    pub windows: Vec<LineWindow>,
    /// What the windows' clock is ahead of UTC, in minutes.
    #[serde(default)]
    pub utc_offset_minutes: i16,
}

impl Bandwidth {
    pub(crate) fn check(&self) -> Result<(), EngineSettingsError> {
        if self.windows.len() > WINDOWS_MAX {
            return Err(EngineSettingsError::Windows(self.windows.len()));
        }
        if self.utc_offset_minutes.unsigned_abs() > OFFSET_MINUTES_MAX {
            return Err(EngineSettingsError::Offset(self.utc_offset_minutes));
        }
        self.limits.check()?;
        for (window, number) in self.windows.iter().zip(1..) {
            let is_day = window.from_minute < DAY_MINUTES && window.to_minute <= DAY_MINUTES;
            if !(1..=7).contains(&window.days.len()) || !is_day {
                return Err(EngineSettingsError::Window(number));
            }
            window.limits.check()?;
        }
        Ok(())
    }

    /// What holds at a moment, in milliseconds since 1970.
    #[must_use]
    pub fn limits_at(&self, unix_ms: u64) -> LineLimits {
        let minutes = i64::try_from(unix_ms / 60_000).unwrap_or(i64::MAX / 2);
        let minutes = minutes + i64::from(self.utc_offset_minutes);
        let (day, minute) = (
            minutes.div_euclid(i64::from(DAY_MINUTES)),
            minutes.rem_euclid(i64::from(DAY_MINUTES)),
        );
        let found = self.windows.iter().find(|window| window.holds(day, minute));
        found.map_or(self.limits, |window| window.limits)
    }
}

impl LineWindow {
    /// `day` counts from 1970 on.
    fn holds(&self, day: i64, minute: i64) -> bool {
        let (from, to) = (i64::from(self.from_minute), i64::from(self.to_minute));
        let begins_on = |day| self.days.contains(&Weekday::of(day));
        if from < to {
            return begins_on(day) && (from..to).contains(&minute);
        }
        begins_on(day) && minute >= from || begins_on(day - 1) && minute < to
    }
}

impl LineLimits {
    fn check(self) -> Result<(), EngineSettingsError> {
        let line = [self.upload_bytes_per_s, self.download_bytes_per_s];
        let clients = [self.write_bytes_per_s, self.read_bytes_per_s];
        for limit in line.into_iter().chain(clients) {
            if limit > 0 && limit < LINE_BYTES_MIN {
                return Err(EngineSettingsError::Limit(limit));
            }
        }
        Ok(())
    }
}

impl Weekday {
    /// Of a day counted from 1970 on, whose first was a Thursday.
    const fn of(day: i64) -> Self {
        match day.rem_euclid(7) {
            0 => Self::Thursday,
            1 => Self::Friday,
            2 => Self::Saturday,
            3 => Self::Sunday,
            4 => Self::Monday,
            5 => Self::Tuesday,
            _ => Self::Wednesday,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Of November 2026, whose first was a Sunday.
    fn at(day: u64, hour: u64, minute: u64) -> u64 {
        const NOVEMBER: u64 = 1_793_491_200_000;
        NOVEMBER + (((day - 1) * 24 + hour) * 60 + minute) * 60_000
    }

    pub(crate) fn nights(utc_offset_minutes: i16) -> Bandwidth {
        let limits = |upload_bytes_per_s| LineLimits {
            upload_bytes_per_s,
            ..LineLimits::default()
        };
        let window = |days: &[Weekday], hours: (u16, u16), limit| LineWindow {
            days: days.to_vec(),
            from_minute: hours.0 * 60,
            to_minute: hours.1 * 60,
            limits: limits(limit),
        };
        Bandwidth {
            limits: limits(1 << 20),
            windows: vec![
                window(&[Weekday::Friday], (22, 6), 9 << 20),
                window(&[Weekday::Sunday, Weekday::Monday], (0, 24), 0),
            ],
            utc_offset_minutes,
        }
    }

    #[test]
    fn a_window_holds_on_its_days_and_over_midnight() {
        let up = |offset, at| nights(offset).limits_at(at).upload_bytes_per_s;
        for (offset, at, expected) in [
            (0, at(6, 21, 59), 1 << 20),
            (0, at(6, 22, 0), 9 << 20),
            (0, at(7, 5, 59), 9 << 20),
            (0, at(7, 6, 0), 1 << 20),
            (0, at(5, 23, 0), 1 << 20),
            (0, at(8, 0, 0), 0),
            (0, at(9, 23, 59), 0),
            (0, at(10, 0, 0), 1 << 20),
            (480, at(6, 14, 0), 9 << 20),
            (-60, at(6, 22, 30), 1 << 20),
        ] {
            assert_eq!(up(offset, at), expected, "{offset} {at}");
        }
    }
}
