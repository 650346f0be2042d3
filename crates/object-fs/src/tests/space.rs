//! A cache smaller than the data.

use object_store::Faults;

use super::*;

fn small() -> ObjectFsConfig {
    ObjectFsConfig {
        cache_bytes_max: 8 << 20,
        ..config()
    }
}

async fn bench() -> Bench {
    let store = Arc::new(MemStore::new(Clock::system()));
    let bench = Bench::on(store, small()).await;
    bench.imported().await;
    bench
}

#[tokio::test]
async fn clean_data_makes_room_for_new_data() {
    let bench = bench().await;
    for n in 0..40 {
        bench.put(&format!("f{n}"), pattern(n, 1 << 20)).await;
    }
    bench.drain().await;
    bench
        .until("evicted", |bench| {
            bench.fs().status().cache_used_bytes <= 8 << 20
        })
        .await;
    for n in 0..40 {
        assert!(
            bench.read(&format!("f{n}")).await.unwrap() == pattern(n, 1 << 20),
            "f{n}"
        );
        assert!(bench.object(&format!("f{n}")) == pattern(n, 1 << 20));
    }
}

#[tokio::test]
async fn dirty_data_is_never_evicted() {
    let mut bench = bench().await;
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    let mut written = 0;
    let refused = loop {
        bench.create(&format!("f{written}")).await.unwrap();
        match bench
            .write(&format!("f{written}"), 0, pattern(written, 1 << 20))
            .await
        {
            Ok(_) => bench.commit(&format!("f{written}")).await.unwrap(),
            Err(e) => break e,
        };
        written += 1;
    };
    assert_eq!(refused.kind(), ErrorKind::NoSpace);
    assert!(
        (6..=8).contains(&written),
        "{written} MiB of 8 could be written"
    );
    bench.crash(|| false).await;
    for n in 0..written {
        assert!(bench.read(&format!("f{n}")).await.unwrap() == pattern(n, 1 << 20));
    }
    bench.store.set_faults(Faults::default());
    bench.drain().await;
    bench
        .write(&format!("f{written}"), 0, pattern(99, 1 << 20))
        .await
        .unwrap();
    bench.drain().await;
    assert!(bench.object(&format!("f{written}")) == pattern(99, 1 << 20));
}

#[tokio::test]
async fn a_file_larger_than_the_cache_can_be_read() {
    let bench = bench().await;
    bench.insert("big", pattern(1, 30 << 20));
    bench.fs().sync(None).await.unwrap();
    assert!(bench.read("big").await.unwrap() == pattern(1, 30 << 20));
}

#[tokio::test]
async fn replaced_and_removed_data_is_given_back() {
    let bench = bench().await;
    for round in 0..30 {
        bench.put("f", pattern(round, 1 << 20)).await;
    }
    bench.drain().await;
    bench
        .until("given back", |bench| {
            bench.fs().status().cache_used_bytes <= 2 << 20
        })
        .await;
    bench.remove("f").await.unwrap();
    bench.drain().await;
    assert_eq!(bench.fs().status().cache_used_bytes, 0);
}

async fn offline_bench() -> Bench {
    let bench = bench().await;
    bench.store.set_faults(Faults {
        offline: true,
        ..Faults::default()
    });
    bench
}

/// The size of the largest file.
const LARGEST: u64 = u64::MAX / 2;

#[tokio::test]
async fn files_are_made_as_large_as_they_may_be_and_take_no_room() {
    let bench = offline_bench().await;
    let (fs, mode) = (bench.fs(), CreateMode::Unchecked);
    for name in ["a", "b", "c"] {
        let set = SetAttributes {
            size: Some(LARGEST),
            ..SetAttributes::default()
        };
        let (caller, name) = (root(), name_of(name));
        let made = fs.create(&caller, fs.root(), &name, mode, set).await;
        assert_eq!(made.unwrap().size, LARGEST);
    }
    assert_eq!(fs.status().dirty_bytes, 0);
}

#[tokio::test]
async fn a_restart_counts_of_large_files_what_was_written_of_them() {
    let mut bench = offline_bench().await;
    for name in ["a", "b", "c"] {
        bench.create(name).await.unwrap();
        bench.resize(name, LARGEST).await.unwrap();
    }
    bench.write("c", 1 << 40, pattern(1, 10_000)).await.unwrap();
    bench.commit("c").await.unwrap();
    let written = 3 * 4_096;
    assert_eq!(bench.fs().status().dirty_bytes, written);
    bench.crash(|| false).await;
    let status = bench.fs().status();
    assert_eq!((status.dirty_bytes, status.dirty_files), (written, 3));
    bench.chmod("c", 0o600).await.unwrap();
    assert_eq!(bench.fs().status().dirty_bytes, written);
}
