//! What the rounds gave, for people and for machines.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;

use super::{
    MqttArgs,
    figures::Figures,
    phase::Phase,
    target::{self, Verdict},
};
use crate::{
    error::BenchError,
    samples::{Times, median},
    subject::Subject,
};

#[derive(Debug, Serialize)]
struct Document<'a> {
    figures: &'a [Entry],
    verdicts: Vec<Verdict>,
}

#[derive(Debug, Serialize)]
struct Entry {
    round: u32,
    subject: String,
    phase: Phase,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Debug)]
pub(super) struct Report {
    tls: bool,
    subjects: Vec<String>,
    entries: Vec<Entry>,
}

impl Report {
    pub(super) fn new(subjects: &[Subject], tls: bool) -> Self {
        Self {
            tls,
            subjects: subjects.iter().map(ToString::to_string).collect(),
            entries: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, round: u32, subject: &Subject, phase: Phase, figures: Figures) {
        self.entries.push(Entry {
            round,
            subject: subject.to_string(),
            phase,
            figures,
        });
    }

    pub(super) fn json(&self) -> Result<String, BenchError> {
        let document = Document {
            figures: &self.entries,
            verdicts: target::verdicts(self, self.tls),
        };
        serde_json::to_string_pretty(&document).map_err(BenchError::Line)
    }

    /// A measurement in which messages got lost measures something else.
    pub(super) fn check_nothing_lost(&self) -> Result<(), BenchError> {
        let mut text = String::new();
        for entry in self.entries.iter().filter(|e| e.figures.lost > 0) {
            let Entry { subject, phase, .. } = entry;
            let (lost, count) = (entry.figures.lost, entry.figures.count);
            write!(
                text,
                "{subject} lost {lost} in {}, {count} came; ",
                phase.title()
            )
            .expect("writing to a string does not fail");
        }
        if text.is_empty() {
            return Ok(());
        }
        Err(BenchError::Broken(text))
    }

    fn of(&self, subject: &str, phase: Phase) -> impl Iterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |e| e.subject == subject && e.phase == phase)
    }

    pub(super) fn median(
        &self,
        subject: &str,
        phase: Phase,
        pick: impl Fn(&Figures) -> Option<f64>,
    ) -> Option<f64> {
        median(self.of(subject, phase).filter_map(|e| pick(&e.figures)))
    }

    /// CPU time of each: the median of all turns of all rounds.
    fn cpu_us(&self, subject: &str, phase: Phase) -> Option<f64> {
        let turns = self
            .of(subject, phase)
            .flat_map(|e| &e.figures.turns_cpu_us);
        median(turns.copied().flatten())
    }

    /// The same by the floor's: the median of what the turns each gave.
    pub(super) fn ratio(&self, subject: &str, phase: Phase) -> Option<f64> {
        let rounds = self.of(subject, phase).filter_map(|entry| {
            let floor = self.of("floor", phase).find(|f| f.round == entry.round)?;
            Some(entry.figures.ratios(&floor.figures))
        });
        median(rounds.flatten())
    }

    /// The median over the rounds of how much later the last of a hundred is in one part than in
    /// another.
    pub(super) fn p99_ratio(&self, subject: &str, phase: Phase, by: Phase) -> Option<f64> {
        let p99 = |entry: &Entry| entry.figures.times.as_ref().map(|times| times.p99_us);
        median(self.of(subject, phase).filter_map(|entry| {
            let other = self.of(subject, by).find(|e| e.round == entry.round)?;
            Some(p99(entry)? / p99(other)?)
        }))
    }

    pub(super) fn table(&self, args: &MqttArgs) -> String {
        let (clients, rounds) = (args.clients, args.rounds);
        let mut text = format!(
            "{clients} clients, medians of {rounds} rounds, CPU times and × of all their turns\n\n"
        );
        text += "CPU time of the broker, microseconds each (seconds a million); × the floor\n";
        text += &self.grid(|subject, phase| {
            let cpu = self.cpu_us(subject, phase)?;
            let ratio = self.ratio(subject, phase);
            Some(match ratio {
                Some(ratio) if subject != "floor" => format!("{cpu:.2}  ×{ratio:.2}"),
                _ => format!("{cpu:.2}"),
            })
        });
        text += "\nRate, a second\n";
        text += &self.grid(|subject, phase| {
            let rate = self.median(subject, phase, |f| Some(f.rate))?;
            Some(format!("{rate:.0}"))
        });
        text += "\nTimes, microseconds: first / p50 / p99 / p99.9 / last\n";
        text += &self.grid(|subject, phase| {
            let time = |pick: fn(&Times) -> f64| {
                self.median(subject, phase, |f| f.times.as_ref().map(pick))
            };
            Some(format!(
                "{:.0} / {:.0} / {:.0} / {:.0} / {:.0}",
                time(|t| t.first_us)?,
                time(|t| t.p50_us)?,
                time(|t| t.p99_us)?,
                time(|t| t.p999_us)?,
                time(|t| t.last_us)?
            ))
        });
        text += "\nResident memory, bytes for each idle client\n";
        text += &self.grid(|subject, phase| {
            let bytes = self.median(subject, phase, |f| f.idle_bytes)?;
            Some(format!("{bytes:.0}"))
        });
        if self
            .entries
            .iter()
            .any(|e| e.figures.system_calls.is_some())
        {
            text += "\nSystem calls of the broker for each\n";
            text += &self.grid(|subject, phase| self.system_calls(subject, phase));
        }
        text += "\nTargets\n";
        let verdicts = target::verdicts(self, self.tls);
        verdicts.iter().for_each(|verdict| text += &verdict.line());
        text
    }

    /// Of the last round; those that are seldom are left out.
    fn system_calls(&self, subject: &str, phase: Phase) -> Option<String> {
        let calls = self
            .of(subject, phase)
            .last()?
            .figures
            .system_calls
            .as_ref()?;
        let total: f64 = calls.values().sum();
        let mut text = format!("{total:.2}");
        for (name, count) in calls.iter().filter(|(_, count)| **count >= 0.02) {
            write!(text, "\n{name} {count:.2}").expect("writing to a string does not fail");
        }
        Some(text)
    }

    /// A row for each part that has figures.
    fn grid(&self, cell: impl Fn(&str, Phase) -> Option<String>) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        let head = std::iter::once("").chain(self.subjects.iter().map(String::as_str));
        table.set_header(head);
        for phase in Phase::all() {
            let cells: Vec<Option<String>> = self.subjects.iter().map(|s| cell(s, phase)).collect();
            if cells.iter().any(Option::is_some) {
                let title = std::iter::once(phase.title().to_owned());
                table.add_row(title.chain(cells.into_iter().map(Option::unwrap_or_default)));
            }
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each round the CPU times of its turns, and the p99.
    fn add(report: &mut Report, subject: &Subject, phase: Phase, rounds: &[(&[f64], f64)]) {
        for ((turns_us, p99_us), round) in rounds.iter().zip(0..) {
            let times = Times {
                p99_us: *p99_us,
                ..Times::default()
            };
            let figures = Figures {
                turns_cpu_us: turns_us.iter().copied().map(Some).collect(),
                times: Some(times),
                ..Figures::default()
            };
            report.add(round, subject, phase, figures);
        }
    }

    #[test]
    fn cpu_times_are_compared_turn_by_turn_over_all_rounds() {
        let subjects = [Subject::Floor, Subject::Causeway];
        let mut report = Report::new(&subjects, false);
        let [floor, ours] = &subjects;
        // The machine is ten times as slow from the middle of the second round on; whoever
        // compares sums or rounds sees 7 or more.
        add(
            &mut report,
            floor,
            Phase::Ping,
            &[(&[10.0, 10.0, 10.0], 1.0), (&[10.0, 10.0, 100.0], 1.0)],
        );
        add(
            &mut report,
            ours,
            Phase::Ping,
            &[(&[11.0, 13.0, 12.0], 1.0), (&[12.0, 100.0, 120.0], 1.0)],
        );
        assert_eq!(report.ratio("causeway", Phase::Ping), Some(1.2));
        assert_eq!(report.ratio("floor", Phase::Ping), Some(1.0));
        assert_eq!(report.cpu_us("causeway", Phase::Ping), Some(12.5));
        assert_eq!(report.ratio("mosquitto", Phase::Ping), None);
        assert_eq!(report.ratio("causeway", Phase::Pairs0), None);
    }

    #[test]
    fn a_late_command_is_compared_with_those_of_the_same_round() {
        let ours = Subject::Causeway;
        let mut report = Report::new(std::slice::from_ref(&ours), false);
        let (idle, busy) = (Phase::RoundTrip1Paced, Phase::Saturation);
        add(
            &mut report,
            &ours,
            idle,
            &[(&[], 100.0), (&[], 400.0), (&[], 200.0)],
        );
        add(
            &mut report,
            &ours,
            busy,
            &[(&[], 150.0), (&[], 480.0), (&[], 500.0)],
        );
        assert_eq!(report.p99_ratio("causeway", busy, idle), Some(1.5));
    }
}
