//! Has the tree's head signed as the log grows. Appends never wait for it.
//!
//! The signer remembers the last head it signed and asks for a proof that the new one extends it; so a log that was
//! restored, cut short or edited cannot get a new head.

mod store;

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use deadpool_postgres::Pool;
use opentelemetry::{global, metrics::Gauge};
use tokio::{sync::watch, time::interval};

use self::store::Store;
use crate::{
    ReadError, Reader, SHARD,
    checkpoint::{self, SignedNote},
    merkle::{Hash, Tile, Tree, consistency_proof, leaf_hash},
    relay::Standing,
};

/// What the signer is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointRequest {
    /// The log's origin: first line of the checkpoint, and name of the key.
    pub origin: String,
    /// Which shard.
    pub shard: i16,
    /// Size of the tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// Size of the tree that the proof starts from; 0 = the signer has signed none.
    pub old_size: u64,
    /// That the tree of `old_size` leaves is a beginning of this one.
    pub proof: Vec<Hash>,
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The last head that the signer signed has another size than `old_size`: prove from there.
    #[error("the last head signed has {size} events")]
    Remembers {
        /// That size.
        size: u64,
    },
    /// The signer refuses: the tree does not extend what it signed.
    #[error("signer refuses the tree: {0}")]
    Refused(String),
    /// The signer is away, or has no key yet.
    #[error("signer is unavailable: {0}")]
    Unavailable(String),
}

/// Signs checkpoints: the keystore.
pub trait CheckpointSigner: Send + Sync {
    /// Signs, after checking the proof against the last head it signed. The answer is the signed note.
    fn sign(&self, request: CheckpointRequest) -> impl Future<Output = Result<String, SignError>> + Send;
}

/// No signer at all, where nothing is to be sealed.
impl CheckpointSigner for Infallible {
    async fn sign(&self, _: CheckpointRequest) -> Result<String, SignError> {
        match *self {}
    }
}

impl<S: CheckpointSigner> CheckpointSigner for Arc<S> {
    fn sign(&self, request: CheckpointRequest) -> impl Future<Output = Result<String, SignError>> + Send {
        S::sign(self, request)
    }
}

/// Seals the log with signed heads; a task of the relay's leader.
pub struct Sealer<'a, S> {
    signer: &'a S,
    reader: Reader,
    store: Store,
    standing: watch::Receiver<Standing>,
    unsealed: Gauge<f64>,
}

/// The tree as far as the log was read, and what of it is not stored yet.
struct Growing {
    origin: String,
    tree: Tree,
    sealed: u64,
    /// Full tiles since the last head.
    tiles: Vec<Tile>,
}

/// Why nothing was sealed now.
#[derive(Debug, thiserror::Error)]
enum SealError {
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("the log is not the one that was sealed: {0}")]
    Tampered(String),
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A head at least this often while there are new events.
const EVERY: Duration = Duration::from_secs(1);
/// A head after so many events, however fast they come.
const EVENTS: i64 = 10_000;

impl<'a, S: CheckpointSigner> Sealer<'a, S> {
    /// A sealer that works while `standing` is [`Standing::Sound`].
    pub fn new(pool: Pool, signer: &'a S, standing: watch::Receiver<Standing>) -> Self {
        Self {
            signer,
            reader: Reader::new(pool.clone()),
            store: Store::new(pool),
            standing,
            unsealed: global::meter("chancery")
                .f64_gauge("chancery_log_unsealed_seconds")
                .with_description("Age of the oldest event that no signed tree head covers")
                .build(),
        }
    }

    /// Seals without end.
    pub async fn run(self) {
        let mut growing = None;
        let mut seconds = interval(EVERY);
        loop {
            seconds.tick().await;
            if *self.standing.borrow() == Standing::Sound {
                match self.seal_news(&mut growing).await {
                    Ok(()) => {}
                    Err(error @ (SealError::Tampered(_) | SealError::Sign(SignError::Refused(_)))) => {
                        tracing::error!(%error, "log is not sealed: verify it");
                    }
                    Err(error) => tracing::debug!(%error, "log is not sealed yet"),
                }
            }
            let sealed = growing.as_ref().map_or(0, |growing: &Growing| growing.sealed);
            match self.store.age(sealed).await {
                Ok(seconds) => self.unsealed.record(seconds, &[]),
                Err(error) => tracing::debug!(%error, "age of unsealed events is not known"),
            }
        }
    }

    /// Seals until nothing new is left. What was read and not signed is kept; after other errors the tree is loaded anew.
    async fn seal_news(&self, growing: &mut Option<Growing>) -> Result<(), SealError> {
        let mut current = match growing.take() {
            Some(current) => current,
            None => self.load().await?,
        };
        loop {
            let read = self.grow(&mut current).await?;
            match self.seal(&mut current).await {
                Ok(()) if read == EVENTS as usize => {}
                settled @ (Ok(()) | Err(SealError::Sign(_))) => {
                    *growing = Some(current);
                    return settled;
                }
                failed => return failed,
            }
        }
    }

    /// The tree as it was last sealed, from its tiles and the events after the last full one.
    async fn load(&self) -> Result<Growing, SealError> {
        let installation = self.reader.installation().await?;
        let origin = checkpoint::origin(installation, SHARD);
        let head = self.store.last_head().await?;
        let sealed = head.as_ref().map_or(0, |head| head.size);
        let mut tree = self.store.tree(sealed).await?;
        let mut tiles = Vec::new();
        let edge = (sealed - tree.size()) as i64;
        for event in self.reader.read(tree.size() as i64, None, edge).await? {
            tree.push(leaf_hash(&event), &mut tiles);
        }
        match head {
            Some(head) if tree.size() != head.size || tree.root() != head.root => {
                Err(SealError::Tampered(format!("it does not have the root sealed at {sealed}")))
            }
            _ => Ok(Growing { origin, tree, sealed, tiles }),
        }
    }

    /// Reads on; the number of events read.
    async fn grow(&self, growing: &mut Growing) -> Result<usize, SealError> {
        let after = growing.tree.size() as i64;
        let events = if after as u64 - growing.sealed >= EVENTS as u64 {
            Vec::new() // read before, but not signed
        } else {
            self.reader.read(after, None, EVENTS).await?
        };
        for (event, position) in events.iter().zip(after + 1..) {
            if event.position != position {
                return Err(SealError::Tampered(format!("event {position} is missing")));
            }
            growing.tree.push(leaf_hash(event), &mut growing.tiles);
        }
        Ok(events.len())
    }

    async fn seal(&self, growing: &mut Growing) -> Result<(), SealError> {
        if growing.tree.size() == growing.sealed {
            return Ok(());
        }
        let note = match self.sign(growing, growing.sealed).await {
            Err(SealError::Sign(SignError::Remembers { size })) => self.sign(growing, size).await?,
            signed => signed?,
        };
        self.store.save(&growing.tree, growing.sealed, &growing.tiles, &note).await?;
        growing.sealed = growing.tree.size();
        growing.tiles.clear();
        Ok(())
    }

    /// Asks for a signature, with a proof from the head of `old_size` events.
    async fn sign(&self, growing: &Growing, old_size: u64) -> Result<String, SealError> {
        let (size, root) = (growing.tree.size(), growing.tree.root());
        let tampered = |what: &str| SealError::Tampered(what.to_owned());
        if old_size > size {
            return Err(tampered(&format!("it has {size} events, of {old_size} that were sealed")));
        }
        let mut nodes = growing.tree.nodes();
        for tile in &growing.tiles {
            nodes.add(tile.clone());
        }
        let missing = nodes.missing(|nodes| consistency_proof(nodes, old_size, size));
        for tile in self.store.tiles(missing).await? {
            nodes.add(tile);
        }
        let proof =
            consistency_proof(&nodes, old_size, size).ok_or_else(|| tampered("a full tile is missing"))?;
        let origin = growing.origin.clone();
        let request = CheckpointRequest { origin, shard: SHARD, size, root, old_size, proof };
        let note = self.signer.sign(request).await?;
        let signed = note.parse::<SignedNote>().map(|note| note.checkpoint);
        let asked = checkpoint::Checkpoint { origin: growing.origin.clone(), size, root };
        if signed == Ok(asked) {
            Ok(note)
        } else {
            Err(SignError::Unavailable("it signed another checkpoint than it was asked to".into()).into())
        }
    }
}
