//! The statuses of shares as a table, for the wire: each name of a field stands once instead of
//! once for each share, so that those of all shares of a gateway fit into one message.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::{Map, Value};

use crate::{GatewayStatus, ShareStatus};

/// Statuses of shares, as `{"columns": [name, …], "rows": [[value, …], …]}`.
///
/// A column is a field of [`ShareStatus`]; `a.b` is field `b` of its part `a`. `null` stands for
/// a field that a share does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct ShareTable(pub Vec<ShareStatus>);

/// A [`GatewayStatus`] as it is sent: with its shares as a [`ShareTable`].
#[derive(Clone, Debug, PartialEq)]
pub struct StatusMessage(pub GatewayStatus);

#[derive(Serialize, Deserialize)]
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Serialize for ShareTable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        table(&self.0)
            .map_err(ser::Error::custom)?
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ShareTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table { columns, rows } = Table::deserialize(deserializer)?;
        let share = |row| serde_json::from_value(object(&columns, row));
        let shares = rows.into_iter().map(share).collect::<Result<_, _>>();
        shares.map(Self).map_err(de::Error::custom)
    }
}

impl Serialize for StatusMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rest = self.0.clone();
        let table = table(&std::mem::take(&mut rest.shares)).map_err(ser::Error::custom)?;
        let mut json = serde_json::to_value(rest).map_err(ser::Error::custom)?;
        json["shares"] = serde_json::to_value(table).map_err(ser::Error::custom)?;
        json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StatusMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut json = Map::deserialize(deserializer)?;
        let shares = json.remove("shares").unwrap_or_default();
        let ShareTable(shares) = serde_json::from_value(shares).map_err(de::Error::custom)?;
        json.insert("shares".into(), Value::Array(Vec::new()));
        let mut status: GatewayStatus =
            serde_json::from_value(Value::Object(json)).map_err(de::Error::custom)?;
        status.shares = shares;
        Ok(Self(status))
    }
}

fn table(shares: &[ShareStatus]) -> serde_json::Result<Table> {
    let mut columns: Vec<String> = Vec::new();
    let mut rows = Vec::with_capacity(shares.len());
    for share in shares {
        let mut row = vec![Value::Null; columns.len()];
        for (name, value) in cells(serde_json::to_value(share)?) {
            if let Some(cell) = columns.iter().position(|column| *column == name) {
                row[cell] = value;
            } else {
                columns.push(name);
                row.push(value);
            }
        }
        rows.push(row);
    }
    Ok(Table { columns, rows })
}

/// The fields of a share and of its parts.
fn cells(share: Value) -> Vec<(String, Value)> {
    let Value::Object(fields) = share else {
        return Vec::new();
    };
    let cells = |(name, value)| match value {
        Value::Object(part) => part
            .into_iter()
            .map(|(field, value)| (format!("{name}.{field}"), value))
            .collect(),
        value => vec![(name, value)],
    };
    fields.into_iter().flat_map(cells).collect()
}

/// What [`cells`] took apart. A row may be shorter than the columns; what is beyond them is left.
fn object(columns: &[String], row: Vec<Value>) -> Value {
    let mut share = Map::new();
    for (column, value) in columns.iter().zip(row) {
        if value.is_null() {
            continue;
        }
        match column.split_once('.') {
            Some((part, field)) => {
                let part = share.entry(part).or_insert_with(|| Map::new().into());
                if let Value::Object(part) = part {
                    part.insert(field.to_owned(), value);
                }
            }
            None => {
                share.insert(column.clone(), value);
            }
        }
    }
    Value::Object(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CacheStatus, ShareState};

    #[test]
    fn a_table_says_what_the_shares_say() {
        let failed = ShareState::Failed {
            reason: "the bucket is gone".into(),
        };
        let shares = vec![
            ShareStatus::idle("a".parse().unwrap(), ShareState::Serving, 5),
            ShareStatus {
                last_upload_error: Some("503".into()),
                cache: CacheStatus {
                    full_in_ms: Some(7),
                    lost: vec!["x/y".into()],
                    ..CacheStatus::default()
                },
                ..ShareStatus::idle("b".parse().unwrap(), failed, 6)
            },
            ShareStatus::idle("c".parse().unwrap(), ShareState::Starting, 7),
        ];
        let json = serde_json::to_vec(&ShareTable(shares.clone())).unwrap();
        let read: ShareTable = serde_json::from_slice(&json).unwrap();
        assert_eq!(read.0, shares);
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused() {
        for json in [
            r#"{"columns":["name"],"rows":[["a"]]}"#,
            r#"{"columns":[],"rows":[[]]}"#,
            r#"{"columns":["name","name.x"],"rows":[["a",1]]}"#,
            r#"{"rows":[]}"#,
            "[]",
        ] {
            assert!(serde_json::from_str::<ShareTable>(json).is_err(), "{json}");
        }
    }
}
