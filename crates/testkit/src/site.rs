//! A whole system: a gateway's site behind NAT; console, broker and object store outside.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use model::ShareTable;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    Api, Guest, Lab, Place, Process, Ready, causeway_binary, eventually, run_ok, scratch_folder,
};

const SOON: Duration = Duration::from_secs(30);

/// The system.
#[derive(Debug)]
pub struct Site {
    /// A logged-in administrator.
    pub api: Api,
    /// A Linux kernel that can mount shares.
    pub guest: Guest,
    /// What `causeway up` in the cloud said.
    pub ready: Ready,
    /// `causeway up` in the cloud.
    pub cloud: Process,
    /// The networks.
    pub lab: Lab,
    /// Goes with the test; last, so that everything in it has ended by then.
    pub scratch: TempDir,
}

/// A gateway in the site.
#[derive(Debug)]
pub struct SiteGateway {
    /// Its id.
    pub id: String,
    /// Its process.
    pub process: Process,
    folder: PathBuf,
    flags: Vec<String>,
}

impl Site {
    /// Starts everything but gateways in the site.
    ///
    /// # Errors
    /// Something does not start.
    pub fn up() -> Result<Self> {
        let (guest, scratch, lab) = (Guest::unpacked()?, scratch_folder()?, Lab::up()?);
        let mut cloud = start_cloud(&lab, &scratch)?;
        let ready = Ready::wait(&mut cloud, &scratch.path().join("ready.json"))?;
        let wrapper = ["ip", "netns", "exec", &lab.namespace(Place::Cloud)].map(str::to_owned);
        let login = (ready.text("/console/user"), ready.text("/console/password"));
        let url = ready.text("/console/url");
        let api = Api::log_in(wrapper.into(), url, login, scratch.path())?;
        Ok(Self {
            api,
            guest,
            ready,
            cloud,
            lab,
            scratch,
        })
    }

    /// Ends the cloud as `kill -9` does and starts it again; the login stays good.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart_cloud(&mut self) -> Result<()> {
        self.cloud.kill()?;
        let ready = self.scratch.path().join("ready.json");
        std::fs::remove_file(&ready)?;
        self.cloud = start_cloud(&self.lab, &self.scratch)?;
        Ready::wait(&mut self.cloud, &ready)?;
        Ok(())
    }

    /// Adds a gateway in the console, joins it with its bundle, and starts it.
    ///
    /// # Errors
    /// A step fails, or it does not come online.
    pub fn join_gateway(&self, name: &str) -> Result<SiteGateway> {
        self.join_gateway_with(name, &[])
    }

    /// The same with more flags for `causeway gateway run`.
    ///
    /// # Errors
    /// A step fails, or it does not come online.
    pub fn join_gateway_with(&self, name: &str, flags: &[&str]) -> Result<SiteGateway> {
        let added = self.api.post(
            "/gateways",
            &json!({"name": name, "location": "on-premises"}),
        )?;
        let id = added["gateway"]["id"].as_str().context("an id")?.to_owned();
        let folder = self.scratch.path().join(name);
        std::fs::create_dir_all(&folder)?;
        let bundle = folder.join("bundle");
        std::fs::write(&bundle, added["bundle"].as_str().context("a bundle")?)?;
        let mut join = self.lab.command(Place::Site, causeway_binary()?);
        join.args(["gateway", "join", "--file"])
            .arg(&bundle)
            .arg("--data")
            .arg(folder.join("data"));
        run_ok(&mut join)?;
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let process = self.start_gateway(&folder, &flags)?;
        let gateway = SiteGateway {
            id,
            process,
            folder,
            flags,
        };
        self.wait_for_state(&gateway, "online", SOON)?;
        Ok(gateway)
    }

    /// Ends a gateway as `kill -9` does and starts it again.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart_gateway(&self, gateway: &mut SiteGateway) -> Result<()> {
        gateway.process.kill()?;
        gateway.process = self.start_gateway(&gateway.folder, &gateway.flags)?;
        Ok(())
    }

    fn start_gateway(&self, folder: &Path, flags: &[String]) -> Result<Process> {
        let mut command = self.lab.command(Place::Site, causeway_binary()?);
        command.args(["gateway", "run", "--nfs-address", "0.0.0.0:2049"]);
        command.arg("--data").arg(folder.join("data")).args(flags);
        Process::start(&mut command, &folder.join("log"))
    }

    /// Creates a share on the cloud's bucket, under the prefix of its name, and waits until it is
    /// served.
    ///
    /// # Errors
    /// The console refuses it, or the gateway does not serve it.
    pub fn share(&self, gateway: &SiteGateway, name: &str) -> Result<()> {
        self.share_with(gateway, name, &json!({}))
    }

    /// The same with more settings, or others.
    ///
    /// # Errors
    /// The console refuses it, or the gateway does not serve it.
    pub fn share_with(&self, gateway: &SiteGateway, name: &str, more: &Value) -> Result<()> {
        let mut settings = json!({
            "name": name,
            "bucket": self.bucket(&format!("{name}/")),
            "access": [{"cidr": "0.0.0.0/0", "access": "read_write"}],
            "squash": "none",
            "upload_delay_ms": 500,
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            settings[key] = value.clone();
        }
        self.api
            .post(&format!("/gateways/{}/shares", gateway.id), &settings)?;
        let path = format!("/gateways/{}/shares/{name}", gateway.id);
        eventually("the share is served", SOON, || {
            let share = self.api.get(&path)?;
            Ok((share["status"]["state"] == "serving").then_some(()))
        })
    }

    /// The cloud's bucket as the settings of a share name it.
    #[must_use]
    pub fn bucket(&self, prefix: &str) -> Value {
        json!({
            "provider": "s3",
            "endpoint": self.ready.text("/object_store/endpoint"),
            "region": self.ready.text("/object_store/region"),
            "bucket": self.ready.text("/object_store/bucket"),
            "prefix": prefix,
            "access_key_id": self.ready.text("/object_store/access_key_id"),
            "secret_access_key": self.ready.text("/object_store/secret_access_key"),
        })
    }

    /// Writes the bucket's settings to a file, for programs that look into it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn store_file(&self) -> Result<PathBuf> {
        let path = self.scratch.path().join("store.json");
        std::fs::write(&path, self.bucket("").to_string())?;
        Ok(path)
    }

    /// Waits until all that clients wrote is safe in the bucket, by the gateway's own word.
    ///
    /// # Errors
    /// It takes longer than `limit`.
    pub fn wait_until_clean(
        &self,
        gateway: &SiteGateway,
        share: &str,
        limit: Duration,
    ) -> Result<()> {
        let path = format!("/gateways/{}/commands?wait_ms=10000", gateway.id);
        let ask = json!({"method": "share.list", "params": {}});
        eventually("all is uploaded", limit, || {
            let command = self.api.post(&path, &ask)?;
            let shares = command["result"]["shares"].clone();
            let shares: ShareTable = serde_json::from_value(shares)?;
            let status = shares
                .0
                .iter()
                .find(|s| s.name.as_str() == share)
                .context("the share is listed")?;
            let left = [status.dirty_bytes, status.dirty_files, status.upload_queue];
            Ok((left == [0; 3]).then_some(()))
        })
    }

    /// Waits until the gateway has reached its intent.
    ///
    /// # Errors
    /// It takes too long.
    pub fn wait_until_in_sync(&self, gateway: &SiteGateway) -> Result<()> {
        eventually("the intent is reached", SOON, || {
            let seen = self.api.get(&format!("/gateways/{}", gateway.id))?;
            Ok((seen["intent_version"] == seen["reached_version"]).then_some(()))
        })
    }

    /// Waits until the console sees a gateway in `state`.
    ///
    /// # Errors
    /// It takes longer than `limit`.
    pub fn wait_for_state(
        &self,
        gateway: &SiteGateway,
        state: &str,
        limit: Duration,
    ) -> Result<()> {
        eventually(&format!("the gateway is {state}"), limit, || {
            let seen = self.api.get(&format!("/gateways/{}", gateway.id))?;
            Ok((seen["state"] == state).then_some(()))
        })
    }
}

/// Console, broker and object store, reachable from the site.
fn start_cloud(lab: &Lab, scratch: &TempDir) -> Result<Process> {
    let binary = causeway_binary()?;
    ensure!(binary.is_absolute());
    let at = |port: u16| format!("{}:{port}", Lab::CLOUD);
    let mut command: Command = lab.command(Place::Cloud, binary);
    command.args([
        "up",
        "--broker-tls-address",
        &at(8883),
        "--s3-address",
        &at(9000),
    ]);
    command.arg("--data").arg(scratch.path().join("cloud"));
    command
        .arg("--ready-file")
        .arg(scratch.path().join("ready.json"));
    Process::start(&mut command, &scratch.path().join("cloud.log"))
}
