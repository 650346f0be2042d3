//! A command and where it stands.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "commands")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub gateway_id: String,
    pub method: String,
    pub params: Json,
    pub idempotency_key: String,
    pub generation: i32,
    pub noreply: bool,
    pub issued_by: String,
    pub audit_entry: i64,
    pub deadline: i64,
    pub state: String,
    pub accepted_at: i64,
    pub delivered_at: Option<i64>,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub inquiries: i32,
    pub check_at: Option<i64>,
    pub result: Option<Json>,
    pub error: Option<Json>,
    pub reissue_of: Option<String>,
    pub reissued_as: Option<String>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
