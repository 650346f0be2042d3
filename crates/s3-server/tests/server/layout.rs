//! Where objects lie, and what a start makes of what lies there.

use std::fs;

use s3_server::{S3Server, StartError};

use crate::client::{config, start};

#[tokio::test]
async fn people_find_objects_as_files() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = start(dir.path()).await;
    client.put("a/b/hello.txt", "hello", "").await.unwrap();
    let path = dir.path().join("bucket/a/b/hello.txt");
    assert_eq!(fs::read(&path).unwrap(), b"hello");
    assert_eq!(client.delete("a/b/hello.txt").await, 204);
    assert!(
        !dir.path().join("bucket/a").try_exists().unwrap(),
        "no empty directory stays"
    );
}

#[tokio::test]
async fn keys_that_cannot_be_paths_are_objects_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(300);
    let keys = ["a", "a/b", "a/b/c", "d/", "d/e/", "d/e/f", "f//g", &long];
    for restart in 0..3 {
        let (server, client) = start(dir.path()).await;
        for key in keys {
            if restart == 0 {
                assert_eq!(
                    client
                        .put(key, format!("body of {key}"), key)
                        .await
                        .unwrap(),
                    200
                );
            }
            let answer = client.get(key).await;
            assert_eq!(answer.status, 200, "{key}");
            assert_eq!(answer.body, format!("body of {key}"));
            assert_eq!(answer.note.as_deref(), Some(key));
        }
        assert_eq!(client.keys().await.len(), keys.len());
        server.shutdown().await;
    }
    let (_server, client) = start(dir.path()).await;
    for key in keys {
        assert_eq!(client.delete(key).await, 204);
        assert_eq!(client.get(key).await.status, 404);
    }
    assert_eq!(
        fs::read_dir(dir.path().join(".causeway/bucket/objects"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn files_laid_there_by_hand_become_objects() {
    let dir = tempfile::tempdir().unwrap();
    let (server, client) = start(dir.path()).await;
    client.put("kept", "old", "note").await.unwrap();
    client.put("changed", "old", "note").await.unwrap();
    client.put("removed", "old", "note").await.unwrap();
    server.shutdown().await;
    let bucket = dir.path().join("bucket");
    fs::create_dir_all(bucket.join("new/dir")).unwrap();
    fs::write(bucket.join("new/dir/file"), "by hand").unwrap();
    fs::write(bucket.join("changed"), "by hand").unwrap();
    fs::remove_file(bucket.join("removed")).unwrap();
    let (_server, client) = start(dir.path()).await;
    assert_eq!(client.keys().await, ["changed", "kept", "new/dir/file"]);
    assert_eq!(client.get("new/dir/file").await.body, "by hand");
    let changed = client.get("changed").await;
    assert_eq!((&changed.body[..], changed.note), (&b"by hand"[..], None));
    assert_eq!(client.get("kept").await.note.as_deref(), Some("note"));
}

#[tokio::test]
async fn a_read_under_way_is_not_changed_by_a_put() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, client) = start(dir.path()).await;
    for round in 0..20_u8 {
        let (old, new) = (vec![round; 3 << 20], vec![round + 1; 3 << 20]);
        client.put("k", old.clone(), "").await.unwrap();
        let (answer, put) = tokio::join!(client.get("k"), client.put("k", new.clone(), ""));
        assert_eq!(put.unwrap(), 200);
        assert!(answer.body == old || answer.body == new, "a mixture");
    }
}

#[tokio::test]
async fn a_directory_serves_one_store() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = start(dir.path()).await;
    let second = S3Server::start(config(dir.path()), clock::Clock::system()).await;
    assert!(matches!(second, Err(StartError::InUse { .. })));
    let taken = s3_server::S3ServerConfig {
        address: server.address(),
        ..config(dir.path())
    };
    let third = S3Server::start(taken, clock::Clock::system()).await;
    let error = third.unwrap_err().to_string();
    assert_eq!(error, format!("cannot listen on {}", server.address()));
    server.shutdown().await;
    start(dir.path()).await.0.shutdown().await;
}
