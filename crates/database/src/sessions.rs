//! Logins. Only a hash of the token is kept: the database cannot be used to log in.

use model::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, Set};

use crate::{
    Database, UserRecord,
    entity::{session, user},
    error::{DatabaseError, Result},
    numbers::{time_from_column, time_to_column},
};

/// A login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the token, in hex.
    pub token_hash: String,
    /// Whose.
    pub user_name: String,
    /// From where.
    pub source: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Database {
    /// Adds one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn create_session(&self, new: &SessionRecord) -> Result<()> {
        let row = session::ActiveModel {
            token_hash: Set(new.token_hash.clone()),
            user_name: Set(new.user_name.clone()),
            source: Set(new.source.clone()),
            created_at: Set(time_to_column(new.created_at)),
            expires_at: Set(time_to_column(new.expires_at)),
        };
        session::Entity::insert(row)
            .exec_without_returning(&self.writer)
            .await
            .map_err(|e| DatabaseError::on_insert(e, || "session with this token".to_owned()))?;
        Ok(())
    }

    /// The session with this token hash that has not expired, and its user.
    ///
    /// # Errors
    /// The database fails.
    pub async fn session(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<(SessionRecord, UserRecord)>> {
        let found = session::Entity::find_by_id(token_hash)
            .filter(session::Column::ExpiresAt.gt(time_to_column(now)))
            .one(&self.reader)
            .await?;
        let Some(row) = found else { return Ok(None) };
        let Some(user) = user::Entity::find_by_id(row.user_name.as_str())
            .one(&self.reader)
            .await?
        else {
            return Ok(None);
        };
        let session = SessionRecord {
            token_hash: row.token_hash,
            user_name: row.user_name,
            source: row.source,
            created_at: time_from_column(row.created_at),
            expires_at: time_from_column(row.expires_at),
        };
        Ok(Some((session, user.try_into()?)))
    }

    /// Ends one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete_session(&self, token_hash: &str) -> Result<()> {
        session::Entity::delete_by_id(token_hash)
            .exec(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets those that have expired.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete_expired_sessions(&self, now: Timestamp) -> Result<()> {
        session::Entity::delete_many()
            .filter(session::Column::ExpiresAt.lte(time_to_column(now)))
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}
