//! The one place where failures become HTTP answers.

use audit_log::AuditError;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use database::{DatabaseError, DatabaseErrorKind};
use message_bus::BusError;
use model::{ErrorCode, Failure};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::Command;

/// Body of every answer that is an error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong, and what to do.
    pub(crate) error: Failure,
    /// The command that was kept although it could not be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<Command>,
}

/// A request that fails.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) failure: Failure,
    pub(crate) command: Option<Box<Command>>,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Failure::new(code, message).into()
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no {what}"))
    }

    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = chain(error), "a request failed");
        let message = format!("{error}; the console's log says more");
        Self::new(ErrorCode::Internal, message)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            command: None,
        }
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        let code = match error.kind() {
            DatabaseErrorKind::NotFound => ErrorCode::NotFound,
            DatabaseErrorKind::Conflict => ErrorCode::Conflict,
            DatabaseErrorKind::PrefixOverlap => ErrorCode::PrefixOverlap,
            DatabaseErrorKind::Internal => return Self::internal(&error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        tracing::error!(%error, "an action was refused");
        Self::new(ErrorCode::Internal, error.to_string())
    }
}

/// Why a message was not sent, in the words of a command's outcome.
pub(crate) fn not_sent(error: &BusError) -> Failure {
    match error {
        BusError::Offline { client_id } => Failure::new(
            ErrorCode::Offline,
            format!(
                "gateway {} is offline; nothing was sent: reissue when it is back",
                client_id.device()
            ),
        ),
        BusError::Full { client_id } => Failure::new(
            ErrorCode::Busy,
            format!("gateway {} does not keep up; try later", client_id.device()),
        ),
        BusError::Refused { reason } => Failure::new(ErrorCode::Internal, reason.clone()),
        BusError::NotFound { .. } => Failure::new(ErrorCode::NotFound, error.to_string()),
        BusError::Conflict { reason } => Failure::new(ErrorCode::Conflict, reason.clone()),
        BusError::Unreachable { .. } => {
            Failure::new(ErrorCode::Busy, format!("{error}; try again in a moment"))
        }
    }
}

impl From<BusError> for ApiError {
    fn from(error: BusError) -> Self {
        not_sent(&error).into()
    }
}

fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidArgument | ErrorCode::UnknownMethod | ErrorCode::BundleInvalid => {
            StatusCode::BAD_REQUEST
        }
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Conflict
        | ErrorCode::PrefixOverlap
        | ErrorCode::Offline
        | ErrorCode::Expired
        | ErrorCode::StaleGeneration
        | ErrorCode::Interrupted
        | ErrorCode::BundleUsed
        | ErrorCode::BundleExpired => StatusCode::CONFLICT,
        ErrorCode::BucketNotFound
        | ErrorCode::BucketAccessDenied
        | ErrorCode::BucketUnreachable
        | ErrorCode::CacheDiskFull => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::Busy => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = status_of(self.failure.code);
        let body = ErrorBody {
            error: self.failure,
            command: self.command.map(|command| *command),
        };
        (status, Json(body)).into_response()
    }
}
