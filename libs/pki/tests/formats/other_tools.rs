//! PKCS #12, PKCS #8 and PKCS #7 of GnuTLS certtool and NSS pk12util, both ways.

use contracts::x509::KeyAlgorithm;
use pki::{
    Certificate,
    file::{
        Credential, PrivateKeyDer, pkcs8,
        pkcs12::{self, Protection},
    },
    pem, pkcs7,
};

use crate::support::{Chain, Tool, draw, read};

fn whole_chain(algorithm: KeyAlgorithm) -> Chain {
    let chain = Chain::new(algorithm);
    let all = ["leaf.pem", "issuing.pem", "root.pem"].map(|name| chain.openssl.read(name)).concat();
    chain.openssl.write("chain.pem", all);
    chain.openssl.run(
        "pkcs12 -export -inkey leaf.key -in chain.pem -name web -passout pass:opensesame -out openssl.p12",
    );
    chain
}

#[test]
fn certtool_writes_and_we_read() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256, KeyAlgorithm::Ed25519] {
        let chain = whole_chain(algorithm);
        let certtool = Tool::new("certtool", &chain);
        for cipher in ["aes-256", "aes-128", "3des-pkcs12", "rc2-40"] {
            certtool.run(&format!(
                "--to-p12 --load-privkey leaf.key --load-certificate chain.pem --p12-name web --password opensesame \
                 --pkcs-cipher {cipher} --outder --outfile made.p12"
            ));
            let contents = read(&chain.openssl.read("made.p12"), "opensesame")
                .unwrap_or_else(|error| panic!("{cipher}: {error}"));
            chain.assert_whole(&contents);
            assert_eq!(contents.keys[0].alias.as_deref(), Some("web"));
        }
        certtool.run("--to-p8 --load-privkey leaf.key --password opensesame --outfile made.key");
        chain.assert_key(&read(&chain.openssl.read("made.key"), "opensesame").unwrap());
        certtool.run("--to-p8 --load-privkey leaf.key --empty-password --outder --outfile plain.key");
    }
}

#[test]
fn certtool_reads_what_we_write() {
    let chain = whole_chain(KeyAlgorithm::Rsa2048);
    let certtool = Tool::new("certtool", &chain);
    let key = PrivateKeyDer::read(&chain.openssl.run("pkey -in leaf.key -outform DER")).unwrap();
    let certificates =
        [&chain.leaf, &chain.issuing, &chain.root].map(|der| Certificate::read_der(der).unwrap());
    let certificates: Vec<_> = certificates.iter().collect();
    let credential = Credential { key: &key, certificates: &certificates, alias: "web" };
    for protection in [Protection::Modern, Protection::Legacy] {
        let written = pkcs12::write(&credential, "opensesame", protection, &mut draw()).unwrap();
        chain.openssl.write("ours.p12", &*written);
        let shown = certtool.run("--p12-info --inder --infile ours.p12 --password opensesame");
        assert!(shown.contains("MAC"), "{shown}");
        // certtool prints the key locked again under the same passphrase.
        chain.assert_whole(&read(shown.as_bytes(), "opensesame").unwrap());
    }
    let locked = pkcs8::write(&key, "opensesame", &mut draw()).unwrap();
    chain.openssl.write("ours.key", pem::write(pkcs8::LABEL, &locked));
    certtool.run("--key-info --infile ours.key --password opensesame");
    chain.openssl.write("ours.p7b", pkcs7::write(&certificates));
    let shown = certtool.run("--p7-info --inder --infile ours.p7b");
    assert_eq!(read(shown.as_bytes(), "").unwrap().certificates.len(), 3);
}

#[test]
fn pk12util_both_ways() {
    for algorithm in [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcdsaP256] {
        let chain = whole_chain(algorithm);
        std::fs::create_dir(chain.openssl.path("nss")).unwrap();
        Tool::new("certutil", &chain).run("-N -d nss --empty-password");
        let pk12util = Tool::new("pk12util", &chain);
        pk12util.run("-i openssl.p12 -d nss -W opensesame");
        for options in ["", "-c AES-256-CBC -C AES-128-CBC", "-c DES-EDE3-CBC -C RC2-CBC"] {
            pk12util.run(&format!("-o made.p12 -n web -d nss -W opensesame {options}"));
            let contents = read(&chain.openssl.read("made.p12"), "opensesame")
                .unwrap_or_else(|error| panic!("{options}: {error}"));
            chain.assert_whole(&contents);
        }

        let key = PrivateKeyDer::read(&chain.openssl.run("pkey -in leaf.key -outform DER")).unwrap();
        let certificates =
            [&chain.leaf, &chain.issuing, &chain.root].map(|der| Certificate::read_der(der).unwrap());
        let certificates: Vec<_> = certificates.iter().collect();
        let credential = Credential { key: &key, certificates: &certificates, alias: "ours" };
        for protection in [Protection::Modern, Protection::Legacy] {
            let written = pkcs12::write(&credential, "opensesame", protection, &mut draw()).unwrap();
            chain.openssl.write("ours.p12", &*written);
            let listed = pk12util.run("-l ours.p12 -d nss -W opensesame");
            assert!(listed.contains("Key(shrouded)") && listed.contains("ours"), "{listed}");
            let empty = format!("nss-{protection:?}");
            std::fs::create_dir(chain.openssl.path(&empty)).unwrap();
            Tool::new("certutil", &chain).run(&format!("-N -d {empty} --empty-password"));
            pk12util.run(&format!("-i ours.p12 -d {empty} -W opensesame"));
        }
    }
}
