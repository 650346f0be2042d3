//! Keys that roles have lent, and how borrowing them goes. There is a record for each share with a
//! role, from the transaction that stores the share to the one that removes it, or its role.

use model::{BucketSettings, Failure, GatewayId, LentKeys, Secret, ShareName, Timestamp};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Set, sea_query::Expr,
};

use crate::{
    Database,
    entity::{lent_key, share},
    error::{DatabaseError, Result},
    gateways::parse,
    numbers::{time_from_column, time_to_column},
    shares::next_version,
};

/// How a share with a role stands with its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysRecord {
    /// The gateway that serves it.
    pub gateway: GatewayId,
    /// Its name.
    pub share: ShareName,
    /// What was lent last; it may be over.
    pub keys: Option<LentKeys>,
    /// When the next are to be borrowed.
    pub due_at: Timestamp,
    /// When that was last tried.
    pub tried_at: Option<Timestamp>,
    /// How often it has failed since it last went well.
    pub failures: u32,
    /// Why it failed last.
    pub error: Option<Failure>,
}

impl KeysRecord {
    /// The keys, unless they are over.
    #[must_use]
    pub fn good_keys(&self, now: Timestamp) -> Option<&LentKeys> {
        self.keys.as_ref().filter(|keys| keys.expires_at > now)
    }
}

/// Keys that were just borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Borrowed {
    /// The keys.
    pub keys: LentKeys,
    /// When they came.
    pub at: Timestamp,
    /// When they are to be renewed.
    pub due_at: Timestamp,
}

/// Borrowing has failed.
#[derive(Clone, Debug)]
pub struct BorrowFailure {
    /// Why.
    pub error: Failure,
    /// When.
    pub at: Timestamp,
    /// When to try again.
    pub due_at: Timestamp,
    /// How often it has failed now.
    pub failures: u32,
}

fn place(gateway: &str, share: &str) -> String {
    format!("lent/{gateway}/{share}")
}

impl Database {
    /// Those of one gateway, by the name of their share.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lent_keys_of(&self, gateway: &GatewayId) -> Result<Vec<KeysRecord>> {
        let rows = lent_key::Entity::find()
            .filter(lent_key::Column::GatewayId.eq(gateway.as_str()))
            .order_by_asc(lent_key::Column::Share)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(|row| self.keys_record(row)).collect()
    }

    /// Those of one share; nothing if it has no role.
    ///
    /// # Errors
    /// The database fails.
    pub async fn lent_keys(
        &self,
        gateway: &GatewayId,
        share: &ShareName,
    ) -> Result<Option<KeysRecord>> {
        let key = (gateway.as_str().to_owned(), share.as_str().to_owned());
        let row = lent_key::Entity::find_by_id(key).one(&self.reader).await?;
        row.map(|row| self.keys_record(row)).transpose()
    }

    /// Those that are to be borrowed or renewed by now, the longest due first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn due_keys(&self, now: Timestamp, limit: u64) -> Result<Vec<KeysRecord>> {
        let rows = lent_key::Entity::find()
            .filter(lent_key::Column::DueAt.lte(time_to_column(now)))
            .order_by_asc(lent_key::Column::DueAt)
            .limit(limit)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(|row| self.keys_record(row)).collect()
    }

    /// Stores keys that were borrowed for a share by `by`; they are a new version of its gateway's
    /// intent, which comes back. Nothing is stored if the share is gone or has other settings by
    /// now: those keys are not its own.
    ///
    /// # Errors
    /// The database fails.
    pub async fn renew_keys(
        &self,
        gateway: &GatewayId,
        share: &ShareName,
        (by, borrowed): (&BucketSettings, &Borrowed),
    ) -> Result<Option<u64>> {
        let tx = self.begin_serializable().await?;
        let key = (gateway.as_str().to_owned(), share.as_str().to_owned());
        let row = share::Entity::find_by_id(key).one(&tx).await?;
        let Some(row) = row else { return Ok(None) };
        if self.settings(&row)?.bucket != *by {
            return Ok(None);
        }
        forget_keys(&tx, gateway, share).await?;
        self.insert_keys(&tx, gateway, share, Some(borrowed))
            .await?;
        let version = next_version(&tx, gateway).await?;
        tx.commit().await?;
        Ok(Some(version))
    }

    /// Notes that borrowing has failed; the keys of before stay.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_borrow_failure(
        &self,
        gateway: &GatewayId,
        share: &ShareName,
        failure: &BorrowFailure,
    ) -> Result<()> {
        let error = serde_json::to_value(&failure.error)
            .map_err(|e| DatabaseError::corrupt("why no keys were lent", e))?;
        let failures = i32::try_from(failure.failures).unwrap_or(i32::MAX);
        lent_key::Entity::update_many()
            .col_expr(lent_key::Column::Error, Expr::value(error))
            .col_expr(lent_key::Column::Failures, Expr::value(failures))
            .col_expr(
                lent_key::Column::DueAt,
                Expr::value(time_to_column(failure.due_at)),
            )
            .col_expr(
                lent_key::Column::TriedAt,
                Expr::value(time_to_column(failure.at)),
            )
            .filter(lent_key::Column::GatewayId.eq(gateway.as_str()))
            .filter(lent_key::Column::Share.eq(share.as_str()))
            .exec(&self.writer)
            .await?;
        Ok(())
    }

    /// A record for a share with a role; without keys it is due at once.
    pub(crate) async fn insert_keys(
        &self,
        tx: &DatabaseTransaction,
        gateway: &GatewayId,
        share: &ShareName,
        borrowed: Option<&Borrowed>,
    ) -> Result<()> {
        let place = place(gateway.as_str(), share.as_str());
        let keys = borrowed.map(|borrowed| &borrowed.keys);
        let sealed = keys
            .map(|keys| self.seal(&lines(keys), &place))
            .transpose()?;
        let row = lent_key::ActiveModel {
            gateway_id: Set(gateway.as_str().to_owned()),
            share: Set(share.as_str().to_owned()),
            access_key_id: Set(keys.map(|keys| keys.access_key_id.clone())),
            sealed_keys: Set(sealed),
            expires_at: Set(keys.map(|keys| time_to_column(keys.expires_at))),
            due_at: Set(borrowed.map_or(0, |borrowed| time_to_column(borrowed.due_at))),
            tried_at: Set(borrowed.map(|borrowed| time_to_column(borrowed.at))),
            failures: Set(0),
            error: Set(None),
        };
        lent_key::Entity::insert(row)
            .exec_without_returning(tx)
            .await?;
        Ok(())
    }

    fn keys_record(&self, row: lent_key::Model) -> Result<KeysRecord> {
        let place = place(&row.gateway_id, &row.share);
        let keys = match (row.access_key_id, row.sealed_keys, row.expires_at) {
            (Some(access_key_id), Some(sealed), Some(expires_at)) => {
                let sealed = self.open_sealed(&sealed, &place)?;
                let (secret, token) = sealed.expose().split_once('\n').unwrap_or_default();
                Some(LentKeys {
                    access_key_id,
                    secret_access_key: Secret::new(secret),
                    session_token: Secret::new(token),
                    expires_at: time_from_column(expires_at),
                })
            }
            _ => None,
        };
        let error = row.error.map(serde_json::from_value).transpose();
        Ok(KeysRecord {
            gateway: parse("the gateway of lent keys", &row.gateway_id)?,
            share: parse("the share of lent keys", &row.share)?,
            keys,
            due_at: time_from_column(row.due_at),
            tried_at: row.tried_at.map(time_from_column),
            failures: u32::try_from(row.failures).unwrap_or(0),
            error: error.map_err(|e| DatabaseError::corrupt("why no keys were lent", e))?,
        })
    }
}

/// What is sealed: the secret and the token, a line each; neither has line ends.
fn lines(keys: &LentKeys) -> Secret {
    let (secret, token) = (&keys.secret_access_key, &keys.session_token);
    Secret::new(format!("{}\n{}", secret.expose(), token.expose()))
}

pub(crate) async fn forget_keys(
    tx: &DatabaseTransaction,
    gateway: &GatewayId,
    share: &ShareName,
) -> Result<()> {
    let key = (gateway.as_str().to_owned(), share.as_str().to_owned());
    lent_key::Entity::delete_by_id(key).exec(tx).await?;
    Ok(())
}
