//! What became of the commands that a test has issued.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::{Api, eventually};

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

    /// How many commands were accepted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accepted.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    /// Issues `count` commands and waits for none. Those that the console does not take, because
    /// it or the gateway is away, are none of its debts.
    pub fn issue(&mut self, api: &Api, count: usize, command: &Value) {
        let path = format!("/gateways/{}/commands", self.gateway);
        let issued = (0..count).filter_map(|_| api.post(&path, command).ok());
        let ids = issued.filter_map(|command| Some(command["id"].as_str()?.to_owned()));
        self.accepted.extend(ids);
    }

    /// Waits until every command has an outcome; at least one must have been run.
    ///
    /// # Errors
    /// One has none in time, one is lost, or none was run.
    pub fn settle(&self, api: &Api, limit: Duration) -> Result<Vec<Value>> {
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
        let finished = all.iter().any(|c| c["state"] == "finished");
        ensure!(finished, "no command at all was run: {all:#?}");
        Ok(all)
    }

    /// Reissues, with one call each, what was not executed or has no result; all must finish.
    ///
    /// # Errors
    /// One does not.
    pub fn reissue(&self, api: &Api, settled: &[Value]) -> Result<()> {
        for command in settled
            .iter()
            .filter(|c| c["state"] == "not_executed" || c["state"] == "unknown")
        {
            let id = command["id"].as_str().context("an id")?;
            let again = api.post(&format!("/commands/{id}/reissue"), &json!({}))?;
            let path = format!("/commands/{}", again["id"].as_str().context("an id")?);
            eventually(
                "the reissued command finishes",
                Duration::from_secs(30),
                || Ok((api.get(&path)?["state"] == "finished").then_some(())),
            )?;
        }
        Ok(())
    }

    fn commands(&self, api: &Api) -> Result<Vec<Value>> {
        let list = api.get(&format!("/commands?limit=1000&gateway={}", self.gateway))?;
        list["items"]
            .as_array()
            .cloned()
            .context("a list of commands")
    }
}

/// A gateway notes each run with the command's idempotency key: no key is in `log` twice.
///
/// # Errors
/// One is, or there is none at all.
pub fn ensure_none_ran_twice(log: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    for line in log.lines().filter(|line| line.contains("command is run")) {
        let key = line
            .split("command.key=")
            .nth(1)
            .context("the line names the key")?;
        let key = key.split_whitespace().next().context("a key")?;
        ensure!(seen.insert(key), "run twice: {line}");
    }
    ensure!(!seen.is_empty(), "the gateway noted no run at all");
    Ok(())
}
