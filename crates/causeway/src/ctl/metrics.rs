//! `ctl gateway metrics`: figures over time.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use clock::Timestamp;
use model::ShareName;
use serde_json::{Map, Value};

use super::{
    Context, CtlError,
    gateway::find,
    table::{self, Column, Format, column},
    units,
};

/// Lines of the table unless a step is given: a screen.
const LINES: u32 = 20;
/// Steps below get no finer answer from the console.
const STEP_MIN: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
pub(super) struct MetricsArgs {
    /// Name or id
    gateway: String,
    /// One share instead of the whole gateway
    #[arg(long, value_name = "NAME")]
    share: Option<ShareName>,
    /// How far back: 15m, 1h, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = units::parse_duration)]
    last: Duration,
    /// Time between two lines, at least 1s [default: a twentieth of the time]
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    step: Option<Duration>,
}

/// What a share and a gateway have; the pointers are names of series.
const BOTH: &[Column] = &[
    column("AT", "/at", Format::Time),
    column("UNPROTECTED", "/dirty_bytes", Format::Bytes),
    column("OLDEST", "/oldest_dirty_age_ms", Format::Duration),
    column("QUEUE", "/upload_queue", Format::Text),
    column("WRITTEN", "/write_bytes_per_s", Format::Rate),
    column("READ", "/read_bytes_per_s", Format::Rate),
    column("UPLOADED", "/upload_bytes_per_s", Format::Rate),
    column("DOWNLOADED", "/download_bytes_per_s", Format::Rate),
    column("CACHE", "/cache_used_bytes", Format::Bytes),
    column("HITS", "/hit_ratio", Format::Ratio),
];

/// What only a gateway has.
const GATEWAY: &[Column] = &[
    column("DISK FREE", "/cache_disk_free_bytes", Format::Bytes),
    column("ROUND TRIP", "/round_trip_ms", Format::Duration),
    column("CPU", "/cpu_ratio", Format::Ratio),
    column("MEMORY", "/memory_bytes", Format::Bytes),
];

pub(super) async fn show(context: &Context<'_>, args: &MetricsArgs) -> Result<(), CtlError> {
    let id = find(context, &args.gateway).await?;
    let now = context.clock.wall();
    let answer = context
        .api
        .get(&["gateways", &id, "metrics"], &args.query(now))
        .await?;
    let mut columns = BOTH.to_vec();
    if args.share.is_none() {
        columns.extend(GATEWAY);
    }
    context.output.show(&answer, || {
        let rows = rows(&answer);
        let mut shown = table::table(&columns, &rows, now);
        if rows.is_empty() {
            let past = units::duration(args.last);
            shown.push_str(&format!(
                "(nothing was reported in the last {past}; look further back with --last)\n"
            ));
        }
        shown
    })
}

impl MetricsArgs {
    fn query(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let step = self.step.unwrap_or(self.last / LINES).max(STEP_MIN);
        let from = now.as_millis().saturating_sub(millis(self.last));
        let mut query = vec![
            ("from", from.to_string()),
            ("to", now.as_millis().to_string()),
            ("step", millis(step).to_string()),
        ];
        query.extend(self.share.iter().map(|name| ("share", name.to_string())));
        query
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Series with times become one row for each time.
fn rows(answer: &Value) -> Vec<Value> {
    let mut rows: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    let series = answer.get("series").and_then(Value::as_object);
    for (name, points) in series.into_iter().flatten() {
        for point in points.as_array().into_iter().flatten() {
            let (Some(at), Some(value)) = (point.get(0).and_then(Value::as_u64), point.get(1))
            else {
                continue;
            };
            let row = rows.entry(at).or_default();
            row.insert("at".to_owned(), at.into());
            row.insert(name.clone(), whole(value));
        }
    }
    rows.into_values().map(Value::Object).collect()
}

/// The console writes counts as `3.0`; people write 3.
fn whole(value: &Value) -> Value {
    let number = value.as_f64().filter(|n| n.fract() == 0.0);
    let number = number.and_then(|n| format!("{n:.0}").parse::<u64>().ok());
    number.map_or_else(|| value.clone(), Value::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn series_become_lines_in_the_order_of_time() {
        let answer = json!({"series": {
            "dirty_bytes": [[2_000, 2048.0], [1_000, 0.0]],
            "write_bytes_per_s": [[2_000, 1024.0]],
            "hit_ratio": [[2_000, 0.995]],
            "upload_queue": [[1_000, 3.0]],
        }});
        let now = Timestamp::from_millis(3_000);
        let shown = table::table(BOTH, &rows(&answer), now);
        let lines: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[1][1..],
            ["0", "B", "-", "3", "-", "-", "-", "-", "-", "-"]
        );
        let second = &lines[2][1..];
        assert_eq!(second[..6], ["2.0", "KiB", "-", "-", "1.0", "KiB/s"]);
        assert_eq!(second[second.len() - 2..], ["99.5", "%"]);
    }

    #[test]
    fn a_screenful_is_asked_for_unless_a_step_is_given() {
        let args = |step| MetricsArgs {
            gateway: "g".to_owned(),
            share: None,
            last: Duration::from_secs(3_600),
            step,
        };
        let asked = |step| args(step).query(Timestamp::from_millis(10_000_000));
        assert_eq!(asked(None)[0], ("from", "6400000".to_owned()));
        assert_eq!(asked(None)[2], ("step", "180000".to_owned()));
        let fine = asked(Some(Duration::from_secs(5)));
        assert_eq!(fine[2], ("step", "5000".to_owned()));
    }
}
