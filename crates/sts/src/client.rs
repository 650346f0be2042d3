//! Sends one request, and reads its answer to a bound.

use std::error::Error as _;

use bytes::BytesMut;
use clock::Clock;
use http::{Request, StatusCode, header};
use model::{AssumedRole, BucketSettings, LentKeys, Provider};
use reqwest::{Client, Response, redirect};
use uuid::Uuid;

use crate::{
    alibaba::{self, Stamp},
    answer::{self, Dialect, Unreadable},
    aws,
    endpoint::endpoint,
    error::StsError,
    limits::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, CONNECT_TIMEOUT, SESSION_LEN_MAX},
};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) role: &'a AssumedRole,
    /// What the provider's own logs call whoever has the keys.
    pub(crate) session: &'a str,
}

/// Asks services to lend keys.
#[derive(Clone, Debug)]
pub struct StsClient {
    http: Client,
    clock: Clock,
}

impl StsClient {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(clock: Clock) -> Result<Self, StsError> {
        let built = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            // Settings say where the service is; the environment does not change that.
            .no_proxy()
            .build();
        let http = built.map_err(|error| unsendable("any service", &error))?;
        Ok(Self { http, clock })
    }

    /// Assumes `role` with the keys of `bucket`. The provider's logs show the keys that come back
    /// as those of `session`.
    ///
    /// # Errors
    /// The service does not answer, or says no.
    pub async fn assume(
        &self,
        bucket: &BucketSettings,
        role: &AssumedRole,
        session: &str,
    ) -> Result<LentKeys, StsError> {
        let endpoint = endpoint(bucket, role);
        let session = session_name(session);
        let wish = Wish {
            role,
            session: &session,
        };
        let (dialect, request) = self.request(bucket, &wish, &endpoint).await?;
        let asking = self.ask(&endpoint, request);
        let answered = tokio::time::timeout(ANSWER_TIMEOUT, asking).await;
        let (status, body) = answered.unwrap_or_else(|_elapsed| {
            Err(StsError::Silent {
                endpoint: endpoint.clone(),
                after: ANSWER_TIMEOUT,
            })
        })?;
        if !status.is_success() {
            let said = answer::refusal(dialect, &body);
            let key = bucket.access_key_id.trim();
            return Err(StsError::refused(&endpoint, status, said, key));
        }
        let keys = answer::keys(dialect, &body).map_err(|error| unreadable(&endpoint, error))?;
        if keys.expires_at <= self.clock.wall() {
            return Err(StsError::Over { endpoint });
        }
        Ok(keys)
    }

    async fn request(
        &self,
        bucket: &BucketSettings,
        wish: &Wish<'_>,
        endpoint: &str,
    ) -> Result<(Dialect, Request<String>), StsError> {
        match bucket.provider {
            Provider::Oss => {
                let stamp = Stamp {
                    now: self.clock.wall(),
                    nonce: Uuid::new_v4(),
                };
                let request = Request::post(format!("{endpoint}/"))
                    .header(header::CONTENT_TYPE, FORM)
                    .body(alibaba::body(bucket, wish, stamp))
                    .map_err(|error| unsendable(endpoint, &error))?;
                Ok((Dialect::Alibaba, request))
            }
            Provider::S3 | Provider::Directory => {
                let body = aws::body(wish);
                let signed = aws::signed(bucket, endpoint, &body).await;
                let request = signed.map_err(|error| unsendable(endpoint, &error))?;
                Ok((Dialect::Aws, request.map(|()| body)))
            }
        }
    }

    async fn ask(
        &self,
        endpoint: &str,
        request: Request<String>,
    ) -> Result<(StatusCode, BytesMut), StsError> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| unsendable(endpoint, &error))?;
        let sent = self.http.execute(request).await;
        let mut response = sent.map_err(|error| unreachable(endpoint, error))?;
        let body = read(endpoint, &mut response).await?;
        Ok((response.status(), body))
    }
}

async fn read(endpoint: &str, response: &mut Response) -> Result<BytesMut, StsError> {
    let mut body = BytesMut::new();
    loop {
        let chunk = response.chunk().await;
        let Some(chunk) = chunk.map_err(|error| unreachable(endpoint, error))? else {
            return Ok(body);
        };
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            let reason = "it is too long".to_owned();
            return Err(unreadable(endpoint, Unreadable::Document(reason)));
        }
        body.extend_from_slice(&chunk);
    }
}

/// Letters that both providers take.
fn session_name(wanted: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.@_".contains(c);
    let plain = wanted.chars().map(|c| if plain(c) { c } else { '-' });
    plain.take(SESSION_LEN_MAX).collect()
}

fn unsendable(endpoint: &str, error: &dyn std::error::Error) -> StsError {
    StsError::Unsendable {
        endpoint: endpoint.to_owned(),
        reason: error.to_string(),
    }
}

/// The innermost cause says most: `Connection refused`, not `error sending request`.
fn unreachable(endpoint: &str, error: reqwest::Error) -> StsError {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(below) = cause {
        reason = below.to_string();
        cause = below.source();
    }
    StsError::Unreachable {
        endpoint: endpoint.to_owned(),
        reason,
    }
}

fn unreadable(endpoint: &str, error: Unreadable) -> StsError {
    StsError::Unreadable {
        endpoint: endpoint.to_owned(),
        reason: match error {
            Unreadable::Document(reason) => reason,
            Unreadable::Field(name) => format!("no right {name}"),
        },
    }
}
