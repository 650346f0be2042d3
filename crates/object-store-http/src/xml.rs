//! The few XML documents that are read and the one that is written.

use std::fmt::Write as _;

use model::Timestamp;
use object_store::{
    ETag, ListPage, ObjectMeta, StoreError, StoreErrorKind, StoreResult, Upload, UploadPage,
    UploadUnderWay,
};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, de::DeserializeOwned};

use crate::dialect::{quoted, unquoted};

/// `<Error>`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ErrorBody {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// An error document, if `body` is one.
pub(crate) fn error(body: &[u8]) -> Option<ErrorBody> {
    let error: ErrorBody = read(body).ok()?;
    (!error.code.is_empty()).then_some(error)
}

/// The id of an upload that was begun.
pub(crate) fn upload_id(body: &[u8]) -> StoreResult<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Initiated {
        upload_id: String,
    }
    let initiated: Initiated = read(body)?;
    Ok(initiated.upload_id)
}

/// The etag in an answer to a copy or a completed upload.
pub(crate) fn etag(body: &[u8]) -> StoreResult<ETag> {
    #[derive(Deserialize)]
    struct Copied {
        #[serde(rename = "ETag")]
        etag: String,
    }
    let copied: Copied = read(body)?;
    Ok(unquoted(&copied.etag))
}

/// The parts of an upload, as it is completed.
pub(crate) fn parts(parts: &[(u32, ETag)]) -> String {
    let mut text = "<CompleteMultipartUpload>".to_owned();
    for (number, etag) in parts {
        let etag = quoted(etag).replace('"', "&quot;");
        let part = format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
        text.write_str(&part).expect("a string takes every write");
    }
    text.push_str("</CompleteMultipartUpload>");
    text
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListBody {
    #[serde(default)]
    is_truncated: bool,
    encoding_type: Option<String>,
    #[serde(default)]
    contents: Vec<Contents>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    size: u64,
    #[serde(rename = "ETag")]
    etag: Option<String>,
    last_modified: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadsBody {
    #[serde(default)]
    is_truncated: bool,
    encoding_type: Option<String>,
    #[serde(default)]
    upload: Vec<UploadItem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UploadItem {
    key: String,
    upload_id: String,
    initiated: Option<String>,
}

/// A key of a listing, as the caller names it.
fn own_key(key: String, encoding: Option<&str>, prefix: &str) -> StoreResult<String> {
    let full = match encoding {
        Some("url") => {
            // As in a form: AWS and MinIO write a space as `+`, and `+` as `%2B`.
            let key = key.replace('+', " ");
            let decoded = percent_decode_str(&key).decode_utf8();
            decoded
                .or(Err(unreadable("a key is not UTF-8")))?
                .into_owned()
        }
        Some(_) | None => key,
    };
    let own = full.strip_prefix(prefix);
    own.map(str::to_owned)
        .ok_or_else(|| unreadable("a key is not under the prefix"))
}

/// A page of a listing; `prefix` is taken off its keys.
pub(crate) fn list(body: &[u8], prefix: &str) -> StoreResult<ListPage> {
    let list: ListBody = read(body)?;
    if list.is_truncated && list.contents.is_empty() {
        // Where the next one begins cannot be said, and that nothing more is there must not be.
        return Err(unreadable(
            "a page without objects says that there are more",
        ));
    }
    let encoding = list.encoding_type.as_deref();
    let one = |item: Contents| {
        Ok(ObjectMeta {
            key: own_key(item.key, encoding, prefix)?,
            size: item.size,
            etag: item.etag.as_deref().map(unquoted),
            last_modified: item.last_modified.as_deref().and_then(Timestamp::from_iso),
            metadata: None,
        })
    };
    Ok(ListPage {
        objects: list
            .contents
            .into_iter()
            .map(one)
            .collect::<StoreResult<_>>()?,
        more: list.is_truncated,
    })
}

/// A page of uploads under way; `prefix` is taken off their keys.
pub(crate) fn uploads(body: &[u8], prefix: &str) -> StoreResult<UploadPage> {
    let list: UploadsBody = read(body)?;
    let encoding = list.encoding_type.as_deref();
    let one = |item: UploadItem| {
        Ok(UploadUnderWay {
            upload: Upload {
                key: own_key(item.key, encoding, prefix)?,
                id: item.upload_id,
            },
            since: item.initiated.as_deref().and_then(Timestamp::from_iso),
        })
    };
    Ok(UploadPage {
        uploads: list
            .upload
            .into_iter()
            .map(one)
            .collect::<StoreResult<_>>()?,
        more: list.is_truncated,
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> StoreResult<T> {
    let text = std::str::from_utf8(body).map_err(|error| unreadable(&error.to_string()))?;
    quick_xml::de::from_str(text).map_err(|error| unreadable(&error.to_string()))
}

/// Proxies and overloaded stores answer with half a document: worth another try.
fn unreadable(why: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        format!("the store's answer cannot be read: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_listing_is_read_with_its_prefix_taken_off() {
        let body =
            br#"<?xml version="1.0"?><ListBucketResult xmlns="x"><IsTruncated>true</IsTruncated>
            <EncodingType>url</EncodingType><CommonPrefixes><Prefix>z</Prefix></CommonPrefixes>
            <Contents><Key>p/a+b%20%2Bc</Key><Size>7</Size><ETag>&quot;e-1&quot;</ETag>
            <LastModified>1970-01-01T00:00:01.000Z</LastModified></Contents></ListBucketResult>"#;
        let page = list(body, "p/").unwrap();
        assert!(page.more);
        let object = &page.objects[0];
        assert_eq!((object.key.as_str(), object.size), ("a b +c", 7));
        assert_eq!(object.etag, Some(ETag("e-1".into())));
        assert_eq!(object.last_modified.unwrap().as_millis(), 1_000);
        assert!(list(body, "q/").is_err(), "a key of somebody else");
    }

    #[test]
    fn a_page_without_objects_is_no_end_if_it_says_that_there_are_more() {
        let page = |more| format!("<X><IsTruncated>{more}</IsTruncated></X>");
        assert!(list(page(false).as_bytes(), "").unwrap().objects.is_empty());
        let error = list(page(true).as_bytes(), "").unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    }

    #[test]
    fn uploads_under_way_are_read_with_their_prefix_taken_off() {
        let body = br#"<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>
            <EncodingType>url</EncodingType><Upload><Key>p/a%20b</Key><UploadId>u1</UploadId>
            <Initiator><ID>x</ID></Initiator><Initiated>1970-01-01T00:00:02.000Z</Initiated>
            </Upload></ListMultipartUploadsResult>"#;
        let page = uploads(body, "p/").unwrap();
        let found = &page.uploads[0];
        assert_eq!((&*found.upload.key, &*found.upload.id), ("a b", "u1"));
        assert_eq!(
            (found.since.unwrap().as_millis(), page.more),
            (2_000, false)
        );
    }

    #[test]
    fn half_an_answer_is_worth_another_try() {
        for body in [
            "",
            "<ListBucketResult><Contents>",
            "<html><body>Proxy</body></html>x",
            "\u{0}",
        ] {
            let error = upload_id(body.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _unread = (error(&body), list(&body, ""), upload_id(&body), etag(&body));
            let _uploads = uploads(&body, "");
        }
    }
}
