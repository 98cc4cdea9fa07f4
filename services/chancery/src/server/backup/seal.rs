//! The file of a backup: a line that says what it is, a line with the keys, then chunks.
//!
//! The chunks are the messages of one HPKE context (RFC 9180, section 5.2), which numbers them, sealed to a key pair drawn for
//! this file alone; the private half of that is sealed to each recipient. The last chunk says that it is the last, so a
//! file that was cut, or whose chunks were swapped, does not open.

use std::io::{self, BufRead, Read, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::crypto::{
    aws_lc_rs::hpke::DH_KEM_P384_HKDF_SHA384_AES_256,
    hpke::{EncapsulatedSecret, Hpke, HpkeOpener, HpkeSealer},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::key::{Pair, Recipient};

/// The one suite: DHKEM(P-384, HKDF-SHA384), HKDF-SHA384, AES-256-GCM.
pub(super) static SUITE: &dyn Hpke = DH_KEM_P384_HKDF_SHA384_AES_256;

const MAGIC: &str = "chancery-backup 1\n";
const INFO: &[u8] = b"chancery.backup.1";
const INFO_KEY: &[u8] = b"chancery.backup.key.1";
/// Plain bytes of a chunk.
const CHUNK: usize = 65_536;
/// What sealing adds to each.
const TAG: usize = 16;
/// Longest line with keys: some thousand recipients.
const LONGEST_HEADER: u64 = 1 << 20;

/// Why a file does not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("it is no backup of Chancery")]
    NotOne,
    #[error("the keys at its beginning are damaged")]
    Header,
    #[error("it was not sealed to this key")]
    OtherKey,
    #[error("bytes {from} to {to} are damaged")]
    Chunk { from: u64, to: u64 },
    #[error("it ends at byte {at}, before its last part")]
    Cut { at: u64 },
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    encapsulated: String,
    recipients: Vec<SealedKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedKey {
    to: String,
    encapsulated: String,
    key: String,
}

/// Seals what is written to it.
pub(super) struct Sealing<W> {
    out: W,
    sealer: Box<dyn HpkeSealer>,
    bound_to: [u8; 32],
    plain: Vec<u8>,
}

impl<W: Write> Sealing<W> {
    /// Writes the beginning of a file that these can open.
    pub(super) fn begin(mut out: W, recipients: &[Recipient]) -> io::Result<Self> {
        let failed = |_| io::Error::other("the cryptographic library failed to seal");
        let (public, private) = SUITE.generate_key_pair().map_err(failed)?;
        let (encapsulated, sealer) = SUITE.setup_sealer(INFO, &public).map_err(failed)?;
        let sealed_to = |recipient: &Recipient| {
            let to = recipient.to_string();
            let sealed = SUITE.seal(INFO_KEY, to.as_bytes(), private.secret_bytes(), &recipient.key());
            let (encapsulated, key) = sealed.map_err(failed)?;
            Ok(SealedKey { to, encapsulated: STANDARD.encode(encapsulated.0), key: STANDARD.encode(key) })
        };
        let header = Header {
            encapsulated: STANDARD.encode(encapsulated.0),
            recipients: recipients.iter().map(sealed_to).collect::<io::Result<_>>()?,
        };
        let line = format!("{}\n", serde_json::to_string(&header)?);
        out.write_all(MAGIC.as_bytes())?;
        out.write_all(line.as_bytes())?;
        Ok(Self { out, sealer, bound_to: Sha256::digest(line).into(), plain: Vec::with_capacity(CHUNK) })
    }

    /// Seals what is left as the last chunk.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let sealed = self.sealer.seal(&aad(&self.bound_to, last), &self.plain);
        let sealed = sealed.map_err(|_| io::Error::other("the cryptographic library failed to seal"))?;
        self.plain.clear();
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&sealed)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.plain.len() == CHUNK {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.plain.len());
        self.plain.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// A chunk is written when it is full.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn aad(bound_to: &[u8; 32], last: bool) -> Vec<u8> {
    [bound_to.as_slice(), &[u8::from(last)]].concat()
}

/// Opens a file, chunk by chunk.
pub(super) struct Opening<R> {
    sealed: R,
    opener: Box<dyn HpkeOpener>,
    bound_to: [u8; 32],
    /// Bytes of the file read so far.
    pub(super) at: u64,
    ended: bool,
    plain: Vec<u8>,
    given: usize,
}

impl<R: BufRead> Opening<R> {
    /// Reads the beginning.
    pub(super) fn begin(mut sealed: R, pair: &Pair) -> Result<Self, OpenError> {
        let mut magic = vec![];
        (&mut sealed).take(MAGIC.len() as u64).read_to_end(&mut magic)?;
        if magic != MAGIC.as_bytes() {
            return Err(OpenError::NotOne);
        }
        let mut line = vec![];
        (&mut sealed).take(LONGEST_HEADER).read_until(b'\n', &mut line)?;
        let header: Header = serde_json::from_slice(&line).map_err(|_| OpenError::Header)?;
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| OpenError::Header);
        let to = pair.recipient.to_string();
        let ours = header.recipients.iter().find(|sealed| sealed.to == to).ok_or(OpenError::OtherKey)?;
        let encapsulated = EncapsulatedSecret(decode(&ours.encapsulated)?);
        let key = SUITE.open(&encapsulated, INFO_KEY, to.as_bytes(), &decode(&ours.key)?, &pair.private);
        let key = Zeroizing::new(key.map_err(|_| OpenError::Header)?);
        let encapsulated = EncapsulatedSecret(decode(&header.encapsulated)?);
        let opener = SUITE.setup_opener(&encapsulated, INFO, &key.to_vec().into());
        Ok(Self {
            sealed,
            opener: opener.map_err(|_| OpenError::Header)?,
            bound_to: Sha256::digest(&line).into(),
            at: (magic.len() + line.len()) as u64,
            ended: false,
            plain: vec![],
            given: 0,
        })
    }

    /// The next bytes; none at the end.
    pub(super) fn next(&mut self) -> Result<&[u8], OpenError> {
        if self.given == self.plain.len() && !self.ended {
            self.open()?;
        }
        let rest = &self.plain[self.given..];
        self.given = self.plain.len();
        Ok(rest)
    }

    fn open(&mut self) -> Result<(), OpenError> {
        let from = self.at;
        let length = self.exactly(4)?;
        let length = <[u8; 4]>::try_from(length.as_slice()).map_or(0, u32::from_be_bytes) as usize;
        if !(TAG..=CHUNK + TAG).contains(&length) {
            return Err(OpenError::Chunk { from, to: from + 4 });
        }
        let chunk = self.exactly(length)?;
        let damaged = OpenError::Chunk { from, to: self.at };
        // Which of the two it is only its seal tells: the last one is followed by nothing.
        self.ended = self.sealed.fill_buf()?.is_empty();
        let opened = self.opener.open(&aad(&self.bound_to, self.ended), &chunk);
        self.plain = match opened {
            Ok(plain) => plain,
            Err(_) if self.ended && length == CHUNK + TAG => return Err(OpenError::Cut { at: self.at }),
            Err(_) => return Err(damaged),
        };
        self.given = 0;
        Ok(())
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, OpenError> {
        let mut bytes = vec![];
        (&mut self.sealed).take(length as u64).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        if bytes.len() < length { Err(OpenError::Cut { at: self.at }) } else { Ok(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Pair {
        let (public, private) = SUITE.generate_key_pair().unwrap();
        let recipient = format!(
            "chancery-backup-1:{}",
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(public.0)
        );
        Pair { recipient: recipient.parse().unwrap(), private }
    }

    fn sealed(plain: &[u8], recipients: &[Recipient]) -> Vec<u8> {
        let mut sealing = Sealing::begin(vec![], recipients).unwrap();
        sealing.write_all(plain).unwrap();
        sealing.finish().unwrap()
    }

    fn opened(file: &[u8], pair: &Pair) -> Result<Vec<u8>, OpenError> {
        let mut opening = Opening::begin(file, pair)?;
        let mut all = vec![];
        loop {
            let bytes = opening.next()?;
            if bytes.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(bytes);
        }
    }

    #[test]
    fn each_recipient_reads_what_was_written_and_nobody_else() {
        let [ann, ben, eve] = [(); 3].map(|()| pair());
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let file = sealed(&plain, &[ann.recipient.clone(), ben.recipient.clone()]);
            assert_eq!(opened(&file, &ann).unwrap(), plain, "{length}");
            assert_eq!(opened(&file, &ben).unwrap(), plain, "{length}");
            assert!(matches!(opened(&file, &eve), Err(OpenError::OtherKey)), "{length}");
        }
    }

    #[test]
    fn a_changed_byte_is_found_where_it_is() {
        let ann = pair();
        let file = sealed(&vec![7; 2 * CHUNK + 10], std::slice::from_ref(&ann.recipient));
        let begins = file.len() - (10 + TAG + 4) - 2 * (CHUNK + TAG + 4);
        for at in (0..file.len()).step_by(1_999) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            match opened(&changed, &ann) {
                Err(OpenError::Chunk { from, to }) => {
                    assert!((from..to).contains(&(at as u64)), "{at}: {from}-{to}")
                }
                Err(OpenError::Cut { .. }) => assert!(at >= begins, "{at}: a length that is too long"),
                Err(_) => assert!(at < begins, "{at}"),
                Ok(_) => panic!("byte {at} was changed and not found"),
            }
        }
    }

    #[test]
    fn what_was_cut_lengthened_or_swapped_does_not_open() {
        let ann = pair();
        let file = sealed(&vec![7; 2 * CHUNK + 10], std::slice::from_ref(&ann.recipient));
        let (chunk, last) = (CHUNK + TAG + 4, 10 + TAG + 4);
        for cut in [1, last, last + 1, last + chunk, file.len() - 3] {
            let error = opened(&file[..file.len() - cut], &ann).unwrap_err();
            assert!(!matches!(error, OpenError::Io(_) | OpenError::OtherKey), "{cut}: {error}");
        }
        assert!(opened(&[file.as_slice(), b"x"].concat(), &ann).is_err());
        let begins = file.len() - last - 2 * chunk;
        let swapped = [
            &file[..begins],
            &file[begins + chunk..begins + 2 * chunk],
            &file[begins..begins + chunk],
            &file[begins + 2 * chunk..],
        ];
        assert!(matches!(opened(&swapped.concat(), &ann), Err(OpenError::Chunk { .. })));
    }
}
