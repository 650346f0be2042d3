//! A door for fuzz targets: answers of a store.

use model::Timestamp;

use crate::{time, xml};

/// Reads `body` as each document that a store may answer with, and as a time.
///
/// # Panics
/// A key of a listing is not what the document says.
pub fn read_answer(body: &[u8]) {
    let _unread = (xml::error(body), xml::upload_id(body), xml::etag(body));
    let _uploads = xml::uploads(body, "p/");
    if let (Ok(whole), Ok(below)) = (xml::list(body, ""), xml::list(body, "p/")) {
        let keys = |page: object_store::ListPage| page.objects.into_iter().map(|o| o.key);
        assert!(
            keys(whole).eq(keys(below).map(|key| format!("p/{key}"))),
            "a prefix is taken off, and nothing else"
        );
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let _times = (Timestamp::from_iso(text), time::from_http(text));
    }
}

#[cfg(test)]
mod tests {
    use testkit::Noise;

    use super::*;

    #[test]
    fn answers_of_any_bytes_are_read_or_refused() {
        Noise::like_seeds_of("object_store_answer").play(2_000, read_answer);
    }
}
