//! A share that is wanted, or that its gateway still has to empty; a part of its gateway's intent.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "shares")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub gateway_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub endpoint: String,
    pub bucket: String,
    #[sea_orm(column_type = "Text")]
    pub prefix: String,
    pub settings: Json,
    pub sealed_secret: Vec<u8>,
    pub retired_in: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
