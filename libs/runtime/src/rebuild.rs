//! Building a projection again beside the one that is read, then changing over in one transaction.
//!
//! A rebuild begins because the projection's version was raised, because its checkpoint no longer fits the log, or
//! because someone asked ([`request`]). The new generation reads the log from the beginning; once level it takes in, in
//! the transaction that repoints the views, whatever the live one has beyond it. No read fails or goes back in time.
//! The generation before stays for a day.

use contracts::Service;
use deadpool_postgres::{GenericClient, Object, Transaction};
use tokio_postgres::Error;

use crate::{
    locks,
    projection::{
        Generation, Projection,
        checkpoint::{Checkpoint, State},
        lane::{Lane, StepError, begin},
    },
};

/// How long a generation that is no longer read is kept.
const KEPT: &str = "24 hours";
/// At most so many events are taken in during the change-over.
const CLOSE: i64 = 1_000;

/// Asks for a rebuild of a live projection; its running instance begins within two seconds. Gives the number of the new
/// generation; `None` when no such projection is live.
pub async fn request(
    client: &impl GenericClient,
    service: Service,
    name: &str,
) -> Result<Option<i32>, Error> {
    let sql = format!(
        "insert into {service}.projection (name, generation, version, state, categories, tables) \
         select name, 1 + (select max(generation) from {service}.projection where name = $1), version, 'building', categories, tables \
         from {service}.projection where name = $1 and state = 'live' returning generation"
    );
    Ok(client.query_opt(&sql, &[&name]).await?.map(|row| row.get(0)))
}

/// A generation to build, and its tables: the one that was begun, else a new one.
pub(crate) async fn begin_generation<P: Projection>(
    projection: &P,
    client: &mut Object,
    service: Service,
    state: State,
) -> Result<Checkpoint, Error> {
    let transaction = client.transaction().await?;
    locks::lock_schema(&transaction).await?;
    let sql = format!(
        "insert into {service}.projection (name, generation, version, state, categories, tables) \
         select $1, 1 + coalesce(max(generation), 0), $2, $3, $4, $5 from {service}.projection where name = $1 \
         returning generation"
    );
    let word = if state == State::Live { "live" } else { "building" };
    let row =
        transaction.query_one(&sql, &[&P::NAME, &P::VERSION, &word, &P::CATEGORIES, &P::TABLES]).await?;
    let generation = Generation { service, number: row.get(0) };
    create_tables(projection, &transaction, &generation).await?;
    if state == State::Live {
        point_views(projection, &transaction, &generation).await?;
    }
    transaction.commit().await?;
    Ok(Checkpoint { generation: generation.number, version: P::VERSION, state, position: 0, hash: None })
}

/// Creates the tables of a generation, unless they are there (a requested rebuild has a row, but no tables yet).
pub(crate) async fn create_tables<P: Projection>(
    projection: &P,
    transaction: &Transaction<'_>,
    generation: &Generation,
) -> Result<(), Error> {
    for table in P::TABLES {
        let table = generation.table(table);
        let exists: bool =
            transaction.query_one("select to_regclass($1) is not null", &[&table]).await?.get(0);
        if exists {
            return Ok(());
        }
    }
    transaction.batch_execute(&projection.tables(generation)).await
}

async fn point_views<P: Projection>(
    projection: &P,
    transaction: &Transaction<'_>,
    generation: &Generation,
) -> Result<(), Error> {
    for view in projection.views(generation) {
        transaction.batch_execute(&view.sql(generation.service)).await?;
    }
    Ok(())
}

/// Makes a generation the one that is read, if it is close enough to the one that is read now. `true`: done.
pub(crate) async fn change_over<P: Projection>(lane: &mut Lane<P>) -> Result<bool, StepError> {
    let (ground, service) = (lane.ground.clone(), lane.ground.service);
    let mut client = ground.pool.get().await?;
    let transaction = begin(&mut client).await?;
    locks::lock_schema(&transaction).await?;
    // Losing this would lose a decision, not just rows.
    transaction.batch_execute("set local synchronous_commit = on").await?;
    let live =
        format!("select position from {service}.projection where name = $1 and state = 'live' for update");
    let live: Option<i64> = transaction.query_opt(&live, &[&P::NAME]).await?.map(|row| row.get(0));
    let goal = live.unwrap_or(0);
    let mut position = lane.position;
    if goal > position {
        // The live one cannot move while we hold its row, so what it has beyond us is all there is to take in.
        let mut rest = ground.reader.read(position, Some(P::CATEGORIES), CLOSE + 1).await?;
        rest.retain(|event| event.position <= goal);
        if rest.len() as i64 > CLOSE {
            return Ok(false);
        }
        lane.write(&transaction, &rest).await?;
        position = rest.last().map_or(position, |event| event.position);
    }
    let number = lane.generation.number;
    let retire = format!(
        "update {service}.projection set state = 'retired', changed_at = now() where name = $1 and generation <> $2 and state = 'live'"
    );
    transaction.execute(&retire, &[&P::NAME, &number]).await?;
    let promote = format!(
        "update {service}.projection set state = 'live', changed_at = now() where name = $1 and generation = $2"
    );
    transaction.execute(&promote, &[&P::NAME, &number]).await?;
    point_views(&ground.projection, &transaction, &lane.generation).await?;
    transaction.commit().await?;
    lane.position = position;
    tracing::info!(projection = P::NAME, generation = number, position, "read model changed over");
    Ok(true)
}

/// Drops the tables of generations that nobody has read for a day.
pub(crate) async fn drop_retired(client: &mut Object, service: Service, name: &str) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    let sql = format!(
        "delete from {service}.projection where name = $1 and state = 'retired' \
         and changed_at < now() - interval '{KEPT}' returning generation, tables"
    );
    for row in transaction.query(&sql, &[&name]).await? {
        let generation = Generation { service, number: row.get(0) };
        for table in row.get::<_, Vec<String>>(1) {
            transaction.batch_execute(&format!("drop table if exists {}", generation.table(&table))).await?;
        }
        tracing::info!(projection = name, generation = generation.number, "retired read model dropped");
    }
    transaction.commit().await
}
