//! Credentials of gateways for the message queue.
//!
//! ```text
//! bundle ──▶ (the gateway joins) ──▶ offered ──▶ (it is used) ──▶ active
//!    └──────────── replaced or used up ─────────────┴──▶ withdrawn ──▶ (the broker knows) ──▶ gone
//! ```

use model::{Credential, GatewayId, Timestamp};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Set,
    TransactionTrait as _, sea_query::Expr,
};

use crate::{
    Database,
    entity::credential,
    error::{DatabaseError, Result},
    gateways::parse,
    numbers::{time_from_column, time_to_column},
};

/// What a credential is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// Travels in an activation bundle; good for one join.
    Bundle,
    /// Was made for a gateway that joined; not seen in use yet.
    Offered,
    /// The gateway uses it.
    Active,
    /// Is not to be let in any more; the broker may not know yet.
    Withdrawn,
}

impl CredentialState {
    const ALL: [Self; 4] = [Self::Bundle, Self::Offered, Self::Active, Self::Withdrawn];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Offered => "offered",
            Self::Active => "active",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn from_column(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| DatabaseError::corrupt("the state of a credential", text))
    }
}

/// A credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRecord {
    /// Whose.
    pub gateway: GatewayId,
    /// The credential itself.
    pub credential: Credential,
    /// What it is for.
    pub state: CredentialState,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it lets in.
    pub expires_at: Option<Timestamp>,
}

fn place(access_key_id: &str) -> String {
    format!("credential/{access_key_id}")
}

impl Database {
    /// Those of one gateway, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn credentials_of(&self, gateway: &GatewayId) -> Result<Vec<CredentialRecord>> {
        let rows = credential::Entity::find()
            .filter(credential::Column::GatewayId.eq(gateway.as_str()))
            .order_by_asc(credential::Column::CreatedAt)
            .all(&self.reader)
            .await?;
        rows.into_iter().map(|row| self.credential(row)).collect()
    }

    /// All of them.
    ///
    /// # Errors
    /// The database fails.
    pub async fn credentials(&self) -> Result<Vec<CredentialRecord>> {
        let rows = credential::Entity::find().all(&self.reader).await?;
        rows.into_iter().map(|row| self.credential(row)).collect()
    }

    /// Until when the bundles that are still good can be used.
    ///
    /// # Errors
    /// The database fails.
    pub async fn bundle_expiries(&self) -> Result<Vec<(GatewayId, Timestamp)>> {
        let rows: Vec<(String, Option<i64>)> = credential::Entity::find()
            .select_only()
            .column(credential::Column::GatewayId)
            .column(credential::Column::ExpiresAt)
            .filter(credential::Column::State.eq(CredentialState::Bundle.as_str()))
            .into_tuple()
            .all(&self.reader)
            .await?;
        rows.into_iter()
            .filter_map(|(gateway, expires_at)| Some((gateway, expires_at?)))
            .map(|(gateway, expires_at)| {
                let gateway = parse("the gateway of a credential", &gateway)?;
                Ok((gateway, time_from_column(expires_at)))
            })
            .collect()
    }

    /// Adds one; those of the same gateway that are in a state of `replaces` become withdrawn.
    ///
    /// # Errors
    /// The database fails.
    pub async fn add_credential(
        &self,
        new: &CredentialRecord,
        replaces: &[CredentialState],
    ) -> Result<()> {
        let access_key_id = &new.credential.access_key_id;
        let row = credential::ActiveModel {
            access_key_id: Set(access_key_id.clone()),
            gateway_id: Set(new.gateway.as_str().to_owned()),
            state: Set(new.state.as_str().to_owned()),
            sealed_secret: Set(self.seal(&new.credential.secret, &place(access_key_id))?),
            created_at: Set(time_to_column(new.created_at)),
            expires_at: Set(new.expires_at.map(time_to_column)),
        };
        let tx = self.writer.begin().await?;
        credential::Entity::update_many()
            .col_expr(
                credential::Column::State,
                Expr::value(CredentialState::Withdrawn.as_str()),
            )
            .filter(credential::Column::GatewayId.eq(new.gateway.as_str()))
            .filter(credential::Column::State.is_in(replaces.iter().map(|s| s.as_str())))
            .exec(&tx)
            .await?;
        credential::Entity::insert(row)
            .exec_without_returning(&tx)
            .await
            .map_err(|e| DatabaseError::on_insert(e, || format!("credential {access_key_id}")))?;
        tx.commit().await?;
        Ok(())
    }

    /// The gateway uses `access_key_id`: it becomes active, all others withdrawn.
    ///
    /// # Errors
    /// The database fails.
    pub async fn use_credential(&self, gateway: &GatewayId, access_key_id: &str) -> Result<()> {
        let tx = self.writer.begin().await?;
        let of_gateway = || {
            credential::Entity::update_many()
                .filter(credential::Column::GatewayId.eq(gateway.as_str()))
        };
        of_gateway()
            .col_expr(
                credential::Column::State,
                Expr::value(CredentialState::Withdrawn.as_str()),
            )
            .filter(credential::Column::AccessKeyId.ne(access_key_id))
            .exec(&tx)
            .await?;
        of_gateway()
            .col_expr(
                credential::Column::State,
                Expr::value(CredentialState::Active.as_str()),
            )
            .filter(credential::Column::AccessKeyId.eq(access_key_id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets one: the broker knows that it is withdrawn.
    ///
    /// # Errors
    /// The database fails.
    pub async fn delete_credential(&self, access_key_id: &str) -> Result<()> {
        credential::Entity::delete_by_id(access_key_id)
            .exec(&self.writer)
            .await?;
        Ok(())
    }

    fn credential(&self, row: credential::Model) -> Result<CredentialRecord> {
        let secret = self.open_sealed(&row.sealed_secret, &place(&row.access_key_id))?;
        Ok(CredentialRecord {
            gateway: parse("the gateway of a credential", &row.gateway_id)?,
            state: CredentialState::from_column(&row.state)?,
            credential: Credential {
                access_key_id: row.access_key_id,
                secret,
            },
            created_at: time_from_column(row.created_at),
            expires_at: row.expires_at.map(time_from_column),
        })
    }
}
