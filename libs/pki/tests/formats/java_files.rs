//! JKS, JCEKS and PKCS #12 of keytool, both ways.

use contracts::x509::KeyAlgorithm;
use pki::{
    Certificate,
    file::{
        self, Contents, Credential, Format, Note, Passphrases, PrivateKeyDer, jks,
        pkcs12::{self, Protection},
    },
};

use crate::support::{Chain, Tool, draw, read};

fn keytool(chain: &Chain, words: &str) -> String {
    Tool::new("keytool", chain).run(words)
}

/// The certificates of `keytool -list -rfc`, in its order.
fn listed(chain: &Chain, words: &str) -> Vec<Vec<u8>> {
    let text = keytool(chain, &format!("-list -rfc {words}"));
    read(text.as_bytes(), "").unwrap().certificates.iter().map(|c| c.certificate.der().to_vec()).collect()
}

fn found(contents: &Contents) -> Vec<Vec<u8>> {
    contents.certificates.iter().map(|c| c.certificate.der().to_vec()).collect()
}

fn sorted(mut ders: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    ders.sort();
    ders
}

#[test]
fn stores_of_keytool_are_read() {
    let chain = Chain::new(KeyAlgorithm::Rsa2048);
    let both = [chain.openssl.read("issuing.pem"), chain.openssl.read("root.pem")].concat();
    chain.openssl.write("above.pem", both);
    chain.openssl.run("pkcs12 -export -inkey leaf.key -in leaf.pem -certfile above.pem -name web -passout pass:storepass -out leaf.p12");
    for (kind, format) in [("JKS", Format::Jks), ("JCEKS", Format::Jceks), ("PKCS12", Format::Pkcs12)] {
        let key_pass = if kind == "PKCS12" { "storepass" } else { "keypassword" };
        let store = format!("-storetype {kind} -keystore {kind} -storepass storepass");
        keytool(
            &chain,
            &format!(
                "-importkeystore -noprompt -srckeystore leaf.p12 -srcstoretype PKCS12 -srcstorepass storepass -srcalias web \
             -destkeystore {kind} -deststoretype {kind} -deststorepass storepass -destkeypass {key_pass}"
            ),
        );
        if kind == "JCEKS" {
            keytool(
                &chain,
                &format!("-genseckey -keyalg AES -keysize 256 -alias sealed -keypass {key_pass} {store}"),
            );
        }
        keytool(
            &chain,
            &format!(
                "-genkeypair -keyalg EC -groupname secp384r1 -alias Second -dname CN=second -keypass {key_pass} {store}"
            ),
        );
        keytool(&chain, &format!("-importcert -noprompt -alias anchor -file root.pem {store}"));
        let bytes = chain.openssl.read(kind);
        let passphrases = || Passphrases::new(["storepass".to_owned(), key_pass.to_owned()]);
        let contents = file::read(&bytes, &passphrases()).unwrap();
        assert_eq!((contents.format, contents.problems.len()), (format, 0), "{:?}", contents.problems);
        assert_eq!(sorted(found(&contents)), sorted(listed(&chain, &store)), "{kind}");
        let mut names: Vec<_> = contents.keys.iter().map(|key| key.alias.clone().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["second", "web"]);
        let web = contents.keys.iter().find(|key| key.alias.as_deref() == Some("web")).unwrap();
        assert_eq!(web.key.spki(), chain.spki);
        assert_eq!(contents.certificate_of(web).unwrap().certificate.der(), chain.leaf);
        let sealed = Note::Ignored { what: "the secret key 'sealed'".to_owned() };
        assert_eq!(contents.notes.contains(&sealed), kind == "JCEKS", "{:?}", contents.notes);

        assert_eq!(read(&bytes, "wrong").unwrap_err().code(), "wrong_passphrase");
        if kind != "PKCS12" {
            // The store opens, the keys do not.
            let contents = read(&bytes, "storepass").unwrap();
            assert_eq!(contents.keys.len(), 0);
            assert_eq!(contents.problems.len(), 2);
            assert!(contents.problems.iter().all(|problem| problem.error.code() == "wrong_passphrase"));
            let contents = file::read(&bytes, &Passphrases::none()).unwrap();
            assert!(matches!(contents.notes[0], Note::IntegrityUnchecked { .. }));
            assert!(contents.problems.iter().all(|problem| problem.error.code() == "passphrase_needed"));
        }
    }
}

#[test]
fn a_trust_store_has_certificates_alone() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    for kind in ["JKS", "JCEKS", "PKCS12"] {
        let store = format!("-storetype {kind} -keystore trust -storepass storepass");
        for name in ["root", "issuing"] {
            keytool(&chain, &format!("-importcert -noprompt -alias {name} -file {name}.pem {store}"));
        }
        let bytes = chain.openssl.read("trust");
        let contents = read(&bytes, "storepass").unwrap();
        assert_eq!((contents.keys.len(), contents.problems.len()), (0, 0));
        assert_eq!(sorted(found(&contents)), sorted(listed(&chain, &store)));
        assert!(contents.certificates.iter().all(|c| c.trusted && c.alias.is_some()), "{kind}");
        if kind != "PKCS12" {
            assert_eq!(file::read(&bytes, &Passphrases::none()).unwrap().certificates.len(), 2);
        }
        std::fs::remove_file(chain.openssl.path("trust")).unwrap();
    }
}

#[test]
fn keytool_reads_what_we_write() {
    let chain = Chain::new(KeyAlgorithm::Rsa2048);
    let key = PrivateKeyDer::read(&chain.openssl.run("pkey -in leaf.key -outform DER")).unwrap();
    let read_der = |der: &[u8]| Certificate::read_der(der).unwrap();
    let (leaf, issuing, root) = (read_der(&chain.leaf), read_der(&chain.issuing), read_der(&chain.root));
    let credential = Credential { key: &key, certificates: &[&leaf, &issuing, &root], alias: "web" };
    let anchors = [("root", &root), ("issuing", &issuing)];
    let at = 1_795_000_000_000;
    let ours = [
        ("JKS", jks::write(&credential, "storepass", at, &mut draw()).unwrap(), 3),
        ("JKS", jks::write_trusted(&anchors, "storepass", at).unwrap(), 2),
        ("PKCS12", pkcs12::write(&credential, "storepass", Protection::Modern, &mut draw()).unwrap(), 3),
        ("PKCS12", pkcs12::write(&credential, "storepass", Protection::Legacy, &mut draw()).unwrap(), 3),
        ("PKCS12", pkcs12::write_trusted(&anchors, "storepass", Protection::Modern, &mut draw()).unwrap(), 2),
    ];
    for (kind, bytes, certificates) in ours {
        chain.openssl.write("ours", &*bytes);
        let store = format!("-storetype {kind} -keystore ours -storepass storepass");
        assert_eq!(listed(&chain, &store).len(), certificates, "{kind}");
        let contents = read(&bytes, "storepass").unwrap();
        assert_eq!((contents.certificates.len(), contents.problems.len()), (certificates, 0));
        if certificates == 3 {
            // keytool opens the key, too.
            keytool(
                &chain,
                &format!(
                    "-importkeystore -noprompt -srckeystore ours -srcstoretype {kind} -srcstorepass storepass -srcalias web \
                 -destkeystore out.p12 -deststoretype PKCS12 -deststorepass storepass"
                ),
            );
            chain.assert_whole(&read(&chain.openssl.read("out.p12"), "storepass").unwrap());
            std::fs::remove_file(chain.openssl.path("out.p12")).unwrap();
            chain.assert_whole(&contents);
        } else {
            assert!(contents.certificates.iter().all(|c| c.trusted));
        }
    }
}
