//! Tables, as a list of steps. A step that was released is never edited.

mod first_tables;
mod lent_keys;
mod retired_shares;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(first_tables::FirstTables),
            Box::new(lent_keys::LentKeys),
            Box::new(retired_shares::RetiredShares),
        ]
    }
}
