//! Users and logins.

use database::UserRecord;
use model::{Role, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person who may log in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct User {
    /// Log-in name.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// Since when.
    pub(crate) created_at: u64,
}

impl From<UserRecord> for User {
    fn from(record: UserRecord) -> Self {
        Self {
            name: record.name,
            role: record.role,
            created_at: record.created_at.as_millis(),
        }
    }
}

/// Somebody wants to log in.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Login {
    /// Log-in name.
    pub(crate) user: String,
    /// Their password.
    #[schema(value_type = String, write_only)]
    pub(crate) password: Secret,
}

/// Somebody has logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoggedIn {
    /// For programs: `Authorization: Bearer <token>`.
    #[schema(value_type = String)]
    pub(crate) token: Secret,
    /// Who they are.
    pub(crate) user: User,
    /// Until when the login lasts.
    pub(crate) expires_at: u64,
}

/// Whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Me {
    /// Who they are.
    pub(crate) user: User,
    /// Until when the login lasts.
    pub(crate) expires_at: u64,
}

/// A new password for whoever asks.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct PasswordChange {
    /// The one before.
    #[schema(value_type = String, write_only)]
    pub(crate) old: Secret,
    /// The one from now on: 8 to 128 characters.
    #[schema(value_type = String, write_only)]
    pub(crate) new: Secret,
}

/// A new user.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewUser {
    /// Log-in name: 1 to 32 lower case letters, digits, `.`, `_` or `-`.
    pub(crate) name: String,
    /// 8 to 128 characters.
    #[schema(value_type = String, write_only)]
    pub(crate) password: Secret,
    /// What they may do.
    pub(crate) role: Role,
}
