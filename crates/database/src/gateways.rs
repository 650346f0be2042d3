//! Gateways.

use std::str::FromStr;

use model::{ClientId, GatewayId, Location, Timestamp};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, Set, TransactionTrait as _,
};

use crate::{
    Database,
    entity::{command, credential, event, gateway, lent_key, point, share, status},
    error::{DatabaseError, Result},
    numbers::{from_column, time_from_column, time_to_column},
};

/// A gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRecord {
    /// Its id.
    pub id: GatewayId,
    /// The name its operator gave it.
    pub name: String,
    /// Where it runs.
    pub location: Location,
    /// Its client of the message queue.
    pub client_id: ClientId,
    /// Version of its intent.
    pub intent_version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it joined.
    pub activated_at: Option<Timestamp>,
    /// When it was last heard of.
    pub last_seen_at: Option<Timestamp>,
    /// Its address at the time.
    pub address: Option<String>,
}

/// That a gateway was heard of.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Which.
    pub gateway: GatewayId,
    /// When.
    pub at: Timestamp,
    /// From where, if it is known anew.
    pub address: Option<String>,
}

pub(crate) fn location_to_column(location: Location) -> &'static str {
    match location {
        Location::OnPremises => "on-premises",
        Location::Cloud => "cloud",
    }
}

fn location_from_column(text: &str) -> Result<Location> {
    match text {
        "on-premises" => Ok(Location::OnPremises),
        "cloud" => Ok(Location::Cloud),
        other => Err(DatabaseError::corrupt("the location of a gateway", other)),
    }
}

pub(crate) fn parse<T: FromStr<Err: ToString>>(what: &'static str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|e: T::Err| DatabaseError::corrupt(what, e.to_string()))
}

impl TryFrom<gateway::Model> for GatewayRecord {
    type Error = DatabaseError;
    fn try_from(row: gateway::Model) -> Result<Self> {
        Ok(Self {
            id: parse("a gateway id", &row.id)?,
            location: location_from_column(&row.location)?,
            client_id: parse("a client ID", &row.client_id)?,
            name: row.name,
            intent_version: from_column(row.intent_version),
            created_at: time_from_column(row.created_at),
            activated_at: row.activated_at.map(time_from_column),
            last_seen_at: row.last_seen_at.map(time_from_column),
            address: row.address,
        })
    }
}

pub(crate) fn no_gateway(id: &GatewayId) -> DatabaseError {
    DatabaseError::NotFound(format!("gateway {id}"))
}

impl Database {
    /// All of them, by name.
    ///
    /// # Errors
    /// The database fails.
    pub async fn gateways(&self) -> Result<Vec<GatewayRecord>> {
        let rows = gateway::Entity::find()
            .order_by_asc(gateway::Column::Name)
            .order_by_asc(gateway::Column::Id)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(GatewayRecord::try_from).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such gateway.
    pub async fn gateway(&self, id: &GatewayId) -> Result<GatewayRecord> {
        let row = gateway::Entity::find_by_id(id.as_str())
            .one(&self.reader)
            .await?;
        row.ok_or_else(|| no_gateway(id))?.try_into()
    }

    /// Adds one.
    ///
    /// # Errors
    /// The id is taken.
    pub async fn create_gateway(&self, new: &GatewayRecord) -> Result<()> {
        let row = gateway::ActiveModel {
            id: Set(new.id.as_str().to_owned()),
            name: Set(new.name.clone()),
            location: Set(location_to_column(new.location).to_owned()),
            client_id: Set(new.client_id.as_str().to_owned()),
            intent_version: Set(0),
            created_at: Set(time_to_column(new.created_at)),
            activated_at: Set(None),
            last_seen_at: Set(None),
            address: Set(None),
        };
        gateway::Entity::insert(row)
            .exec_without_returning(&self.writer)
            .await
            .map_err(|e| DatabaseError::on_insert(e, || format!("gateway {}", new.id)))?;
        Ok(())
    }

    /// Gives one another name.
    ///
    /// # Errors
    /// There is no such gateway.
    pub async fn rename_gateway(&self, id: &GatewayId, name: String) -> Result<()> {
        let row = gateway::ActiveModel {
            id: Set(id.as_str().to_owned()),
            name: Set(name),
            ..Default::default()
        };
        self.update_gateway(id, row).await
    }

    /// Notes that one has joined.
    ///
    /// # Errors
    /// There is no such gateway.
    pub async fn activate_gateway(&self, id: &GatewayId, at: Timestamp) -> Result<()> {
        let row = gateway::ActiveModel {
            id: Set(id.as_str().to_owned()),
            activated_at: Set(Some(time_to_column(at))),
            ..Default::default()
        };
        self.update_gateway(id, row).await
    }

    async fn update_gateway(&self, id: &GatewayId, row: gateway::ActiveModel) -> Result<()> {
        match row.update_without_returning(&self.writer).await {
            Ok(_) => Ok(()),
            Err(DbErr::RecordNotUpdated) => Err(no_gateway(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes when gateways were last heard of, all in one transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn note_seen(&self, seen: &[Seen]) -> Result<()> {
        let tx = self.writer.begin().await?;
        for one in seen {
            let mut update = gateway::Entity::update_many()
                .col_expr(
                    gateway::Column::LastSeenAt,
                    sea_orm::sea_query::Expr::value(time_to_column(one.at)),
                )
                .filter(gateway::Column::Id.eq(one.gateway.as_str()));
            if let Some(address) = &one.address {
                update = update.col_expr(
                    gateway::Column::Address,
                    sea_orm::sea_query::Expr::value(address.clone()),
                );
            }
            update.exec(&tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Removes one with all that hangs on it; the audit log stays.
    ///
    /// # Errors
    /// There is no such gateway.
    pub async fn delete_gateway(&self, id: &GatewayId) -> Result<()> {
        let key = id.as_str();
        let tx = self.writer.begin().await?;
        let gone = gateway::Entity::delete_by_id(key).exec(&tx).await?;
        if gone.rows_affected == 0 {
            return Err(no_gateway(id));
        }
        share::Entity::delete_many()
            .filter(share::Column::GatewayId.eq(key))
            .exec(&tx)
            .await?;
        lent_key::Entity::delete_many()
            .filter(lent_key::Column::GatewayId.eq(key))
            .exec(&tx)
            .await?;
        credential::Entity::delete_many()
            .filter(credential::Column::GatewayId.eq(key))
            .exec(&tx)
            .await?;
        status::Entity::delete_by_id(key).exec(&tx).await?;
        point::Entity::delete_many()
            .filter(point::Column::GatewayId.eq(key))
            .exec(&tx)
            .await?;
        event::Entity::delete_many()
            .filter(event::Column::GatewayId.eq(key))
            .exec(&tx)
            .await?;
        command::Entity::delete_many()
            .filter(command::Column::GatewayId.eq(key))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
