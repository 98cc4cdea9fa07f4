//! Which master key the database belongs to: one row, and the one place where a rotation takes hold.

use std::time::Duration;

use contracts::keystore::MasterKeyProvider;
use deadpool_postgres::Pool;
use runtime::entropy::{self, Entropy};
use uuid::Uuid;

use crate::{database::DatabaseError, master_key::SALT};

/// The row.
#[derive(Clone)]
pub struct Registered {
    /// The salt of the installation, drawn once.
    pub salt: [u8; SALT],
    /// The name of the master key that opens this database; none before the first.
    pub id: Option<Uuid>,
    /// While a rotation goes on: the one before, and its bytes under the new one.
    pub previous: Option<(Uuid, Vec<u8>)>,
}

const READ: &str = "select salt, id, previous_id, previous from keystore.master_key";

/// Reads the row; makes it first where there is none.
pub async fn read(pool: &Pool, entropy: &dyn Entropy) -> Result<Registered, DatabaseError> {
    let client = pool.get().await?;
    let row = match client.query_opt(READ, &[]).await? {
        Some(row) => row,
        None => {
            let drawn = entropy::bytes::<SALT>(entropy);
            let insert = "insert into keystore.master_key (salt) values ($1) on conflict do nothing";
            client.execute(insert, &[&drawn.as_slice()]).await?;
            client.query_one(READ, &[]).await?
        }
    };
    let previous: Option<Uuid> = row.try_get(2)?;
    Ok(Registered {
        salt: row.try_get::<_, &[u8]>(0)?.try_into().map_err(|_| DatabaseError::Missing)?,
        id: row.try_get(1)?,
        previous: previous.map(|id| Ok::<_, tokio_postgres::Error>((id, row.try_get(3)?))).transpose()?,
    })
}

/// The name of the master key this database belongs to: `ours`, when it belongs to none yet.
pub async fn register(pool: &Pool, ours: Uuid) -> Result<Uuid, DatabaseError> {
    let client = pool.get().await?;
    client.execute("update keystore.master_key set id = $1 where id is null", &[&ours]).await?;
    Ok(client.query_one("select id from keystore.master_key", &[]).await?.try_get(0)?)
}

/// Shows outside where the master key comes from, and whether people have to open the keystore.
pub async fn show(pool: &Pool, provider: MasterKeyProvider, sealed: bool) -> Result<(), DatabaseError> {
    let sql = "update keystore.master_key set provider = $1, sealed = $2, shares_entered = 0";
    pool.get().await?.execute(sql, &[&provider.as_str(), &sealed]).await?;
    Ok(())
}

/// Shows outside how many shares were entered, of how many that are needed; those are kept for so long from the first one on.
pub async fn show_shares(pool: &Pool, needed: u8, entered: u8, kept: Duration) -> Result<(), DatabaseError> {
    const SQL: &str = "update keystore.master_key set shares_needed = $1::smallint, shares_entered = $2::smallint, \
         shares_until = case when $2::smallint > 1 then shares_until else now() + make_interval(secs => $3::float8) end";
    let (needed, entered) = (i16::from(needed), i16::from(entered));
    pool.get().await?.execute(SQL, &[&needed, &entered, &kept.as_secs_f64()]).await?;
    Ok(())
}

/// From here on the new master key is the one that opens this database, and no organization key is made under the old one
/// (see [`crate::vault`]): one statement. Whether it was this call that did it.
pub async fn replace(pool: &Pool, old: Uuid, new: Uuid, wrapped_old: &[u8]) -> Result<bool, DatabaseError> {
    const SQL: &str = "update keystore.master_key set id = $2, previous_id = $1, previous = $3, \
         replaced_at = now() where id = $1 and previous_id is null";
    Ok(pool.get().await?.execute(SQL, &[&old, &new, &wrapped_old]).await? == 1)
}

/// Forgets the master key before, if nothing is under it any more.
pub async fn forget_previous(pool: &Pool, id: Uuid) -> Result<bool, DatabaseError> {
    const SQL: &str = "update keystore.master_key set previous_id = null, previous = null where id = $1 \
         and not exists (select from keystore.organization_key where master_key <> $1)";
    Ok(pool.get().await?.execute(SQL, &[&id]).await? == 1)
}
