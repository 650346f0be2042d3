//! What the role of a share has lent, and how borrowing goes. There is a row for each share with a
//! role, and for no other.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "lent_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub gateway_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub share: String,
    pub access_key_id: Option<String>,
    pub sealed_keys: Option<Vec<u8>>,
    pub expires_at: Option<i64>,
    pub due_at: i64,
    pub tried_at: Option<i64>,
    pub failures: i32,
    pub error: Option<Json>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
