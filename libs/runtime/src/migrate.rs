//! Bringing a database up to date, and refusing one that is not: roles, passwords, the log, each service's tables.
//!
//! A service's crate gives its history of tables as data ([`ServiceSchema`]); read models are not among them, since
//! a projection makes its own. A released step is never edited: a change is a new step. A repeat changes nothing.

use contracts::Service;
use postgres_protocol::password::scram_sha_256;
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Client, GenericClient, Transaction, error::SqlState};

use crate::{
    database::{DatabaseError, Endpoint},
    secrets::{ADMIN_ROLE, SecretError, Secrets, roles},
};

/// A service's tables: their whole history.
///
/// Each step's SQL runs as the service's role, with the schema named like the service in front. The first is version 1.
#[derive(Clone, Copy, Debug)]
pub struct ServiceSchema {
    /// Whose.
    pub service: Service,
    /// In order.
    pub migrations: &'static [&'static str],
}

impl ServiceSchema {
    /// The newest version this program knows.
    fn known(&self) -> i32 {
        i32::try_from(self.migrations.len()).unwrap_or(i32::MAX)
    }
}

/// The database was not brought up to date; what failed was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No connection, or a statement failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A password file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The log's own schema.
    #[error("{}", crate::error::words(.error))]
    Log {
        /// What it said.
        error: eventlog::schema::MigrateError,
    },
    /// One step.
    #[error("migration {version} of {service} failed: {reason}")]
    Step {
        /// Whose.
        service: Service,
        /// Which.
        version: i32,
        /// What PostgreSQL said.
        reason: DatabaseError,
    },
    /// A step was applied with other words.
    #[error("migration {version} of {service} was applied with another text than this program has")]
    Edited {
        /// Whose.
        service: Service,
        /// Which.
        version: i32,
    },
    /// A newer program was here.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// The schema is not the one that this program works with.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It was not brought up to date.
    #[error("the schema of {of} has version {found}, this program needs {known}: run `chancery migrate`")]
    Older {
        /// Whose: a service's, or the log's.
        of: &'static str,
        /// Version found; 0 is none.
        found: i32,
        /// Version needed.
        known: i32,
    },
    /// A newer program was here.
    #[error(
        "the schema of {of} has version {found}, this program knows {known}: a newer one migrated it; start that one \
         (`chancery --version` tells which this is)"
    )]
    Newer {
        /// Whose: a service's, or the log's.
        of: &'static str,
        /// Version found.
        found: i32,
        /// Version known.
        known: i32,
    },
    /// It could not be asked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SchemaError {
    const fn judge(of: &'static str, found: i32, known: i32) -> Result<(), Self> {
        match found {
            _ if found < known => Err(Self::Older { of, found, known }),
            _ if found > known => Err(Self::Newer { of, found, known }),
            _ => Ok(()),
        }
    }
}

/// Lets parts of texts be looked up in an index. A server without PostgreSQL's own extensions does without.
const TRIGRAMS: &str = "do $$ begin create extension if not exists pg_trgm; exception when others then \
     raise warning 'no extension pg_trgm (%): free text is looked for without an index', sqlerrm; end $$";

/// Brings everything up to date, as `chancery_admin`. Calls at the same time wait for each other.
pub async fn migrate(
    endpoint: &Endpoint,
    secrets: &Secrets,
    services: &[ServiceSchema],
) -> Result<(), MigrateError> {
    let mut admin = endpoint.connect(ADMIN_ROLE, &secrets.database_password(ADMIN_ROLE)?).await?;
    // Held by the session: all that follows, also what commits in between, is one caller's.
    batch(&admin, "select pg_advisory_lock(7100, 1)").await?;
    batch(&admin, &eventlog::schema::roles_sql()).await?;
    set_passwords(endpoint, &admin, secrets).await?;
    batch(&admin, TRIGRAMS).await?;
    eventlog::schema::migrate(&admin).await.map_err(|error| MigrateError::Log { error })?;
    for service in contracts::service::TABLE.iter().filter(|row| row.projects).map(|row| row.service) {
        batch(&admin, &eventlog::schema::service_schemas_sql(service)).await?;
        let empty = ServiceSchema { service, migrations: &[] };
        let schema = services.iter().find(|schema| schema.service == service).unwrap_or(&empty);
        migrate_service(&mut admin, schema).await?;
    }
    Ok(())
}

/// Makes the roles and sets their passwords, as `chancery_admin`: what a dump that is read in gives its tables to.
pub async fn make_roles(endpoint: &Endpoint, secrets: &Secrets) -> Result<(), MigrateError> {
    let admin = endpoint.connect(ADMIN_ROLE, &secrets.database_password(ADMIN_ROLE)?).await?;
    batch(&admin, &eventlog::schema::roles_sql()).await?;
    set_passwords(endpoint, &admin, secrets).await
}

async fn batch(client: &Client, sql: &str) -> Result<(), DatabaseError> {
    Ok(client.batch_execute(sql).await?)
}

/// Sets the passwords that do not work yet. What travels is the verifier, so no log of statements can hold a password.
async fn set_passwords(endpoint: &Endpoint, admin: &Client, secrets: &Secrets) -> Result<(), MigrateError> {
    for role in roles() {
        let password = secrets.database_password(&role)?;
        if takes(endpoint, &role, &password).await? {
            continue;
        }
        let verifier = scram_sha_256(password.as_bytes());
        batch(admin, &format!("alter role {role} login password '{verifier}'")).await?;
    }
    Ok(())
}

async fn takes(endpoint: &Endpoint, role: &str, password: &str) -> Result<bool, DatabaseError> {
    match endpoint.connect(role, password).await {
        Ok(_) => Ok(true),
        Err(DatabaseError::Server(error)) if error.code() == Some(&SqlState::INVALID_PASSWORD) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn migrate_service(admin: &mut Client, schema: &ServiceSchema) -> Result<(), MigrateError> {
    let service = schema.service;
    let transaction = admin.transaction().await.map_err(DatabaseError::from)?;
    let begin = format!(
        "set local client_min_messages = warning; set local role {role}; set local search_path = {service};
         create table if not exists {service}.migration (
           version int primary key, sha256 bytea not null, at timestamptz not null default now())",
        role = service.role(),
    );
    transaction.batch_execute(&begin).await.map_err(DatabaseError::from)?;
    let (of, found, known) =
        (service.as_str(), version(&transaction, service.as_str()).await?, schema.known());
    if found > known {
        return Err(SchemaError::Newer { of, found, known }.into());
    }
    for (version, sql) in (1..).zip(schema.migrations) {
        apply(&transaction, service, version, sql).await?;
    }
    transaction.commit().await.map_err(DatabaseError::from)?;
    Ok(())
}

async fn apply(
    transaction: &Transaction<'_>,
    service: Service,
    version: i32,
    sql: &str,
) -> Result<(), MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::Step { service, version, reason: error.into() };
    let digest = Sha256::digest(sql).to_vec();
    let applied = format!("select sha256 from {service}.migration where version = $1");
    match transaction.query_opt(&applied, &[&version]).await.map_err(failed)? {
        Some(row) if row.get::<_, Vec<u8>>(0) == digest => Ok(()),
        Some(_) => Err(MigrateError::Edited { service, version }),
        None => {
            transaction.batch_execute(sql).await.map_err(failed)?;
            let record = format!("insert into {service}.migration (version, sha256) values ($1, $2)");
            transaction.execute(&record, &[&version, &digest]).await.map_err(failed)?;
            Ok(())
        }
    }
}

/// Refuses a schema that is older or newer than this program, and says what to run. `client` is the service's own.
pub async fn check(client: &impl GenericClient, schema: &ServiceSchema) -> Result<(), SchemaError> {
    let log = if exists(client, "log").await? { version(client, "log").await? } else { 0 };
    SchemaError::judge("log", log, eventlog::schema::known_version())?;
    let of = schema.service.as_str();
    if !schema.service.row().projects {
        return Ok(());
    }
    let found = if exists(client, of).await? { version(client, of).await? } else { -1 };
    SchemaError::judge(of, found, schema.known())
}

/// Whether the list of applied steps is there at all.
async fn exists(client: &impl GenericClient, schema: &str) -> Result<bool, DatabaseError> {
    // Joined to the catalogue by hand: `to_regclass` refuses to say what lies in a schema one may not enter.
    let query = "select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname = $1 and c.relname = 'migration')";
    Ok(client.query_one(query, &[&schema]).await?.get(0))
}

async fn version(client: &impl GenericClient, schema: &str) -> Result<i32, DatabaseError> {
    let newest = format!("select coalesce(max(version), 0) from {schema}.migration");
    Ok(client.query_one(&newest, &[]).await?.get(0))
}
