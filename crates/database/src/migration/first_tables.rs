//! The tables of the first release.
//!
//! Times are milliseconds since the epoch in `BIGINT`. Text that is part of a key has a length,
//! which `MySQL` needs. Documents are JSON; an audit body is text, because its hash is over its
//! exact bytes.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait,
    schema::{
        big_integer, big_integer_null, big_pk_auto, blob, boolean, integer, json, json_null,
        string_len, string_len_null, text,
    },
    sea_orm::DbErr,
    sea_query::{ColumnDef, Index, Table, TableCreateStatement},
};

/// Longest id, name or key in a key column.
const KEY_LEN: u32 = 64;
const URL_LEN: u32 = 255;
const HASH_LEN: u32 = 64;

pub(super) struct FirstTables;

impl MigrationName for FirstTables {
    fn name(&self) -> &'static str {
        "m20261123_000001_first_tables"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for FirstTables {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait was made with the lifetime elided, and async_trait wants the same"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [people(), gateways(), commands(), history(), audit()].concat() {
            manager.create_table(table).await?;
        }
        for (table, columns) in INDEXES {
            let name = format!("ix_{table}_{}", columns.join("_"));
            let mut index = Index::create();
            index.name(name).table(*table);
            for column in *columns {
                index.col(*column);
            }
            manager.create_index(index.clone()).await?;
        }
        let one_generation = Index::create()
            .name("ux_commands_generation")
            .table("commands")
            .col("gateway_id")
            .col("idempotency_key")
            .col("generation")
            .unique()
            .clone();
        manager.create_index(one_generation).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const INDEXES: &[(&str, &[&str])] = &[
    ("sessions", &["user_name"]),
    ("sessions", &["expires_at"]),
    ("credentials", &["gateway_id"]),
    ("shares", &["bucket"]),
    ("commands", &["gateway_id"]),
    ("commands", &["check_at"]),
    ("commands", &["state"]),
    ("commands", &["audit_entry"]),
    ("points", &["keep_until"]),
    ("events", &["gateway_id"]),
    ("events", &["at"]),
    ("audit_records", &["entry"]),
];

fn table(
    name: &'static str,
    key: &[&'static str],
    columns: Vec<ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for column in columns {
        table.col(column);
    }
    if !key.is_empty() {
        let mut primary = Index::create();
        for column in key {
            primary.col(*column);
        }
        table.primary_key(&mut primary);
    }
    table
}

fn people() -> Vec<TableCreateStatement> {
    vec![
        table(
            "users",
            &["name"],
            vec![
                string_len("name", KEY_LEN),
                string_len("role", KEY_LEN),
                text("password_hash"),
                big_integer("created_at"),
            ],
        ),
        table(
            "sessions",
            &["token_hash"],
            vec![
                string_len("token_hash", HASH_LEN),
                string_len("user_name", KEY_LEN),
                string_len("source", KEY_LEN),
                big_integer("created_at"),
                big_integer("expires_at"),
            ],
        ),
    ]
}

fn gateways() -> Vec<TableCreateStatement> {
    vec![
        table(
            "gateways",
            &["id"],
            vec![
                string_len("id", KEY_LEN),
                string_len("name", URL_LEN),
                string_len("location", KEY_LEN),
                string_len("client_id", KEY_LEN),
                big_integer("intent_version"),
                big_integer("created_at"),
                big_integer_null("activated_at"),
                big_integer_null("last_seen_at"),
                string_len_null("address", URL_LEN),
            ],
        ),
        table(
            "credentials",
            &["access_key_id"],
            vec![
                string_len("access_key_id", KEY_LEN),
                string_len("gateway_id", KEY_LEN),
                string_len("state", KEY_LEN),
                blob("sealed_secret"),
                big_integer("created_at"),
                big_integer_null("expires_at"),
            ],
        ),
        table(
            "shares",
            &["gateway_id", "name"],
            vec![
                string_len("gateway_id", KEY_LEN),
                string_len("name", KEY_LEN),
                string_len("endpoint", URL_LEN),
                string_len("bucket", URL_LEN),
                text("prefix"),
                json("settings"),
                blob("sealed_secret"),
            ],
        ),
        table(
            "statuses",
            &["gateway_id"],
            vec![
                string_len("gateway_id", KEY_LEN),
                big_integer("at"),
                json("status"),
            ],
        ),
    ]
}

fn commands() -> Vec<TableCreateStatement> {
    vec![table(
        "commands",
        &["id"],
        vec![
            string_len("id", KEY_LEN),
            string_len("gateway_id", KEY_LEN),
            string_len("method", URL_LEN),
            json("params"),
            string_len("idempotency_key", KEY_LEN),
            integer("generation"),
            boolean("noreply"),
            string_len("issued_by", KEY_LEN),
            big_integer("audit_entry"),
            big_integer("deadline"),
            string_len("state", KEY_LEN),
            big_integer("accepted_at"),
            big_integer_null("delivered_at"),
            big_integer_null("started_at"),
            big_integer_null("finished_at"),
            integer("inquiries"),
            big_integer_null("check_at"),
            json_null("result"),
            json_null("error"),
            string_len_null("reissue_of", KEY_LEN),
            string_len_null("reissued_as", KEY_LEN),
        ],
    )]
}

fn history() -> Vec<TableCreateStatement> {
    let counters = [
        "inodes",
        "dirty_bytes",
        "dirty_files",
        "oldest_dirty_age_ms",
        "upload_queue",
        "uploads_failing",
        "cache_used_bytes",
        "uploaded_bytes",
        "downloaded_bytes",
        "read_bytes",
        "written_bytes",
        "read_hits",
        "read_misses",
        "memory_bytes",
        "cpu_ms",
        "cache_disk_free_bytes",
    ];
    let mut columns = vec![
        string_len("gateway_id", KEY_LEN),
        string_len("share", KEY_LEN),
        big_integer("at"),
        big_integer("keep_until"),
        big_integer("started_at"),
        big_integer_null("round_trip_ms"),
    ];
    columns.extend(counters.map(big_integer));
    vec![
        table("points", &["gateway_id", "share", "at"], columns),
        table(
            "events",
            &[],
            vec![
                big_pk_auto("id"),
                string_len("gateway_id", KEY_LEN),
                big_integer("at"),
                string_len("severity", KEY_LEN),
                string_len_null("share", KEY_LEN),
                text("message"),
            ],
        ),
    ]
}

fn audit() -> Vec<TableCreateStatement> {
    vec![table(
        "audit_records",
        &["sequence"],
        vec![
            big_integer("sequence"),
            big_integer("entry"),
            boolean("opens"),
            big_integer("at"),
            text("body"),
            string_len("previous_hash", HASH_LEN),
            string_len("hash", HASH_LEN),
        ],
    )]
}
