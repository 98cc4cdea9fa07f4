//! A read model built once more from the log and compared with the one that is read: two rebuilds of one log give the
//! same state (I-09).

use contracts::Service;
use deadpool_postgres::{Pool, PoolError};
use eventlog::{ReadError, Reader};

use super::{
    Generation, Projection, ProjectionError,
    checkpoint::{self, State},
};
use crate::rebuild::begin_generation;

/// Most events applied in one transaction.
const BATCH: i64 = 5_000;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Name of the projection.
    pub projection: &'static str,
    /// Events applied.
    pub events: u64,
    /// Rows that only one of the two has, by table; nothing to compare with where the projection was never read or another
    /// version built it.
    pub differing: Vec<(&'static str, i64)>,
}

/// Why a read model could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No connection.
    #[error("no connection to PostgreSQL")]
    Pool(#[from] PoolError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// An event could not be applied.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
}

impl From<tokio_postgres::Error> for ReplayError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Projection(error.into())
    }
}

/// Builds a projection beside the one that is read, up to where that one is, and compares them row by row. What was built is
/// dropped again. For a database that no service works in.
pub async fn replay<P: Projection>(
    projection: &P,
    service: Service,
    pool: &Pool,
) -> Result<Replayed, ReplayError> {
    let reader = Reader::new(pool.clone());
    let mut client = pool.get().await?;
    let known = checkpoint::all(&client, service, P::NAME).await?;
    let live = known.into_iter().find(|checkpoint| checkpoint.state == State::Live);
    let goal = match &live {
        Some(live) => live.position,
        None => reader.head().await?,
    };
    let built = begin_generation(projection, &mut client, service, State::Building).await?;
    let generation = Generation { service, number: built.generation };
    let (mut position, mut applied) = (0, 0);
    loop {
        let mut events = reader.read(position, Some(P::CATEGORIES), BATCH).await?;
        let whole = events.len();
        events.retain(|event| event.position <= goal);
        let Some(last) = events.last() else { break };
        position = last.position;
        applied += events.len() as u64;
        let transaction = client.transaction().await?;
        projection.apply(&transaction, &generation, &events).await?;
        transaction.commit().await?;
        if events.len() < whole {
            break;
        }
    }
    let mut differing = vec![];
    if let Some(live) = live.filter(|live| live.version == P::VERSION) {
        let read = Generation { service, number: live.generation };
        for table in P::TABLES.iter().copied() {
            let (one, other) = (read.table(table), generation.table(table));
            let sql = format!(
                "select count(*) from ((select t::text from {one} t except all select t::text from {other} t) \
                 union all (select t::text from {other} t except all select t::text from {one} t)) d"
            );
            let rows: i64 = client.query_one(&sql, &[]).await?.get(0);
            if rows > 0 {
                differing.push((table, rows));
            }
        }
    }
    for table in P::TABLES {
        client.batch_execute(&format!("drop table {}", generation.table(table))).await?;
    }
    let forget = format!("delete from {service}.projection where name = $1 and generation = $2");
    client.execute(&forget, &[&P::NAME, &generation.number]).await?;
    Ok(Replayed { projection: P::NAME, events: applied, differing })
}

/// Declares the projections of a service, once: `start_projections` keeps them up to date, `replay` builds each again and
/// compares.
#[macro_export]
macro_rules! projections {
    ($service:expr, [$($projection:expr),* $(,)?]) => {
        fn start_projections(context: &$crate::service::ServiceContext) {
            $($crate::projection::start(context, $projection);)*
        }

        /// Builds each read model again from the log, beside the one that is read, and compares them.
        pub async fn replay(
            pool: &deadpool_postgres::Pool,
        ) -> Result<Vec<$crate::projection::Replayed>, $crate::projection::ReplayError> {
            Ok(vec![$($crate::projection::replay(&$projection, $service, pool).await?),*])
        }
    };
}
