//! A CA outside: a root and an issuing CA that `openssl ca` runs, who know nothing of Chancery.

use std::{fs, path::PathBuf, process::Command};

use chancery_tests::tool::run;

/// What `openssl ca` is told. The names of the CSR are taken over.
const CONFIGURATION: &str = "
[ca]
default_ca = issuing
[root]
dir = .
database = root.txt
serial = root.serial
new_certs_dir = issued
certificate = root.pem
private_key = root.key
default_md = sha256
default_days = 3650
policy = any
unique_subject = no
[issuing]
dir = .
database = issuing.txt
serial = issuing.serial
new_certs_dir = issued
certificate = issuing.pem
private_key = issuing.key
default_md = sha256
default_days = 90
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = optional
organizationName = optional
countryName = optional
localityName = optional
[ca_extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[other_names]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:other.example.com
authorityKeyIdentifier = keyid
";

/// The CAs, in a folder of their own.
pub struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    pub fn new(name: &str) -> Self {
        let lab = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(lab.path("issued")).unwrap();
        for (file, content) in [
            ("root.txt", ""),
            ("root.serial", "1000"),
            ("issuing.txt", ""),
            ("issuing.serial", "2000"),
            ("openssl.cnf", CONFIGURATION),
        ] {
            fs::write(lab.path(file), content).unwrap();
        }
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        lab.openssl(&format!(
            "req -x509 {key} -days 7300 -subj /CN={name}-Root -keyout root.key -out root.pem \
             -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        lab.openssl(&format!("req {key} -subj /CN={name}-Issuing -keyout issuing.key -out issuing.csr"));
        lab.openssl(
            "ca -batch -notext -config openssl.cnf -name root -extensions ca_extensions -in issuing.csr -out issuing.pem",
        );
        lab
    }

    /// The root's certificate.
    pub fn root(&self) -> String {
        fs::read_to_string(self.path("root.pem")).unwrap()
    }

    /// The issuing CA's certificate.
    pub fn issuing(&self) -> String {
        fs::read_to_string(self.path("issuing.pem")).unwrap()
    }

    /// The certificate for a CSR, as PEM.
    pub fn sign(&self, csr: &str) -> String {
        self.sign_with(csr, "server", "")
    }

    /// The same with the extensions of a section, and more arguments of `openssl ca`.
    pub fn sign_with(&self, csr: &str, extensions: &str, more: &str) -> String {
        fs::write(self.path("leaf.csr"), csr).unwrap();
        let copy = if extensions == "other_names" { "root" } else { "issuing" };
        // The section `root` takes over no names, but signs with the issuing CA's key here.
        let keys = if copy == "root" { "-cert issuing.pem -keyfile issuing.key" } else { "" };
        self.openssl(&format!(
            "ca -batch -notext -config openssl.cnf -name {copy} {keys} -extensions {extensions} {more} -in leaf.csr \
             -out leaf.pem"
        ));
        fs::read_to_string(self.path("leaf.pem")).unwrap()
    }

    /// These certificates as PKCS #7, DER.
    pub fn pkcs7(&self, pem: &str) -> Vec<u8> {
        fs::write(self.path("all.pem"), pem).unwrap();
        self.openssl("crl2pkcs7 -nocrl -certfile all.pem -outform DER -out all.p7b");
        fs::read(self.path("all.p7b")).unwrap()
    }

    /// A certificate as DER.
    pub fn der(&self, pem: &str) -> Vec<u8> {
        fs::write(self.path("one.pem"), pem).unwrap();
        self.openssl("x509 -in one.pem -outform DER -out one.der");
        fs::read(self.path("one.der")).unwrap()
    }

    /// What `openssl req` says of a CSR whose signature it has verified.
    pub fn describe(&self, csr: &str) -> String {
        fs::write(self.path("described.csr"), csr).unwrap();
        self.openssl("req -verify -noout -text -in described.csr")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, arguments: &str) -> String {
        let mut openssl = Command::new("openssl");
        openssl.args(arguments.split_whitespace()).current_dir(self.folder.path());
        run(openssl, b"").done()
    }
}
