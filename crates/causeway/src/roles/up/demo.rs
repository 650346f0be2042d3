//! The gateway `demo` and its share, made through the console's API like any other: a record, an
//! activation bundle, a join over TLS and MQTT, a share as intent.
//!
//! A first start that is cut short is made good by the next: until `demo.json` is written, each
//! start goes the whole way again.

use std::{path::Path, time::Duration};

use clock::Clock;
use gateway::{Gateway, GatewayConfig, GatewayPaths};
use model::{AccessRule, Squash, Timestamp, WriteAccess};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::parts::Parts;
use crate::{
    config::UpSettings,
    ctl::{Api, CtlError},
    data_dir::DataDir,
    error::RoleError,
    private_file::{self, FileError},
};

/// Name of the gateway and of its share.
pub(super) const NAME: &str = "demo";
const MARKER: &str = "demo.json";
const READY_TIMEOUT: Duration = Duration::from_secs(30);
const READY_POLL: Duration = Duration::from_millis(20);
/// More often than by default: people watch, and start-up waits for the first report.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// Shorter than by default, to see an object soon after its file.
const UPLOAD_DELAY_MS: u64 = 1_000;

/// What `up` tells of it.
#[derive(Debug)]
pub(super) struct Demo {
    pub(super) id: String,
    pub(super) client_id: String,
    /// Nothing if the operator has deleted the share.
    pub(super) mount_command: Option<String>,
}

/// Written when all of it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    gateway: String,
    /// The addresses that its identity and its share were made with.
    broker: String,
    endpoint: String,
}

/// Starts the gateway, after making it if need be; returns once its share is served.
pub(super) async fn start(
    parts: &mut Parts,
    settings: &UpSettings,
    data: &DataDir,
    clock: &Clock,
) -> Result<Demo, RoleError> {
    let started_at = clock.wall();
    let (broker, endpoint) = (
        parts.broker_address(settings),
        parts.bucket.endpoint.clone(),
    );
    let stored = still_there(&parts.login.api, load(data.path())?).await?;
    if let Some(marker) = &stored
        && marker.endpoint != endpoint
    {
        refuse_move(&parts.login.api, marker, &endpoint).await?;
    }
    let gateway = match &stored {
        Some(marker) if marker.broker == broker => marker.gateway.clone(),
        Some(_) | None => join(&parts.login.api, data, clock).await?,
    };
    parts.gateway = Some(start_gateway(settings, data, clock).await?);
    let api = &parts.login.api;
    if stored.is_none() {
        create_share(api, &gateway, parts).await?;
    }
    let share = wait_until_served(api, &gateway, started_at, clock).await?;
    let record = api.get(&["gateways", &gateway], &[]).await?;
    let marker = Marker {
        gateway,
        broker,
        endpoint,
    };
    store(data.path(), &marker)?;
    let text = |value: &Value, key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Ok(Demo {
        id: marker.gateway,
        client_id: text(&record, "client_id").unwrap_or_default(),
        mount_command: share.and_then(|share| text(&share, "mount_command")),
    })
}

/// A marker of a gateway that its operator has deleted counts for nothing.
async fn still_there(api: &Api, marker: Option<Marker>) -> Result<Option<Marker>, CtlError> {
    let Some(marker) = marker else {
        return Ok(None);
    };
    match api.get(&["gateways", &marker.gateway], &[]).await {
        Ok(_) => Ok(Some(marker)),
        Err(error) if error.is("NOT_FOUND") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives the data directory of the gateway an identity; says which.
async fn join(api: &Api, data: &DataDir, clock: &Clock) -> Result<String, RoleError> {
    let (id, bundle) = bundle(api).await?;
    // An identity of an earlier attempt is void with the new bundle. Files are elsewhere, in
    // the cache, and stay.
    let dir = data.path().join("gateway");
    match std::fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(FileError::at("remove the directory", &dir)(error).into());
        }
        Ok(()) | Err(_) => {}
    }
    let paths = GatewayPaths { data_dir: dir };
    gateway::join(&bundle, &paths, clock.clone())
        .await
        .map_err(RoleError::part("join the gateway `demo`"))?;
    Ok(id)
}

/// A bundle for the gateway called `demo`, which is made if there is none.
async fn bundle(api: &Api) -> Result<(String, String), CtlError> {
    let gateways = api
        .get(&["gateways"], &[("limit", "1000".to_owned())])
        .await?;
    let items = gateways.get("items").and_then(Value::as_array);
    let named = |item: &&Value| item.get("name").and_then(Value::as_str) == Some(NAME);
    let known = items.and_then(|items| items.iter().find(named));
    let answer = match known.and_then(|item| item.get("id")?.as_str()) {
        Some(id) => {
            let answer = api.post(&["gateways", id, "bundle"], &json!({})).await?;
            json!({"gateway": {"id": id}, "bundle": answer.get("bundle")})
        }
        None => {
            let body = json!({"name": NAME, "location": "on-premises"});
            api.post(&["gateways"], &body).await?
        }
    };
    let text = |pointer| {
        answer
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let incomplete = || CtlError::BadAnswer("a gateway without id or bundle".to_owned());
    let id = text("/gateway/id").ok_or_else(incomplete)?;
    Ok((id, text("/bundle").ok_or_else(incomplete)?))
}

async fn start_gateway(
    settings: &UpSettings,
    data: &DataDir,
    clock: &Clock,
) -> Result<Gateway, RoleError> {
    let any = settings.nfs.ip().is_unspecified();
    let host = if any {
        settings.host.clone()
    } else {
        settings.nfs.ip().to_string()
    };
    let config = GatewayConfig {
        advertised_host: Some(host),
        status_interval: STATUS_INTERVAL,
        ..GatewayConfig::new(
            data.subdirectory("gateway")?,
            data.subdirectory("cache")?,
            settings.nfs,
        )
    };
    Gateway::start(config, clock.clone())
        .await
        .map_err(RoleError::part("start the gateway `demo`"))
}

async fn create_share(api: &Api, gateway: &str, parts: &Parts) -> Result<(), CtlError> {
    let loopback = |cidr: &str| AccessRule {
        cidr: cidr.to_owned(),
        access: WriteAccess::ReadWrite,
    };
    let body = json!({
        "name": NAME,
        "bucket": parts.bucket,
        "upload_delay_ms": UPLOAD_DELAY_MS,
        "access": [loopback("127.0.0.0/8"), loopback("::1/128")],
        // Only this host can reach it, and root is who mounts it.
        "squash": Squash::None,
    });
    match api.post(&["gateways", gateway, "shares"], &body).await {
        Ok(_) => Ok(()),
        // From a start that was cut short.
        Err(error) if error.is("CONFLICT") => Ok(()),
        Err(error) => Err(error),
    }
}

/// A share is over one object store: what its cache has not uploaded yet belongs there. So the
/// store must be where it was, unless the operator has deleted the share or pointed it elsewhere.
async fn refuse_move(api: &Api, marker: &Marker, now: &str) -> Result<(), RoleError> {
    let before = marker.endpoint.as_str();
    let path = ["gateways", &marker.gateway, "shares", NAME];
    let share = match api.get(&path, &[]).await {
        Ok(share) => share,
        Err(error) if error.is("NOT_FOUND") => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let endpoint = share.pointer("/settings/bucket/endpoint");
    if endpoint.and_then(Value::as_str) != Some(before) {
        return Ok(());
    }
    Err(RoleError::StoreMoved {
        before: before.trim_start_matches("http://").to_owned(),
        now: now.trim_start_matches("http://").to_owned(),
    })
}

/// The share once it is served, as far as the console knows; `None` if it was deleted.
async fn wait_until_served(
    api: &Api,
    gateway: &str,
    started_at: Timestamp,
    clock: &Clock,
) -> Result<Option<Value>, RoleError> {
    let deadline = clock.now() + READY_TIMEOUT;
    let path = ["gateways", gateway, "shares", NAME];
    loop {
        let share = match api.get(&path, &[]).await {
            Ok(share) => share,
            Err(error) if error.is("NOT_FOUND") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = |pointer| share.pointer(pointer).and_then(Value::as_str);
        let reported = share.get("status_at").and_then(Value::as_u64);
        let fresh = reported.is_some_and(|at| at >= started_at.as_millis());
        if fresh && text("/status/state") == Some("serving") {
            return Ok(Some(share));
        }
        if clock.now() >= deadline {
            let reason = text("/error/message").or(text("/status/reason"));
            return Err(RoleError::TooSlow {
                what: "the share `demo` was not served",
                seconds: READY_TIMEOUT.as_secs(),
                hint: reason
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default(),
            });
        }
        clock.sleep(READY_POLL).await;
    }
}

fn load(data: &Path) -> Result<Option<Marker>, RoleError> {
    let path = data.join(MARKER);
    let Some(text) = private_file::read(&path)? else {
        return Ok(None);
    };
    let broken = |source| RoleError::Broken {
        path: path.clone(),
        advice: "remove it; the next start sets the gateway `demo` up again",
        source,
    };
    serde_json::from_str(&text).map(Some).map_err(broken)
}

fn store(data: &Path, marker: &Marker) -> Result<(), RoleError> {
    let path = data.join(MARKER);
    let json = serde_json::to_vec_pretty(marker).map_err(std::io::Error::from);
    let json = json.map_err(FileError::at("write", &path))?;
    Ok(private_file::write(&path, &json)?)
}
