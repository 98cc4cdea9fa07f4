//! What a subscriber does on their own machine, with OpenSSL: keys, CSRs, and a second opinion on certificates.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use std::{fs, process::Command};

use tempfile::TempDir;

use crate::tool::run;

/// A key and a CSR made with it, both PEM.
#[derive(Clone, Debug)]
pub struct Csr {
    /// The CSR.
    pub pem: String,
    /// The private key.
    pub key: String,
}

/// Runs `openssl` and gives what it prints.
#[must_use]
pub fn openssl(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments);
    run(command, input.as_bytes()).done()
}

/// `openssl req -new` with a new key; `arguments` say which key, and what is asked for.
#[must_use]
pub fn csr(arguments: &[&str]) -> Csr {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem").display().to_string();
    let all = [&["req", "-new", "-nodes", "-keyout", &key][..], arguments].concat();
    let pem = openssl(&all, "");
    Csr { pem, key: fs::read_to_string(key).unwrap() }
}

/// A P-256 CSR with this common name and nothing else.
#[must_use]
pub fn p256(common_name: &str) -> Csr {
    csr(&[P256, &["-subj", &format!("/CN={common_name}")]].concat())
}

/// Arguments of `openssl req` for a P-256 key.
pub const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// `openssl req` with a key that exists.
#[must_use]
pub fn csr_of(key: &str, arguments: &[&str]) -> String {
    let (_folder, file) = as_file(key);
    openssl(&[&["req", "-new", "-key", &file][..], arguments].concat(), "")
}

/// What `openssl x509 -noout` prints of a certificate.
#[must_use]
pub fn x509(certificate: &str, arguments: &[&str]) -> String {
    openssl(&[&["x509", "-noout"][..], arguments].concat(), certificate)
}

/// `openssl verify` of a leaf and the certificates between it and `root`, perhaps none; gives what it says otherwise.
pub fn verify(root: &str, chain: &str, leaf: &str) -> Result<(), String> {
    let ((_a, root), (_b, between), (_c, leaf)) = (as_file(root), as_file(chain), as_file(leaf));
    let mut command = Command::new("openssl");
    command.args(["verify", "-x509_strict", "-CAfile", &root]);
    if !chain.is_empty() {
        command.args(["-untrusted", &between]);
    }
    command.arg(&leaf);
    let ran = run(command, b"");
    if ran.code == 0 { Ok(()) } else { Err(format!("{}{}", ran.stdout, ran.stderr)) }
}

/// A part of a certificate or CSR, byte for byte, in hexadecimal.
#[must_use]
pub fn subject_hex(pem: &str) -> String {
    hex::encode(parsed(pem).0)
}

/// SubjectPublicKeyInfo of a CSR or a certificate, in hexadecimal.
#[must_use]
pub fn spki_hex(pem: &str) -> String {
    hex::encode(parsed(pem).1)
}

/// The value of the subject alternative name extension, in hexadecimal; empty without one.
#[must_use]
pub fn san_hex(pem: &str) -> String {
    hex::encode(parsed(pem).2)
}

/// Subject, SubjectPublicKeyInfo and subject alternative names of a CSR or certificate, as they are encoded.
fn parsed(pem: &str) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    use x509_parser::prelude::*;
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let san = |extensions: &[X509Extension<'_>]| {
        let found = extensions.iter().find(|e| e.oid == oid_registry::OID_X509_EXT_SUBJECT_ALT_NAME);
        found.map(|e| e.value.to_vec()).unwrap_or_default()
    };
    if block.label == "CERTIFICATE" {
        let (_, certificate) = X509Certificate::from_der(&block.contents).unwrap();
        let value = san(certificate.extensions());
        return (certificate.subject().as_raw().to_vec(), certificate.public_key().raw.to_vec(), value);
    }
    let (_, csr) = X509CertificationRequest::from_der(&block.contents).unwrap();
    let info = &csr.certification_request_info;
    let mut value = vec![];
    for attribute in info.iter_attributes() {
        if let ParsedCriAttribute::ExtensionRequest(request) = attribute.parsed_attribute() {
            value = san(&request.extensions);
        }
    }
    (info.subject.as_raw().to_vec(), info.subject_pki.raw.to_vec(), value)
}

/// A file with this content; gone with the folder.
#[must_use]
pub fn as_file(content: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, content).unwrap();
    (folder, path.display().to_string())
}
