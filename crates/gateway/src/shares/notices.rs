//! What people are told when shares change.

use std::{collections::BTreeMap, sync::Arc};

use clock::Clock;
use model::{Event, EventKind, Failure, IntentReport, LostCache, Severity, ShareName};
use object_fs::FsEvent;
use tracing::{info, warn};

use super::{
    run::{Phase, Run},
    wanted::Place,
};
use crate::agent::Outbox;

/// What was told last of a share; the same is not told twice.
#[derive(Debug, PartialEq)]
enum Told {
    Served,
    Failed(Failure),
}

/// Tells.
pub(super) struct Notices {
    outbox: Arc<Outbox>,
    clock: Clock,
    told: BTreeMap<Place, Told>,
}

impl Notices {
    pub(super) fn new(outbox: Arc<Outbox>, clock: Clock) -> Self {
        Self {
            outbox,
            clock,
            told: BTreeMap::new(),
        }
    }

    /// Tells if the share has come into, or out of, service.
    pub(super) fn tell(&mut self, place: &Place, run: &Run) {
        let now = match &run.phase {
            Phase::Serving(opened) => {
                self.tell_events(&run.settings.name, opened.share.take_events());
                Told::Served
            }
            Phase::Failed { failure, .. } => Told::Failed(failure.clone()),
            Phase::Idle | Phase::Opening | Phase::Draining(_) | Phase::Closing => return,
        };
        if self.told.get(place) == Some(&now) {
            return;
        }
        let name = &run.settings.name;
        match &now {
            Told::Served => {
                info!(share.name = %name, "share is served");
                self.notice(Severity::Info, name, format!("share {name} is served"));
            }
            Told::Failed(failure) => {
                warn!(share.name = %name, code = ?failure.code, error = %failure, "share failed");
                let text = format!("share {name} is not served: {failure}");
                self.notice(Severity::Error, name, text);
            }
        }
        self.told.insert(place.clone(), now);
    }

    fn tell_events(&self, name: &ShareName, events: Vec<FsEvent>) {
        for event in events {
            let severity = if event.is_warning() {
                Severity::Warning
            } else {
                Severity::Info
            };
            info!(share.name = %name, "{event}");
            self.notice(severity, name, format!("share {name}: {event}"));
        }
    }

    /// A removed share is empty and gone, or its cache was lost.
    pub(super) fn gone(&mut self, place: &Place, name: &ShareName, lost: Option<LostCache>) {
        self.told.remove(place);
        if let Some(lost) = lost {
            let event = FsEvent::CacheLost(lost);
            warn!(share.name = %name, "removed share: {event}");
            let text = format!("share {name} was removed: {event}");
            return self.notice(Severity::Error, name, text);
        }
        info!(share.name = %name, "removed share is empty and gone");
        let text = format!("share {name} was removed; all it held is in its bucket");
        self.notice(Severity::Info, name, text);
    }

    /// All shares of an intent are settled.
    pub(super) fn reached(&self, report: IntentReport) {
        self.outbox.push_event(&Event {
            at: self.clock.wall(),
            kind: EventKind::IntentReport(report),
        });
    }

    fn notice(&self, severity: Severity, share: &ShareName, message: String) {
        let share = Some(share.to_string());
        self.outbox.push_event(&Event {
            at: self.clock.wall(),
            kind: EventKind::Notice {
                severity,
                share,
                message,
            },
        });
    }
}
