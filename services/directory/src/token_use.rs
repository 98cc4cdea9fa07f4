//! When tokens were last used: a sample, kept in a table beside the log.

use contracts::{Problem, Timestamp, TokenId};
use deadpool_postgres::Pool;
use uuid::Uuid;

use crate::person::away;

/// The table `directory.token_use`.
pub struct TokenUse {
    pool: Pool,
}

impl TokenUse {
    /// The table behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Keeps the latest use of each token.
    pub async fn record(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), Problem> {
        let tokens: Vec<Uuid> = uses.iter().map(|(token, _)| token.uuid()).collect();
        let times: Vec<_> = uses.iter().map(|(_, at)| at.0).collect();
        let client = self.pool.get().await.map_err(away)?;
        let statement = client
            .prepare_cached(
                "insert into directory.token_use as u (token, at) \
                 select token, max(at) from unnest($1::uuid[], $2::timestamptz[]) as x(token, at) group by token \
                 on conflict (token) do update set at = greatest(u.at, excluded.at)",
            )
            .await
            .map_err(away)?;
        client.execute(&statement, &[&tokens, &times]).await.map_err(away)?;
        Ok(())
    }

    /// When a token was last used.
    pub async fn last(&self, token: TokenId) -> Result<Option<Timestamp>, Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let statement = client
            .prepare_cached("select at from directory.token_use where token = $1")
            .await
            .map_err(away)?;
        let row = client.query_opt(&statement, &[&token.uuid()]).await.map_err(away)?;
        Ok(row.map(|row| Timestamp(row.get(0))))
    }
}
