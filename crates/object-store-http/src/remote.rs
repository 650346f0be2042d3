//! Sends requests: signed, with time-outs, again after a failure that may pass.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use clock::Clock;
use http::{HeaderMap, StatusCode};
use object_store::{StoreError, StoreErrorKind, StoreResult};
use reqwest::{Client, Response, redirect};
use tokio::sync::OnceCell;

use crate::{
    answer::Refusal,
    conditions::Checks,
    config::Config,
    credentials::{AccessKeys, ReplaceableKeys, is_about_keys},
    limits::ANSWER_BYTES_MAX,
    request::Request,
    signer::Signer,
};

/// How long and how often a call is tried.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Whose time passes between attempts.
    pub clock: Clock,
    /// Attempts at one request.
    pub attempts_max: u32,
    /// Pause after the first attempt; doubles each time.
    pub pause: Duration,
    /// To a connection.
    pub connect_timeout: Duration,
    /// To the first byte of an answer once the body is sent, and between two reads of it.
    pub answer_timeout: Duration,
    /// To the end of a server's own long work: a copy, the joining of parts.
    pub work_timeout: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            attempts_max: 4,
            pause: Duration::from_millis(200),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            work_timeout: Duration::from_secs(30 * 60),
        }
    }
}

/// Slower than this, a body counts as stuck: an upload has a second more for each.
const BODY_BYTES_PER_SECOND_MIN: u64 = 32 << 10;

/// How long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Answer,
    Work,
}

/// How a request came out.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done(Response),
    Refused(Refusal),
}

/// The other end.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) config: Config,
    pub(crate) patience: Patience,
    /// What the store checks by itself, once that was tried out.
    pub(crate) checks: OnceCell<Checks>,
    /// Whether an etag was seen that was the MD5 of what was sent.
    pub(crate) etags_are_md5: AtomicBool,
    client: Client,
    signer: Signer,
    keys: Arc<ReplaceableKeys>,
}

impl Remote {
    pub(crate) fn new(
        config: Config,
        patience: Patience,
        keys: Arc<ReplaceableKeys>,
    ) -> StoreResult<Self> {
        let built = Client::builder()
            .connect_timeout(patience.connect_timeout)
            .redirect(redirect::Policy::none())
            // Settings say where the store is; the environment does not change that.
            .no_proxy()
            .build();
        let client = built.map_err(|error| {
            StoreError::caused_by(StoreErrorKind::Other, "cannot set up HTTP", error)
        })?;
        let signer = Signer::new(&config);
        Ok(Self {
            config,
            patience,
            checks: OnceCell::new(),
            etags_are_md5: AtomicBool::new(false),
            client,
            signer,
            keys,
        })
    }

    /// One attempt, or two if the keys are refused and others come. `body` replaces the request's own,
    /// and can be sent only once.
    pub(crate) async fn attempt(
        &self,
        request: &Request,
        wait: Wait,
        body: Option<(reqwest::Body, u64)>,
    ) -> StoreResult<Outcome> {
        let can_repeat = body.is_none();
        let keys = self.some_keys(request).await?;
        let outcome = self.attempt_with(request, wait, body, &keys).await?;
        if let Outcome::Refused(refusal) = &outcome
            && is_about_keys(&refusal.code)
            && let Some(others) = self.keys.others(&keys).await
            && can_repeat
        {
            return Box::pin(self.attempt_with(request, wait, None, &others)).await;
        }
        Ok(outcome)
    }

    /// The keys of now; while there are none, those that come within the patience of their owner.
    async fn some_keys(&self, request: &Request) -> StoreResult<AccessKeys> {
        let keys = self.keys.keys();
        if !keys.are_missing() {
            return Ok(keys);
        }
        let others = self.keys.others(&keys).await;
        others.filter(|keys| !keys.are_missing()).ok_or_else(|| {
            let (Request { what, key, .. }, bucket) = (request, &self.config.bucket);
            let message = format!(
                "cannot {what} `{key}`: there are no keys for bucket `{bucket}` now; they come \
                 from the role that lends them"
            );
            StoreError::new(StoreErrorKind::AccessDenied, message)
        })
    }

    async fn attempt_with(
        &self,
        request: &Request,
        wait: Wait,
        body: Option<(reqwest::Body, u64)>,
        keys: &AccessKeys,
    ) -> StoreResult<Outcome> {
        let (body, length) = match body {
            Some((body, length)) => (body, length),
            None => (request.body.clone().into(), request.body.len() as u64),
        };
        let signed = self.sign(request, length, keys).await?;
        let sending = self.client.execute(
            reqwest::Request::try_from(signed.map(|()| body))
                .map_err(|error| self.unsendable(request, error))?,
        );
        let for_body = Duration::from_secs(length / BODY_BYTES_PER_SECOND_MIN);
        let limit = match wait {
            Wait::Answer => self.patience.answer_timeout,
            Wait::Work => self.patience.work_timeout,
        };
        let limit = self.patience.connect_timeout + limit + for_body;
        let response = match tokio::time::timeout(limit, sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.unreachable(request, error)),
            Err(_elapsed) => return Err(self.silent(request, limit)),
        };
        let status = response.status();
        if status.is_success() {
            return Ok(Outcome::Done(response));
        }
        let region = text(response.headers(), "x-amz-bucket-region");
        // What is cut off can say anything.
        let body = self.body(request, response).await?;
        let refusal = Refusal::new(status, &body, region).of_key(&keys.id);
        Ok(Outcome::Refused(refusal))
    }

    /// Tries until it is done, refused for good, or out of patience.
    pub(crate) async fn send(&self, request: &Request, wait: Wait) -> StoreResult<Response> {
        let mut retries = self.retries();
        loop {
            let error = match self.attempt(request, wait, None).await {
                Ok(Outcome::Done(response)) => return Ok(response),
                Ok(Outcome::Refused(refusal)) => refusal.into_error(&self.config, request),
                Err(error) => error,
            };
            retries.again(error).await?;
        }
    }

    /// As [`Remote::send`], with the answer read to its end.
    pub(crate) async fn call(&self, request: &Request, wait: Wait) -> StoreResult<Bytes> {
        let mut retries = self.retries();
        loop {
            match self.call_once(request, wait).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(refusal)) => {
                    retries
                        .again(refusal.into_error(&self.config, request))
                        .await?;
                }
                Err(error) => retries.again(error).await?,
            }
        }
    }

    /// One attempt, read to its end. A success may carry an error after all: copies and
    /// completions begin their answer before they know (S3, `CopyObject`).
    pub(crate) async fn call_once(
        &self,
        request: &Request,
        wait: Wait,
    ) -> StoreResult<Result<Bytes, Refusal>> {
        let response = match self.attempt(request, wait, None).await? {
            Outcome::Done(response) => response,
            Outcome::Refused(refusal) => return Ok(Err(refusal)),
        };
        let body = self.body(request, response).await?;
        if crate::xml::error(&body).is_some() {
            let refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, &body, None);
            return Ok(Err(refusal.of_key(&self.key_id())));
        }
        Ok(Ok(body))
    }

    /// The access key that requests are signed with now.
    pub(crate) fn key_id(&self) -> String {
        self.keys.keys().id
    }

    /// A count of attempts for one call.
    pub(crate) fn retries(&self) -> Retries<'_> {
        Retries {
            patience: &self.patience,
            made: 1,
        }
    }

    /// The body of a short answer.
    async fn body(&self, request: &Request, mut response: Response) -> StoreResult<Bytes> {
        let mut body = BytesMut::new();
        let limit = self.patience.answer_timeout;
        loop {
            let chunk = match tokio::time::timeout(limit, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Err(error)) => return Err(self.unreachable(request, error)),
                Err(_elapsed) => return Err(self.silent(request, limit)),
            };
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                let message = format!(
                    "cannot {} `{}`: the answer is too long",
                    request.what, request.key
                );
                return Err(StoreError::new(StoreErrorKind::Other, message));
            }
            body.extend_from_slice(&chunk);
        }
    }

    async fn sign(
        &self,
        request: &Request,
        length: u64,
        keys: &AccessKeys,
    ) -> StoreResult<http::Request<()>> {
        let mut builder = http::Request::builder()
            .method(request.method.clone())
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if request.method == http::Method::PUT || request.method == http::Method::POST {
            builder = builder.header("content-length", length);
        }
        let unsigned = builder
            .body(())
            .map_err(|error| self.unsendable(request, error))?;
        let (mut parts, ()) = unsigned.into_parts();
        let signed = self.signer.sign(keys, &mut parts).await;
        signed.map_err(|error| self.unsendable(request, error))?;
        Ok(http::Request::from_parts(parts, ()))
    }

    fn unsendable(
        &self,
        request: &Request,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> StoreError {
        let Request { what, key, .. } = request;
        let endpoint = &self.config.endpoint;
        let message = format!("cannot {what} `{key}`: no request to {endpoint} can say that");
        StoreError::caused_by(StoreErrorKind::Other, message, error)
    }

    pub(crate) fn unreachable(&self, request: &Request, error: reqwest::Error) -> StoreError {
        let Request { what, key, .. } = request;
        let endpoint = &self.config.endpoint;
        let error = error.without_url();
        let message = match error.is_connect() {
            true => format!(
                "cannot {what} `{key}`: {endpoint} cannot be reached; check the address and the network: {}",
                root_cause(&error)
            ),
            false => format!(
                "cannot {what} `{key}`: the connection to {endpoint} broke: {}",
                root_cause(&error)
            ),
        };
        StoreError::caused_by(StoreErrorKind::Unavailable, message, error)
    }

    pub(crate) fn silent(&self, request: &Request, limit: Duration) -> StoreError {
        let (Request { what, key, .. }, endpoint) = (request, &self.config.endpoint);
        let message = format!("cannot {what} `{key}`: {endpoint} was silent for {limit:?}");
        StoreError::new(StoreErrorKind::Unavailable, message)
    }
}

/// Attempts so far.
#[derive(Debug)]
pub(crate) struct Retries<'a> {
    patience: &'a Patience,
    made: u32,
}

impl Retries<'_> {
    /// Whether this is not the first attempt, so that an earlier one may have worked unheard.
    pub(crate) const fn is_repeat(&self) -> bool {
        self.made > 1
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    /// `error`, if it will not pass or has come too often.
    pub(crate) async fn again(&mut self, error: StoreError) -> StoreResult<()> {
        if !error.kind().is_transient() || self.made >= self.patience.attempts_max {
            return Err(error);
        }
        let pause = self
            .patience
            .pause
            .saturating_mul(1 << (self.made - 1).min(10));
        tracing::debug!(%error, attempt = self.made, "trying again");
        self.patience.clock.sleep(pause).await;
        self.made += 1;
        Ok(())
    }
}

/// A header as text.
pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The innermost cause says most: `Connection refused`, not `error sending request`.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}
