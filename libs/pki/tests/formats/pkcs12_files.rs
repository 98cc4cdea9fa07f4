//! PKCS #12 of openssl, both ways.

use contracts::x509::KeyAlgorithm;
use pki::{
    Certificate,
    file::{
        self, Credential, Format, Passphrases, PrivateKeyDer, pkcs8,
        pkcs12::{self, Protection},
    },
    pem,
};

use crate::support::{Chain, draw, read};

#[test]
fn openssl_writes_and_we_read() {
    let chain = Chain::new(KeyAlgorithm::Rsa2048);
    let legacy = "-legacy -provider legacy -provider default";
    chain.openssl.run("pkcs12 -export -out plain.p12 -inkey leaf.key -in leaf.pem -certpbe NONE -keypbe NONE -nomac -passout pass:");
    let both = [chain.openssl.read("issuing.pem"), chain.openssl.read("root.pem")].concat();
    chain.openssl.write("above.pem", both);
    for options in [
        "".to_owned(),
        "-name Web".to_owned(),
        legacy.to_owned(),
        format!("-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES {legacy}"),
        format!("-keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128 {legacy}"),
        "-keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512 -iter 100000".to_owned(),
        "-keypbe NONE -certpbe NONE".to_owned(),
        "-nomac".to_owned(),
    ] {
        let words =
            format!("pkcs12 -export -inkey leaf.key -in leaf.pem -certfile above.pem {options} -passout");
        let bytes = chain.openssl.run_with(&words, &["pass:\u{fc}ber-Geheim"]);
        let contents = read(&bytes, "\u{fc}ber-Geheim").unwrap_or_else(|error| panic!("{options}: {error}"));
        assert_eq!(contents.format, Format::Pkcs12);
        chain.assert_whole(&contents);
        if options == "-name Web" {
            assert_eq!(contents.keys[0].alias.as_deref(), Some("Web"));
        }
        if options.contains("-nomac") {
            assert_eq!(contents.notes.len(), 1, "nobody vouches for it");
        } else {
            assert_eq!(read(&bytes, "other").unwrap_err().code(), "wrong_passphrase", "{options}");
            assert_eq!(file::read(&bytes, &Passphrases::none()).unwrap_err().code(), "passphrase_needed");
        }
    }
    let plain = file::read(&chain.openssl.read("plain.p12"), &Passphrases::none()).unwrap();
    chain.assert_key(&plain);
    let empty = chain.openssl.run("pkcs12 -export -inkey leaf.key -in leaf.pem -passout pass:");
    chain.assert_key(&file::read(&empty, &Passphrases::none()).unwrap());
}

#[test]
fn we_write_and_openssl_reads() {
    for (algorithm, protection) in [
        (KeyAlgorithm::Rsa2048, Protection::Modern),
        (KeyAlgorithm::EcdsaP256, Protection::Modern),
        (KeyAlgorithm::Ed25519, Protection::Modern),
        (KeyAlgorithm::Rsa2048, Protection::Legacy),
    ] {
        let chain = Chain::new(algorithm);
        let key = PrivateKeyDer::read(&chain.openssl.run("pkey -in leaf.key -outform DER")).unwrap();
        let certificates =
            [&chain.leaf, &chain.issuing, &chain.root].map(|der| Certificate::read_der(der).unwrap());
        let certificates: Vec<_> = certificates.iter().collect();
        let credential = Credential { key: &key, certificates: &certificates, alias: "web" };
        let written = pkcs12::write(&credential, "p\u{e4}ssphrase", protection, &mut draw()).unwrap();
        chain.openssl.write("ours.p12", &*written);
        let pass = ["-passin", "pass:p\u{e4}ssphrase"];
        let shown = chain.openssl.run_with("pkcs12 -in ours.p12 -nodes", &pass);
        chain.assert_whole(&read(&shown, "").unwrap());
        let (ok, _, info) = chain.openssl.attempt("pkcs12 -in ours.p12 -noout -info", &pass);
        assert!(ok, "{info}");
        match protection {
            Protection::Modern => {
                assert!(info.contains("MAC: sha256, Iteration 600000"), "{info}");
                assert!(
                    info.contains("PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256"),
                    "{info}"
                );
            }
            Protection::Legacy => {
                assert!(info.contains("pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048"), "{info}")
            }
        }
        chain.assert_whole(&read(&written, "p\u{e4}ssphrase").unwrap());

        let locked = pkcs8::write(&key, "opensesame", &mut draw()).unwrap();
        chain.openssl.write("ours.key", pem::write(pkcs8::LABEL, &locked));
        let spki = chain.openssl.run("pkey -in ours.key -passin pass:opensesame -pubout -outform DER");
        assert_eq!(spki, chain.spki);
        chain.assert_key(&read(&locked, "opensesame").unwrap());
    }
}

#[test]
fn a_key_goes_with_its_own_certificate_alone() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    let key = PrivateKeyDer::read(&chain.openssl.run("pkey -in leaf.key -outform DER")).unwrap();
    let issuing = Certificate::read_der(&chain.issuing).unwrap();
    let credential = Credential { key: &key, certificates: &[&issuing], alias: "web" };
    let refused = pkcs12::write(&credential, "opensesame", Protection::Modern, &mut draw()).unwrap_err();
    assert_eq!(refused, file::WriteError::KeyMismatch);
    assert_eq!(format!("{key:?}"), "PrivateKeyDer([redacted])");
}
