//! Java's own key stores, JKS and JCEKS: the layout of both, and what locks keys and whole files in them.
//!
//! A list of entries, each a key with its chain, a trusted certificate or, in JCEKS, a secret key; then a checksum under
//! the store's passphrase. Keys have passphrases of their own. JKS locks them with SHA-1 alone, JCEKS with triple DES
//! under an MD5 derivation: both are weak locks, written only because old programs read nothing else.

mod lock;
mod read;
mod sealed;
mod write;

pub(super) use read::{is_store, read};
pub use write::{write, write_trusted};

const MAGIC_JKS: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const MAGIC_JCEKS: [u8; 4] = [0xce, 0xce, 0xce, 0xce];
const KEY_ENTRY: u32 = 1;
const CERTIFICATE_ENTRY: u32 = 2;
const SECRET_ENTRY: u32 = 3;
/// SHA-1 at the end of a store.
const CHECKSUM_LENGTH: usize = 20;

/// The checksum of everything before it: SHA-1 of the passphrase in UTF-16, a fixed text, and the bytes.
fn checksum(passphrase: &str, store: &[u8]) -> zeroize::Zeroizing<Vec<u8>> {
    super::kdf::Hash::Sha1.of(&[&lock::utf16(passphrase), b"Mighty Aphrodite", store])
}
