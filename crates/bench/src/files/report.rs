//! What the rounds gave, for people and for machines.

use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;

use super::{
    FilesArgs, Side,
    phase::{Figures, Phase},
};
use crate::{error::BenchError, samples::median};

#[derive(Debug, Serialize)]
struct Document<'a> {
    file_system: &'a str,
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

/// One target and what was measured.
#[derive(Clone, Copy, Debug, Serialize)]
struct Verdict {
    phase: Phase,
    limit: f64,
    measured: f64,
    met: bool,
}

#[derive(Debug)]
pub(super) struct Report {
    file_system: String,
    entries: Vec<Entry>,
}

impl Report {
    pub(super) fn new(file_system: &str) -> Self {
        Self {
            file_system: file_system.to_owned(),
            entries: Vec::new(),
        }
    }

    pub(super) fn name_of(&self, side: Side) -> &str {
        match side {
            Side::Engine => "causeway",
            Side::Disk => &self.file_system,
        }
    }

    pub(super) fn add(&mut self, round: u32, side: Side, phase: Phase, figures: Figures) {
        self.entries.push(Entry {
            round,
            subject: self.name_of(side).to_owned(),
            phase,
            figures,
        });
    }

    pub(super) fn json(&self) -> Result<String, BenchError> {
        let document = Document {
            file_system: &self.file_system,
            figures: &self.entries,
            verdicts: self.verdicts(),
        };
        serde_json::to_string_pretty(&document).map_err(BenchError::Line)
    }

    fn of(&self, side: Side, phase: Phase) -> impl Iterator<Item = &Entry> {
        let name = self.name_of(side).to_owned();
        self.entries
            .iter()
            .filter(move |e| e.subject == name && e.phase == phase)
    }

    fn median(&self, side: Side, phase: Phase, pick: fn(&Figures) -> f64) -> Option<f64> {
        median(self.of(side, phase).map(|e| pick(&e.figures)))
    }

    /// The median of what the rounds each gave: a disk that gets slower does so for both.
    fn ratio(&self, phase: Phase, pick: fn(&Figures) -> f64) -> Option<f64> {
        median(self.of(Side::Engine, phase).filter_map(|ours| {
            let mut theirs = self.of(Side::Disk, phase);
            let theirs = theirs.find(|e| e.round == ours.round)?;
            Some(pick(&ours.figures) / pick(&theirs.figures))
        }))
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let verdict = |phase: Phase| {
            let limit = phase.ratio_max()?;
            let measured = self.ratio(phase, |f| f.time_us)?;
            Some(Verdict {
                phase,
                limit,
                measured,
                met: measured <= limit,
            })
        };
        Phase::all().filter_map(verdict).collect()
    }

    pub(super) fn table(&self, args: &FilesArgs) -> String {
        let (files, data, rounds) = (args.files, args.data_mib, args.rounds);
        let mut text = format!(
            "{files} small files, one of {data} MiB, on {}; medians of {rounds} rounds\n\n",
            self.file_system
        );
        text += "Time of each, microseconds\n";
        text += &self.grid(|f| f.time_us);
        text += "\nCPU time of each, microseconds\n";
        text += &self.grid(|f| f.cpu_us);
        text += "\nTargets\n";
        for verdict in self.verdicts() {
            let word = if verdict.met { "met    " } else { "NOT MET" };
            let (title, limit) = (verdict.phase.title(), verdict.limit);
            let line = format!(
                "{word}  {title}: {:.2}, limit {limit:.2}\n",
                verdict.measured
            );
            text += &line;
        }
        text
    }

    /// A row for each part that has figures.
    fn grid(&self, pick: fn(&Figures) -> f64) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_HORIZONTAL_ONLY);
        table.set_header(["", self.name_of(Side::Engine), &self.file_system, "ratio"]);
        for phase in Phase::all() {
            let ours = self.median(Side::Engine, phase, pick);
            let theirs = self.median(Side::Disk, phase, pick);
            if let (Some(ours), Some(theirs)) = (ours, theirs) {
                let ratio = self.ratio(phase, pick).unwrap_or(f64::NAN);
                let title = phase.title().to_owned();
                let figures = [format!("{ours:.1}"), format!("{theirs:.1}")];
                let cells = std::iter::once(title).chain(figures);
                table.add_row(cells.chain([format!("×{ratio:.2}")]));
            }
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{table}\n")
    }
}
