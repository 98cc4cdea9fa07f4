//! The log's tables, functions, roles and grants, and how a database is brought up to date with this program.

mod grants;
mod roles;

pub use roles::{roles_sql, service_schemas_sql};
use tokio_postgres::Client;

/// One step of the schema's history. A released step is never edited: a change is a new step.
struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal,)*) => {
        &[$(Migration { version: $version, name: $name, sql: include_str!(concat!("../migrations/", $name, ".sql")) }),*]
    };
}

const MIGRATIONS: &[Migration] = migrations![
    1 "0001_tables",
    2 "0002_append_only",
    3 "0003_partitions",
    4 "0004_append",
    5 "0005_read",
    6 "0006_sweep",
];

/// The row of `log.migration` that stands for the generated grants: the newest, not a step of history.
const GRANTS: i32 = 0;

/// Why the log's schema could not be brought up to date. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database was migrated by a newer program.
    #[error("the log's schema has version {found}, this program knows {known}: a newer program was here")]
    Newer {
        /// Version found.
        found: i32,
        /// Newest version this program knows.
        known: i32,
    },
    /// A migration was applied with another text than this program has.
    #[error("migration {name} of the log was applied with another text than this program has")]
    Edited {
        /// Which.
        name: &'static str,
    },
    /// A statement failed.
    #[error("migrating the log failed at {step}")]
    Database {
        /// What was being done.
        step: &'static str,
        /// What PostgreSQL said.
        #[source]
        source: tokio_postgres::Error,
    },
}

/// Brings the log's schema, writers, readers and grants up to date, in one transaction; a repeat changes nothing.
///
/// `client` is a superuser or `chancery_admin`; the roles of [`roles_sql`] exist. Concurrent calls wait for each other.
pub async fn migrate(client: &Client) -> Result<(), MigrateError> {
    let outcome = migrate_in_transaction(client).await;
    let end = if outcome.is_ok() { "commit" } else { "rollback" };
    let ended = run(client, end, end).await;
    outcome.and(ended)
}

/// The version of the log's schema that this program works with; `log.migration` has the one found.
#[must_use]
pub fn known_version() -> i32 {
    MIGRATIONS.last().map_or(0, |newest| newest.version)
}

async fn migrate_in_transaction(client: &Client) -> Result<(), MigrateError> {
    run(client, "the schema", BEGIN).await?;
    let applied = applied(client).await?;
    let known = known_version();
    if let Some((found, _)) = applied.iter().find(|(version, _)| *version > known) {
        return Err(MigrateError::Newer { found: *found, known });
    }
    for Migration { version, name, sql } in MIGRATIONS {
        match applied.iter().find(|(applied, _)| applied == version) {
            Some((_, sha256)) if *sha256 == sha256_of(sql) => {}
            Some(_) => return Err(MigrateError::Edited { name }),
            None => {
                run(client, name, sql).await?;
                record(client, *version, name, sql).await?;
            }
        }
    }
    let grants = grants::sql();
    if !applied.contains(&(GRANTS, sha256_of(&grants))) {
        run(client, "grants", &grants).await?;
        record(client, GRANTS, "grants", &grants).await?;
    }
    Ok(())
}

/// The lock makes concurrent calls wait; the role makes `log_owner` own what is made.
const BEGIN: &str = "begin;
    select pg_advisory_xact_lock(7100, 0);
    set local client_min_messages = warning;
    create schema if not exists log authorization log_owner;
    set local role log_owner;
    create table if not exists log.migration (
      version int primary key, name text not null, sha256 bytea not null, at timestamptz not null default now());";

async fn applied(client: &Client) -> Result<Vec<(i32, Vec<u8>)>, MigrateError> {
    let step = "the list of migrations";
    client
        .query("select version, sha256 from log.migration", &[])
        .await
        .and_then(|rows| rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect())
        .map_err(|source| MigrateError::Database { step, source })
}

async fn run(client: &Client, step: &'static str, sql: &str) -> Result<(), MigrateError> {
    client.batch_execute(sql).await.map_err(|source| MigrateError::Database { step, source })
}

async fn record(client: &Client, version: i32, name: &'static str, sql: &str) -> Result<(), MigrateError> {
    client
        .execute(
            "insert into log.migration (version, name, sha256) values ($1, $2, $3)
             on conflict (version) do update set sha256 = excluded.sha256, at = now()",
            &[&version, &name, &sha256_of(sql)],
        )
        .await
        .map(drop)
        .map_err(|source| MigrateError::Database { step: name, source })
}

fn sha256_of(text: &str) -> Vec<u8> {
    crate::merkle::sha256(text.as_bytes()).to_vec()
}
