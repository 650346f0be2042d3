//! The column that says in which version of the intent a share was removed.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait,
    schema::big_integer_null,
    sea_orm::DbErr,
    sea_query::{Index, Table},
};

pub(super) struct RetiredShares;

impl MigrationName for RetiredShares {
    fn name(&self) -> &'static str {
        "m20261130_000002_retired_shares"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for RetiredShares {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait was made with the lifetime elided, and async_trait wants the same"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // MySQL keeps what was done of a step that was cut short; the next start does the rest.
        if !manager.has_column("shares", "retired_in").await? {
            let table = Table::alter()
                .table("shares")
                .add_column(big_integer_null("retired_in"))
                .clone();
            manager.alter_table(table).await?;
        }
        let index = "ix_shares_retired_in";
        if manager.has_index("shares", index).await? {
            return Ok(());
        }
        // The console looks for them every second, and there are few.
        let retired = Index::create()
            .name(index)
            .table("shares")
            .col("retired_in")
            .clone();
        manager.create_index(retired).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
