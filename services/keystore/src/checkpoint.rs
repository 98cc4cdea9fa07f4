//! Checkpoints of the log: keystore signs a head only when it is shown that the tree grew from the last one it signed.
//!
//! What was signed last stands in keystore's own table, so a log that was restored, cut or edited gets no new head.

use std::sync::Arc;

use aws_lc_rs::signature::ED25519_PUBLIC_KEY_LEN;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bus::{Context, Reply};
use contracts::{
    Code, KeyId, Problem,
    keystore::{KeyGenerated, SignCheckpoint, SignedCheckpoint},
    x509::SignatureAlgorithm,
};
use deadpool_postgres::Pool;
use eventlog::{
    SHARD,
    checkpoint::{Checkpoint, VerifierKey, origin},
    merkle::{Hash, empty_root, verify_consistency},
};
use uuid::Uuid;

use crate::{
    database::DatabaseError,
    signing_key::{SigningError, SigningKey},
};

/// Signs checkpoints.
pub struct Checkpoints {
    pool: Pool,
    installation: Uuid,
    key: Arc<SigningKey>,
    public: [u8; ED25519_PUBLIC_KEY_LEN],
}

/// The last head signed.
struct Head {
    size: u64,
    root: Hash,
    note: Option<String>,
}

/// The id of the key that signs checkpoints, and of the command that makes it: the same for every instance.
#[must_use]
pub fn key_id(installation: Uuid) -> KeyId {
    KeyId(Uuid::new_v5(&installation, b"checkpoint key"))
}

impl Checkpoints {
    /// Takes the checkpoint key and makes its public half known.
    pub async fn open(
        pool: Pool,
        installation: Uuid,
        description: &KeyGenerated,
        key: Arc<SigningKey>,
    ) -> Result<Self, Problem> {
        let public = raw_public_key(&description.spki).ok_or_else(|| {
            tracing::error!(key = %description.id, "the checkpoint key is not an Ed25519 key");
            Problem::internal()
        })?;
        let verifier = VerifierKey { name: origin(installation, SHARD), key: public }.to_string();
        publish(&pool, description.id, &verifier).await?;
        Ok(Self { pool, installation, key, public })
    }

    /// Signs a head, if the tree grew from the last one signed.
    ///
    /// A proof from another head than the last one is not a refusal: the answer says where it has to start.
    pub async fn sign(
        &self,
        _: Context,
        command: SignCheckpoint,
    ) -> Result<Reply<SignedCheckpoint>, Problem> {
        let request = Request::read(&command)?;
        let mut client = self.pool.get().await.map_err(DatabaseError::from)?;
        let transaction = client.transaction().await.map_err(DatabaseError::from)?;
        let last = last_head(&transaction, command.shard).await?;
        if last.size == request.size && last.root == request.root && last.note.is_some() {
            return Ok(Reply::nothing(SignedCheckpoint { signed_size: command.size, note: last.note }));
        }
        if request.old_size != last.size && request.size >= last.size {
            // Sizes come from bigint columns.
            let signed_size = i64::try_from(last.size).unwrap_or(i64::MAX);
            return Ok(Reply::nothing(SignedCheckpoint { signed_size, note: None }));
        }
        verify_consistency(last.size, &last.root, request.size, &request.root, &request.proof).map_err(|error| {
            tracing::error!(%error, last = last.size, size = request.size, "refused to sign a head of another log");
            let why = "the tree does not continue the one that keystore signed last";
            Problem::new(Code::InvalidState, format!("{why}: {error}"))
        })?;
        let note = self.note(command.shard, &request).map_err(|error| {
            tracing::error!(%error, "signing a checkpoint failed");
            Problem::internal()
        })?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
            [&command.shard, &command.size, &request.root.as_slice(), &note];
        transaction.execute(REMEMBER, &parameters).await.map_err(DatabaseError::from)?;
        transaction.commit().await.map_err(DatabaseError::from)?;
        Ok(Reply::nothing(SignedCheckpoint { signed_size: command.size, note: Some(note) }))
    }

    fn note(&self, shard: i16, request: &Request) -> Result<String, SigningError> {
        let origin = origin(self.installation, shard);
        let checkpoint = Checkpoint { origin, size: request.size, root: request.root };
        let signature = self.key.sign(SignatureAlgorithm::Ed25519, checkpoint.text().as_bytes())?;
        let signature = signature.try_into().map_err(|_| SigningError::Failed)?;
        Ok(checkpoint.signed(&self.public, &signature).to_string())
    }
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Checkpoints")
    }
}

const LAST: &str = "select size, root, note from keystore.checkpoint where shard = $1 for update";
const REMEMBER: &str = "insert into keystore.checkpoint (shard, size, root, note) values ($1, $2, $3, $4) \
     on conflict (shard) do update set size = excluded.size, root = excluded.root, note = excluded.note, signed_at = now()";

/// The last head signed; the row stays locked until the transaction ends, so two callers come one after the other.
async fn last_head(
    transaction: &deadpool_postgres::Transaction<'_>,
    shard: i16,
) -> Result<Head, DatabaseError> {
    // The first head of all has no row to lock.
    transaction.execute("select pg_advisory_xact_lock(7120, $1::int)", &[&i32::from(shard)]).await?;
    let Some(row) = transaction.query_opt(LAST, &[&shard]).await? else {
        return Ok(Head { size: 0, root: empty_root(), note: None });
    };
    let root = row.try_get::<_, &[u8]>(1)?.try_into().map_err(|_| DatabaseError::Missing)?;
    Ok(Head { size: row.try_get::<_, i64>(0)?.unsigned_abs(), root, note: Some(row.try_get(2)?) })
}

async fn publish(pool: &Pool, key: KeyId, verifier: &str) -> Result<(), DatabaseError> {
    const SQL: &str = "insert into keystore.checkpoint_key (shard, key_id, verifier_key) values ($1, $2, $3) \
         on conflict (shard) do update set key_id = excluded.key_id, verifier_key = excluded.verifier_key \
         where checkpoint_key.verifier_key <> excluded.verifier_key";
    pool.get().await?.execute(SQL, &[&SHARD, &key.uuid(), &verifier]).await?;
    Ok(())
}

/// The 32 bytes of an Ed25519 key at the end of its SubjectPublicKeyInfo (RFC 8410 §4), given in base64.
fn raw_public_key(spki: &str) -> Option<[u8; ED25519_PUBLIC_KEY_LEN]> {
    let der = STANDARD.decode(spki).ok()?;
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.strip_prefix(&prefix)?.try_into().ok()
}

/// A command, checked.
struct Request {
    size: u64,
    root: Hash,
    old_size: u64,
    proof: Vec<Hash>,
}

impl Request {
    fn read(command: &SignCheckpoint) -> Result<Self, Problem> {
        let malformed = |what: &str| {
            Problem::new(Code::MalformedRequest, format!("{what} of the checkpoint cannot be read"))
        };
        if command.shard != SHARD {
            return Err(malformed("the shard"));
        }
        Ok(Self {
            size: u64::try_from(command.size).map_err(|_| malformed("the size"))?,
            root: hash(&command.root).ok_or_else(|| malformed("the root"))?,
            old_size: u64::try_from(command.old_size).map_err(|_| malformed("the old size"))?,
            proof: command
                .consistency
                .iter()
                .map(|text| hash(text))
                .collect::<Option<_>>()
                .ok_or_else(|| malformed("the proof"))?,
        })
    }
}

fn hash(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}
