//! Shares that are not wanted any more and may still need keys: kept until their gateways have
//! emptied them, unless they are wanted again before.

use model::{GatewayId, ShareName, ShareSettings};
use sea_orm::{
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, sea_query::Expr,
};

use crate::{
    Database,
    entity::share,
    error::Result,
    lent_keys::forget_keys,
    numbers::to_column,
    shares::{
        PlacedShare, canonical_endpoint, find_share, next_version, open_settings, placed_share,
        remove_share,
    },
};

impl Database {
    /// All of them, with settings without secrets.
    ///
    /// # Errors
    /// The database fails.
    pub async fn retired_shares(&self) -> Result<Vec<PlacedShare>> {
        let rows = share::Entity::find()
            .filter(share::Column::RetiredIn.is_not_null())
            .all(&self.reader)
            .await?;
        rows.iter()
            .map(|row| placed_share(row, open_settings(row.settings.clone())?))
            .collect()
    }

    /// Removes a share that was retired in this version of its gateway's intent, whose next version
    /// comes back. Nothing is changed if it was wanted again since.
    ///
    /// # Errors
    /// There is no such share.
    pub async fn remove_retired(
        &self,
        gateway: &GatewayId,
        name: &ShareName,
        retired_in: u64,
    ) -> Result<Option<u64>> {
        let tx = self.begin_serializable().await?;
        // First of all, as each change of shares does: it locks the gateway's row, and who locks in
        // another order may end in a deadlock.
        let version = next_version(&tx, gateway).await?;
        if remove_share(&tx, gateway, name).await? != Some(retired_in) {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(version))
    }
}

/// Notes that a share is not wanted from this version of its gateway's intent on, unless that is noted
/// already.
pub(crate) async fn retire(
    tx: &DatabaseTransaction,
    gateway: &GatewayId,
    name: &ShareName,
    version: u64,
) -> Result<()> {
    let retired = share::Entity::update_many()
        .col_expr(share::Column::RetiredIn, Expr::value(to_column(version)))
        .filter(share::Column::GatewayId.eq(gateway.as_str()))
        .filter(share::Column::Name.eq(name.as_str()))
        .filter(share::Column::RetiredIn.is_null())
        .exec(tx)
        .await?;
    if retired.rows_affected == 0 {
        find_share(tx, gateway, name).await?;
    }
    Ok(())
}

/// Makes room for a share that was retired and is wanted again. Only over the same objects: what its
/// gateway still holds belongs to these.
pub(crate) async fn take_back(
    tx: &DatabaseTransaction,
    gateway: &GatewayId,
    settings: &ShareSettings,
) -> Result<()> {
    let bucket = &settings.bucket;
    let taken = share::Entity::delete_many()
        .filter(share::Column::GatewayId.eq(gateway.as_str()))
        .filter(share::Column::Name.eq(settings.name.as_str()))
        .filter(share::Column::RetiredIn.is_not_null())
        .filter(share::Column::Endpoint.eq(canonical_endpoint(gateway, &bucket.endpoint)))
        .filter(share::Column::Bucket.eq(bucket.bucket.as_str()))
        .filter(share::Column::Prefix.eq(bucket.prefix.as_str()))
        .exec(tx)
        .await?;
    if taken.rows_affected > 0 {
        forget_keys(tx, gateway, &settings.name).await?;
    }
    Ok(())
}
