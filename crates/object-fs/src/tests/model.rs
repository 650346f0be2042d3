//! Random operations against `vfs::MemFs`, with power cuts at every moment that leaves something
//! behind (journal record, sync, request to the store) and a store that fails.
//!
//! One history is applied to both; after each power cut the engine must be what the model is,
//! where the model knows what was promised: all names and attributes, and content as it was at
//! the last commit or after one of the writes since, whole (never a mixture). A simulation runs
//! on one thread in the runtime's own time, so a seed gives the same history each time. The seed
//! chooses the share's mode, too, and whether it ignores deletes.
//!
//! `CAUSEWAY_MODEL_SEEDS=10000` runs that many seeds; `CAUSEWAY_MODEL_SEED=17` repeats one.

mod operation;
mod promise;
mod world;

use std::{collections::BTreeMap, ops::Range};

use object_store::Faults;

use self::{
    operation::Operation,
    promise::{Files, Promised},
    world::World,
};
use super::*;

/// Seeds where nobody says how many.
const SEEDS: u64 = 500;
const STEPS: u64 = 150;
/// Between two power cuts there are at most so many moments.
const MOMENTS_MAX: u64 = 60;
/// Histories that are cut at each of their moments, and the steps of each.
const SHORT_HISTORIES: u64 = 12;
const SHORT_STEPS: u64 = 50;
/// Seeds on the machine's own threads and clock, side by side.
const REAL_SEEDS: u64 = 8;

/// A number from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "a test has no main that could pass it"
)]
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

fn seeds() -> Range<u64> {
    match setting("CAUSEWAY_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("CAUSEWAY_MODEL_SEEDS").unwrap_or(SEEDS),
    }
}

async fn simulated_world(seed: u64) -> World {
    World::new(Bench::simulated_in_modes(seed).await, seed).await
}

/// The power goes off again and again. Parts that were sent, and parts that were copied.
async fn with_power_cuts(seed: u64) -> (u64, u64) {
    let mut world = simulated_world(seed).await;
    for _ in 0..STEPS {
        if !world.has_cut_ahead {
            let moments = 1 + world.random().below(MOMENTS_MAX);
            world.cut_after(moments);
        }
        world.step().await;
    }
    let counts = world.bench.store.counts();
    world.end().await;
    (counts.parts, counts.part_copies)
}

/// The power goes off once, at that moment; how many moments there were.
async fn cut_once(seed: u64, at: u64) -> u64 {
    let mut world = simulated_world(seed).await;
    let before = world.bench.power.moments();
    world.cut_after(at);
    for _ in 0..SHORT_STEPS {
        world.step().await;
    }
    let moments = world.bench.power.moments() - before;
    world.end().await;
    moments
}

#[test]
fn random_operations_and_power_cuts_lose_nothing_promised() {
    let next = std::sync::atomic::AtomicU64::new(seeds().start);
    let parts = parking_lot::Mutex::new((0, 0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds().end {
                return;
            }
            let (sent, copied) = simulate(with_power_cuts(seed));
            let mut parts = parts.lock();
            *parts = (parts.0 + sent, parts.1 + copied);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let (sent, copied) = *parts.lock();
    let is_one = seeds().end - seeds().start == 1;
    assert!(is_one || (sent > 0 && copied > 0), "{sent} {copied}");
}

#[test]
fn no_moment_is_a_bad_one_for_a_power_cut() {
    let histories = SHORT_HISTORIES * seeds().end.div_ceil(SEEDS);
    let mut moments = 0;
    for seed in 0..histories {
        let mut at = 1;
        while simulate(cut_once(seed, at)) >= at {
            at += 1;
        }
        moments += at - 1;
    }
    let least = histories * SHORT_STEPS / 2;
    assert!(moments > least, "the histories have only {moments} moments");
}

#[test]
fn a_seed_gives_the_same_history_each_time() {
    let history = || {
        simulate(async {
            let mut world = simulated_world(7).await;
            for _ in 0..STEPS {
                world.step().await;
            }
            (world.bench.power.moments(), world.bench.store.counts())
        })
    };
    assert_eq!(history(), history());
}

async fn on_real_threads(seed: u64) {
    let mut world = World::new(Bench::new().await, seed).await;
    for step in 1..=STEPS {
        world.step().await;
        if step % (10 + seed) == 0 {
            world.crash(None).await;
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations_on_real_threads_are_those_of_the_model() {
    futures::future::join_all((0..REAL_SEEDS).map(on_real_threads)).await;
}
