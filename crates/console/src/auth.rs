//! Who is asking.

pub(crate) mod login_limit;
pub(crate) mod password;
pub(crate) mod token;

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, Method, header, request::Parts},
};
use database::SessionRecord;
use model::{ErrorCode, Role};

use crate::{app::App, error::ApiError};

/// Name of the cookie that carries the token for pages.
pub(crate) const COOKIE: &str = "causeway_session";
/// Says through what a request comes. A page of another site cannot set it.
const CHANNEL_HEADER: &str = "x-causeway";

/// Whoever made a request, after they proved it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: String,
    pub(crate) role: Role,
    pub(crate) session: SessionRecord,
    pub(crate) origin: Origin,
}

/// Where a request comes from, and through what.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) source: String,
    pub(crate) channel: &'static str,
}

impl Origin {
    /// What the console does by itself.
    pub(crate) fn system() -> Self {
        Self {
            source: "local".to_owned(),
            channel: "system",
        }
    }

    pub(crate) fn of(headers: &HeaderMap, peer: Option<SocketAddr>) -> Self {
        let source = match peer {
            Some(peer) if peer.ip().is_loopback() => "local".to_owned(),
            Some(peer) => peer.ip().to_string(),
            None => "local".to_owned(),
        };
        let channel = match headers.get(CHANNEL_HEADER).map(|v| v.as_bytes()) {
            Some(b"page") => "page",
            Some(b"ctl") => "ctl",
            Some(_) | None => "api",
        };
        Self { source, channel }
    }
}

/// How a token came.
enum Presented<'a> {
    Bearer(&'a str),
    Cookie(&'a str),
}

fn presented(headers: &HeaderMap) -> Option<Presented<'_>> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(value) = text(header::AUTHORIZATION) {
        return value.strip_prefix("Bearer ").map(Presented::Bearer);
    }
    let cookies = text(header::COOKIE)?;
    cookies
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| Presented::Cookie(token))
}

/// Finds out who is asking.
pub(crate) async fn authenticate(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> Result<Caller, ApiError> {
    let log_in = || ApiError::new(ErrorCode::Unauthenticated, "log in first");
    let origin = Origin::of(headers, peer);
    let token = match presented(headers).ok_or_else(log_in)? {
        Presented::Bearer(token) => token,
        // A browser sends the cookie whoever made the page; the header only our pages can set.
        Presented::Cookie(_) if !method.is_safe() && origin.channel != "page" => {
            return Err(ApiError::new(
                ErrorCode::Forbidden,
                "a change with the cookie alone needs the header `X-Causeway: page`",
            ));
        }
        Presented::Cookie(token) => token,
    };
    let hash = token::hash(token);
    let found = app.database.session(&hash, app.clock.wall()).await?;
    let (session, user) = found.ok_or_else(|| {
        ApiError::new(
            ErrorCode::Unauthenticated,
            "this login has ended; log in again",
        )
    })?;
    Ok(Caller {
        user: user.name,
        role: user.role,
        session,
        origin,
    })
}

/// The peer's address, if the server knows it.
pub(crate) fn peer_of(parts: &axum::http::Extensions) -> Option<SocketAddr> {
    parts.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;
    /// The guard has put it there; an endpoint that asks for it without being guarded fails.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| ApiError::new(ErrorCode::Unauthenticated, "log in first"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.headers, peer_of(&parts.extensions)))
    }
}
