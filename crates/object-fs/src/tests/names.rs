//! Names: renames, removals, listings.

use super::*;

#[tokio::test]
async fn a_renamed_directory_is_there_at_once_and_the_bucket_follows() {
    let bench = Bench::new().await;
    bench.make_dir("old").await.unwrap();
    bench.make_dir("old/sub").await.unwrap();
    for n in 0..200 {
        bench.put(&format!("old/{n}"), format!("file {n}")).await;
    }
    bench.put("old/sub/x", "deep").await;
    bench.drain().await;
    let puts = bench.store.counts().puts;
    bench.rename("old", "new").await.unwrap();
    assert_eq!(bench.read("new/7").await.unwrap(), b"file 7");
    fails(bench.find("old").await, ErrorKind::NotFound);
    bench.drain().await;
    let keys = bench.keys();
    assert_eq!(keys.len(), 201, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("new/")));
    assert_eq!(bench.object("new/sub/x"), "deep");
    assert_eq!(bench.store.counts().puts, puts, "no content was sent again");
}

#[tokio::test]
async fn a_rename_goes_on_after_a_crash() {
    let mut bench = Bench::new().await;
    bench.make_dir("old").await.unwrap();
    for n in 0..50 {
        bench.put(&format!("old/{n}"), format!("file {n}")).await;
    }
    bench.drain().await;
    bench.rename("old", "new").await.unwrap();
    for _ in 0..5 {
        bench.crash(|| false).await;
    }
    bench.drain().await;
    let keys = bench.keys();
    assert_eq!(keys.len(), 50, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("new/")));
}

#[tokio::test]
async fn two_files_can_swap_names_though_neither_is_cached() {
    let bench = Bench::new().await;
    bench.insert("a", "content of a");
    bench.insert("b", "content of b");
    bench.fs().sync(None).await.unwrap();
    bench.rename("a", "t").await.unwrap();
    bench.rename("b", "a").await.unwrap();
    bench.rename("t", "b").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["a", "b"]);
    assert_eq!(bench.object("a"), "content of b");
    assert_eq!(bench.object("b"), "content of a");
    assert_eq!(bench.read("a").await.unwrap(), b"content of b");
}

#[tokio::test]
async fn a_replaced_file_leaves_the_name_to_the_other() {
    let bench = Bench::new().await;
    bench.put("target", "old").await;
    bench.put("temporary", "new").await;
    bench.drain().await;
    bench.rename("temporary", "target").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["target"]);
    assert_eq!(bench.object("target"), "new");
}

#[tokio::test]
async fn a_name_used_again_at_once_gets_the_new_content() {
    let bench = Bench::new().await;
    for round in 0..20 {
        bench.put("f", format!("round {round}")).await;
        if round % 3 == 0 {
            bench.drain().await;
        }
        if round < 19 {
            bench.remove("f").await.unwrap();
        }
    }
    bench.drain().await;
    assert_eq!(bench.object("f"), "round 19");
    assert_eq!(bench.keys(), ["f"]);
}

#[tokio::test]
async fn an_empty_directory_has_a_marker_and_a_full_one_none() {
    let bench = Bench::new().await;
    bench.make_dir("d").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["d/"]);
    bench.remove_dir("d").await.unwrap();
    bench.drain().await;
    assert!(bench.keys().is_empty());
    bench.make_dir("e").await.unwrap();
    bench.put("e/f", "x").await;
    bench.drain().await;
    bench.remove("e/f").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys(), ["e/"]);
    assert_eq!(bench.second().await.list("").await, ["e"]);
}

#[tokio::test]
async fn a_listing_of_many_names_goes_on_at_its_cookie() {
    let settings = ObjectFsConfig {
        upload_delay: PATIENCE,
        ..config()
    };
    let bench = Bench::on(Arc::new(MemStore::new(Clock::system())), settings).await;
    let dir = bench.make_dir("d").await.unwrap().inode;
    let many = 100_000;
    let mut made = Vec::new();
    for n in 0..many {
        let fs = Arc::clone(bench.fs());
        made.push(async move {
            let set = SetAttributes::default();
            let name = name_of(&format!("{n:06}"));
            fs.create(&root(), dir, &name, CreateMode::Guarded, set)
                .await
                .unwrap();
        });
    }
    futures::future::join_all(made).await;
    let first = bench
        .fs()
        .read_dir(&root(), dir, Cookie(0), 1_000)
        .await
        .unwrap();
    assert_eq!(first.entries.len(), 1_000);
    // What is removed behind the reader does not make it miss or see anything twice.
    for entry in first.entries.iter().take(500) {
        bench.fs().remove(&root(), dir, &entry.name).await.unwrap();
    }
    let mut seen = first.entries.len();
    let mut after = first.entries.last().unwrap().cookie;
    loop {
        let page = bench
            .fs()
            .read_dir(&root(), dir, after, 1_000)
            .await
            .unwrap();
        seen += page.entries.len();
        if page.end {
            break;
        }
        after = page.entries.last().unwrap().cookie;
    }
    assert_eq!(seen, many);
}

#[tokio::test]
async fn names_and_their_limits() {
    let bench = Bench::new().await;
    let longest = "ü".repeat(127) + "x";
    bench.put(&longest, "x").await;
    assert_eq!(bench.read(&longest).await.unwrap(), b"x");
    fails(bench.find(&"x".repeat(256)).await, ErrorKind::NameTooLong);
    let mut path = String::new();
    for _ in 0..4 {
        path.push_str(&"d".repeat(250));
        bench.make_dir(&path).await.unwrap();
        path.push('/');
    }
    fails(
        bench.create(&(path + &"f".repeat(30))).await,
        ErrorKind::NameTooLong,
    );
}

#[tokio::test]
async fn no_client_makes_a_name_where_the_gateway_keeps_its_own_objects() {
    let bench = Bench::new().await;
    let kind = ErrorKind::NotPermitted;
    fails(bench.make_dir(".causeway").await, kind);
    fails(bench.create(".causeway").await, kind);
    fails(bench.symlink(".causeway", "x").await, kind);
    bench.make_dir("lease").await.unwrap();
    fails(bench.rename("lease", ".causeway").await, kind);
    bench.put("lease/.causeway", "no path of ours").await;
    bench.put(".causeway-too", "neither").await;
    bench.drain().await;
    let mut keys = bench.keys();
    // The directory may have had an object of its own, while there was nothing in it.
    keys.retain(|key| key != "lease/");
    assert_eq!(keys, [".causeway-too", "lease/.causeway"]);
}

#[tokio::test]
async fn a_directory_does_not_move_to_where_a_path_in_it_is_too_long() {
    let bench = Bench::new().await;
    let (name, mut deep) = ("d".repeat(200), String::from("short"));
    for _ in 0..4 {
        bench.make_dir(&deep).await.unwrap();
        deep = format!("{deep}/{name}");
    }
    bench.put(&deep, "x").await;
    let longer = "l".repeat(250);
    let refused = bench.rename("short", &longer).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NameTooLong);
    assert!(refused.to_string().contains("bytes"), "{refused}");
    bench.rename("short", "sh0rt").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.keys().last().unwrap()[..5], *"sh0rt");
}

#[tokio::test]
async fn what_is_removed_is_stale() {
    let bench = Bench::new().await;
    bench.put("f", "x").await;
    let inode = bench.find("f").await.unwrap().inode;
    bench.remove("f").await.unwrap();
    fails(bench.fs().attributes(inode).await, ErrorKind::Stale);
    fails(bench.fs().commit(&root(), inode).await, ErrorKind::Stale);
    let unstable = Stability::Unstable;
    let write = bench
        .fs()
        .write(&root(), inode, 0, "y".into(), unstable)
        .await;
    fails(write, ErrorKind::Stale);
}

#[tokio::test]
async fn a_directory_cannot_become_its_own_ancestor() {
    let bench = Bench::new().await;
    bench.make_dir("a").await.unwrap();
    bench.make_dir("a/b").await.unwrap();
    fails(bench.rename("a", "a/b/c").await, ErrorKind::Invalid);
}

#[tokio::test]
async fn directories_count_their_subdirectories() {
    let bench = Bench::new().await;
    for path in ["a", "a/b", "a/c", "d"] {
        bench.make_dir(path).await.unwrap();
    }
    assert_eq!(bench.find("a").await.unwrap().link_count, 4);
    bench.rename("a/b", "d/b").await.unwrap();
    assert_eq!(bench.find("a").await.unwrap().link_count, 3);
    assert_eq!(bench.find("d").await.unwrap().link_count, 3);
    bench.remove_dir("a/c").await.unwrap();
    assert_eq!(bench.find("a").await.unwrap().link_count, 2);
}

#[tokio::test]
async fn an_exclusive_create_can_be_repeated_but_not_by_another() {
    let bench = Bench::new().await;
    let dir = bench.fs().root();
    let create = |verifier| {
        let fs = Arc::clone(bench.fs());
        async move {
            let (mode, set) = (CreateMode::Exclusive(verifier), SetAttributes::default());
            fs.create(&root(), dir, &name_of("f"), mode, set).await
        }
    };
    let first = create(7).await.unwrap();
    assert_eq!(create(7).await.unwrap().inode, first.inode);
    fails(create(8).await, ErrorKind::Exists);
}
