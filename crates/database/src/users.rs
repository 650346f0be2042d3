//! People who may log in.

use model::{Role, Timestamp};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, PaginatorTrait as _,
    QueryFilter as _, QueryOrder as _, Set, TransactionTrait as _,
};

use crate::{
    Database,
    entity::{session, user},
    error::{DatabaseError, Result},
    numbers::{time_from_column, time_to_column},
};

/// A person.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Log-in name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// PHC string of their password.
    pub password_hash: String,
    /// Since when.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRecord")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl TryFrom<user::Model> for UserRecord {
    type Error = DatabaseError;
    fn try_from(row: user::Model) -> Result<Self> {
        Ok(Self {
            role: row
                .role
                .parse()
                .map_err(|e| DatabaseError::corrupt("the role of a user", e))?,
            name: row.name,
            password_hash: row.password_hash,
            created_at: time_from_column(row.created_at),
        })
    }
}

impl Database {
    /// All of them, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn users(&self) -> Result<Vec<UserRecord>> {
        let rows = user::Entity::find()
            .order_by_asc(user::Column::Name)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(UserRecord::try_from).collect()
    }

    /// How many there are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn user_count(&self) -> Result<u64> {
        Ok(user::Entity::find().count(&self.reader).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn user(&self, name: &str) -> Result<Option<UserRecord>> {
        let row = user::Entity::find_by_id(name).one(&self.reader).await?;
        row.map(UserRecord::try_from).transpose()
    }

    /// Adds one.
    ///
    /// # Errors
    /// The name is taken.
    pub async fn create_user(&self, new: &UserRecord) -> Result<()> {
        let row = user::ActiveModel {
            name: Set(new.name.clone()),
            role: Set(new.role.as_str().to_owned()),
            password_hash: Set(new.password_hash.clone()),
            created_at: Set(time_to_column(new.created_at)),
        };
        user::Entity::insert(row)
            .exec_without_returning(&self.writer)
            .await
            .map_err(|e| DatabaseError::on_insert(e, || format!("user `{}`", new.name)))?;
        Ok(())
    }

    /// Removes one and ends their sessions.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn delete_user(&self, name: &str) -> Result<()> {
        let tx = self.writer.begin().await?;
        let gone = user::Entity::delete_by_id(name).exec(&tx).await?;
        if gone.rows_affected == 0 {
            return Err(DatabaseError::NotFound(format!("user `{name}`")));
        }
        session::Entity::delete_many()
            .filter(session::Column::UserName.eq(name))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sets a new password and ends all their sessions but the one with `keep_token_hash`.
    ///
    /// # Errors
    /// There is no such user.
    pub async fn set_password(
        &self,
        name: &str,
        password_hash: String,
        keep_token_hash: &str,
    ) -> Result<()> {
        let tx = self.writer.begin().await?;
        let row = user::ActiveModel {
            name: Set(name.to_owned()),
            password_hash: Set(password_hash),
            ..Default::default()
        };
        row.update_without_returning(&tx)
            .await
            .map_err(|e| match e {
                sea_orm::DbErr::RecordNotUpdated => {
                    DatabaseError::NotFound(format!("user `{name}`"))
                }
                other => DatabaseError::Failed(other),
            })?;
        session::Entity::delete_many()
            .filter(session::Column::UserName.eq(name))
            .filter(session::Column::TokenHash.ne(keep_token_hash))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
