//! Times as stores write them.

use std::time::UNIX_EPOCH;

use model::Timestamp;

/// `Mon, 23 Nov 2026 23:28:00 GMT`, of a header.
pub(crate) fn from_http(text: &str) -> Option<Timestamp> {
    let at = httpdate::parse_http_date(text).ok()?;
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis())
        .ok()
        .map(Timestamp::from_millis)
}

/// `2026-11-23T23:28:00.000Z`, of a listing.
pub(crate) fn from_iso(text: &str) -> Option<Timestamp> {
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
    Some(Timestamp::from_millis(
        (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + ms,
    ))
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut next = || parts.next()?.parse().ok();
    let numbers = [next()?, next()?, next()?];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_as_the_same_time() {
        let expected = Some(Timestamp::from_millis(951_827_696_000));
        assert_eq!(from_http("Tue, 29 Feb 2000 12:34:56 GMT"), expected);
        assert_eq!(from_iso("2000-02-29T12:34:56Z"), expected);
        assert_eq!(from_iso("2000-02-29T12:34:56.000Z"), expected);
        assert_eq!(
            from_iso("1970-01-01T00:00:00.25Z"),
            Some(Timestamp::from_millis(250))
        );
        for bad in [
            "",
            "2000-13-01T00:00:00Z",
            "2000-01-01",
            "1-2-3T4:5:6Z",
            "2000-01-01T00:00:00.ééZ",
        ] {
            assert_eq!(from_iso(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_reads_back_as_it_is_shown() {
        for day in 0..40_000_u64 {
            let at = Timestamp::from_millis(day * 86_400_000 + 1);
            assert_eq!(from_iso(&at.to_string()), Some(at));
        }
    }
}
