//! The tree against the vectors of certificate-transparency's reference implementation, and against itself.

use proptest::prelude::*;

use super::*;

/// Inputs and roots of `merkletree/merkle_tree_test.cc` in github.com/google/certificate-transparency (RFC 6962,
/// whose tree RFC 9162 keeps).
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
/// Leaf index, size, path: `path_test_vector` there, with indices from 0.
const PATHS: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];
/// Old size, new size, proof: `proof_test_vector` there.
const PROOFS: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn parse(text: &str) -> Hash {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn parse_all(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| parse(text)).collect()
}

/// A tree that knows every node: `levels[h]` holds the complete subtrees of height h.
struct Complete {
    levels: Vec<Vec<Hash>>,
}

impl Complete {
    fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while levels[levels.len() - 1].len() > 1 {
            let below = &levels[levels.len() - 1];
            levels.push(below.as_chunks().0.iter().map(|[left, right]| hash_children(left, right)).collect());
        }
        Self { levels }
    }

    fn reference() -> Self {
        Self::new(LEAVES.iter().map(|leaf| hash_leaf(&hex::decode(leaf).unwrap())).collect())
    }

    fn counting(size: u64) -> Self {
        Self::new((0..size).map(|n| hash_leaf(&n.to_be_bytes())).collect())
    }
}

impl Nodes for Complete {
    fn node(&self, height: u32, index: u64) -> Option<Hash> {
        self.levels.get(height as usize)?.get(index as usize).copied()
    }
}

/// A tree in tiles, and its full tiles.
fn tiled(size: u64) -> (Tree, Vec<Tile>) {
    let (mut tree, mut full) = (Tree::default(), Vec::new());
    (0..size).for_each(|n| tree.push(hash_leaf(&n.to_be_bytes()), &mut full));
    (tree, full)
}

#[test]
fn roots_and_proofs_are_those_of_certificate_transparency() {
    let tree = Complete::reference();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(root(&tree, size as u64).unwrap(), parse(expected), "{size}");
    }
    for (index, size, path) in PATHS {
        let path = parse_all(path);
        assert_eq!(inclusion_proof(&tree, index, size).unwrap(), path);
        let leaf = tree.levels[0][index as usize];
        assert_eq!(verify_inclusion(&leaf, index, size, &path, &parse(ROOTS[size as usize])), Ok(()));
    }
    for (old, new, proof) in PROOFS {
        let proof = parse_all(proof);
        assert_eq!(consistency_proof(&tree, old, new).unwrap(), proof);
        let roots = (parse(ROOTS[old as usize]), parse(ROOTS[new as usize]));
        assert_eq!(verify_consistency(old, &roots.0, new, &roots.1, &proof), Ok(()));
    }
}

#[test]
fn every_proof_up_to_300_verifies_and_no_longer_or_shorter_one_does() {
    let tree = Complete::counting(300);
    let roots: Vec<Hash> = (0..=300).map(|size| root(&tree, size).unwrap()).collect();
    for new in 0..=300_u64 {
        for old in 0..=new {
            let mut proof = consistency_proof(&tree, old, new).unwrap();
            let verify = |proof: &[Hash]| {
                verify_consistency(old, &roots[old as usize], new, &roots[new as usize], proof)
            };
            assert_eq!(verify(&proof), Ok(()), "{old} {new}");
            proof.push(roots[1]);
            assert!(verify(&proof).is_err(), "{old} {new}");
            proof.pop();
            if proof.pop().is_some() {
                assert!(verify(&proof).is_err(), "{old} {new}");
            }
        }
        for index in 0..new {
            let mut proof = inclusion_proof(&tree, index, new).unwrap();
            let leaf = tree.levels[0][index as usize];
            assert_eq!(verify_inclusion(&leaf, index, new, &proof, &roots[new as usize]), Ok(()));
            if proof.pop().is_some() {
                assert!(verify_inclusion(&leaf, index, new, &proof, &roots[new as usize]).is_err());
            }
        }
    }
    let smaller = ProofError::Smaller { old: 2, new: 1 };
    assert_eq!(verify_consistency(2, &roots[2], 1, &roots[1], &[]), Err(smaller));
    assert_eq!(verify_consistency(0, &roots[1], 1, &roots[1], &[]), Err(ProofError::OldRoot));
    assert_eq!(consistency_proof(&tree, 2, 1), None);
    assert_eq!(inclusion_proof(&tree, 1, 1), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_tampered_proof_fails(old in 1_u64..300, more in 1_u64..300, at in any::<prop::sample::Index>(), bit in 0..256_usize) {
        let new = old + more;
        let tree = Complete::counting(new);
        let (old_root, new_root) = (root(&tree, old).unwrap(), root(&tree, new).unwrap());
        let proof = consistency_proof(&tree, old, new).unwrap();
        let flip = |hash: &Hash| { let mut hash = *hash; hash[bit / 8] ^= 1 << (bit % 8); hash };
        let mut tampered = proof.clone();
        let at = at.index(tampered.len());
        tampered[at] = flip(&tampered[at]);
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &tampered).is_err());
        prop_assert!(verify_consistency(old, &flip(&old_root), new, &new_root, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, new, &flip(&new_root), &proof).is_err());
        let leaf = tree.levels[0][old as usize];
        let path = inclusion_proof(&tree, old, new).unwrap();
        prop_assert!(verify_inclusion(&flip(&leaf), old, new, &path, &new_root).is_err());
    }

    #[test]
    fn a_tree_in_tiles_gives_the_same_roots_and_proofs(old in 0_u64..70_000, new in 0_u64..70_000) {
        let (old, new) = (old.min(new), old.max(new));
        let complete = Complete::counting(new);
        let (tree, full) = tiled(new);
        prop_assert_eq!(tree.size(), new);
        prop_assert_eq!(tree.root(), root(&complete, new).unwrap());
        let mut nodes = tree.nodes();
        let missing = nodes.missing(|nodes| (consistency_proof(nodes, old, new), inclusion_proof(nodes, old, new)));
        full.iter().filter(|tile| missing.contains(&(tile.level, tile.index))).for_each(|tile| nodes.add(tile.clone()));
        prop_assert_eq!(consistency_proof(&nodes, old, new), consistency_proof(&complete, old, new));
        prop_assert_eq!(inclusion_proof(&nodes, old, new), inclusion_proof(&complete, old, new));
    }
}

#[tokio::test]
async fn a_tree_is_restored_from_its_tiles() {
    for size in [0, 1, 255, 256, 257, 65_535, 65_536, 66_000] {
        let (tree, full) = tiled(size);
        let roots = |level, from| {
            let of_level = full.iter().filter(move |tile| tile.level == level && tile.index >= from);
            std::future::ready(Ok::<_, ()>(of_level.map(Tile::root).collect()))
        };
        let mut restored = Tree::restore(size / TILE as u64, roots).await.unwrap();
        for leaf in tree.edge() {
            restored.push(*leaf, &mut Vec::new());
        }
        assert_eq!((restored.size(), restored.root()), (size, tree.root()), "{size}");
    }
}

#[test]
fn an_envelope_is_every_column_but_the_trace_in_a_fixed_order() {
    let event = Recorded {
        position: 5,
        tenant: uuid::Uuid::from_u128(0x11),
        category: "ca".into(),
        stream: uuid::Uuid::from_u128(0x22),
        version: 2,
        id: uuid::Uuid::from_u128(0x33),
        kind: "ca.created".into(),
        schema: 1,
        recorded_at: "2026-11-21T09:00:00.000007Z".parse().unwrap(),
        command_id: uuid::Uuid::from_u128(0x44),
        causation: uuid::Uuid::from_u128(0x55),
        correlation: uuid::Uuid::from_u128(0x66),
        actor: "prn_x".into(),
        traceparent: None,
        payload: "{}".into(),
        hash: sha256(b"{}"),
    };
    let uuid = |byte: &str| format!("000000000000000000000000000000{byte}");
    // `date -d 2026-11-21T09:00:00Z +%s` gives 1795251600 seconds.
    let expected = [
        "0000",
        "0000000000000005",
        &uuid("11"),
        "000000026361",
        &uuid("22"),
        "00000002",
        &uuid("33"),
        "0000000a63612e63726561746564",
        "0001",
        "000660c595e68407",
        &uuid("44"),
        &uuid("55"),
        &uuid("66"),
        "0000000570726e5f78",
        // `printf '{}' | sha256sum`
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    ]
    .concat();
    assert_eq!(hex::encode(envelope(&event)), expected);
    let traced = Recorded { traceparent: Some("00-1-2-00".into()), ..event.clone() };
    assert_eq!(leaf_hash(&traced), leaf_hash(&event));
}
