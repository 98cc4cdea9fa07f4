//! Session locks: one active instance of each projection and process.

use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Transaction};
use tokio_postgres::Error;

/// The namespace of these locks.
const NAMESPACE: i32 = 7104;
/// Time between two signs of life.
const PERIOD: Duration = Duration::from_secs(2);

/// Takes the lock of this name for as long as the connection lives, unless someone has it.
pub(crate) async fn try_lock(client: &ClientWrapper, name: &str) -> Result<bool, Error> {
    Ok(client.query_one("select pg_try_advisory_lock($1, hashtext($2))", &[&NAMESPACE, &name]).await?.get(0))
}

/// Waits for its turn to create tables and views: PostgreSQL refuses two that grant on one schema at once. The turn ends
/// with the transaction.
pub(crate) async fn lock_schema(transaction: &Transaction<'_>) -> Result<(), Error> {
    let sql = "select pg_advisory_xact_lock($1, hashtext($2))";
    transaction.execute(sql, &[&NAMESPACE, &"schema"]).await.map(drop)
}

/// Pings the connection that holds the lock; returns when it is lost.
pub(crate) async fn hold(client: &ClientWrapper) -> Error {
    loop {
        tokio::time::sleep(PERIOD).await;
        if let Err(error) = client.query_one("select 1", &[]).await {
            return error;
        }
    }
}
