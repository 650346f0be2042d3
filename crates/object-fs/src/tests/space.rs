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
