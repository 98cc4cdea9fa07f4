//! The Merkle tree over the log (RFC 9162 §2.1): the leaf with index `position − 1` is the event at `position`.

mod proof;
mod tile;

use aws_lc_rs::digest;
pub use proof::{
    Nodes, ProofError, consistency_proof, inclusion_proof, root, verify_consistency, verify_inclusion,
};
pub use tile::{TILE, Tile, TileNodes, Tree};

use crate::{Recorded, SHARD};

/// A SHA-256 hash: of a leaf, of a node, or the root of a tree.
pub type Hash = [u8; 32];

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Hash {
    finish(&digest::digest(&digest::SHA256, bytes))
}

/// The hash of a leaf: SHA-256(0x00 ‖ data).
#[must_use]
pub fn hash_leaf(data: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[0]);
    context.update(data);
    finish(&context.finish())
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn hash_children(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    sha256(&bytes)
}

/// The root of a tree without leaves: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// The leaf of an event: the hash of its [`envelope`].
#[must_use]
pub fn leaf_hash(event: &Recorded) -> Hash {
    hash_leaf(&envelope(event))
}

/// What the tree says about an event: every column but `traceparent`, with the payload's hash in place of the payload.
///
/// Columns stand in the order of the table. Integers are big-endian, `recorded_at` counts microseconds since
/// 1970-01-01T00:00:00Z, a text is preceded by its length in bytes (32 bits).
#[must_use]
pub fn envelope(event: &Recorded) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend(SHARD.to_be_bytes());
    bytes.extend(event.position.to_be_bytes());
    bytes.extend(event.tenant.as_bytes());
    put_text(&mut bytes, &event.category);
    bytes.extend(event.stream.as_bytes());
    bytes.extend(event.version.to_be_bytes());
    bytes.extend(event.id.as_bytes());
    put_text(&mut bytes, &event.kind);
    bytes.extend(event.schema.to_be_bytes());
    bytes.extend(microseconds(event).to_be_bytes());
    bytes.extend(event.command_id.as_bytes());
    bytes.extend(event.causation.as_bytes());
    bytes.extend(event.correlation.as_bytes());
    put_text(&mut bytes, &event.actor);
    bytes.extend(event.hash);
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // Texts of the log are far shorter than 4 GiB: PostgreSQL's own limit is 1 GiB.
    bytes.extend((text.len() as u32).to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn microseconds(event: &Recorded) -> i64 {
    let time = event.recorded_at.0;
    time.unix_timestamp() * 1_000_000 + i64::from(time.microsecond())
}

fn finish(digest: &digest::Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

#[cfg(test)]
mod tests;
