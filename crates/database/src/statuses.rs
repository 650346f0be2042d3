//! The last report of each gateway.

use model::{GatewayStatus, Timestamp};
use sea_orm::{EntityTrait as _, Set, TransactionTrait as _, sea_query::OnConflict};

use crate::{
    Database,
    entity::status,
    error::{DatabaseError, Result},
    numbers::{time_from_column, time_to_column},
};

/// A report and when the console got it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusRecord {
    /// When the console got it, by its own clock.
    pub at: Timestamp,
    /// The report.
    pub status: GatewayStatus,
}

impl Database {
    /// All of them. One that this version cannot read is left out: the next report replaces it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn statuses(&self) -> Result<Vec<StatusRecord>> {
        let rows = status::Entity::find().all(&self.reader).await?;
        let readable = rows.into_iter().filter_map(|row| {
            Some(StatusRecord {
                at: time_from_column(row.at),
                status: serde_json::from_value(row.status).ok()?,
            })
        });
        Ok(readable.collect())
    }

    /// Keeps these instead of the ones before, all in one transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn store_statuses(&self, statuses: &[StatusRecord]) -> Result<()> {
        let tx = self.writer.begin().await?;
        for one in statuses {
            let row = status::ActiveModel {
                gateway_id: Set(one.status.gateway.as_str().to_owned()),
                at: Set(time_to_column(one.at)),
                status: Set(serde_json::to_value(&one.status)
                    .map_err(|e| DatabaseError::corrupt("a status", e))?),
            };
            let replace = OnConflict::column(status::Column::GatewayId)
                .update_columns([status::Column::At, status::Column::Status])
                .to_owned();
            status::Entity::insert(row)
                .on_conflict(replace)
                .exec_without_returning(&tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
