//! What one part of one round gave for one subject.

use std::collections::BTreeMap;

use serde::Serialize;

use super::turn::Turn;
use crate::{
    orders::Done,
    process::CpuTime,
    samples::{Times, median, per},
};

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    /// Connections, answers or deliveries.
    pub(super) count: u64,
    /// Those that never came.
    pub(super) lost: u64,
    /// A second.
    pub(super) rate: f64,
    /// The broker's CPU time for each, in microseconds; seconds a million, that is. The median of
    /// the turns.
    pub(super) cpu_us: Option<f64>,
    /// The same of each turn. Those of two subjects with the same index in the same round were
    /// measured close together.
    pub(super) turns_cpu_us: Vec<Option<f64>>,
    /// Its system calls for each, by name, where they were counted.
    pub(super) system_calls: Option<BTreeMap<String, f64>>,
    /// The part of its CPU time in all turns which its busiest thread used.
    pub(super) busiest_thread: Option<f64>,
    /// Resident memory of the broker for each idle client.
    pub(super) idle_bytes: Option<f64>,
    /// How long each took; of all turns together, as one has too few for those that are late.
    pub(super) times: Option<Times>,
}

impl Figures {
    /// Of all turns of a part.
    pub(super) fn of(turns: Vec<Turn>) -> Self {
        let turns_cpu_us: Vec<Option<f64>> = turns.iter().map(Turn::cpu_us).collect();
        let mut all = Done::default();
        let mut cpu = CpuTime::default();
        let mut calls: Option<BTreeMap<String, u64>> = None;
        let mut grown_bytes = None;
        for turn in turns {
            all.append(turn.done);
            cpu.add(&turn.cpu.unwrap_or_default());
            for (name, n) in turn.calls.into_iter().flatten() {
                *calls.get_or_insert_default().entry(name).or_default() += n;
            }
            grown_bytes = grown_bytes.or(turn.grown_bytes);
        }
        let (count, used) = (all.count, cpu.total_ns());
        Self {
            count,
            lost: all.lost,
            rate: per(count, all.elapsed_ns) * 1e9,
            cpu_us: median(turns_cpu_us.iter().copied().flatten()),
            turns_cpu_us,
            system_calls: calls.map(|calls| {
                let each = calls.into_iter().map(|(name, n)| (name, per(n, count)));
                each.collect()
            }),
            busiest_thread: (used > 0).then(|| per(cpu.busiest_ns(), used)),
            idle_bytes: grown_bytes.map(|bytes| per(bytes, count)),
            times: Times::of(all.times_us),
        }
    }

    /// How many times as much CPU time as `floor` took in the same turn, of each turn.
    pub(super) fn ratios(&self, floor: &Self) -> impl Iterator<Item = f64> {
        let pairs = self.turns_cpu_us.iter().zip(&floor.turns_cpu_us);
        pairs.filter_map(|(ours, floor)| {
            let floor = floor.filter(|us| *us > 0.0)?;
            Some((*ours)? / floor)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(count: u64, threads_us: &[(&str, u64)], times_us: Vec<u32>) -> Turn {
        let threads = threads_us
            .iter()
            .map(|(name, us)| (name.into(), us * 1_000));
        Turn {
            done: Done {
                count,
                lost: 0,
                elapsed_ns: 500_000_000,
                times_us,
            },
            cpu: Some(threads.collect()),
            ..Turn::default()
        }
    }

    #[test]
    fn times_are_those_of_all_turns_put_together() {
        // One turn is ten times as slow: its samples are a tenth of all.
        let mut turns: Vec<Turn> = (0..9).map(|_| turn(100, &[], vec![10; 100])).collect();
        turns.push(turn(100, &[], vec![100; 100]));
        let figures = Figures::of(turns);
        let times = figures.times.unwrap();
        assert_eq!((times.p50_us, times.p99_us), (10.0, 100.0));
        assert_eq!((figures.count, figures.rate), (1_000, 200.0));
    }

    #[test]
    fn cpu_time_is_the_middle_turn_and_threads_are_summed() {
        let figures = Figures::of(vec![
            turn(10, &[("a", 60), ("b", 20)], Vec::new()),
            turn(10, &[("a", 10), ("b", 90)], Vec::new()),
            turn(10, &[("b", 10), ("c", 10)], Vec::new()),
        ]);
        let each = [Some(8.0), Some(10.0), Some(2.0)];
        assert_eq!(figures.turns_cpu_us, each);
        assert_eq!(figures.cpu_us, Some(8.0));
        // Thread b had 120 of 200, though a was the busiest of the first turn.
        assert_eq!(figures.busiest_thread, Some(0.6));
    }

    #[test]
    fn without_a_process_there_is_no_cpu_time() {
        let unseen = || Turn {
            cpu: None,
            ..turn(5, &[], Vec::new())
        };
        let figures = Figures::of(vec![unseen(), unseen()]);
        assert_eq!(figures.turns_cpu_us, [None, None]);
        assert_eq!((figures.cpu_us, figures.busiest_thread), (None, None));
        assert_eq!(figures.system_calls, None);
        assert_eq!(figures.count, 10);
    }

    #[test]
    fn a_turn_is_compared_with_the_floor_in_the_same_turn() {
        let of = |turns: &[Option<f64>]| Figures {
            turns_cpu_us: turns.to_vec(),
            ..Figures::default()
        };
        let ours = of(&[Some(2.0), Some(30.0), None, Some(1.0), Some(6.0)]);
        let floor = of(&[Some(1.0), Some(10.0), Some(1.0), Some(0.0), Some(2.0)]);
        let ratios: Vec<f64> = ours.ratios(&floor).collect();
        assert_eq!(ratios, [2.0, 3.0, 3.0]);
    }

    #[test]
    fn system_calls_and_memory_are_for_each() {
        let of_turn = Turn {
            calls: Some([("read".to_owned(), 5)].into()),
            grown_bytes: Some(8_000),
            ..turn(10, &[], Vec::new())
        };
        let figures = Figures::of(vec![of_turn]);
        assert_eq!(
            figures.system_calls,
            Some([("read".to_owned(), 0.5)].into())
        );
        assert_eq!(figures.idle_bytes, Some(800.0));
    }
}
