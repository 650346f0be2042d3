//! `causeway gateway fsck`: checks of the caches on this host's disk.

use clock::Clock;
use gateway::{CheckedShare, FsckOptions};
use serde_json::json;

use crate::{
    args::FsckArgs,
    config::GatewaySettings,
    ctl::{CtlError, print},
    error::RoleError,
};

/// Findings shown to people; `--json` has all of them.
const SHOWN_MAX: usize = 50;

/// Checks, and fails if something is left to mend.
pub(crate) async fn run(
    settings: GatewaySettings,
    args: FsckArgs,
    clock: Clock,
) -> Result<(), RoleError> {
    let options = FsckOptions {
        repair: args.repair,
        data: args.read_data,
    };
    let checked = gateway::fsck(&settings.cache_dir, args.share.as_deref(), options, &clock).await;
    let checked = checked.map_err(RoleError::part("check the cache"))?;
    let text = if args.json {
        let shares = checked.iter().map(
            |checked| json!({"share": checked.share, "dir": checked.dir, "report": checked.report}),
        );
        format!("{}\n", json!({"shares": shares.collect::<Vec<_>>()}))
    } else {
        checked
            .iter()
            .map(|share| for_people(share, args.repair))
            .collect()
    };
    print(&text)?;
    let remaining: u64 = checked.iter().map(|checked| checked.report.remaining).sum();
    if remaining > 0 {
        let advice = if args.repair {
            "what is left cannot be mended by itself"
        } else {
            "nothing was changed; --repair mends them"
        };
        return Err(RoleError::Ctl(CtlError::Outcome {
            code: "DAMAGED".to_owned(),
            message: format!("{remaining} faults; {advice}"),
        }));
    }
    Ok(())
}

fn for_people(checked: &CheckedShare, repair: bool) -> String {
    let report = &checked.report;
    let mut lines = vec![format!(
        "{}: {} records, {} blocks of data: {}",
        checked.share,
        report.records,
        report.blocks,
        match (report.found.is_empty(), report.is_clean()) {
            (true, _) => "sound".to_owned(),
            (false, true) => format!("{} faults, all mended", report.repaired),
            (false, false) if repair => format!(
                "{} faults mended, {} left",
                report.repaired, report.remaining
            ),
            (false, false) => format!("{} faults", report.remaining),
        }
    )];
    for (check, count) in &report.found {
        lines.push(format!("  {check}: {count}"));
    }
    for finding in report.findings.iter().take(SHOWN_MAX) {
        lines.push(format!("    {}: {}", finding.check, finding.what));
    }
    let hidden = report.findings.len().saturating_sub(SHOWN_MAX);
    if hidden > 0 {
        lines.push(format!("    … and {hidden} more (--json has them)"));
    }
    for path in &report.lost {
        lines.push(format!("  LOST BYTES: {path}"));
    }
    lines.join("\n") + "\n"
}
