//! `ctl share`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use model::{Method, ShareName};
use reqwest::Method as HttpMethod;
use serde_json::{Value, json};

use super::{
    Context, CtlError,
    ask::{ConfirmArgs, Go},
    command::{Issue, WaitArgs, issue},
    gateway::find,
    settings::{SecretRule, SettingsArgs},
    share_cache::{self, CacheVerb},
    table::{self, Column, Format, column},
    units,
};
use crate::private_file;

#[derive(Debug, Subcommand)]
pub(super) enum ShareVerb {
    /// Shares of a gateway
    List {
        /// Name or id
        gateway: String,
    },
    /// One share
    Show {
        #[command(flatten)]
        share: ShareArgs,
    },
    /// Make a share: checks it first, then has the gateway serve it
    Create {
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
        /// Only check
        #[arg(long)]
        dry_run: bool,
    },
    /// Check the settings of a share without making it
    Check {
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
    },
    /// Change settings of a share; what is not given stays
    Edit {
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        settings: Box<SettingsArgs>,
        /// Only check
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop serving a share; its objects stay in the bucket. One with a role is listed until its
    /// gateway has uploaded what it still holds
    Delete {
        #[command(flatten)]
        share: ShareArgs,
        /// Even if it has data that is not in the bucket yet; one with a role needs no force
        #[arg(long)]
        force: bool,
        /// Of a share that is being removed: do not wait for its gateway, which gets no more keys to
        /// upload what it still holds
        #[arg(long)]
        give_up: bool,
        /// Even if its key goes with it, without which nobody can read its objects
        #[arg(long)]
        forget_key: bool,
        #[command(flatten)]
        confirm: ConfirmArgs,
    },
    /// Write the key that the objects of a share are encrypted with to a file: with it, and
    /// `causeway decrypt`, they can be read without gateway and console. Audited
    ExportKey {
        #[command(flatten)]
        share: ShareArgs,
        /// File to be written, mode 0600; standard output if it is not given
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Look now for changes made in the bucket by others
    Sync {
        #[command(flatten)]
        share: ShareArgs,
        /// Only below this path
        #[arg(long, value_name = "PATH")]
        path: Option<String>,
        #[command(flatten)]
        wait: WaitArgs,
    },
    #[command(flatten)]
    Cache(CacheVerb),
    /// Stop serving a share and serve it again
    Restart {
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// Which share.
#[derive(clap::Args, Debug)]
pub(super) struct ShareArgs {
    /// Name or id of its gateway
    gateway: String,
    /// Name of the share
    pub(super) share: ShareName,
}

const LIST: &[Column] = &[
    column("NAME", "/settings/name", Format::Text),
    column("STATE", "/status/state", Format::Text),
    column("IN SYNC", "/in_sync", Format::YesNo),
    column("REMOVING", "/removing", Format::YesNo),
    column("BUCKET", "/settings/bucket/bucket", Format::Text),
    column("PREFIX", "/settings/bucket/prefix", Format::Text),
    column("FILES", "/status/inodes", Format::Text),
    column("UNPROTECTED", "/status/dirty_bytes", Format::Bytes),
    column("OLDEST", "/status/oldest_dirty_age_ms", Format::Duration),
    column("ERROR", "/error/message", Format::Text),
];

const CARD: &[Column] = &[
    column("name", "/settings/name", Format::Text),
    column("state", "/status/state", Format::Text),
    column("reason", "/status/reason", Format::Text),
    column("in sync", "/in_sync", Format::YesNo),
    column("being removed", "/removing", Format::YesNo),
    column("error", "/error/message", Format::Text),
    column("mount command", "/mount_command", Format::Text),
    column("endpoint", "/settings/bucket/endpoint", Format::Text),
    column("bucket", "/settings/bucket/bucket", Format::Text),
    column("prefix", "/settings/bucket/prefix", Format::Text),
    column("role", "/settings/bucket/role/arn", Format::Text),
    column("keys lent", "/keys/access_key_id", Format::Text),
    column("keys good until", "/keys/expires_at", Format::Time),
    column("keys renewed at", "/keys/due_at", Format::Time),
    column("keys error", "/keys/error/message", Format::Text),
    column("access", "/settings/access", Format::Text),
    column("squash", "/settings/squash", Format::Text),
    column("writers", "/settings/writers", Format::Text),
    column("express sync", "/settings/express_sync", Format::YesNo),
    column("changes told", "/status/express/told", Format::Text),
    column("changes heard", "/status/express/applied", Format::Text),
    column("last heard", "/status/express/applied_at", Format::Ago),
    column("delay", "/status/express/delay_ms", Format::Duration),
    column(
        "longest delay",
        "/status/express/delay_max_ms",
        Format::Duration,
    ),
    column("gaps", "/status/express/gaps", Format::Text),
    column("listings for gaps", "/status/express/scans", Format::Text),
    column("mode", "/settings/engine/mode", Format::Text),
    column(
        "deletes ignored",
        "/settings/engine/ignore_delete",
        Format::YesNo,
    ),
    column(
        "encryption key",
        "/settings/client_encryption/key_id",
        Format::Text,
    ),
    column(
        "encryption",
        "/settings/engine/encryption/method",
        Format::Text,
    ),
    column(
        "upload limit",
        "/settings/engine/bandwidth/limits/upload_bytes_per_s",
        Format::Limit,
    ),
    column(
        "download limit",
        "/settings/engine/bandwidth/limits/download_bytes_per_s",
        Format::Limit,
    ),
    column(
        "clients write limit",
        "/settings/engine/bandwidth/limits/write_bytes_per_s",
        Format::Limit,
    ),
    column(
        "clients read limit",
        "/settings/engine/bandwidth/limits/read_bytes_per_s",
        Format::Limit,
    ),
    column(
        "other limits",
        "/settings/engine/bandwidth/windows",
        Format::Text,
    ),
    column(
        "length of parts",
        "/settings/engine/uploads/part_bytes",
        Format::Bytes,
    ),
    column("files and directories", "/status/inodes", Format::Text),
    column("unprotected", "/status/dirty_bytes", Format::Bytes),
    column(
        "oldest unprotected",
        "/status/oldest_dirty_age_ms",
        Format::Duration,
    ),
    column("upload queue", "/status/upload_queue", Format::Text),
    column("uploads failing", "/status/uploads_failing", Format::Text),
    column(
        "last upload error",
        "/status/last_upload_error",
        Format::Text,
    ),
    column("cache used", "/status/cache_used_bytes", Format::Bytes),
    column("cache", "/status/cache_bytes_max", Format::Bytes),
    column("full in", "/status/cache/full_in_ms", Format::Duration),
    column("pins", "/status/cache/pins", Format::Text),
    column("lost bytes in", "/status/cache/lost", Format::Text),
    column("jobs", "/status/cache/jobs", Format::Text),
    column("as of", "/status_at", Format::Ago),
];

const CHECKS: &[Column] = &[
    column("CHECK", "/name", Format::Text),
    column("OK", "/ok", Format::YesNo),
    column("SAYS", "/message", Format::Text),
];

/// The word for it in a query.
const GIVE_UP: &str = "give_up";

pub(super) async fn run(context: &Context<'_>, verb: ShareVerb) -> Result<(), CtlError> {
    match verb {
        ShareVerb::List { gateway } => list(context, &gateway).await,
        ShareVerb::Show { share } => show(context, &share).await,
        ShareVerb::Create {
            share,
            settings,
            dry_run,
        } => create(context, &share, &settings, dry_run).await,
        ShareVerb::Check { share, settings } => create(context, &share, &settings, true).await,
        ShareVerb::Edit {
            share,
            settings,
            dry_run,
        } => edit(context, &share, &settings, dry_run).await,
        ShareVerb::Delete {
            share,
            force,
            give_up,
            forget_key,
            confirm,
        } => {
            let flags = [
                ("force", force),
                ("forget_key", forget_key),
                (GIVE_UP, give_up),
            ];
            delete(context, &share, &flags, confirm).await
        }
        ShareVerb::ExportKey { share, file } => export_key(context, &share, file.as_deref()).await,
        ShareVerb::Sync { share, path, wait } => {
            let mut params = json!({"share": share.share});
            if let (Some(params), Some(path)) = (params.as_object_mut(), path) {
                params.insert("path".to_owned(), path.into());
            }
            act(context, &share, Method::ShareSync, params, wait).await
        }
        ShareVerb::Cache(verb) => share_cache::run(context, verb).await,
        ShareVerb::Restart { share, wait } => {
            let params = json!({"share": share.share});
            act(context, &share, Method::RestartShare, params, wait).await
        }
    }
}

async fn list(context: &Context<'_>, gateway: &str) -> Result<(), CtlError> {
    let id = find(context, gateway).await?;
    let answer = context.api.get(&["gateways", &id, "shares"], &[]).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::list(LIST, &answer, now))
}

async fn show(context: &Context<'_>, share: &ShareArgs) -> Result<(), CtlError> {
    let id = find(context, &share.gateway).await?;
    let answer = context.api.get(&share.path(&id), &[]).await?;
    let now = context.clock.wall();
    context
        .output
        .show(&answer, || table::card(CARD, &answer, now))
}

async fn create(
    context: &Context<'_>,
    share: &ShareArgs,
    settings: &SettingsArgs,
    dry_run: bool,
) -> Result<(), CtlError> {
    let mut body = json!({"name": share.share});
    settings.apply(&mut body, SecretRule::Needed, context.environment)?;
    let id = find(context, &share.gateway).await?;
    check(context, &id, &[], &body, dry_run).await?;
    if dry_run {
        return Ok(());
    }
    let answer = context
        .api
        .post(&["gateways", &id, "shares"], &body)
        .await?;
    context.output.show(&answer, || made("Made", &answer))
}

async fn edit(
    context: &Context<'_>,
    share: &ShareArgs,
    settings: &SettingsArgs,
    dry_run: bool,
) -> Result<(), CtlError> {
    let id = find(context, &share.gateway).await?;
    let path = share.path(&id);
    let stored = context.api.get(&path, &[]).await?;
    let mut body = stored.get("settings").cloned().unwrap_or_default();
    settings.apply(&mut body, SecretRule::MayStay, context.environment)?;
    let replaces = [("replaces", share.share.to_string())];
    check(context, &id, &replaces, &body, dry_run).await?;
    if dry_run {
        return Ok(());
    }
    let put = context.api.call(HttpMethod::PUT, &path, &[], Some(&body));
    let answer = put.await?;
    context.output.show(&answer, || made("Changed", &answer))
}

/// Has the console check settings, and shows what it found. Programs see the checks only when
/// they asked for nothing else: an answer is one JSON document.
async fn check(
    context: &Context<'_>,
    gateway: &str,
    query: &[(&str, String)],
    body: &Value,
    dry_run: bool,
) -> Result<(), CtlError> {
    let path = ["gateways", gateway, "shares", "check"];
    let answer = context
        .api
        .call(HttpMethod::POST, &path, query, Some(body))
        .await?;
    let checks = answer.get("checks").and_then(Value::as_array);
    let checks = checks.map_or(&[][..], Vec::as_slice);
    let bad = |check: &&Value| check.get("ok") == Some(&Value::Bool(false));
    let failed = checks.iter().filter(bad).count();
    let shown = || table::table(CHECKS, checks, context.clock.wall());
    if dry_run || failed > 0 {
        context.output.show(&answer, shown)?;
    } else {
        context.output.note(&shown())?;
    }
    match failed {
        0 => Ok(()),
        failed => Err(CtlError::Checks { failed }),
    }
}

fn made(done: &str, share: &Value) -> String {
    let text = |pointer| {
        share
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("-")
    };
    let name = table::plain(text("/settings/name"));
    let mount = table::plain(text("/mount_command"));
    format!("{done} share {name}. Clients mount it with:\n\n  {mount}\n")
}

async fn delete(
    context: &Context<'_>,
    share: &ShareArgs,
    flags: &[(&str, bool)],
    confirm: ConfirmArgs,
) -> Result<(), CtlError> {
    let id = find(context, &share.gateway).await?;
    let path = share.path(&id);
    let stored = context.api.get(&path, &[]).await?;
    let named = format!("share {} of gateway {id}", share.share);
    let what = deletion(&named, &stored, flags.contains(&(GIVE_UP, true)));
    if confirm.confirm(context.output, &what)? == Go::No {
        return Ok(());
    }
    let given = flags.iter().filter(|(_, is_given)| *is_given);
    let query: Vec<_> = given.map(|(flag, _)| (*flag, "true".to_owned())).collect();
    let answer = context.api.delete(&path, &query).await?;
    context.output.show(&answer, || {
        let name = &share.share;
        if is_removing(&answer) {
            return format!(
                "Share {name} is being removed: its gateway uploads what it still holds. `share list` \
                 shows it until that is in the bucket.\n"
            );
        }
        format!("Deleted share {name}.\n")
    })
}

fn is_removing(share: &Value) -> bool {
    share.get("removing") == Some(&Value::Bool(true))
}

/// What it would do to delete a share, and to what data.
fn deletion(named: &str, share: &Value, gives_up: bool) -> String {
    let dirty = share.pointer("/status/dirty_bytes").and_then(Value::as_u64);
    // A share that is not open counts nothing, whatever it holds.
    let is_open = share.pointer("/status/state") == Some(&json!("serving"));
    let dirty = dirty.filter(|bytes| is_open || *bytes > 0);
    let unknown = || "an unknown number of bytes".to_owned();
    let left = dirty.map_or_else(unknown, units::bytes);
    let has_role = share
        .pointer("/settings/bucket/role")
        .is_some_and(|role| !role.is_null());
    if gives_up {
        format!("give up {named}, which gets no more keys to upload {left}")
    } else if is_removing(share) {
        format!("leave {named} as it is: it is being removed, with {left} to upload")
    } else if has_role {
        format!("stop serving {named}, which is listed until {left} are uploaded")
    } else {
        format!("stop serving {named}, with {left} not yet in its bucket")
    }
}

async fn export_key(
    context: &Context<'_>,
    share: &ShareArgs,
    file: Option<&Path>,
) -> Result<(), CtlError> {
    let id = find(context, &share.gateway).await?;
    let [gateways, id, shares, name] = share.path(&id);
    let path = [gateways, id, shares, name, "key"];
    let mut answer = context.api.call(HttpMethod::POST, &path, &[], None).await?;
    let text = |answer: &Value, field: &str| {
        let value = answer.get(field).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (key, key_id) = (text(&answer, "key"), text(&answer, "key_id"));
    let Some(file) = file else {
        return context.output.show(&answer, || format!("{key}\n"));
    };
    private_file::write(file, format!("{key}\n").as_bytes())?;
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("key");
    }
    let shown = file.display();
    context.output.show(&answer, || {
        format!("Wrote key {key_id} to {shown}. Keep it where the bucket is not.\n")
    })
}

pub(super) async fn act(
    context: &Context<'_>,
    share: &ShareArgs,
    method: Method,
    params: Value,
    wait: WaitArgs,
) -> Result<(), CtlError> {
    let gateway = find(context, &share.gateway).await?;
    issue(
        context,
        Issue {
            gateway,
            method,
            params,
            wait,
            key: None,
        },
    )
    .await
}

impl ShareArgs {
    fn path<'a>(&'a self, gateway: &'a str) -> [&'a str; 4] {
        ["gateways", gateway, "shares", self.share.as_str()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confirmed_says_what_may_be_lost_and_what_is_not_known() {
        let role = json!({"arn": "a"});
        let check = |share: Value, gives_up, expected: &str| {
            assert_eq!(deletion("share a", &share, gives_up), expected);
        };
        let plain =
            |status: Value| json!({"status": status, "settings": {"bucket": {"role": null}}});
        let with_role = |removing: bool| {
            json!({"removing": removing, "status": {"dirty_bytes": 7},
                "settings": {"bucket": {"role": role}}})
        };
        let unknown = "an unknown number of bytes";
        check(
            plain(Value::Null),
            false,
            &format!("stop serving share a, with {unknown} not yet in its bucket"),
        );
        check(
            plain(json!({"state": "starting", "dirty_bytes": 0})),
            false,
            &format!("stop serving share a, with {unknown} not yet in its bucket"),
        );
        check(
            plain(json!({"state": "serving", "dirty_bytes": 0})),
            false,
            "stop serving share a, with 0 B not yet in its bucket",
        );
        check(
            with_role(false),
            false,
            "stop serving share a, which is listed until 7 B are uploaded",
        );
        check(
            with_role(true),
            false,
            "leave share a as it is: it is being removed, with 7 B to upload",
        );
        check(
            plain(Value::Null),
            true,
            &format!("give up share a, which gets no more keys to upload {unknown}"),
        );
    }
}
