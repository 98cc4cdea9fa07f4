//! Signed statements of the tree's size and root: C2SP tlog-checkpoint within a signed note (Ed25519).
//!
//! ```text
//! chancery/0192f3c4-…/log/0
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//!
//! — chancery/0192f3c4-…/log/0 az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
//! ```

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use uuid::Uuid;

use crate::merkle::{Hash, sha256};

/// The origin of a shard's checkpoints; also the name of the key that signs them.
#[must_use]
pub fn origin(installation: Uuid, shard: i16) -> String {
    format!("chancery/{installation}/log/{shard}")
}

/// What is signed: this log, so many events, this root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// A checkpoint's text with its signature lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    /// The checkpoint that was signed.
    pub checkpoint: Checkpoint,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Signature {
    key_name: String,
    key_hash: [u8; 4],
    bytes: Vec<u8>,
}

/// A key that checkpoints are verified with, written `<name>+<hash>+<key>` as other implementations do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    /// The key's name: the origin it signs for.
    pub name: String,
    /// The Ed25519 public key.
    pub key: [u8; 32],
}

/// Why a note or a key is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a checkpoint in a signed note.
    #[error("not a signed checkpoint")]
    Malformed,
    /// Not a verifier key.
    #[error("not a verifier key: expected <name>+<hash>+<base64 of an Ed25519 key>")]
    Key,
    /// No signature by this key.
    #[error("note carries no signature by this key")]
    Unsigned,
    /// The signature by this key is wrong.
    #[error("signature does not fit the note")]
    Signature,
}

/// The algorithm byte of Ed25519 in signed notes.
const ALGORITHM: u8 = 1;

impl Checkpoint {
    /// The text that is signed, with its last newline.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The signed note, given the Ed25519 signature over [`Self::text`] by the key named like the origin.
    #[must_use]
    pub fn signed(self, public_key: &[u8; 32], signature: &[u8; 64]) -> SignedNote {
        let key = VerifierKey { name: self.origin.clone(), key: *public_key };
        let key_hash = key.hash();
        let signature = Signature { key_name: key.name, key_hash, bytes: signature.to_vec() };
        SignedNote { checkpoint: self, signatures: vec![signature] }
    }
}

impl SignedNote {
    /// Whether `key` signed this note. Signatures by other keys are passed over, as the format asks.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let hash = key.hash();
        let signature = self
            .signatures
            .iter()
            .find(|signature| signature.key_name == key.name && signature.key_hash == hash)
            .ok_or(NoteError::Unsigned)?;
        UnparsedPublicKey::new(&ED25519, &key.key)
            .verify(self.checkpoint.text().as_bytes(), &signature.bytes)
            .map_err(|_| NoteError::Signature)
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.checkpoint.text())?;
        self.signatures.iter().try_for_each(|Signature { key_name, key_hash, bytes }| {
            writeln!(f, "\u{2014} {key_name} {}", STANDARD.encode([key_hash.as_slice(), bytes].concat()))
        })
    }
}

impl FromStr for SignedNote {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        let (text, signatures) = note.split_once("\n\n").ok_or(NoteError::Malformed)?;
        let signatures: Vec<Signature> =
            signatures.lines().map(str::parse).collect::<Result<_, NoteError>>()?;
        if signatures.is_empty() || !note.ends_with('\n') {
            return Err(NoteError::Malformed);
        }
        Ok(Self { checkpoint: format!("{text}\n").parse()?, signatures })
    }
}

impl FromStr for Checkpoint {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let mut line = || lines.next().ok_or(NoteError::Malformed);
        let (origin, size, root) = (line()?, line()?, line()?);
        let root = STANDARD.decode(root).map_err(|_| NoteError::Malformed)?;
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: size.parse().map_err(|_| NoteError::Malformed)?,
            root: root.try_into().map_err(|_| NoteError::Malformed)?,
        };
        // We write no extension lines and no second spelling of a number: what differs was not signed as read.
        if origin.is_empty() || checkpoint.text() != text {
            Err(NoteError::Malformed)
        } else {
            Ok(checkpoint)
        }
    }
}

impl FromStr for Signature {
    type Err = NoteError;

    fn from_str(line: &str) -> Result<Self, NoteError> {
        let (key_name, blob) = line
            .strip_prefix("\u{2014} ")
            .and_then(|rest| rest.rsplit_once(' '))
            .ok_or(NoteError::Malformed)?;
        let blob = STANDARD.decode(blob).map_err(|_| NoteError::Malformed)?;
        let (key_hash, bytes) = blob.split_first_chunk().ok_or(NoteError::Malformed)?;
        Ok(Self { key_name: key_name.to_owned(), key_hash: *key_hash, bytes: bytes.to_vec() })
    }
}

impl VerifierKey {
    /// The first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ key).
    fn hash(&self) -> [u8; 4] {
        let hash = sha256(&[self.name.as_bytes(), &[b'\n', ALGORITHM], &self.key].concat());
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ALGORITHM], self.key.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.hash()), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        // Base64 may contain '+', names and hashes may not.
        let mut parts = text.trim().splitn(3, '+');
        let mut part = || parts.next().ok_or(NoteError::Key);
        let (name, hash, key) = (part()?, part()?, part()?);
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (&[algorithm], key) = bytes.split_first_chunk::<1>().ok_or(NoteError::Key)?;
        let key = Self { name: name.to_owned(), key: key.try_into().map_err(|_| NoteError::Key)? };
        let sound = algorithm == ALGORITHM && !name.is_empty() && hex::encode(key.hash()) == hash;
        if sound { Ok(key) } else { Err(NoteError::Key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksum database of Go: its key, and a tree head it signed in 2021.
    const GO_KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    const GO_NOTE: &str = "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n\
        \u{2014} sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n";

    #[test]
    fn a_key_is_read_and_written() {
        let key: VerifierKey = GO_KEY.parse().unwrap();
        assert_eq!(key.name, "sum.golang.org");
        assert_eq!(key.to_string(), GO_KEY);
        for wrong in [GO_KEY.replace("033de0ae", "033de0af"), GO_KEY.replace("+Ac", "+Bc"), "a+b".into()] {
            assert_eq!(wrong.parse::<VerifierKey>(), Err(NoteError::Key), "{wrong}");
        }
    }

    #[test]
    fn a_note_that_another_implementation_signed_verifies_and_a_changed_one_does_not() {
        let key: VerifierKey = GO_KEY.parse().unwrap();
        let note: SignedNote = GO_NOTE.parse().unwrap();
        assert_eq!(
            (note.checkpoint.origin.as_str(), note.checkpoint.size),
            ("go.sum database tree", 6_476_701)
        );
        assert_eq!(note.verify(&key), Ok(()));
        assert_eq!(note.to_string(), GO_NOTE);
        let changed: SignedNote = GO_NOTE.replace("6476701", "6476702").parse().unwrap();
        assert_eq!(changed.verify(&key), Err(NoteError::Signature));
        let other = VerifierKey { name: "example.org".into(), ..key };
        assert_eq!(note.verify(&other), Err(NoteError::Unsigned));
        // A second signature by a key nobody asked for does no harm.
        let cosigned: SignedNote = format!("{GO_NOTE}\u{2014} example.org AAAAAAAAAAA=\n").parse().unwrap();
        assert_eq!(cosigned.verify(&GO_KEY.parse().unwrap()), Ok(()));
    }

    #[test]
    fn what_is_not_exactly_a_checkpoint_is_refused() {
        for wrong in [
            GO_NOTE.replace("6476701", "06476701"),
            GO_NOTE.replace("6476701", "-1"),
            GO_NOTE.replace("mb8Q", "mb8"),
            GO_NOTE.replace("go.sum database tree", ""),
            GO_NOTE.replace("=\n\n", "=\nextension\n\n"),
            GO_NOTE.replace('\u{2014}', "-"),
            GO_NOTE.trim_end().to_owned(),
            "a\n1\nb\n\n".to_owned(),
        ] {
            assert_eq!(wrong.parse::<SignedNote>(), Err(NoteError::Malformed), "{wrong}");
        }
    }
}
