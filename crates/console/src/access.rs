//! Who may do what: one table, and the guard that keeps to it.
//!
//! Invariant: an endpoint that is not in the table is open to nobody.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use model::{ErrorCode, Role};

use crate::{
    app::App,
    auth::{authenticate, peer_of},
    error::ApiError,
};

/// Whom an endpoint is open to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody, without a login.
    Anyone,
    /// Users with one of these roles.
    Roles(&'static [Role]),
}

use Access::{Anyone, Roles};

const EVERY: Access = Roles(&Role::ALL);
const OPERATE: Access = Roles(&[Role::Admin, Role::Operator]);
const AUDIT: Access = Roles(&[Role::Admin, Role::Auditor]);
const ADMIN: Access = Roles(&[Role::Admin]);

/// The table: method, path as in the OpenAPI document, who.
pub(crate) const RULES: &[(&str, &str, Access)] = &[
    ("GET", "/healthz", Anyone),
    ("GET", "/readyz", Anyone),
    ("GET", "/metrics", Anyone),
    ("GET", "/api/v1/openapi.json", Anyone),
    ("POST", "/api/v1/login", Anyone),
    ("POST", "/api/v1/logout", EVERY),
    ("GET", "/api/v1/me", EVERY),
    ("POST", "/api/v1/me/password", EVERY),
    ("GET", "/api/v1/users", ADMIN),
    ("POST", "/api/v1/users", ADMIN),
    ("DELETE", "/api/v1/users/{name}", ADMIN),
    ("GET", "/api/v1/overview", EVERY),
    ("GET", "/api/v1/stream", EVERY),
    ("GET", "/api/v1/gateways", EVERY),
    ("POST", "/api/v1/gateways", OPERATE),
    ("GET", "/api/v1/gateways/{id}", EVERY),
    ("PATCH", "/api/v1/gateways/{id}", OPERATE),
    ("DELETE", "/api/v1/gateways/{id}", OPERATE),
    ("POST", "/api/v1/gateways/{id}/bundle", OPERATE),
    ("GET", "/api/v1/gateways/{id}/metrics", EVERY),
    ("GET", "/api/v1/gateways/{id}/events", EVERY),
    ("GET", "/api/v1/gateways/{id}/shares", EVERY),
    ("POST", "/api/v1/gateways/{id}/shares", OPERATE),
    ("POST", "/api/v1/gateways/{id}/shares/check", OPERATE),
    ("GET", "/api/v1/gateways/{id}/shares/{name}", EVERY),
    ("PUT", "/api/v1/gateways/{id}/shares/{name}", OPERATE),
    ("DELETE", "/api/v1/gateways/{id}/shares/{name}", OPERATE),
    ("POST", "/api/v1/gateways/{id}/shares/{name}/key", ADMIN),
    ("POST", "/api/v1/gateways/{id}/commands", OPERATE),
    ("GET", "/api/v1/commands", EVERY),
    ("GET", "/api/v1/commands/{id}", EVERY),
    ("POST", "/api/v1/commands/{id}/reissue", OPERATE),
    ("GET", "/api/v1/audit", AUDIT),
    ("GET", "/api/v1/audit/verify", AUDIT),
    ("GET", "/api/v1/message-queue", EVERY),
    ("PUT", "/api/v1/message-queue/settings", ADMIN),
    ("GET", "/api/v1/message-queue/groups", EVERY),
    ("POST", "/api/v1/message-queue/groups", ADMIN),
    ("DELETE", "/api/v1/message-queue/groups/{group}", ADMIN),
    ("GET", "/api/v1/message-queue/parent-topics", EVERY),
    ("POST", "/api/v1/message-queue/parent-topics", ADMIN),
    (
        "PUT",
        "/api/v1/message-queue/parent-topics/{parent}/precedence",
        ADMIN,
    ),
    (
        "DELETE",
        "/api/v1/message-queue/parent-topics/{parent}",
        ADMIN,
    ),
    (
        "PUT",
        "/api/v1/message-queue/parent-topics/{parent}/grants/{group}",
        ADMIN,
    ),
    (
        "DELETE",
        "/api/v1/message-queue/parent-topics/{parent}/grants/{group}",
        ADMIN,
    ),
    ("GET", "/api/v1/message-queue/access-keys", EVERY),
    ("POST", "/api/v1/message-queue/access-keys", ADMIN),
    ("DELETE", "/api/v1/message-queue/access-keys/{id}", ADMIN),
    ("POST", "/api/v1/message-queue/tokens", OPERATE),
    ("POST", "/api/v1/message-queue/tokens/query", OPERATE),
    ("POST", "/api/v1/message-queue/tokens/revoke", OPERATE),
    ("GET", "/api/v1/message-queue/device-credentials", EVERY),
    ("POST", "/api/v1/message-queue/device-credentials", ADMIN),
    (
        "GET",
        "/api/v1/message-queue/device-credentials/{client_id}",
        EVERY,
    ),
    (
        "DELETE",
        "/api/v1/message-queue/device-credentials/{client_id}",
        ADMIN,
    ),
    (
        "POST",
        "/api/v1/message-queue/device-credentials/{client_id}/refresh",
        ADMIN,
    ),
    ("GET", "/api/v1/message-queue/clients", EVERY),
    ("POST", "/api/v1/message-queue/clients/query", OPERATE),
    ("GET", "/api/v1/message-queue/clients/{client_id}", EVERY),
    (
        "DELETE",
        "/api/v1/message-queue/clients/{client_id}/connection",
        OPERATE,
    ),
    ("GET", "/api/v1/message-queue/blocked-clients", EVERY),
    (
        "PUT",
        "/api/v1/message-queue/blocked-clients/{client_id}",
        OPERATE,
    ),
    (
        "DELETE",
        "/api/v1/message-queue/blocked-clients/{client_id}",
        OPERATE,
    ),
    ("POST", "/api/v1/message-queue/messages", OPERATE),
    ("GET", "/api/v1/message-queue/listeners", EVERY),
    ("POST", "/api/v1/message-queue/listeners/reload", ADMIN),
    ("GET", "/api/v1/message-queue/slow-clients", EVERY),
    ("POST", "/api/v1/message-queue/drain", ADMIN),
    ("GET", "/api/v1/message-queue/metrics", EVERY),
    ("GET", "/api/v1/message-queue/traces/devices", EVERY),
    ("GET", "/api/v1/message-queue/traces/messages", EVERY),
    ("GET", "/api/v1/message-queue/registration-code", ADMIN),
    ("GET", "/api/v1/message-queue/authorities", EVERY),
    ("POST", "/api/v1/message-queue/authorities", ADMIN),
    ("PUT", "/api/v1/message-queue/authorities/{serial}", ADMIN),
    (
        "DELETE",
        "/api/v1/message-queue/authorities/{serial}",
        ADMIN,
    ),
    (
        "GET",
        "/api/v1/message-queue/authorities/{serial}/devices",
        EVERY,
    ),
    (
        "PUT",
        "/api/v1/message-queue/authorities/{serial}/devices/{device}",
        ADMIN,
    ),
    (
        "DELETE",
        "/api/v1/message-queue/authorities/{serial}/devices/{device}",
        ADMIN,
    ),
];

/// Whether `role` may see the audit log; the stream asks for each item.
pub(crate) fn may_audit(role: Role) -> bool {
    AUDIT.allows(role)
}

impl Access {
    pub(crate) fn allows(self, role: Role) -> bool {
        match self {
            Anyone => true,
            Roles(roles) => roles.contains(&role),
        }
    }
}

/// The rule of an endpoint.
pub(crate) fn rule(method: &Method, path: &str) -> Option<Access> {
    // axum answers HEAD with the handler of GET.
    let method = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    RULES
        .iter()
        .find(|(m, p, _)| *m == method && *p == path)
        .map(|(_, _, access)| *access)
}

/// Runs before every endpoint.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    match check(&app, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn check(app: &App, request: &mut Request) -> Result<(), ApiError> {
    let path = request.extensions().get::<MatchedPath>();
    let access = path.and_then(|path| rule(request.method(), path.as_str()));
    let closed = || ApiError::new(ErrorCode::Forbidden, "this endpoint is open to nobody");
    let access = access.ok_or_else(closed)?;
    if access == Anyone {
        return Ok(());
    }
    let peer = peer_of(request.extensions());
    let caller = authenticate(app, request.method(), request.headers(), peer).await?;
    if !access.allows(caller.role) {
        let message = format!(
            "this is not allowed to users with the role {}; ask an administrator",
            caller.role
        );
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    request.extensions_mut().insert(caller);
    Ok(())
}
