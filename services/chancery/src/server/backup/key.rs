//! Whom backups are sealed to: a key pair whose private half stays away from what is backed up.

use std::{
    fmt, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use rustls::crypto::hpke::{HpkePrivateKey, HpkePublicKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::seal::SUITE;
use crate::server::{failure::Failure, terminal};

/// What a public half begins with.
const PREFIX: &str = "chancery-backup-1:";
/// Bytes of an uncompressed point on P-384.
const POINT: usize = 97;

/// Make the key pair that backups are sealed to, and print its public half
#[derive(Args, Debug)]
pub struct MakeKey {
    /// File of the pair; keep it away from the machine that is backed up
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl MakeKey {
    pub(super) fn run(self) -> Result<(), Failure> {
        let failed = |_| Failure::Other("the cryptographic library drew no key".into());
        let (public, private) = SUITE.generate_key_pair().map_err(failed)?;
        let recipient = Recipient(public.0);
        let mut pair = PairFile {
            public: recipient.to_string(),
            private: URL_SAFE_NO_PAD.encode(private.secret_bytes()),
        };
        let text = Zeroizing::new(serde_json::to_string_pretty(&pair).unwrap_or_default());
        pair.private.zeroize();
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.to)
            .map_err(Failure::file(&self.to))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Failure::file(&self.to))?;
        terminal::note(&format!("The key is in {}: without it no backup opens.", self.to.display()));
        terminal::line(&recipient.to_string());
        Ok(())
    }
}

/// The public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient(Vec<u8>);

impl Recipient {
    pub(super) fn key(&self) -> HpkePublicKey {
        HpkePublicKey(self.0.clone())
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl FromStr for Recipient {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is no public key of backups: expected '{PREFIX}…' as `chancery backup key` prints it"
            )
        };
        let encoded = text.trim().strip_prefix(PREFIX).ok_or_else(wrong)?;
        let point = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| wrong())?;
        if point.len() == POINT && point[0] == 4 { Ok(Self(point)) } else { Err(wrong()) }
    }
}

/// The pair.
pub(super) struct Pair {
    pub(super) recipient: Recipient,
    pub(super) private: HpkePrivateKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PairFile {
    public: String,
    private: String,
}

impl Pair {
    /// Reads the file that [`MakeKey`] writes.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = || Failure::Usage(format!("{} holds no key of backups", path.display()));
        let text = Zeroizing::new(fs::read_to_string(path).map_err(Failure::file(path))?);
        let file: PairFile = serde_json::from_str(&text).map_err(|_| wrong())?;
        let encoded = Zeroizing::new(file.private);
        let private = URL_SAFE_NO_PAD.decode(&*encoded).map_err(|_| wrong())?;
        Ok(Self { recipient: file.public.parse().map_err(|_| wrong())?, private: private.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_half_is_read_as_it_is_printed_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.key");
        MakeKey { to: file.clone() }.run().unwrap();
        let pair = Pair::read(&file).unwrap();
        let text = pair.recipient.to_string();
        assert_eq!(text.parse::<Recipient>().unwrap(), pair.recipient);
        for other in ["", "age1x", &text[..40], &text.replace(PREFIX, "")] {
            assert!(other.parse::<Recipient>().unwrap_err().contains(PREFIX));
        }
        assert!(MakeKey { to: file }.run().is_err(), "a key is never overwritten");
    }
}
