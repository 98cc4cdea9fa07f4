//! What may go wrong between keystore and its tables.

use std::sync::Arc;

use contracts::Problem;

/// The tables cannot be used at the moment. Clones, because callers share round trips.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No connection to be had.
    #[error("no connection to keystore's tables")]
    Pool(#[source] Arc<deadpool_postgres::PoolError>),
    /// PostgreSQL refused or broke off.
    #[error("keystore's tables cannot be used")]
    Server(#[source] Arc<tokio_postgres::Error>),
    /// A row that was written is not there.
    #[error("a row that was just written is missing")]
    Missing,
}

impl From<deadpool_postgres::PoolError> for DatabaseError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Pool(Arc::new(error))
    }
}
impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Server(Arc::new(error))
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        tracing::warn!(error = runtime::error::words(&error), "keystore's tables are not available");
        Self::unavailable("keystore's tables are not available at the moment; try again")
    }
}
