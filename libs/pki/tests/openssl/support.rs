//! Running `openssl` in a directory of its own, and taking DER apart by hand.

use std::{fs, path::PathBuf, process::Command};

use contracts::x509::{HashAlgorithm, KeyAlgorithm, SignatureAlgorithm};
use tempfile::TempDir;

/// A directory in which `openssl` runs.
pub struct Openssl {
    directory: TempDir,
}

impl Openssl {
    pub fn new() -> Self {
        let this = Self { directory: tempfile::tempdir().unwrap() };
        this.write("empty.cnf", "[req]\ndistinguished_name=dn\n[dn]\n");
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs `openssl` with words parted by spaces; fails the test if it fails.
    pub fn run(&self, words: &str) -> Vec<u8> {
        self.run_with(words, &[])
    }

    /// As `run`, with more arguments that may contain spaces.
    pub fn run_with(&self, words: &str, more: &[&str]) -> Vec<u8> {
        let (ok, stdout, stderr) = self.attempt(words, more);
        assert!(ok, "openssl {words} {more:?}\n{}\n{stderr}", String::from_utf8_lossy(&stdout));
        stdout
    }

    pub fn attempt(&self, words: &str, more: &[&str]) -> (bool, Vec<u8>, String) {
        let output = Command::new("openssl")
            .args(words.split_whitespace())
            .args(more)
            .env("OPENSSL_CONF", self.path("empty.cnf"))
            .current_dir(self.directory.path())
            .output()
            .unwrap();
        (output.status.success(), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Makes `name` a private key of this kind.
    pub fn key(&self, name: &str, algorithm: KeyAlgorithm) {
        let options = match algorithm {
            KeyAlgorithm::Rsa2048 => "RSA -pkeyopt rsa_keygen_bits:2048",
            KeyAlgorithm::Rsa3072 => "RSA -pkeyopt rsa_keygen_bits:3072",
            KeyAlgorithm::Rsa4096 => "RSA -pkeyopt rsa_keygen_bits:4096",
            KeyAlgorithm::EcdsaP256 => "EC -pkeyopt ec_paramgen_curve:P-256",
            KeyAlgorithm::EcdsaP384 => "EC -pkeyopt ec_paramgen_curve:P-384",
            KeyAlgorithm::EcdsaP521 => "EC -pkeyopt ec_paramgen_curve:P-521",
            KeyAlgorithm::Ed25519 => "ED25519",
        };
        self.run(&format!("genpkey -algorithm {options} -out {name}"));
    }

    /// The SubjectPublicKeyInfo of the key in `name`.
    pub fn spki(&self, name: &str) -> Vec<u8> {
        self.run(&format!("pkey -in {name} -pubout -outform DER"))
    }

    /// Signs with the key in `name`.
    pub fn sign(&self, name: &str, algorithm: SignatureAlgorithm, message: &[u8]) -> Vec<u8> {
        self.write("message", message);
        match algorithm.hash() {
            None => self.run(&format!("pkeyutl -sign -rawin -inkey {name} -in message")),
            Some(hash) => self.run(&format!("dgst -{} -sign {name} message", hash_name(hash))),
        }
    }

    /// A CSR in PEM, made with the key in `key`.
    pub fn csr(&self, key: &str, subject: &str, options: &str, more: &[&str]) -> Vec<u8> {
        let more: Vec<&str> = ["-subj", subject].into_iter().chain(more.iter().copied()).collect();
        self.run_with(&format!("req -new -key {key} {options}"), &more)
    }

    /// A CSR with P-256 and these subject alternative names.
    pub fn csr_with_san(&self, subject: &str, san: &str) -> Vec<u8> {
        self.key("san.key", KeyAlgorithm::EcdsaP256);
        self.csr("san.key", subject, "", &["-addext", &format!("subjectAltName={san}")])
    }
}

pub fn hash_name(hash: HashAlgorithm) -> &'static str {
    match hash {
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    }
}

/// The DER in a PEM text.
pub fn der(pem: &[u8]) -> Vec<u8> {
    pki::pem::read(pem).unwrap().remove(0).der
}

/// One element with these contents.
pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match contents.len() {
        n @ 0..=0x7f => out.push(n as u8),
        n @ 0x80..=0xff => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend_from_slice(contents);
    out
}

/// Splits the first element off: tag, contents, rest.
pub fn split(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (header, length) = match der[1] {
        n @ 0..=0x7f => (2, usize::from(n)),
        0x81 => (3, usize::from(der[2])),
        _ => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
    };
    (der[0], &der[header..header + length], &der[header + length..])
}

/// The elements inside contents, each whole.
pub fn parts(mut contents: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![];
    while !contents.is_empty() {
        let (.., rest) = split(contents);
        parts.push(contents[..contents.len() - rest.len()].to_vec());
        contents = rest;
    }
    parts
}

/// Replaces the only place where `from` stands by `to`.
pub fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).expect("it stands there");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}
