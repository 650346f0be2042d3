//! One round: all subjects are up, and are measured by turns.

use clock::Clock;

use super::{
    MqttArgs, contender::Contender, figures::Figures, phase::Phase, plan::Plan, report::Report,
    turn::Turn,
};
use crate::{
    error::BenchError,
    process::{SelfExec, progress},
};

#[derive(Debug)]
pub(super) struct Round {
    number: u32,
    of: u32,
    /// Whoever is first has the coolest machine: not the same in every round.
    contenders: Vec<Contender>,
}

impl Round {
    pub(super) fn start(
        number: u32,
        args: &MqttArgs,
        exec: &SelfExec,
        clock: &Clock,
    ) -> Result<Self, BenchError> {
        progress(&format!("round {} of {}: start", number + 1, args.rounds));
        let first = usize::try_from(number).unwrap_or(0);
        let subjects = rotated(args.subjects.len(), first).filter_map(|at| args.subjects.get(at));
        let contenders: Result<_, _> = subjects
            .map(|subject| Contender::start(subject, args, exec, clock))
            .collect();
        Ok(Self {
            number,
            of: args.rounds,
            contenders: contenders?,
        })
    }

    /// One part of all subjects. They take turns, so that what is compared is measured close
    /// together: a machine that gets slower does so for all.
    pub(super) fn measure(
        &mut self,
        phase: Phase,
        plan: &Plan,
        report: &mut Report,
    ) -> Result<(), BenchError> {
        let (number, title) = (self.number + 1, phase.title());
        progress(&format!("round {number} of {}: {title}", self.of));
        for contender in &mut self.contenders {
            contender.prepare(phase)?;
        }
        let mut turns: Vec<Vec<Turn>> = self.contenders.iter().map(|_| Vec::new()).collect();
        for (first, share) in plan.turns(phase).enumerate() {
            for at in rotated(self.contenders.len(), first) {
                if let (Some(contender), Some(turns)) =
                    (self.contenders.get_mut(at), turns.get_mut(at))
                {
                    turns.push(contender.turn(phase, share)?);
                }
            }
        }
        for (contender, turns) in self.contenders.iter_mut().zip(turns) {
            contender.finish(phase)?;
            report.add(self.number, contender.subject(), phase, Figures::of(turns));
        }
        Ok(())
    }
}

/// All of `len`, another one first each time.
fn rotated(len: usize, first: usize) -> impl Iterator<Item = usize> {
    (first..first + len).map(move |at| at % len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_first_in_turn() {
        let orders: Vec<Vec<usize>> = (0..4).map(|n| rotated(3, n).collect()).collect();
        assert_eq!(orders, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]);
        assert_eq!(rotated(0, 7).count(), 0);
    }
}
