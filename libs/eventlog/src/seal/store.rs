//! Tiles and heads in the database.

use std::collections::BTreeSet;

use deadpool_postgres::Pool;

use crate::{
    ReadError, SHARD,
    merkle::{Hash, TILE, Tile, Tree},
};

/// `log.tile` and `log.tree_head`.
pub(super) struct Store {
    pool: Pool,
}

/// A head that was signed.
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) root: Hash,
}

impl Store {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    pub(super) async fn last_head(&self) -> Result<Option<Head>, ReadError> {
        let client = self.pool.get().await?;
        let sql = "select size, root from log.tree_head where shard = $1 order by size desc limit 1";
        let row = client.query_opt(sql, &[&SHARD]).await?;
        let head = row.map(|row| {
            let root: &[u8] = row.try_get(1)?;
            Ok::<_, ReadError>(Head {
                size: row.try_get::<_, i64>(0)? as u64,
                root: root.try_into().unwrap_or_default(),
            })
        });
        head.transpose()
    }

    /// The tree over the full leaf tiles within the first `size` events.
    pub(super) async fn tree(&self, size: u64) -> Result<Tree, ReadError> {
        Tree::restore(size / TILE as u64, |level, from| self.roots(level, from)).await
    }

    /// The roots of the full tiles of a level, from `index` on.
    async fn roots(&self, level: u32, index: u64) -> Result<Vec<Hash>, ReadError> {
        let client = self.pool.get().await?;
        let sql = "select level, index, hashes from log.tile where shard = $1 and level = $2 and index >= $3 order by index";
        let rows = client.query(sql, &[&SHARD, &(level as i16), &(index as i64)]).await?;
        rows.iter().map(|row| Ok(tile(row)?.root())).collect()
    }

    /// These full tiles (level, index), as far as they exist.
    pub(super) async fn tiles(&self, wanted: BTreeSet<(u32, u64)>) -> Result<Vec<Tile>, ReadError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let levels: Vec<i16> = wanted.iter().map(|(level, _)| *level as i16).collect();
        let indices: Vec<i64> = wanted.iter().map(|(_, index)| *index as i64).collect();
        let client = self.pool.get().await?;
        let sql = "select t.level, t.index, t.hashes from unnest($2::smallint[], $3::bigint[]) u(level, index) \
                   join log.tile t on t.shard = $1 and t.level = u.level and t.index = u.index";
        let rows = client.query(sql, &[&SHARD, &levels, &indices]).await?;
        rows.iter().map(tile).collect()
    }

    /// Saves a signed head with what became full since the one of `sealed` events.
    pub(super) async fn save(
        &self,
        tree: &Tree,
        sealed: u64,
        tiles: &[Tile],
        note: &str,
    ) -> Result<(), ReadError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let levels: Vec<i16> = tiles.iter().map(|tile| tile.level as i16).collect();
        let indices: Vec<i64> = tiles.iter().map(|tile| tile.index as i64).collect();
        let hashes: Vec<Vec<u8>> = tiles.iter().map(|tile| tile.hashes.concat()).collect();
        // A tile that is there already was saved by a leader that went on a moment longer; it is the same.
        let sql = "insert into log.tile select $1, * from unnest($2::smallint[], $3::bigint[], $4::bytea[]) \
                   on conflict do nothing";
        transaction.execute(sql, &[&SHARD, &levels, &indices, &hashes]).await?;
        let edge = tree.edge();
        let new = edge.len().min((tree.size() - sealed) as usize);
        let leaves = edge[edge.len() - new..].concat();
        let sql = "insert into log.tree_head (shard, size, root, note, leaves) values ($1, $2, $3, $4, $5) \
                   on conflict do nothing";
        let (size, root) = (tree.size() as i64, tree.root());
        transaction.execute(sql, &[&SHARD, &size, &root.as_slice(), &note, &leaves]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Seconds since the oldest event after `sealed` was recorded; 0 when there is none.
    pub(super) async fn age(&self, sealed: u64) -> Result<f64, ReadError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "select extract(epoch from clock_timestamp() - recorded_at)::float8 from log.event \
                 where shard = $1 and position = $2",
            )
            .await?;
        let row = client.query_opt(&statement, &[&SHARD, &(sealed as i64 + 1)]).await?;
        Ok(row.map_or(Ok(0.0), |row| row.try_get(0))?)
    }
}

fn tile(row: &tokio_postgres::Row) -> Result<Tile, ReadError> {
    let hashes: &[u8] = row.try_get(2)?;
    Ok(Tile {
        level: row.try_get::<_, i16>(0)? as u32,
        index: row.try_get::<_, i64>(1)? as u64,
        // 256 whole hashes: the table's constraint.
        hashes: hashes.as_chunks().0.to_vec(),
    })
}
