//! Projections on real servers: rows and checkpoint agree, one instance is active, rebuilds equal what is read.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

#[allow(dead_code)] // each test file uses its part
mod support;

use chancery_runtime::{
    projection::{self, Generation, Projection, ProjectionError, Scope, View},
    rebuild,
    service::ServiceContext,
};
use contracts::{Event, Service};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use support::{CounterEvent, OURS, THEIRS, World, count, count_for, raw, until};

/// Sums per counter; `V` is its version.
struct Sums<const V: i32>;

impl<const V: i32> Projection for Sums<V> {
    const NAME: &'static str = "sum";
    const VERSION: i32 = V;
    const CATEGORIES: &'static [&'static str] = &[CounterEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["sum"];

    fn tables(&self, generation: &Generation) -> String {
        let table = generation.table("sum");
        format!(
            "create table {table} (id uuid primary key, tenant uuid not null, sum bigint not null, events int not null)"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let select = format!("select id, tenant, sum * {V} as sum, events from {}", generation.table("sum"));
        vec![View { name: "sum", select, scope: Scope::Organization("tenant") }]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let sql = format!(
            "insert into {} as t values ($1, $2, $3, 1) on conflict (id) do update set sum = t.sum + $3, events = t.events + 1",
            generation.table("sum")
        );
        let statement = transaction.prepare_cached(&sql).await?;
        for event in events {
            let CounterEvent::Counted(counted) =
                CounterEvent::from_payload(&event.kind, event.schema, &event.payload)?;
            transaction.execute(&statement, &[&event.stream, &event.tenant, &counted.amount]).await?;
        }
        Ok(())
    }
}

/// What readers of a scope see: sums and numbers of events, in order.
async fn rows(context: &ServiceContext, scope: &str) -> Vec<(i64, i32)> {
    let mut client = context.pool.get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.execute("select set_config('chancery.scope', $1, true)", &[&scope]).await.unwrap();
    let rows = transaction.query("select sum, events from api_inventory.sum order by id", &[]).await;
    rows.map(|rows| rows.iter().map(|row| (row.get::<_, i64>(0), row.get(1))).collect()).unwrap_or_default()
}

async fn checkpoint(context: &ServiceContext) -> Option<(i64, i32)> {
    let client = context.pool.get().await.unwrap();
    let sql = "select position, generation from api_inventory.checkpoint where projection = 'sum'";
    client.query_opt(sql, &[]).await.ok()?.map(|row| (row.get(0), row.get(1)))
}

async fn reaches(context: &ServiceContext, position: i64) {
    until("the read model reaches the position", async || {
        checkpoint(context).await.is_some_and(|(at, _)| at >= position)
    })
    .await;
}

fn state(context: &ServiceContext) -> Option<String> {
    let report = context.health.report();
    report.into_iter().find(|state| state.name.ends_with("/sum")).and_then(|state| state.reason)
}

#[tokio::test]
async fn readers_see_their_organizations_rows_and_nothing_without_a_scope() {
    let world = World::new().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    projection::start(&inventory, Sums::<1>);
    count(&signer, 1, 5).await;
    count(&signer, 1, 6).await;
    let last = count_for(&signer, THEIRS, 2, 7).await;
    reaches(&inventory, last).await;
    let gateway = world.service(Service::Gateway).await;
    assert_eq!(rows(&gateway, &OURS.uuid().to_string()).await, [(11, 2)]);
    assert_eq!(rows(&gateway, &THEIRS.uuid().to_string()).await, [(7, 1)]);
    assert_eq!(rows(&gateway, &format!("{},{}", OURS.uuid(), THEIRS.uuid())).await.len(), 2);
    assert_eq!(rows(&gateway, "*").await.len(), 2);
    assert_eq!(rows(&gateway, "").await, []);
    let unset = gateway.pool.get().await.unwrap().query("select from api_inventory.sum", &[]).await.unwrap();
    assert!(unset.is_empty());
    assert_eq!(checkpoint(&gateway).await, Some((last, 1)), "the gateway waits for positions by it");
}

#[tokio::test]
async fn a_rebuild_under_load_equals_what_is_read_and_loses_no_read() {
    let world = World::new().await;
    let _relay = world.relay().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    projection::start(&inventory, Sums::<1>);
    for stream in 0..300 {
        count(&signer, stream % 7, 1).await;
    }
    reaches(&inventory, 300).await;
    let writer = tokio::spawn({
        let signer = signer.clone();
        async move {
            let mut last = 0;
            for stream in 0..300 {
                last = count(&signer, stream % 7, 1).await;
            }
            last
        }
    });
    let number =
        rebuild::request(&inventory.pool.get().await.unwrap(), Service::Inventory, "sum").await.unwrap();
    assert_eq!(number, Some(2));
    let mut least = 0;
    until("the rebuild is read", async || {
        let seen: i32 = rows(&inventory, "*").await.iter().map(|row| row.1).sum();
        assert!(seen >= least, "a read went back from {least} to {seen}");
        least = seen;
        checkpoint(&inventory).await.is_some_and(|(_, generation)| generation == 2)
    })
    .await;
    let last = writer.await.unwrap();
    reaches(&inventory, last).await;
    let sum: i64 = rows(&inventory, "*").await.iter().map(|row| row.0).sum();
    assert_eq!(sum, 600);

    // The generation before goes after a day.
    let client = inventory.pool.get().await.unwrap();
    let age =
        "update inventory.projection set changed_at = now() - interval '25 hours' where state = 'retired'";
    assert_eq!(client.execute(age, &[]).await.unwrap(), 1);
    inventory.shutdown.stop(std::time::Duration::from_secs(10)).await;
    let next = world.instance(Service::Inventory).await;
    projection::start(&next, Sums::<1>);
    until("the retired tables are gone", async || {
        let found = client.query_one("select to_regclass('inventory.sum_g1')::text", &[]).await.unwrap();
        found.get::<_, Option<String>>(0).is_none()
    })
    .await;
}

#[tokio::test]
async fn a_raised_version_is_built_beside_and_then_read() {
    let world = World::new().await;
    let signer = world.service(Service::Signer).await;
    let old = world.instance(Service::Inventory).await;
    projection::start(&old, Sums::<1>);
    let first = count(&signer, 1, 5).await;
    reaches(&old, first).await;
    assert_eq!(rows(&old, "*").await, [(5, 1)]);
    // Both releases run together for a while.
    let new = world.instance(Service::Inventory).await;
    projection::start(&new, Sums::<2>);
    until("the new version is read", async || rows(&new, "*").await == [(10, 1)]).await;
    let second = count(&signer, 1, 6).await;
    reaches(&new, second).await;
    assert_eq!(rows(&new, "*").await, [(22, 2)]);
    until("it says so", async || state(&new).is_none()).await;
}

#[tokio::test]
async fn one_instance_is_active_and_another_takes_over() {
    let world = World::new().await;
    let _relay = world.relay().await;
    let signer = world.service(Service::Signer).await;
    let (one, other) = (world.instance(Service::Inventory).await, world.instance(Service::Inventory).await);
    projection::start(&one, Sums::<1>);
    projection::start(&other, Sums::<1>);
    let mut last = 0;
    for n in 0..100 {
        last = count(&signer, n % 3, 1).await;
        if n == 50 {
            assert!(one.shutdown.stop(std::time::Duration::from_secs(10)).await);
        }
    }
    reaches(&other, last).await;
    let events: i32 = rows(&other, "*").await.iter().map(|row| row.1).sum();
    assert_eq!(events, 100);
}

#[tokio::test]
async fn an_instance_that_lost_its_connections_mid_way_doubles_nothing() {
    let world = World::new().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    projection::start(&inventory, Sums::<1>);
    let admin = world.servers.admin().await;
    let mut last = 0;
    for n in 0..200 {
        last = count(&signer, n % 3, 1).await;
        if n % 20 == 10 {
            let kill =
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'chancery_inventory'";
            admin.query(kill, &[]).await.unwrap();
        }
    }
    reaches(&inventory, last).await;
    let events: i32 = rows(&inventory, "*").await.iter().map(|row| row.1).sum();
    assert_eq!(events, 200);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_halts_its_projection_and_says_where() {
    let world = World::new().await;
    let (signer, inventory) = (world.service(Service::Signer).await, world.service(Service::Inventory).await);
    let good = count(&signer, 1, 5).await;
    let bad = raw(&signer, "ca", "ca.unheard_of", OURS, 1, "{}".into()).await;
    count(&signer, 1, 6).await;
    projection::start(&inventory, Sums::<1>);
    until("it says where", async || {
        state(&inventory).is_some_and(|reason| reason.contains(&format!("halted at position {bad}")))
    })
    .await;
    assert_eq!(checkpoint(&inventory).await, Some((good, 1)), "what came before is applied");
    assert_eq!(rows(&inventory, "*").await, [(5, 1)]);
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_not_trusted() {
    let world = World::new().await;
    let (signer, inventory) =
        (world.service(Service::Signer).await, world.instance(Service::Inventory).await);
    projection::start(&inventory, Sums::<1>);
    let last = count(&signer, 1, 5).await;
    reaches(&inventory, last).await;
    assert!(inventory.shutdown.stop(std::time::Duration::from_secs(10)).await);
    let client = inventory.pool.get().await.unwrap();
    client.batch_execute("update inventory.projection set hash = sha256('another')").await.unwrap();
    let next = world.instance(Service::Inventory).await;
    projection::start(&next, Sums::<1>);
    until("it is built again", async || checkpoint(&next).await == Some((last, 2))).await;
    assert_eq!(rows(&next, "*").await, [(5, 1)]);
}
