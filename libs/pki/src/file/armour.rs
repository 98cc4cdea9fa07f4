//! PEM as it is met: blocks in any order with text around them, one bad block among good ones, and the encryption of
//! its own that OpenSSL once gave private keys (RFC 1421 headers). Also bare base64.
//!
//! [`crate::pem`] is the strict reader for a text that should be one thing.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    Contents, FileError, Format, Note, Reading, ber,
    cipher::Cipher,
    der::{self, Structure},
    encryption::Password,
    kdf::Hash,
    private_key::opened_key,
};
use crate::asn1::Reader;

/// The most blocks of a text (P-2).
const MAX_BLOCKS: usize = 10_000;
const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";

/// Reads a text.
pub(super) fn read(bytes: &[u8], reading: &mut Reading<'_>) -> Result<Contents, FileError> {
    let text = as_bytes_of_text(bytes);
    if find(&text, BEGIN).is_none() {
        let bare = decode(&text).map_err(|_| FileError::Unrecognized)?;
        return match bare.first() {
            Some(0x30) => der::read(&bare, reading),
            _ => Err(FileError::Unrecognized),
        };
    }
    let mut contents = Contents::new(Format::Pem);
    for (number, block) in (1..).zip(Blocks::new(&text)) {
        if number > MAX_BLOCKS {
            return Err(FileError::too_large("the number of PEM blocks", number, MAX_BLOCKS));
        }
        let place = || format!("block {number} ({}), line {}", block.label, block.line);
        let added = add(&block, &mut contents, reading);
        contents.keep(place, added);
    }
    Ok(contents)
}

/// UTF-16, as Windows writes it, becomes bytes; the two characters `\n` become line ends.
fn as_bytes_of_text(bytes: &[u8]) -> Cow<'_, [u8]> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        units.map(|unit| u8::try_from(unit).unwrap_or(b'?')).collect::<Vec<u8>>()
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        bytes => Cow::Borrowed(bytes),
    };
    if find(&text, b"\\n").is_none() {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((first, after)) = rest.split_first() {
        match (first, after.first()) {
            (b'\\', Some(b'n')) => out.push(b'\n'),
            (b'\\', Some(b'r')) => {}
            _ => {
                out.push(*first);
                rest = after;
                continue;
            }
        }
        rest = &after[1..];
    }
    Cow::Owned(out)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// One block, not yet decoded.
struct Block<'a> {
    label: String,
    /// Of its header, from 1.
    line: usize,
    /// Between header and footer; `None` without a footer of its own.
    body: Option<&'a [u8]>,
}

/// The blocks of a text, in one pass.
struct Blocks<'a> {
    rest: &'a [u8],
    line: usize,
}

impl<'a> Blocks<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self { rest: text, line: 1 }
    }

    fn skip(&mut self, count: usize) {
        let (skipped, rest) = self.rest.split_at(count);
        self.line += skipped.iter().filter(|byte| **byte == b'\n').count();
        self.rest = rest;
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        loop {
            self.skip(find(self.rest, BEGIN)?);
            let line = self.line;
            self.skip(BEGIN.len());
            let Some(end) = label_end(self.rest) else { continue };
            let label = String::from_utf8_lossy(&self.rest[..end]).into_owned();
            self.skip(end + DASHES.len());
            let Some(length) = find(self.rest, DASHES) else {
                self.rest = &[];
                return Some(Block { label, line, body: None });
            };
            let body = &self.rest[..length];
            self.skip(length);
            let footer = [b"-----END ", label.as_bytes(), DASHES].concat();
            let body = self.rest.starts_with(&footer).then_some(body);
            if body.is_some() {
                self.skip(footer.len());
            } else if !self.rest.starts_with(BEGIN) {
                self.skip(DASHES.len());
            }
            return Some(Block { label, line, body });
        }
    }
}

/// Where a label ends: at dashes on the same line, after at most 64 characters.
fn label_end(text: &[u8]) -> Option<usize> {
    let end = find(&text[..text.len().min(64 + DASHES.len())], DASHES)?;
    text[..end].iter().all(|byte| matches!(byte, b' '..=b'~')).then_some(end)
}

fn add(block: &Block<'_>, contents: &mut Contents, reading: &mut Reading<'_>) -> Result<(), FileError> {
    let label = block.label.as_str();
    if label.ends_with(" PARAMETERS") {
        return Ok(()); // of the key that follows, which has them, too
    }
    let damaged = |reason: &str| FileError::damaged("the block", reason);
    let body =
        block.body.ok_or_else(|| damaged(&format!("its footer '-----END {label}-----' is missing")))?;
    let (headers, body) = split_headers(body);
    let bytes = decode(body).map_err(damaged)?;
    if let Some(encryption) = header(headers, b"DEK-Info:") {
        let key = open_traditional(encryption, &bytes, reading)?;
        return contents.add_key(key, None, None);
    }
    match label {
        "OPENSSH PRIVATE KEY" => {
            return Err(FileError::unsupported("the private key", "OpenSSH's own format"));
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            contents.note(Note::Ignored { what: "a public key on its own".to_owned() });
            return Ok(());
        }
        "TRUSTED CERTIFICATE" => {
            // What OpenSSL trusts it for stands after the certificate.
            let certificate = Reader::new(&bytes).element();
            let certificate = certificate.map_err(|error| FileError::damaged("the certificate", error))?;
            return contents.add_certificate(certificate.der, None, true);
        }
        _ => {}
    }
    let der = ber::to_der(&bytes).map_err(|error| FileError::damaged("the block", error))?;
    let structure = Structure::of(&der);
    let is_known = label.ends_with("PRIVATE KEY")
        || label.ends_with("CERTIFICATE")
        || label.ends_with("CERTIFICATE REQUEST")
        || matches!(label, "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" | "X509 CRL" | "PKCS12");
    match structure {
        Structure::Unknown if is_known => Err(damaged(&format!("it holds no {}", label.to_lowercase()))),
        Structure::Unknown => {
            contents.note(Note::Ignored { what: format!("a block '{label}'") });
            Ok(())
        }
        structure => {
            if *der != **bytes {
                contents.note(Note::ConvertedFromBer);
            }
            der::add(&der, structure, contents, reading)
        }
    }
}

/// The lines `Name: value` at the beginning of a body, up to a blank line.
fn split_headers(body: &[u8]) -> (&[u8], &[u8]) {
    let trimmed = body.trim_ascii_start();
    let first_line = trimmed.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if !first_line.contains(&b':') {
        return (&[], body);
    }
    let mut end = 0;
    for line in trimmed.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        end += line.len();
    }
    trimmed.split_at(end)
}

fn header<'a>(headers: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    headers.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name)).map(<[u8]>::trim_ascii)
}

fn decode(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let mut compact = Zeroizing::new(Vec::with_capacity(body.len()));
    compact.extend(body.iter().filter(|byte| !byte.is_ascii_whitespace()));
    if !compact.iter().all(|byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')) {
        return Err("its base64 has a character that does not belong there");
    }
    if compact.is_empty() || !compact.len().is_multiple_of(4) {
        return Err("its base64 is cut off");
    }
    STANDARD.decode(&*compact).map(Zeroizing::new).map_err(|_| "its base64 is wrong")
}

/// Opens a private key that OpenSSL locked in its own way: `DEK-Info: AES-256-CBC,<vector>`.
fn open_traditional(
    encryption: &[u8],
    locked: &[u8],
    reading: &mut Reading<'_>,
) -> Result<super::PrivateKeyDer, FileError> {
    const WHAT: &str = "the private key";
    let text = String::from_utf8_lossy(encryption);
    let (name, vector) = text.split_once(',').unwrap_or((&text, ""));
    let cipher = match name.trim().to_ascii_uppercase().as_str() {
        "AES-128-CBC" => Cipher::Aes128,
        "AES-192-CBC" => Cipher::Aes192,
        "AES-256-CBC" => Cipher::Aes256,
        "DES-EDE3-CBC" => Cipher::TripleDes,
        "DES-CBC" => Cipher::Des,
        "RC2-CBC" => Cipher::Rc2 { key_length: 16 },
        "RC2-64-CBC" => Cipher::Rc2 { key_length: 8 },
        "RC2-40-CBC" => Cipher::Rc2 { key_length: 5 },
        other => return Err(FileError::unsupported(WHAT, other.chars().take(64).collect::<String>())),
    };
    let vector = hex::decode(vector.trim()).ok().filter(|vector| vector.len() == cipher.block_length());
    let vector = vector.ok_or_else(|| FileError::damaged(WHAT, "its DEK-Info has no vector that fits"))?;
    if reading.passphrases.is_empty() {
        return Err(FileError::passphrase_needed(WHAT));
    }
    for passphrase in reading.passphrases.iter() {
        let password = Password::new(passphrase);
        let key = Hash::Md5.openssl(password.utf8(), &vector[..8], cipher.key_length());
        if let Some(key) = opened_key(cipher.decrypt(&key, &vector, locked))? {
            return Ok(key);
        }
    }
    Err(FileError::wrong_passphrase(WHAT))
}
