//! The HTTP client.

use std::{path::Path, time::Duration};

use model::Secret;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;

use super::CtlError;
use crate::private_file::{self, FileError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For an answer to be complete; calls that wait on purpose add their wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A page of 1,000 items is far below.
const ANSWER_LEN_MAX: usize = 64 << 20;

/// A console's API, with the rights of one session.
#[derive(Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret>,
}

/// Parameters of a request after `?`.
pub(crate) type Query<'a> = &'a [(&'a str, String)];

impl Api {
    /// The console at `url`. `authority`: a PEM file to trust besides the system's.
    pub(crate) fn new(
        url: &str,
        token: Option<Secret>,
        authority: Option<&Path>,
    ) -> Result<Self, CtlError> {
        let bad_url = |reason: &str| CtlError::Usage(format!("--url `{url}`: {reason}"));
        let base = Url::parse(url).map_err(|error| bad_url(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(bad_url("must begin with http:// or https://"));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = authority {
            let pem = std::fs::read(path).map_err(FileError::at("read", path))?;
            let trusted = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| bad_authority(path, &error))?;
            for certificate in trusted {
                builder = builder.add_root_certificate(certificate);
            }
        }
        let unreachable = |source| CtlError::Unreachable {
            url: url.to_owned(),
            source,
        };
        Ok(Self {
            http: builder.build().map_err(unreachable)?,
            base,
            token,
        })
    }

    pub(crate) async fn get(&self, path: &[&str], query: Query<'_>) -> Result<Value, CtlError> {
        self.call(Method::GET, path, query, None).await
    }

    pub(crate) async fn post(&self, path: &[&str], body: &Value) -> Result<Value, CtlError> {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, CtlError> {
        self.call(Method::PATCH, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &[&str], query: Query<'_>) -> Result<Value, CtlError> {
        self.call(Method::DELETE, path, query, None).await
    }

    /// Any call that answers at once.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &[&str],
        query: Query<'_>,
        body: Option<&Value>,
    ) -> Result<Value, CtlError> {
        let mut request = self.request(method, path, query).timeout(ANSWER_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    /// Issues a command. The console answers only after something has come of it, within
    /// `wait`; the key makes it safe to send twice.
    pub(crate) async fn post_command(
        &self,
        path: &[&str],
        query: Query<'_>,
        body: &Value,
        (wait, key): (Duration, Option<&str>),
    ) -> Result<Value, CtlError> {
        let timeout = ANSWER_TIMEOUT.saturating_add(wait);
        let mut request = self.request(Method::POST, path, query).timeout(timeout);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request.json(body)).await
    }

    /// An answer without an end: server-sent events.
    pub(crate) async fn stream(&self, path: &[&str]) -> Result<Response, CtlError> {
        let answer = self.request(Method::GET, path, &[]).send().await;
        let answer = answer.map_err(|source| self.unreachable(source))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.failure(answer).await?)
    }

    fn request(&self, method: Method, path: &[&str], query: Query<'_>) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        // The audit log says through what an action came.
        let request = self.http.request(method, url).header("X-Causeway", "ctl");
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, CtlError> {
        let answer = request.send().await;
        let answer = answer.map_err(|source| self.unreachable(source))?;
        if !answer.status().is_success() {
            return Err(self.failure(answer).await?);
        }
        let body = self.body(answer).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| CtlError::BadAnswer(error.to_string()))
    }

    /// What an answer that is not a success means.
    async fn failure(&self, answer: Response) -> Result<CtlError, CtlError> {
        let status = answer.status();
        let body = self.body(answer).await?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let part = |pointer| body.pointer(pointer).and_then(Value::as_str);
        let (Some(code), Some(message)) = (part("/error/code"), part("/error/message")) else {
            return Ok(CtlError::BadAnswer(format!("status {status}")));
        };
        if code == "UNAUTHENTICATED" && self.token.is_none() {
            let url = self.base.to_string();
            return Ok(CtlError::NotLoggedIn { url });
        }
        Ok(CtlError::Api {
            code: code.to_owned(),
            message: message.to_owned(),
            body,
        })
    }

    async fn body(&self, mut answer: Response) -> Result<Vec<u8>, CtlError> {
        let mut body = Vec::new();
        let chunk_error = |source| self.unreachable(source);
        while let Some(chunk) = answer.chunk().await.map_err(chunk_error)? {
            if body.len().saturating_add(chunk.len()) > ANSWER_LEN_MAX {
                return Err(CtlError::BadAnswer(format!(
                    "more than {ANSWER_LEN_MAX} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    pub(crate) fn unreachable(&self, source: reqwest::Error) -> CtlError {
        CtlError::Unreachable {
            url: self.base.to_string(),
            source,
        }
    }
}

fn bad_authority(path: &Path, error: &reqwest::Error) -> CtlError {
    CtlError::Usage(format!(
        "--ca {} is not a certificate in PEM: {error}",
        path.display()
    ))
}

/// Nothing but `private_file` touches files with secrets; certificates are public.
pub(super) fn read_text(path: &Path) -> Result<String, CtlError> {
    private_file::read(path)?.ok_or_else(|| {
        let reason = std::io::Error::from(std::io::ErrorKind::NotFound);
        FileError::at("read", path)(reason).into()
    })
}
