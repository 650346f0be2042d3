//! OSS in its own words: both signatures, keys that are lent, its checksum.

use std::{sync::Arc, time::Duration};

use clock::Clock;
use model::{BucketSettings, OssSignature, Provider, Secret, ServerEncryption};
use object_store::{ObjectStore, PartOf, Precondition, StoreErrorKind};
use object_store_http::{AccessKeys, OpenOptions, Patience, ReplaceableKeys};

use crate::{
    common::{Pattern, attributes, collect, options, with},
    fake_oss::{FakeOss, Keys},
};

fn settings(server: &FakeOss, signature: OssSignature) -> BucketSettings {
    BucketSettings {
        provider: Provider::Oss,
        endpoint: server.endpoint(),
        region: "cn-test".into(),
        bucket: "bucket".into(),
        prefix: "p/".into(),
        access_key_id: "id".into(),
        secret_access_key: Secret::new("secret"),
        session_token: Secret::default(),
        signature,
        role: None,
    }
}

fn patience() -> Patience {
    Patience {
        pause: Duration::from_millis(5),
        ..Patience::default()
    }
}

fn open(settings: &BucketSettings) -> Arc<dyn ObjectStore> {
    object_store_http::open_with(settings, patience()).unwrap()
}

fn lent(id: &str) -> Keys {
    Keys {
        id: id.into(),
        secret: format!("secret of {id}"),
        token: Some(format!("token of {id}")),
    }
}

fn as_access_keys(keys: &Keys) -> AccessKeys {
    AccessKeys {
        id: keys.id.clone(),
        secret: Secret::new(keys.secret.as_str()),
        session_token: keys.token.as_deref().map(Secret::new),
    }
}

#[tokio::test]
async fn both_signatures_are_those_that_oss_computes() {
    for signature in [OssSignature::V4, OssSignature::V1] {
        let server = FakeOss::start().await;
        server.admit(Keys::plain());
        let store = open(&settings(&server, signature));
        let key = "a b/ü+ö&=?#%~.txt";
        let source = Pattern(1_000);
        store.put(key, &source, &options()).await.unwrap();
        assert_eq!(collect(&store, key, 10, 90).await, source.all()[10..100]);
        let head = store.head(key).await.unwrap();
        assert_eq!(head.metadata.unwrap()["file-owner"], "1000");
        let absent = store.put(key, &source, &with(Precondition::Absent)).await;
        let kind = absent.unwrap_err().kind();
        assert_eq!(kind, StoreErrorKind::PreconditionFailed);
        let upload = store.begin_upload("parts", &attributes()).await.unwrap();
        let part = PartOf {
            upload: &upload,
            number: 1,
            range: 0..1_000,
        };
        let parts = [(1, store.put_part(part, &source).await.unwrap())];
        let none = Precondition::None;
        let joined = store.complete_upload(&upload, &parts, &none).await;
        joined.unwrap();
        assert_eq!(collect(&store, "parts", 0, 1_000).await, source.all());
        store.delete(key, None).await.unwrap();
        let gone = store.head(key).await.unwrap_err();
        assert_eq!(gone.kind(), StoreErrorKind::NotFound);
        assert!(
            server
                .signatures()
                .iter()
                .all(|version| *version == signature)
        );

        let mut wrong = settings(&server, signature);
        wrong.secret_access_key = Secret::new("another");
        let refused = open(&wrong).head("k").await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::AccessDenied);
    }
}

#[tokio::test]
async fn keys_that_are_lent_go_with_their_token_and_are_replaced_while_requests_go() {
    for signature in [OssSignature::V4, OssSignature::V1] {
        let server = FakeOss::start().await;
        let (first, second) = (lent("STS.1"), lent("STS.2"));
        server.admit(first.clone());
        let clock = Clock::system();
        let patience_for_keys = Duration::from_secs(30);
        let keys = ReplaceableKeys::new(as_access_keys(&first), patience_for_keys, clock.clone());
        let opened = object_store_http::open_as(
            &settings(&server, signature),
            OpenOptions {
                patience: patience(),
                keys: Some(Arc::clone(&keys)),
                ..OpenOptions::default()
            },
        );
        let store = opened.unwrap();
        store.put("k", &Pattern(10), &options()).await.unwrap();
        // The lender's time is over; the next keys come while a request waits for them.
        server.expire(&first.id);
        server.admit(second.clone());
        let refused = server.refusals();
        let replaced = async {
            while server.refusals() == refused {
                clock.sleep(Duration::from_millis(1)).await;
            }
            keys.replace(as_access_keys(&second));
        };
        let options = options();
        let (put, ()) = futures::join!(store.put("k", &Pattern(20), &options), replaced);
        put.unwrap();
        assert_eq!(server.refusals(), refused + 1);
        assert_eq!(store.head("k").await.unwrap().size, 20);
        // Why a head is refused, its answer does not say.
        server.expire(&second.id);
        server.admit(first.clone());
        keys.replace(as_access_keys(&second));
        let replaced = async {
            while server.refusals() < refused + 3 {
                clock.sleep(Duration::from_millis(1)).await;
            }
            keys.replace(as_access_keys(&first));
        };
        let (head, ()) = futures::join!(store.head("k"), replaced);
        assert_eq!(head.unwrap().size, 20);
    }
}

#[tokio::test]
async fn keys_that_nobody_replaces_are_told_of_with_their_id() {
    let server = FakeOss::start().await;
    let keys = lent("STS.1");
    server.admit(keys.clone());
    server.expire(&keys.id);
    let mut with_token = settings(&server, OssSignature::V4);
    with_token.access_key_id = keys.id;
    with_token.secret_access_key = Secret::new(keys.secret);
    with_token.session_token = Secret::new(keys.token.unwrap());
    let error = open(&with_token).list("", None).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::AccessDenied);
    let text = error.to_string();
    assert!(text.contains("STS.1") && text.contains("over"), "{text}");
}

#[tokio::test]
async fn damage_on_the_way_is_found_by_the_checksum_of_oss() {
    let server = FakeOss::start().await;
    server.admit(Keys::plain());
    let store = open(&settings(&server, OssSignature::V4));
    let source = Pattern(100_000);
    let upload = store.begin_upload("parts", &attributes()).await.unwrap();
    let part = || PartOf {
        upload: &upload,
        number: 1,
        range: 0..source.0,
    };
    server.damage(true);
    let put = store.put("k", &source, &options()).await.unwrap_err();
    let sent = store.put_part(part(), &source).await.unwrap_err();
    for error in [put, sent] {
        assert_eq!(error.kind(), StoreErrorKind::Damaged);
        assert!(error.to_string().contains("arrived"), "{error}");
    }
    server.damage(false);
    store.put("k", &source, &options()).await.unwrap();
    store.put_part(part(), &source).await.unwrap();
    assert_eq!(collect(&store, "k", 0, source.0).await, source.all());
}

#[tokio::test]
async fn objects_are_encrypted_as_the_share_says() {
    let server = FakeOss::start().await;
    server.admit(Keys::plain());
    let key_id = Some("key-7".to_owned());
    for (encryption, expected) in [
        (ServerEncryption::BucketDefault, (None, None)),
        (ServerEncryption::StoreKeys, (Some("AES256"), None)),
        (
            ServerEncryption::KeyService { key_id },
            (Some("KMS"), Some("key-7")),
        ),
    ] {
        let opened = object_store_http::open_as(
            &settings(&server, OssSignature::V4),
            OpenOptions {
                patience: patience(),
                encryption,
                keys: None,
            },
        );
        let store = opened.unwrap();
        store.put("k", &Pattern(1), &options()).await.unwrap();
        store.begin_upload("k", &attributes()).await.unwrap();
        for headers in server.last_headers(2) {
            let of = |name: &str| headers.get(name).map(String::as_str);
            let found = (
                of("x-oss-server-side-encryption"),
                of("x-oss-server-side-encryption-key-id"),
            );
            assert_eq!(found, expected);
        }
    }
}
