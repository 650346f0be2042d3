//! The table of keys that roles have lent.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait,
    schema::{
        big_integer, big_integer_null, blob_null, integer, json_null, string_len, string_len_null,
    },
    sea_orm::DbErr,
    sea_query::{Index, Table},
};

/// As in the tables of the first release.
const KEY_LEN: u32 = 64;
const ACCESS_KEY_LEN: u32 = 255;

pub(super) struct LentKeys;

impl MigrationName for LentKeys {
    fn name(&self) -> &'static str {
        "m20261130_000001_lent_keys"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for LentKeys {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait was made with the lifetime elided, and async_trait wants the same"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("lent_keys")
            .col(string_len("gateway_id", KEY_LEN))
            .col(string_len("share", KEY_LEN))
            .col(string_len_null("access_key_id", ACCESS_KEY_LEN))
            .col(blob_null("sealed_keys"))
            .col(big_integer_null("expires_at"))
            .col(big_integer("due_at"))
            .col(big_integer_null("tried_at"))
            .col(integer("failures"))
            .col(json_null("error"))
            .primary_key(Index::create().col("gateway_id").col("share"))
            .clone();
        manager.create_table(table).await?;
        let due = Index::create()
            .name("ix_lent_keys_due_at")
            .table("lent_keys")
            .col("due_at")
            .clone();
        manager.create_index(due).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
