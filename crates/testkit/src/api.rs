//! The console's HTTP API, called with curl from inside a network of the lab.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::run_ok;

/// A user who is logged in.
#[derive(Clone, Debug)]
pub struct Api {
    /// What a command line begins with: `ip netns exec …`, or nothing.
    wrapper: Vec<String>,
    base: String,
    /// Holds the headers, so that the token is in no process list.
    headers: PathBuf,
}

impl Api {
    /// Logs in at `url`. `folder` keeps the token.
    ///
    /// # Errors
    /// The console cannot be reached or refuses.
    pub fn log_in(
        wrapper: Vec<String>,
        url: &str,
        (user, password): (&str, &str),
        folder: &std::path::Path,
    ) -> Result<Self> {
        let headers = folder.join("headers");
        std::fs::write(&headers, "Content-Type: application/json\n")?;
        let api = Self {
            wrapper,
            base: format!("{url}/api/v1"),
            headers,
        };
        let answer = api.post("/login", &json!({"user": user, "password": password}))?;
        let token = answer["token"]
            .as_str()
            .context("login answers with a token")?;
        let lines = format!("Content-Type: application/json\nAuthorization: Bearer {token}\n");
        std::fs::write(&api.headers, lines)?;
        Ok(api)
    }

    /// Asks.
    ///
    /// # Errors
    /// The console cannot be reached or answers with an error.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, None)
    }

    /// Makes something.
    ///
    /// # Errors
    /// The console cannot be reached or answers with an error.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("POST", path, Some(body))
    }

    /// Replaces something.
    ///
    /// # Errors
    /// The console cannot be reached or answers with an error.
    pub fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("PUT", path, Some(body))
    }

    /// Removes something.
    ///
    /// # Errors
    /// The console cannot be reached or answers with an error.
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.call("DELETE", path, None)
    }

    /// Makes something; the answer, and how long the console took for it, connection included.
    ///
    /// # Errors
    /// The console cannot be reached.
    pub fn post_timed(&self, path: &str, body: &Value) -> Result<(Result<Value>, Duration)> {
        self.call_timed("POST", path, Some(body))
    }

    fn call(&self, verb: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.call_timed(verb, path, body)?.0
    }

    fn call_timed(
        &self,
        verb: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Result<Value>, Duration)> {
        let headers = format!("@{}", self.headers.display());
        let url = format!("{}{path}", self.base);
        let mut line: Vec<String> = self.wrapper.clone();
        line.extend(["curl", "-sS", "-m", "60", "-X", verb, "-H", &headers].map(str::to_owned));
        line.extend(["-w", "\n%{time_total}"].map(str::to_owned));
        if let Some(body) = body {
            line.extend(["-d".to_owned(), body.to_string()]);
        }
        line.push(url);
        let (program, words) = line.split_first().context("a command line")?;
        let printed = run_ok(Command::new(program).args(words))?;
        let (answer, seconds) = printed.rsplit_once('\n').context("a time at the end")?;
        let answer = understand(answer).with_context(|| format!("{verb} {path}"));
        Ok((answer, Duration::try_from_secs_f64(seconds.parse()?)?))
    }
}

/// An answer is JSON, nothing, or an error.
fn understand(printed: &str) -> Result<Value> {
    if printed.trim().is_empty() {
        return Ok(Value::Null);
    }
    let answer: Value = serde_json::from_str(printed).with_context(|| printed.to_owned())?;
    let error = answer.get("error").filter(|e| e.get("code").is_some());
    match error.filter(|_| answer.get("id").is_none()) {
        Some(error) => bail!("{error}"),
        None => Ok(answer),
    }
}
