//! Reading the log: in the order of positions, without gaps, each event once.

mod pages;

use deadpool_postgres::{Object, Pool, PoolError};
use futures::FutureExt as _;
use time::OffsetDateTime;
use tokio_postgres::{Row, Statement, types::ToSql};
use uuid::Uuid;

pub use self::pages::Pages;
use crate::{Recorded, SHARD, recorded};

/// Reads the log with the rights of its pool's login (`log.reader`).
#[derive(Clone, Debug)]
pub struct Reader {
    pool: Pool,
}

/// The answer a command was given when it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutcome {
    /// Fingerprint of the command: the same id with another one is a reused key.
    pub fingerprint: [u8; 32],
    /// The stream's version after it.
    pub version: i32,
    /// Position of its first event.
    pub first: i64,
    /// Position of its last event.
    pub last: i64,
    /// When it was appended.
    pub at: OffsetDateTime,
}

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No connection to be had.
    #[error("no connection to the log's database")]
    Pool(#[from] PoolError),
    /// The database refused or broke off.
    #[error("reading the log failed")]
    Database(#[from] tokio_postgres::Error),
}

impl Reader {
    /// A reader with this pool's login.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// The events after position `after`, at most `limit` of them; `None` = all categories (the login must be
    /// allowed `*`). Fewer than `limit` means that the log ended there.
    pub async fn read(
        &self,
        after: i64,
        categories: Option<&[&str]>,
        limit: i64,
    ) -> Result<Vec<Recorded>, ReadError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        self.events("log.read($1, $2, $3, $4)", &[&SHARD, &after, &categories, &limit]).await
    }

    /// The events after position `after` in pages of `size`, each read while the one before is looked at.
    #[must_use]
    pub fn pages(&self, after: i64, categories: Option<Vec<&'static str>>, size: usize) -> Pages {
        let (reader, limit) = (self.clone(), i64::try_from(size).unwrap_or(i64::MAX));
        Pages::new(after, size, move |after| {
            let (reader, categories) = (reader.clone(), categories.clone());
            async move { reader.read(after, categories.as_deref(), limit).await }.boxed()
        })
    }

    /// The events of one stream after version `after`, oldest first; none when there is no such stream.
    pub async fn read_stream(&self, stream: Uuid, after: i32) -> Result<Vec<Recorded>, ReadError> {
        self.events("log.read_stream($1, $2)", &[&stream, &after]).await
    }

    /// All events of several streams in one query, in log order.
    pub async fn read_streams(&self, streams: &[Uuid]) -> Result<Vec<Recorded>, ReadError> {
        self.events("log.read_streams($1)", &[&streams]).await
    }

    /// The last position in use; 0 = an empty log.
    pub async fn head(&self) -> Result<i64, ReadError> {
        let (client, statement) = self.prepare("select log.head($1)").await?;
        Ok(client.query_one(&statement, &[&SHARD]).await?.try_get(0)?)
    }

    /// What a command id was answered, if it was appended (kept for 35 days).
    pub async fn outcome(&self, command_id: Uuid) -> Result<Option<CommandOutcome>, ReadError> {
        let (client, statement) =
            self.prepare("select fingerprint, version, first, last, at from log.outcome($1)").await?;
        let row = client.query_opt(&statement, &[&command_id]).await?;
        Ok(row.as_ref().map(CommandOutcome::from_row).transpose()?)
    }

    /// Whether none of these categories has an event after `after`, up to and including `upto`.
    pub async fn level(&self, after: i64, upto: i64, categories: &[&str]) -> Result<bool, ReadError> {
        let (client, statement) = self.prepare("select log.level($1, $2, $3, $4)").await?;
        Ok(client.query_one(&statement, &[&SHARD, &after, &upto, &categories]).await?.try_get(0)?)
    }

    /// The number of the current epoch: a follower whose checkpoint is of another one starts anew.
    pub async fn epoch(&self) -> Result<i32, ReadError> {
        let (client, statement) =
            self.prepare("select coalesce(max(epoch), 0) from log.epoch where shard = $1").await?;
        Ok(client.query_one(&statement, &[&SHARD]).await?.try_get(0)?)
    }

    /// Who this installation is: part of the origin of its checkpoints.
    pub async fn installation(&self) -> Result<Uuid, ReadError> {
        let (client, statement) = self.prepare("select id from log.installation").await?;
        Ok(client.query_one(&statement, &[]).await?.try_get(0)?)
    }

    async fn events(
        &self,
        function: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Recorded>, ReadError> {
        let (client, statement) =
            self.prepare(&format!("select {} from {function}", recorded::COLUMNS)).await?;
        let rows = client.query(&statement, parameters).await?;
        Ok(rows.iter().map(recorded::from_row).collect::<Result<_, _>>()?)
    }

    async fn prepare(&self, sql: &str) -> Result<(Object, Statement), ReadError> {
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok((client, statement))
    }
}

impl CommandOutcome {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            // Always 32 bytes: the appender takes nothing else.
            fingerprint: row.try_get::<_, &[u8]>(0)?.try_into().unwrap_or_default(),
            version: row.try_get(1)?,
            first: row.try_get(2)?,
            last: row.try_get(3)?,
            at: row.try_get(4)?,
        })
    }
}
