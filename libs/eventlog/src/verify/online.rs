//! A running log, read by its relay's login.

use deadpool_postgres::Pool;

use super::{Head, Source, VerifyError};
use crate::{ReadError, Reader, Recorded, SHARD, merkle::Hash};

pub(super) struct Online {
    pool: Pool,
    reader: Reader,
    /// The last position when verification began: what comes after is left alone.
    head: i64,
    /// The last position read.
    read: i64,
    /// The size of the last head read.
    size: i64,
}

/// Rows read at a time.
const PAGE: i64 = 4096;

impl Online {
    pub(super) async fn open(pool: Pool) -> Result<Self, VerifyError> {
        let reader = Reader::new(pool.clone());
        let head = reader.head().await?;
        Ok(Self { pool, reader, head, read: 0, size: 0 })
    }

    async fn next_head(&mut self) -> Result<Option<Head>, ReadError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "select size, root, note, leaves from log.tree_head where shard = $1 and size > $2 order by size limit 1",
            )
            .await?;
        let Some(row) = client.query_opt(&statement, &[&SHARD, &self.size]).await? else { return Ok(None) };
        self.size = row.try_get(0)?;
        let leaves: &[u8] = row.try_get(3)?;
        Ok(Some(Head {
            size: self.size,
            root: row.try_get(1)?,
            note: row.try_get(2)?,
            leaves: leaves.as_chunks().0.to_vec(),
        }))
    }

    async fn find_tile(&self, level: u32, index: u64) -> Result<Option<Vec<Hash>>, ReadError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached("select hashes from log.tile where shard = $1 and level = $2 and index = $3")
            .await?;
        let row = client.query_opt(&statement, &[&SHARD, &(level as i16), &(index as i64)]).await?;
        let hashes = row.as_ref().map(|row| row.try_get::<_, &[u8]>(0)).transpose()?;
        Ok(hashes.map(|hashes| hashes.as_chunks().0.to_vec()))
    }
}

impl Source for Online {
    fn total(&self) -> u64 {
        self.head as u64
    }

    async fn page(&mut self) -> Result<Vec<Recorded>, VerifyError> {
        let mut events = self.reader.read(self.read, None, PAGE).await?;
        events.retain(|event| event.position <= self.head);
        self.read = events.last().map_or(self.read, |event| event.position);
        Ok(events)
    }

    async fn head(&mut self) -> Result<Option<Head>, VerifyError> {
        let head = self.next_head().await?;
        // A head sealed since covers events that are not read here; one beyond the log is a finding.
        let now = self.reader.head().await?;
        Ok(head.filter(|head| head.size <= self.head || head.size > now))
    }

    async fn tile(&mut self, level: u32, index: u64) -> Result<Option<Vec<Hash>>, VerifyError> {
        Ok(self.find_tile(level, index).await?)
    }
}
