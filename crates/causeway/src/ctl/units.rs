//! Figures as people read and write them.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Ten years: longer than anything is kept.
const DURATION_MAX_S: u64 = 10 * 366 * 86_400;

/// `1.5 GiB`.
pub(super) fn bytes(count: u64) -> String {
    let fits = UNITS.iter().find(|(_, size)| count >= *size);
    match fits {
        Some((unit, size)) if *size > 1 => {
            let tenths = u128::from(count) * 10 / u128::from(*size);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
        Some(_) | None => format!("{count} B"),
    }
}

/// From `20GiB`, `512 MiB` or a number of bytes.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default().trim();
    let size = match unit {
        "" => Some(1),
        unit => UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .map(|(_, size)| *size),
    };
    let count = digits.parse::<u64>().ok();
    size.zip(count)
        .and_then(|(size, count)| count.checked_mul(size))
        .ok_or_else(|| format!("`{text}` is not a size such as 20GiB, 512MiB or a number of bytes"))
}

/// From `30s`, `15m`, `24h` or `7d`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default().trim();
    let seconds = match unit {
        "s" => Some(1),
        "m" | "min" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    };
    let count = digits.parse::<u64>().ok().filter(|count| *count > 0);
    seconds
        .zip(count)
        .and_then(|(seconds, count)| count.checked_mul(seconds))
        .filter(|seconds| *seconds <= DURATION_MAX_S)
        .map(Duration::from_secs)
        .ok_or_else(|| format!("`{text}` is not a time such as 30s, 15m, 24h or 7d"))
}

/// `250 ms`, `4 s`, `3 min`, `5 h`, `12 d`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (count, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (20 << 30, "20.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(parse_bytes("20GiB"), Ok(20 << 30));
        assert_eq!(parse_bytes("3 mib"), Ok(3 << 20));
        assert_eq!(parse_bytes("77"), Ok(77));
        for bad in ["", "GiB", "-1", "1.5GiB", "99999999TiB", "1 parsec"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read() {
        let seconds = |text| parse_duration(text).map(|time| time.as_secs());
        for (text, want) in [("30s", 30), ("15m", 900), ("24 h", 86_400), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(want));
        }
        for bad in ["", "0s", "5", "h", "-1h", "1.5h", "9999999999d", "1 week"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_one_unit() {
        let check = |ms, text: &str| assert_eq!(duration(Duration::from_millis(ms)), text);
        check(7, "7 ms");
        check(119_000, "119 s");
        check(7_199_000, "119 min");
        check(172_799_000, "47 h");
        check(172_800_000, "2 d");
    }
}
