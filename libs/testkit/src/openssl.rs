//! OpenSSL as a user has it: throwaway keys and CSRs, and a second opinion on what we make.

use std::{fs, path::Path, process::Command};

/// A new key and a CSR made with it, both PEM.
#[derive(Clone, Debug)]
pub struct Csr {
    /// The CSR.
    pub csr: String,
    /// The private key, PKCS#8.
    pub key: String,
}

/// Makes a P-256 key and a CSR for a common name and DNS names.
#[must_use]
pub fn csr(common_name: &str, dns: &[&str]) -> Csr {
    csr_with(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], common_name, dns)
}

/// The same with the key that these arguments of `openssl req` ask for, such as `-newkey rsa:2048`.
#[must_use]
pub fn csr_with(key: &[&str], common_name: &str, dns: &[&str]) -> Csr {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (csr, key_file) = (folder.path().join("csr.pem"), folder.path().join("key.pem"));
    let mut command = Command::new("openssl");
    command.args(["req", "-new", "-nodes"]).args(key).args(["-subj", &format!("/CN={common_name}")]);
    if !dns.is_empty() {
        let names: Vec<String> = dns.iter().map(|name| format!("DNS:{name}")).collect();
        command.args(["-addext", &format!("subjectAltName={}", names.join(","))]);
    }
    run(command.arg("-keyout").arg(&key_file).arg("-out").arg(&csr));
    let read = |path: &Path| fs::read_to_string(path).expect("openssl wrote it");
    Csr { csr: read(&csr), key: read(&key_file) }
}

/// `openssl verify`: whether `chain` (leaf first, PEM) leads to `root`; gives what it says otherwise.
pub fn verify(root: &str, chain: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (root_file, chain_file) = (folder.path().join("root.pem"), folder.path().join("chain.pem"));
    fs::write(&root_file, root).expect("a temporary folder is writable");
    fs::write(&chain_file, chain).expect("a temporary folder is writable");
    let mut command = Command::new("openssl");
    command
        .args(["verify", "-x509_strict", "-CAfile"])
        .arg(&root_file)
        .arg("-untrusted")
        .arg(&chain_file)
        .arg(&chain_file);
    let output = command.output().expect("openssl is installed");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said) }
}

/// What `openssl x509 -text` prints of a certificate.
#[must_use]
pub fn text(certificate: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("certificate.pem");
    fs::write(&file, certificate).expect("a temporary folder is writable");
    run(Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(&file))
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
