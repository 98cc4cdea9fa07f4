//! A chain of three with its key, and what programs make of it.

use std::process::Command;

use contracts::x509::KeyAlgorithm;
use pki::file::{self, Contents, FileError, Passphrases};

use crate::openssl::{Openssl, der};

/// `root.pem`, `issuing.pem` and `leaf.pem`, with `leaf.key` in PKCS #8.
pub struct Chain {
    pub openssl: Openssl,
    pub leaf: Vec<u8>,
    pub issuing: Vec<u8>,
    pub root: Vec<u8>,
    pub spki: Vec<u8>,
}

impl Chain {
    /// With a leaf's key of this kind.
    pub fn new(algorithm: KeyAlgorithm) -> Self {
        let openssl = Openssl::new();
        openssl.key("root.key", KeyAlgorithm::EcdsaP256);
        openssl.key("issuing.key", KeyAlgorithm::EcdsaP256);
        openssl.key("leaf.key", algorithm);
        openssl.run("req -x509 -new -key root.key -subj /CN=Root -days 900 -out root.pem");
        openssl.write("ca.ext", "basicConstraints=critical,CA:TRUE\n");
        openssl.write("leaf.ext", "subjectAltName=DNS:leaf.example\n");
        for (name, issuer, extensions) in [("issuing", "root", "ca.ext"), ("leaf", "issuing", "leaf.ext")] {
            openssl.run(&format!("req -new -key {name}.key -subj /CN={name}.example -out {name}.csr"));
            openssl.run(&format!(
                "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -days 300 \
                 -extfile {extensions} -out {name}.pem"
            ));
        }
        let read = |name: &str| der(&openssl.read(name));
        let (leaf, issuing, root) = (read("leaf.pem"), read("issuing.pem"), read("root.pem"));
        let spki = openssl.spki("leaf.key");
        Self { openssl, leaf, issuing, root, spki }
    }

    /// The three certificates and nothing but the leaf's key, whatever their order.
    pub fn assert_whole(&self, contents: &Contents) {
        assert_eq!(contents.problems, []);
        let mut found: Vec<_> = contents.certificates.iter().map(|c| c.certificate.der()).collect();
        found.sort_unstable();
        let mut expected = [&*self.leaf, &*self.issuing, &*self.root];
        expected.sort_unstable();
        assert_eq!(found, expected);
        self.assert_key(contents);
        assert_eq!(contents.certificate_of(&contents.keys[0]).unwrap().certificate.der(), self.leaf);
    }

    /// The leaf's key alone.
    pub fn assert_key(&self, contents: &Contents) {
        assert_eq!(contents.keys.len(), 1, "{:?}", contents.problems);
        assert_eq!(contents.keys[0].key.spki(), self.spki);
        assert!(contents.keys[0].key.algorithm().is_some());
    }
}

pub fn passphrase(text: &str) -> Passphrases {
    Passphrases::new([text.to_owned()])
}

pub fn read(bytes: &[u8], text: &str) -> Result<Contents, FileError> {
    file::read(bytes, &passphrase(text))
}

/// Bytes that differ from each other; tests need no more of randomness.
pub fn draw() -> impl FnMut(&mut [u8]) {
    let mut next = 0_u8;
    move |bytes| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(17);
            *byte = next;
        }
    }
}

/// Another program, run where the chain's files are.
pub struct Tool<'a> {
    program: &'static str,
    chain: &'a Chain,
}

impl<'a> Tool<'a> {
    pub const fn new(program: &'static str, chain: &'a Chain) -> Self {
        Self { program, chain }
    }

    /// What it prints; fails the test if it fails.
    pub fn run(&self, words: &str) -> String {
        let output = Command::new(self.program)
            .args(words.split_whitespace())
            .current_dir(self.chain.openssl.path(""))
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", self.program));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{} {words}\n{stdout}\n{stderr}", self.program);
        stdout
    }
}
