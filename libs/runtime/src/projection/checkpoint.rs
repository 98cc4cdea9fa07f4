//! Where each generation of each projection stands: `<service>.projection`, read by others as
//! `api_<service>.checkpoint`.

use contracts::Service;
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::{Error, Row};

/// Creates table and view; a repeat changes nothing.
pub(crate) fn schema(service: Service) -> String {
    format!(
        "create table if not exists {service}.projection (\
           name text not null, generation int not null, version int not null, \
           state text not null check (state in ('building', 'live', 'retired')), \
           position bigint not null default 0, hash bytea, categories text[] not null, tables text[] not null, \
           changed_at timestamptz not null default now(), primary key (name, generation));\n\
         create unique index if not exists projection_live on {service}.projection (name) where state = 'live';\n\
         create or replace view api_{service}.checkpoint with (security_barrier) as \
           select name as projection, position, generation, categories from {service}.projection where state = 'live';\n"
    )
}

/// What a generation is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Catching up, not read by anyone.
    Building,
    /// Read through the views.
    Live,
    /// Was read until another one took its place.
    Retired,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) generation: i32,
    pub(crate) version: i32,
    pub(crate) state: State,
    pub(crate) position: i64,
    /// Hash of the event at `position`: whether this is still the log that the rows came from. `None`: the position
    /// is not one of the projection's own events.
    pub(crate) hash: Option<Vec<u8>>,
}

impl Checkpoint {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            generation: row.try_get("generation")?,
            version: row.try_get("version")?,
            state: match row.try_get("state")? {
                "building" => State::Building,
                "live" => State::Live,
                _ => State::Retired,
            },
            position: row.try_get("position")?,
            hash: row.try_get("hash")?,
        })
    }
}

/// All generations of a projection, oldest first.
pub(crate) async fn all(
    client: &impl GenericClient,
    service: Service,
    name: &str,
) -> Result<Vec<Checkpoint>, Error> {
    let sql = format!(
        "select generation, version, state, position, hash from {service}.projection where name = $1 order by generation"
    );
    client.query(&sql, &[&name]).await?.iter().map(Checkpoint::from_row).collect()
}

/// Moves a checkpoint on. `false`: it is not where we left it, so another instance is active.
pub(crate) async fn advance(
    transaction: &Transaction<'_>,
    service: Service,
    name: &str,
    generation: i32,
    (from, to): (i64, i64),
    hash: Option<&[u8]>,
) -> Result<bool, Error> {
    let sql = format!(
        "update {service}.projection set position = $1, hash = $2 where name = $3 and generation = $4 and position = $5"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    Ok(transaction.execute(&statement, &[&to, &hash, &name, &generation, &from]).await? == 1)
}
