//! Tables for people, out of the API's JSON.

use std::time::Duration;

use clock::Timestamp;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::units;

/// How a value reads.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Text,
    Bytes,
    /// Bytes in a second.
    Rate,
    /// Bytes in a second at most; 0 is no bound.
    Limit,
    /// A part of 1.
    Ratio,
    /// Milliseconds.
    Duration,
    /// A point in time, as how long ago it is.
    Ago,
    /// A point in time.
    Time,
    YesNo,
    /// The number of items.
    Count,
}

/// One column, or one line of a card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    title: &'static str,
    pointer: &'static str,
    format: Format,
}

/// A column that shows the value at a JSON pointer.
pub(super) const fn column(title: &'static str, pointer: &'static str, format: Format) -> Column {
    Column {
        title,
        pointer,
        format,
    }
}

impl Column {
    fn cell(&self, row: &Value, now: Timestamp) -> String {
        let value = row.pointer(self.pointer).unwrap_or(&Value::Null);
        show(value, self.format, now)
    }
}

/// What stands where there is nothing.
const NOTHING: &str = "-";

fn show(value: &Value, format: Format, now: Timestamp) -> String {
    let number = value.as_u64();
    let shown = match format {
        Format::Text => text(value),
        Format::Bytes => number.map(units::bytes),
        Format::Rate => number.map(|count| format!("{}/s", units::bytes(count))),
        Format::Limit if number == Some(0) => Some("none".to_owned()),
        Format::Limit => number.map(|count| format!("{}/s", units::bytes(count))),
        Format::Ratio => value.as_f64().map(|part| format!("{:.1} %", part * 100.0)),
        Format::Duration => number.map(|ms| units::duration(Duration::from_millis(ms))),
        Format::Ago => number.map(|at| {
            let gone = now.since(Timestamp::from_millis(at));
            format!("{} ago", units::duration(gone))
        }),
        Format::Time => number.map(|at| Timestamp::from_millis(at).to_string()),
        Format::YesNo => value
            .as_bool()
            .map(|yes| if yes { "yes" } else { "no" }.to_owned()),
        Format::Count => value.as_array().map(|items| items.len().to_string()),
    };
    shown.unwrap_or_else(|| NOTHING.to_owned())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(plain(text)),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(plain(&value.to_string()))
        }
    }
}

/// Names and messages come from elsewhere: a control character among them must not move the
/// cursor of the terminal or colour it.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// One row for each item.
pub(super) fn table<'a>(
    columns: &[Column],
    rows: impl IntoIterator<Item = &'a Value>,
    now: Timestamp,
) -> String {
    let mut table = blank();
    table.set_header(columns.iter().map(|column| column.title));
    for row in rows {
        table.add_row(columns.iter().map(|column| column.cell(row, now)));
    }
    lines(&table)
}

/// One line for each column of one item.
pub(super) fn card(columns: &[Column], item: &Value, now: Timestamp) -> String {
    let mut table = blank();
    for column in columns {
        table.add_row([format!("{}:", column.title), column.cell(item, now)]);
    }
    lines(&table)
}

/// The items of a list, and how to get the next ones.
pub(super) fn list(columns: &[Column], answer: &Value, now: Timestamp) -> String {
    let mut shown = table(columns, items(answer), now);
    if items(answer).is_empty() {
        shown.push_str("(none)\n");
    }
    if let Some(next) = answer.get("next").and_then(text) {
        shown.push_str(&format!("(more: add --cursor {next})\n"));
    }
    shown
}

/// The items of a list.
pub(super) fn items(answer: &Value) -> &[Value] {
    answer
        .get("items")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn blank() -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn lines(table: &Table) -> String {
    let mut shown = String::new();
    for line in table.lines() {
        shown.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        shown.push('\n');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(60_000);
    const COLUMNS: &[Column] = &[
        column("NAME", "/name", Format::Text),
        column("SEEN", "/seen", Format::Ago),
        column("DIRTY", "/status/dirty", Format::Bytes),
    ];

    #[test]
    fn a_list_is_a_table_and_says_when_there_is_more() {
        let answer = json!({"items": [
            {"name": "a", "seen": 50_000, "status": {"dirty": 2048}},
            {"name": "long-name", "seen": null, "status": null},
        ], "next": "c2"});
        let shown = list(COLUMNS, &answer, NOW);
        let want = "NAME       SEEN      DIRTY\n\
                    a          10 s ago  2.0 KiB\n\
                    long-name  -         -\n\
                    (more: add --cursor c2)\n";
        assert_eq!(shown, want);
        assert!(list(COLUMNS, &json!({"items": []}), NOW).ends_with("(none)\n"));
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        let row = json!({"name": "\u{1b}[2Jgone\n"});
        assert!(!table(COLUMNS, [&row], NOW).contains('\u{1b}'));
    }
}
