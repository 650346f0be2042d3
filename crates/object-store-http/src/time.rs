//! Times as headers of stores have them.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_and_a_listing_read_as_the_same_time() {
        let of_header = from_http("Tue, 29 Feb 2000 12:34:56 GMT");
        let of_listing = Timestamp::from_iso("2000-02-29T12:34:56.000Z");
        assert_eq!(of_header, Some(Timestamp::from_millis(951_827_696_000)));
        assert_eq!(of_header, of_listing);
    }
}
