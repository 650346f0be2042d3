//! What became of the commands that a test has issued.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{Api, Process, eventually};

/// Of the commands that were not executed so many are reissued: enough to show it.
const REISSUES_MAX: usize = 20;
const SOON: Duration = Duration::from_secs(60);

/// Commands to one gateway that the console has accepted: its debts.
#[derive(Debug)]
pub struct Ledger {
    gateway: String,
    accepted: BTreeSet<String>,
}

impl Ledger {
    /// Of the gateway with the id `gateway`.
    #[must_use]
    pub fn new(gateway: &str) -> Self {
        Self {
            gateway: gateway.to_owned(),
            accepted: BTreeSet::new(),
        }
    }

    /// Issues a command and does not wait for it. One that the console does not take, because it
    /// or the gateway is away, is none of its debts.
    pub fn issue(&mut self, api: &Api, command: &Value) {
        let path = format!("/gateways/{}/commands", self.gateway);
        if let Ok(issued) = api.post(&path, command) {
            self.accepted
                .extend(issued["id"].as_str().map(str::to_owned));
        }
    }

    /// Waits until every command has an outcome, also those of which nobody heard that they were
    /// taken.
    ///
    /// # Errors
    /// One has none in time, or is lost.
    pub fn settle(&self, api: &Api, limit: Duration) -> Result<Settled> {
        let all = eventually("every command has an outcome", limit, || {
            let all = self.commands(api)?;
            let open = all.iter().any(|c| c["state"] == "pending");
            Ok((!open).then_some(all))
        })?;
        let known: BTreeSet<&str> = all.iter().filter_map(|c| c["id"].as_str()).collect();
        for id in &self.accepted {
            ensure!(
                known.contains(id.as_str()),
                "command {id} was accepted and is lost"
            );
        }
        Ok(Settled(all))
    }

    fn commands(&self, api: &Api) -> Result<Vec<Value>> {
        let first = format!("/commands?limit=1000&gateway={}", self.gateway);
        let (mut all, mut page) = (Vec::new(), api.get(&first)?);
        loop {
            let items = page["items"].as_array().context("a list of commands")?;
            all.extend(items.iter().cloned());
            let Some(next) = page["next"].as_str() else {
                return Ok(all);
            };
            page = api.get(&format!("{first}&cursor={next}"))?;
        }
    }
}

/// Commands that all have an outcome.
#[derive(Debug)]
pub struct Settled(Vec<Value>);

impl Settled {
    /// Holds the console's word, on commands other than `status.get`, against the gateway's, which
    /// notes each run in `log`: none ran twice, what finished or failed has run, what was not executed has not, and nothing ran
    /// that the console does not know.
    ///
    /// # Errors
    /// One does not agree, or none has run at all.
    pub fn ensure_gateway_agrees(&self, log: &str) -> Result<()> {
        let mut runs = runs(log)?;
        ensure!(!runs.is_empty(), "the gateway noted no run at all");
        for (key, count) in &runs {
            ensure!(
                *count == 1,
                "the command with the key {key} ran {count} times"
            );
        }
        for command in &self.0 {
            let key = command["idempotency_key"].as_str().context("a key")?;
            let ran = runs.remove(key).is_some();
            match command["state"].as_str() {
                Some("finished" | "failed") => ensure!(ran, "told as run, and was not: {command}"),
                Some("not_executed") => ensure!(!ran, "told as not run, and was: {command}"),
                Some("unknown") => {}
                state => anyhow::bail!("{state:?} is no outcome: {command}"),
            }
        }
        ensure!(runs.is_empty(), "the console does not know of {runs:?}");
        Ok(())
    }

    /// How many commands have the outcome `state`.
    #[must_use]
    pub fn count(&self, state: &str) -> usize {
        self.0.iter().filter(|c| c["state"] == state).count()
    }

    /// Reissues what has no result, and some of what was not executed, with one call each; all
    /// must finish.
    ///
    /// # Errors
    /// One does not.
    pub fn reissue(&self, api: &Api) -> Result<()> {
        let of = |state: &'static str| self.0.iter().filter(move |c| c["state"] == state);
        let mut again = Vec::new();
        for command in of("unknown").chain(of("not_executed").take(REISSUES_MAX)) {
            let id = command["id"].as_str().context("an id")?;
            let issued = api.post(&format!("/commands/{id}/reissue"), &json!({}))?;
            again.push(issued["id"].as_str().context("an id")?.to_owned());
        }
        for id in again {
            let path = format!("/commands/{id}");
            eventually("the reissued command finishes", SOON, || {
                Ok((api.get(&path)?["state"] == "finished").then_some(()))
            })?;
        }
        Ok(())
    }
}

/// How often the gateway that wrote `log` has run a command, by its idempotency key. Leaves out
/// `status.get`, by which the console itself measures the way to a gateway.
///
/// # Errors
/// A line does not name id or key.
pub fn runs(log: &str) -> Result<BTreeMap<&str, usize>> {
    let lines = |what: &'static str| log.lines().filter(move |line| line.contains(what));
    let came = lines("command came").filter(|line| line.contains("status.get"));
    let pings: BTreeSet<&str> = came.filter_map(|line| field(line, "command.id")).collect();
    let mut runs = BTreeMap::new();
    for line in lines("command is run") {
        let id = field(line, "command.id").context("the line names the id")?;
        let key = field(line, "command.key").context("the line names the key")?;
        if !pings.contains(id) {
            *runs.entry(key).or_default() += 1;
        }
    }
    Ok(runs)
}

/// The value of a field of a line of the log.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(name)?;
    rest.strip_prefix('=')?.split_whitespace().next()
}

/// Waits until `gateway` has run one more command.
///
/// # Errors
/// It does not in time.
pub fn wait_for_a_run(gateway: &Process, limit: Duration) -> Result<()> {
    let before = runs(&gateway.printed())?.len();
    eventually("a command is run", limit, || {
        let now = runs(&gateway.printed())?.len();
        Ok((now > before).then_some(()))
    })
}
