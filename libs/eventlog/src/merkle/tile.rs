//! The tree in tiles of 256 hashes (as in C2SP tlog-tiles): full ones never change, the right edge is kept in memory.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use super::{Hash, hash_children, proof::Nodes, root};

/// Hashes in a full tile.
pub const TILE: usize = 256;
/// Levels of the tree in one level of tiles: a tile's root is 8 levels above its hashes.
const HEIGHT: u32 = 8;

/// A full tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// 0: the hashes are leaves; n: they are the roots of full tiles of level n − 1.
    pub level: u32,
    /// Its place within the level, from 0.
    pub index: u64,
    /// Exactly [`TILE`] hashes.
    pub hashes: Vec<Hash>,
}

/// A growing tree, of which only the right edge is kept.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    levels: Vec<Level>,
}

#[derive(Clone, Debug, Default)]
struct Level {
    full: u64,
    /// Hashes of the tile that is not full yet: fewer than [`TILE`].
    edge: Vec<Hash>,
}

/// The nodes of a tree: its right edge and those full tiles that were fetched.
#[derive(Debug)]
pub struct TileNodes<'a> {
    tree: &'a Tree,
    tiles: HashMap<(u32, u64), Vec<Hash>>,
}

impl Tree {
    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |level| level.full * TILE as u64 + level.edge.len() as u64)
    }

    /// Adds a leaf; hands tiles that became full to `full`, lower levels first.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<Tile>) {
        let mut hash = leaf;
        for number in 0.. {
            if number == self.levels.len() {
                self.levels.push(Level::default());
            }
            let level = &mut self.levels[number];
            level.edge.push(hash);
            if level.edge.len() < TILE {
                return;
            }
            let hashes = std::mem::take(&mut level.edge);
            hash = subtree(&hashes);
            // A tree of 2^64 leaves has 8 levels of tiles.
            full.push(Tile { level: number as u32, index: level.full, hashes });
            level.full += 1;
        }
    }

    /// The root; always known, for the right edge is all it takes.
    #[must_use]
    pub fn root(&self) -> Hash {
        root(&self.nodes(), self.size()).unwrap_or_default()
    }

    /// The leaves that no full tile holds yet.
    #[must_use]
    pub fn edge(&self) -> &[Hash] {
        self.levels.first().map_or(&[], |level| &level.edge)
    }

    /// Restores a tree of `full` full leaf tiles and no further leaf. `roots(level, from)` gives the roots of the full
    /// tiles of `level` beginning with index `from`; fewer than [`TILE`] of them.
    pub async fn restore<E, F: Future<Output = Result<Vec<Hash>, E>>>(
        full: u64,
        mut roots: impl FnMut(u32, u64) -> F,
    ) -> Result<Self, E> {
        let mut levels = vec![Level { full, edge: Vec::new() }];
        let mut below = full;
        for level in 0.. {
            if below == 0 {
                break;
            }
            let full = below / TILE as u64;
            let edge = roots(level, full * TILE as u64).await?;
            levels.push(Level { full, edge });
            below = full;
        }
        Ok(Self { levels })
    }

    /// The nodes that the right edge knows.
    #[must_use]
    pub fn nodes(&self) -> TileNodes<'_> {
        TileNodes { tree: self, tiles: HashMap::new() }
    }
}

impl TileNodes<'_> {
    /// The full tiles (level, index) to [`Self::add`] before `compute` finds all it asks for.
    pub fn missing<T>(&self, compute: impl FnOnce(&dyn Nodes) -> T) -> BTreeSet<(u32, u64)> {
        let recorder = Recorder { known: self, missing: RefCell::default() };
        compute(&recorder);
        recorder.missing.into_inner()
    }

    /// Adds a full tile.
    pub fn add(&mut self, tile: Tile) {
        self.tiles.insert((tile.level, tile.index), tile.hashes);
    }

    fn hashes(&self, level: u32, tile: u64) -> Option<&[Hash]> {
        let edge =
            self.tree.levels.get(level as usize).filter(|edge| edge.full == tile).map(|edge| &edge.edge);
        edge.or_else(|| self.tiles.get(&(level, tile))).map(Vec::as_slice)
    }
}

impl Nodes for TileNodes<'_> {
    fn node(&self, height: u32, index: u64) -> Option<Hash> {
        let (level, tile, begin, count) = place(height, index);
        self.hashes(level, tile)?.get(begin..begin + count).map(subtree)
    }
}

/// Answers whatever it is asked, and notes the tiles it would have needed.
struct Recorder<'a> {
    known: &'a TileNodes<'a>,
    missing: RefCell<BTreeSet<(u32, u64)>>,
}

impl Nodes for Recorder<'_> {
    fn node(&self, height: u32, index: u64) -> Option<Hash> {
        let (level, tile, ..) = place(height, index);
        if self.known.hashes(level, tile).is_none() {
            self.missing.borrow_mut().insert((level, tile));
        }
        Some(Hash::default())
    }
}

impl Tile {
    /// The root of its hashes: one hash of the level above.
    #[must_use]
    pub fn root(&self) -> Hash {
        subtree(&self.hashes)
    }
}

/// Where a complete subtree lies: level, tile, first hash and number of hashes within the tile.
fn place(height: u32, index: u64) -> (u32, u64, usize, usize) {
    let within = height % HEIGHT;
    let first = index << within;
    (height / HEIGHT, first / TILE as u64, (first % TILE as u64) as usize, 1 << within)
}

/// The root over a power of two of hashes.
fn subtree(hashes: &[Hash]) -> Hash {
    match hashes {
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            hash_children(&subtree(left), &subtree(right))
        }
    }
}
