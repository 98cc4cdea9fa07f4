//! Sign-ins that were begun at an identity provider: beside the log, each good for one end within ten minutes.

use contracts::{IdentityProviderId, Problem, SessionId, Timestamp};
use deadpool_postgres::Pool;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::{oidc::attempt::state_hash, person::away};

/// How long somebody may take at a provider.
const LONGEST: Duration = Duration::minutes(10);

/// A sign-in that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Where.
    pub provider: IdentityProviderId,
    /// The session whose owner is to prove again who they are.
    pub session: Option<SessionId>,
    /// When.
    pub at: Timestamp,
}

/// The table `directory.provider_sign_in`.
pub struct BegunSignIns {
    pool: Pool,
}

impl BegunSignIns {
    /// The table behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Keeps one, and forgets those that nobody ended.
    pub async fn keep(&self, state: &str, begun: Begun) -> Result<(), Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let forget = "delete from directory.provider_sign_in where began_at < $1";
        client.execute(forget, &[&begun.at.plus(-LONGEST).0]).await.map_err(away)?;
        let keep = "insert into directory.provider_sign_in (state, provider, session, began_at) \
                    values ($1, $2, $3, $4) on conflict do nothing";
        let (state, session) = (state_hash(state).to_vec(), begun.session.map(SessionId::uuid));
        client.execute(keep, &[&state, &begun.provider.uuid(), &session, &begun.at.0]).await.map_err(away)?;
        Ok(())
    }

    /// Takes one for its end: nobody else gets it.
    pub async fn take(&self, state: &str, now: Timestamp) -> Result<Option<Begun>, Problem> {
        let client = self.pool.get().await.map_err(away)?;
        let take =
            "delete from directory.provider_sign_in where state = $1 returning provider, session, began_at";
        let row = client.query_opt(take, &[&state_hash(state).to_vec()]).await.map_err(away)?;
        let Some(row) = row else { return Ok(None) };
        let (provider, session): (Uuid, Option<Uuid>) =
            (row.try_get(0).map_err(away)?, row.try_get(1).map_err(away)?);
        let at: OffsetDateTime = row.try_get(2).map_err(away)?;
        let begun = Begun { provider: provider.into(), session: session.map(SessionId), at: Timestamp(at) };
        Ok(Some(begun).filter(|begun| now <= begun.at.plus(LONGEST)))
    }
}
