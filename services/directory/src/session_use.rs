//! When sessions were last used: a sample, kept in a table beside the log.

use contracts::{Problem, SessionId, Timestamp};
use deadpool_postgres::Pool;
use uuid::Uuid;

use crate::person::away;

/// The table `directory.session_use`.
pub struct SessionUse {
    pool: Pool,
}

impl SessionUse {
    /// The table behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Keeps the latest use of each session.
    pub async fn record(&self, uses: &[(SessionId, Timestamp)]) -> Result<(), Problem> {
        let sessions: Vec<Uuid> = uses.iter().map(|(session, _)| session.uuid()).collect();
        let times: Vec<_> = uses.iter().map(|(_, at)| at.0).collect();
        let client = self.pool.get().await.map_err(away)?;
        let keep = "insert into directory.session_use as u (session, at) \
             select session, max(at) from unnest($1::uuid[], $2::timestamptz[]) as x(session, at) group by session \
             on conflict (session) do update set at = greatest(u.at, excluded.at)";
        client.execute(keep, &[&sessions, &times]).await.map_err(away)?;
        Ok(())
    }

    /// When a session was last used.
    pub async fn last(&self, session: SessionId) -> Result<Option<Timestamp>, Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let sql = "select at from directory.session_use where session = $1";
        let statement = client.prepare_cached(sql).await.map_err(away)?;
        let row = client.query_opt(&statement, &[&session.uuid()]).await.map_err(away)?;
        Ok(row.map(|row| Timestamp(row.get(0))))
    }
}
