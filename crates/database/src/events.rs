//! What gateways told without being asked.

use model::{GatewayId, Severity, Timestamp};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set,
};

use crate::{
    Database,
    entity::event,
    error::{DatabaseError, Result},
    gateways::parse,
    numbers::{from_column, time_from_column, time_to_column, to_column},
};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Its number; 0 until it is stored.
    pub id: u64,
    /// Who told it.
    pub gateway: GatewayId,
    /// When, by the console's clock.
    pub at: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// The share it is about.
    pub share: Option<String>,
    /// The sentence.
    pub message: String,
}

const fn severity_to_column(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn severity_from_column(text: &str) -> Result<Severity> {
    [Severity::Info, Severity::Warning, Severity::Error]
        .into_iter()
        .find(|s| severity_to_column(*s) == text)
        .ok_or_else(|| DatabaseError::corrupt("the severity of an event", text))
}

impl TryFrom<event::Model> for EventRecord {
    type Error = DatabaseError;
    fn try_from(row: event::Model) -> Result<Self> {
        Ok(Self {
            id: from_column(row.id),
            gateway: parse("the gateway of an event", &row.gateway_id)?,
            at: time_from_column(row.at),
            severity: severity_from_column(&row.severity)?,
            share: row.share,
            message: row.message,
        })
    }
}

impl Database {
    /// Those of a gateway, newest first, older than the one numbered `before`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn events(
        &self,
        gateway: &GatewayId,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<EventRecord>> {
        let mut query = event::Entity::find()
            .filter(event::Column::GatewayId.eq(gateway.as_str()))
            .order_by_desc(event::Column::Id)
            .limit(limit);
        if let Some(before) = before {
            query = query.filter(event::Column::Id.lt(to_column(before)));
        }
        let rows = query.all(&self.reader).await?;
        rows.into_iter().map(EventRecord::try_from).collect()
    }

    /// Adds one; it comes back with its number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_event(&self, mut new: EventRecord) -> Result<EventRecord> {
        let row = event::ActiveModel {
            gateway_id: Set(new.gateway.as_str().to_owned()),
            at: Set(time_to_column(new.at)),
            severity: Set(severity_to_column(new.severity).to_owned()),
            share: Set(new.share.clone()),
            message: Set(new.message.clone()),
            ..Default::default()
        };
        let stored = event::Entity::insert(row).exec(&self.writer).await?;
        new.id = from_column(stored.last_insert_id);
        Ok(new)
    }

    /// Forgets those from before `oldest`.
    ///
    /// # Errors
    /// The database fails.
    pub async fn thin_events(&self, oldest: Timestamp) -> Result<()> {
        event::Entity::delete_many()
            .filter(event::Column::At.lt(time_to_column(oldest)))
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}
