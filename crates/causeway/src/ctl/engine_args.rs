//! How a share's engine works, as flags.

use clap::{Args, ValueEnum};
use model::{DAY_MINUTES, LineLimits, LineWindow, ServerEncryption, ShareMode, Weekday};
use serde_json::{Map, Value, json};

use super::{settings::put, units};

/// What can be said of a share's engine. What is not given is the default, or stays.
#[derive(Args, Debug)]
pub(super) struct EngineArgs {
    /// What is in the cache, and when a commit returns [default: cache]
    #[arg(long, value_enum)]
    mode: Option<ModeArg>,
    /// Whether objects stay when clients delete their files [default: false]
    #[arg(long, value_name = "BOOL")]
    ignore_delete: Option<bool>,
    /// How the store encrypts objects: `bucket-default`, `store-keys`, `kms` or `kms:<key id>`
    #[arg(long, value_name = "METHOD", value_parser = parse_encryption)]
    encryption: Option<ServerEncryption>,
    /// Bytes a second to the bucket, such as 10MiB; 0 is no bound
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    upload_limit: Option<u64>,
    /// Bytes a second from the bucket, such as 10MiB; 0 is no bound
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    download_limit: Option<u64>,
    /// Bytes a second that clients write to the share, in all, such as 10MiB; 0 is no bound
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    write_limit: Option<u64>,
    /// Bytes a second that clients read from it, in all, such as 10MiB; 0 is no bound
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    read_limit: Option<u64>,
    /// A time with other limits, `mon-fri,08:00-18:00,up=1MiB,down=0,write=0,read=5MiB`; may be
    /// repeated, the first that holds decides; `none` takes all away
    #[arg(long, value_name = "WINDOW", value_parser = parse_window)]
    line_window: Vec<WindowArg>,
    /// What the clock of the windows is ahead of UTC, such as +08:00
    #[arg(long, value_name = "HH:MM", value_parser = parse_offset, allow_hyphen_values = true)]
    utc_offset: Option<i16>,
    /// How long after its first change a file that never rests is uploaded
    #[arg(long, value_name = "MILLISECONDS")]
    rest_max_ms: Option<u64>,
    /// Larger files go in parts of this length, such as 8MiB
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    part_size: Option<u64>,
    /// Requests that change the bucket, at a time, at most
    #[arg(long, value_name = "COUNT")]
    requests_max: Option<u32>,
    /// A directory that somebody opens is looked up in the bucket if that was not done for so
    /// long; 0 is never [default: 0]
    #[arg(long, value_name = "SECONDS")]
    refresh_after_s: Option<u64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    /// What was used lately is in the cache; changes go to the bucket behind the writer
    Cache,
    /// All files are in the cache, too
    Replication,
    /// A commit returns when the bytes are in the bucket
    WriteThrough,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum WindowArg {
    None,
    Window(LineWindow),
}

impl EngineArgs {
    /// Puts what was given over the `engine` of `settings`, which are in the API's form.
    pub(super) fn apply(&self, settings: &mut Value) {
        let mut engine = match settings.get("engine") {
            Some(engine) if engine.is_object() => engine.clone(),
            Some(_) | None => Value::Object(Map::new()),
        };
        let before = engine.clone();
        let mode = self.mode.map(|mode| match mode {
            ModeArg::Cache => ShareMode::Cache,
            ModeArg::Replication => ShareMode::Replication,
            ModeArg::WriteThrough => ShareMode::WriteThrough,
        });
        put(&mut engine, "mode", mode.map(|mode| json!(mode)));
        let ignore_delete = self.ignore_delete.map(Value::from);
        put(&mut engine, "ignore_delete", ignore_delete);
        let encryption = self.encryption.as_ref().map(|method| json!(method));
        put(&mut engine, "encryption", encryption);
        let uploads = inner(&mut engine, "uploads");
        put(uploads, "rest_max_ms", self.rest_max_ms.map(Value::from));
        put(uploads, "part_bytes", self.part_size.map(Value::from));
        put(uploads, "requests_max", self.requests_max.map(Value::from));
        let refresh = self.refresh_after_s.map(Value::from);
        put(&mut engine, "refresh_after_s", refresh);
        self.apply_bandwidth(inner(&mut engine, "bandwidth"));
        prune(&mut engine);
        if engine != before {
            put(settings, "engine", Some(engine));
        }
    }

    fn apply_bandwidth(&self, bandwidth: &mut Value) {
        let offset = self.utc_offset.map(Value::from);
        put(bandwidth, "utc_offset_minutes", offset);
        if !self.line_window.is_empty() {
            let windows = self.line_window.iter().filter_map(|window| match window {
                WindowArg::None => None,
                WindowArg::Window(window) => Some(json!(window)),
            });
            put(bandwidth, "windows", Some(windows.collect()));
        }
        let limits = inner(bandwidth, "limits");
        put(
            limits,
            "upload_bytes_per_s",
            self.upload_limit.map(Value::from),
        );
        put(
            limits,
            "download_bytes_per_s",
            self.download_limit.map(Value::from),
        );
        put(
            limits,
            "write_bytes_per_s",
            self.write_limit.map(Value::from),
        );
        put(limits, "read_bytes_per_s", self.read_limit.map(Value::from));
    }
}

/// An object within an object, made if it is missing.
fn inner<'a>(object: &'a mut Value, key: &str) -> &'a mut Value {
    if !object.get(key).is_some_and(Value::is_object) {
        object[key] = Value::Object(Map::new());
    }
    &mut object[key]
}

/// Takes objects away in which nothing was put.
fn prune(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.values_mut().for_each(prune);
        object.retain(|_, value| value.as_object().is_none_or(|inner| !inner.is_empty()));
    }
}

fn parse_encryption(text: &str) -> Result<ServerEncryption, String> {
    match text.split_once(':') {
        None if text == "bucket-default" => Ok(ServerEncryption::BucketDefault),
        None if text == "store-keys" => Ok(ServerEncryption::StoreKeys),
        None if text == "kms" => Ok(ServerEncryption::KeyService { key_id: None }),
        Some(("kms", id)) => Ok(ServerEncryption::KeyService {
            key_id: Some(id.to_owned()),
        }),
        None | Some(_) => {
            Err("write `bucket-default`, `store-keys`, `kms` or `kms:<key id>`".to_owned())
        }
    }
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn parse_window(text: &str) -> Result<WindowArg, String> {
    if text == "none" {
        return Ok(WindowArg::None);
    }
    let form = || format!("`{text}` is not a window such as mon-fri,08:00-18:00,up=1MiB,down=0");
    let mut parts = text.split(',').map(str::trim);
    let days = parts.next().and_then(parse_days).ok_or_else(form)?;
    let times = parts.next().and_then(|times| times.split_once('-'));
    let minutes = times.and_then(|(from, to)| parse_minute(from).zip(parse_minute(to)));
    let (from_minute, to_minute) = minutes.ok_or_else(form)?;
    let mut limits = LineLimits::default();
    for part in parts {
        match part.split_once('=') {
            Some(("up", size)) => limits.upload_bytes_per_s = units::parse_bytes(size)?,
            Some(("down", size)) => limits.download_bytes_per_s = units::parse_bytes(size)?,
            Some(("write", size)) => limits.write_bytes_per_s = units::parse_bytes(size)?,
            Some(("read", size)) => limits.read_bytes_per_s = units::parse_bytes(size)?,
            Some(_) | None => return Err(form()),
        }
    }
    Ok(WindowArg::Window(LineWindow {
        days,
        from_minute,
        to_minute,
        limits,
    }))
}

/// `mon`, `mon-fri`, `fri-mon`, or several with `+` between.
fn parse_days(text: &str) -> Option<Vec<Weekday>> {
    let place = |name: &str| DAYS.iter().position(|(short, _)| *short == name);
    let mut days = Vec::new();
    for range in text.split('+') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (mut at, last) = (place(first)?, place(last)?);
        loop {
            days.push(DAYS[at].1);
            if at == last {
                break;
            }
            at = (at + 1) % DAYS.len();
        }
    }
    Some(days)
}

/// Minutes after midnight.
fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let minute = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && minute <= DAY_MINUTES).then_some(minute)
}

fn parse_offset(text: &str) -> Result<i16, String> {
    let form = || format!("`{text}` is not an offset from UTC such as +08:00 or -03:30");
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let minutes = parse_minute(text.trim_start_matches(['+', '-'])).ok_or_else(form)?;
    i16::try_from(minutes).map(|m| sign * m).or(Err(form()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        engine: EngineArgs,
    }

    fn apply(flags: &[&str], settings: &mut Value) {
        let flags = Flags::try_parse_from(["ctl"].iter().chain(flags)).unwrap();
        flags.engine.apply(settings);
    }

    #[test]
    fn flags_are_the_settings_of_the_api() {
        let mut settings = json!({});
        let flags = [
            "--mode=write-through",
            "--ignore-delete=true",
            "--encryption=kms:alias/files",
            "--upload-limit=10MiB",
            "--line-window=mon-fri+sun,08:00-18:30,up=1MiB,down=2MiB",
            "--line-window=sat,22:00-06:00,write=3MiB",
            "--read-limit=4MiB",
            "--refresh-after-s=30",
            "--utc-offset=-03:30",
            "--part-size=16MiB",
        ];
        apply(&flags, &mut settings);
        let engine: model::EngineSettings =
            serde_json::from_value(settings["engine"].clone()).unwrap();
        assert_eq!(engine.check(), Ok(()));
        assert_eq!(engine.mode, ShareMode::WriteThrough);
        assert!(engine.ignore_delete);
        let key_id = Some("alias/files".to_owned());
        assert_eq!(engine.encryption, ServerEncryption::KeyService { key_id });
        assert_eq!(engine.bandwidth.limits.upload_bytes_per_s, 10 << 20);
        assert_eq!(engine.bandwidth.limits.read_bytes_per_s, 4 << 20);
        assert_eq!(engine.refresh_after_s, 30);
        assert_eq!(engine.bandwidth.utc_offset_minutes, -210);
        let [week, night] = engine.bandwidth.windows.as_slice() else {
            panic!("{:?}", engine.bandwidth.windows);
        };
        assert_eq!(week.days.len(), 6);
        assert_eq!((week.from_minute, week.to_minute), (480, 1_110));
        assert_eq!(week.limits.download_bytes_per_s, 2 << 20);
        assert_eq!(
            (night.days.as_slice(), night.to_minute),
            (&[Weekday::Saturday][..], 360)
        );
        assert_eq!(night.limits.write_bytes_per_s, 3 << 20);
        assert_eq!(engine.uploads.part_bytes, 16 << 20);
        assert_eq!(
            engine.uploads.requests_max,
            model::UploadLimits::default().requests_max
        );
    }

    #[test]
    fn an_edit_changes_only_what_is_given() {
        let before = json!({"engine": {"mode": "replication",
            "bandwidth": {"limits": {"upload_bytes_per_s": 5}, "windows": [1]}}});
        let mut after = before.clone();
        apply(&[], &mut after);
        assert_eq!(after, before);
        apply(&["--line-window=none", "--download-limit=0"], &mut after);
        assert_eq!(
            after["engine"],
            json!({"mode": "replication", "bandwidth": {
                "limits": {"upload_bytes_per_s": 5, "download_bytes_per_s": 0}, "windows": []}})
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            "",
            "mon",
            "xxx,08:00-09:00",
            "mon,8-9",
            "mon,08:00-09:00,up",
            "mon,25:00-26:00,x=1",
        ] {
            assert!(parse_window(bad).is_err(), "{bad}");
        }
        assert!(parse_offset("8").is_err() && parse_encryption("rot13").is_err());
    }
}
