//! Copies in parts, with parts small enough for a test.

use object_store::{ObjectStore as _, Precondition, PutOptions, StoreErrorKind};

use super::*;
use crate::testing::{Fixture, Numbers};

#[tokio::test]
async fn a_copy_in_parts_keeps_bytes_and_attributes() {
    let fixture = Fixture::start().await;
    let (store, remote) = (fixture.store(), Arc::new(fixture.remote()));
    let options = PutOptions {
        content_type: "image/png".into(),
        metadata: [("a".to_owned(), "b".to_owned())].into(),
        precondition: Precondition::None,
    };
    let size = (12 << 20) + 1;
    store.put("from", &Numbers(size), &options).await.unwrap();
    let plain = CopyOptions {
        attributes: None,
        precondition: Precondition::Absent,
    };
    let from = |key| CopySource {
        key,
        if_match: None,
    };
    let how = (&plain, 5 << 20);
    let etag = copy_in_parts(&remote, from("from"), "to", how)
        .await
        .unwrap();
    assert!(etag.0.ends_with("-3"), "{etag:?}");
    let head = read::head(&remote, "to").await.unwrap();
    assert_eq!(head.meta.size, size);
    assert_eq!(head.meta.metadata, Some(options.metadata));
    assert_eq!(head.content_type.as_deref(), Some("image/png"));
    assert!(fixture.file("to") == Numbers(size).all());
    let again = copy_in_parts(&remote, from("from"), "to", how).await;
    assert_eq!(
        again.unwrap_err().kind(),
        StoreErrorKind::PreconditionFailed
    );
    let error = copy_in_parts(&remote, from("none"), "to", how).await;
    assert_eq!(error.unwrap_err().kind(), StoreErrorKind::NotFound);
}
