//! Roots and proofs (RFC 9162 §2.1), computed from whatever knows the complete subtrees.

use super::{Hash, empty_root, hash_children};

/// Knows the hashes of complete subtrees.
pub trait Nodes {
    /// The hash of the complete subtree over the leaves `index << height` up to, not including, `(index + 1) << height`.
    fn node(&self, height: u32, index: u64) -> Option<Hash>;
}

/// Why a proof does not show what it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The sizes contradict each other: a tree never shrinks.
    #[error("tree of {new} leaves is smaller than the one of {old}")]
    Smaller {
        /// The older size.
        old: u64,
        /// The newer size.
        new: u64,
    },
    /// The leaf is not within the tree.
    #[error("leaf {index} is outside a tree of {size}")]
    Outside {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The proof has too few or too many hashes.
    #[error("proof has {found} hashes, not the number that these sizes need")]
    Length {
        /// Hashes found.
        found: usize,
    },
    /// The proof leads to another old root.
    #[error("proof does not lead to the old root")]
    OldRoot,
    /// The proof leads to another root.
    #[error("proof does not lead to the root")]
    Root,
}

/// The root of the tree over the first `size` leaves; `None` when `nodes` does not know enough.
pub fn root(nodes: &(impl Nodes + ?Sized), size: u64) -> Option<Hash> {
    if size == 0 { Some(empty_root()) } else { range(nodes, 0, size) }
}

/// PROOF(old, D[new]) of RFC 9162 §2.1.4.1: that the tree of `old` leaves is the beginning of the one of `new`.
/// Empty when `old` is 0 or `new`; `None` when `nodes` does not know enough or `old > new`.
pub fn consistency_proof(nodes: &(impl Nodes + ?Sized), old: u64, new: u64) -> Option<Vec<Hash>> {
    if old > new {
        return None;
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Some(proof);
    }
    // SUBPROOF, from the root down; what it puts last comes first here.
    let (mut begin, mut end, mut whole) = (0, new, true);
    loop {
        if old == end {
            if !whole {
                proof.push(range(nodes, begin, end)?);
            }
            break;
        }
        let middle = begin + split(end - begin);
        if old <= middle {
            proof.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range(nodes, begin, middle)?);
            begin = middle;
            whole = false;
        }
    }
    proof.reverse();
    Some(proof)
}

/// PATH(index, D[size]) of RFC 9162 §2.1.3.1: that a leaf is in the tree.
pub fn inclusion_proof(nodes: &(impl Nodes + ?Sized), index: u64, size: u64) -> Option<Vec<Hash>> {
    if index >= size {
        return None;
    }
    let mut proof = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            proof.push(range(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range(nodes, begin, middle)?);
            begin = middle;
        }
    }
    proof.reverse();
    Some(proof)
}

/// Whether `proof` shows that the tree of `old_size` leaves is the beginning of the one of `new_size`
/// (RFC 9162 §2.1.4.2). Every tree begins with the empty one, and with itself.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::Smaller { old: old_size, new: new_size });
    }
    let length = ProofError::Length { found: proof.len() };
    if old_size == 0 || old_size == new_size {
        let old = if old_size == 0 { &empty_root() } else { new_root };
        return match (proof.is_empty(), old_root == old) {
            (false, _) => Err(length),
            (true, false) => Err(ProofError::OldRoot),
            (true, true) => Ok(()),
        };
    }
    let mut hashes = proof.iter();
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let shift = node.trailing_ones();
    (node, last) = (node >> shift, last >> shift);
    // A complete old tree is itself the first node; otherwise the proof begins with it.
    let seed = if old_size.is_power_of_two() { old_root } else { hashes.next().ok_or(length)? };
    let (mut old, mut new) = (*seed, *seed);
    for hash in hashes {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            old = hash_children(hash, &old);
            new = hash_children(hash, &new);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            new = hash_children(&new, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match (last == 0, old == *old_root, new == *new_root) {
        (false, ..) => Err(length),
        (true, false, _) => Err(ProofError::OldRoot),
        (true, true, false) => Err(ProofError::Root),
        (true, true, true) => Ok(()),
    }
}

/// Whether `proof` shows that `leaf` has this index in the tree of `size` leaves (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    let length = ProofError::Length { found: proof.len() };
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            hash = hash_children(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = hash_children(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// MTH(D[begin:end]). `begin` is a multiple of the largest power of two below `end − begin`, as all ranges here are.
fn range(nodes: &(impl Nodes + ?Sized), begin: u64, end: u64) -> Option<Hash> {
    let count = end - begin;
    if count.is_power_of_two() {
        let height = count.trailing_zeros();
        return nodes.node(height, begin >> height);
    }
    let middle = begin + split(count);
    Some(hash_children(&range(nodes, begin, middle)?, &range(nodes, middle, end)?))
}

/// The largest power of two smaller than `count` (which is at least 2).
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}
