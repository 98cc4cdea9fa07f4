//! PEM, DER, PKCS #7 and keys on their own.

use contracts::x509::KeyAlgorithm;
use pki::file::{self, FileError, Format, Note, Passphrases};

use crate::{
    openssl::Openssl,
    support::{Chain, passphrase, read},
};

fn text(chain: &Chain, name: &str) -> String {
    String::from_utf8(chain.openssl.read(name)).unwrap()
}

#[test]
fn blocks_come_in_any_order_with_text_around_them() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    chain.openssl.run("ecparam -name prime256v1 -genkey -out with-parameters.key");
    chain.openssl.run("x509 -in leaf.pem -text -out leaf-text.pem");
    let [leaf, issuing, root, key] =
        ["leaf-text.pem", "issuing.pem", "root.pem", "leaf.key"].map(|name| text(&chain, name));
    for file in [
        format!("{key}{leaf}{issuing}{root}"),
        format!("{root}\n\n\n{issuing}{leaf}{key}"),
        format!("Dear colleague,\n{issuing}--- here is the key\n{key}{root}{leaf}-- \nAlice\n"),
        format!("{key}{leaf}{issuing}{root}").replace('\n', "\r\n"),
        format!("{key}{leaf}{issuing}{root}").replace('\n', "\\n"),
        format!("Gr\u{fc}\u{df}e\n{leaf}{leaf}{key}{key}{root}{issuing}"),
    ] {
        let contents = file::read(file.as_bytes(), &Passphrases::none()).unwrap();
        assert_eq!(contents.format, Format::Pem);
        chain.assert_whole(&contents);
    }
    let latin1: Vec<u8> =
        [&b"Gr\xfc\xdfe\n"[..], (key.clone() + &leaf + &issuing + &root).as_bytes()].concat();
    chain.assert_whole(&read(&latin1, "").unwrap());
    let all = key + &leaf + &issuing + &root;
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(all.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    chain.assert_whole(&read(&utf16, "").unwrap());

    let with_parameters = chain.openssl.read("with-parameters.key");
    assert!(with_parameters.starts_with(b"-----BEGIN EC PARAMETERS-----"));
    let contents = file::read(&with_parameters, &Passphrases::none()).unwrap();
    assert_eq!((contents.keys.len(), contents.notes.len()), (1, 0));
    assert_eq!(contents.keys[0].key.spki(), chain.openssl.spki("with-parameters.key"));
}

#[test]
fn every_encoding_of_every_kind_of_key_is_read() {
    let openssl = Openssl::new();
    for algorithm in [
        KeyAlgorithm::Rsa2048,
        KeyAlgorithm::EcdsaP256,
        KeyAlgorithm::EcdsaP384,
        KeyAlgorithm::EcdsaP521,
        KeyAlgorithm::Ed25519,
    ] {
        openssl.key("key", algorithm);
        let spki = openssl.spki("key");
        let mut made = vec!["pkey -in key", "pkey -in key -outform DER"];
        made.extend([
            "pkcs8 -topk8 -in key -v2 aes-256-cbc -passout pass:opensesame",
            "pkcs8 -topk8 -in key -v2 aes-128-cbc -v2prf hmacWithSHA512 -iter 5000 -passout pass:opensesame",
            "pkcs8 -topk8 -in key -v2 des3 -passout pass:opensesame",
            "pkcs8 -topk8 -in key -scrypt -passout pass:opensesame",
            "pkcs8 -topk8 -in key -v2 aes-256-cbc -passout pass:opensesame -outform DER",
            "pkcs8 -topk8 -in key -v1 PBE-SHA1-3DES -passout pass:opensesame",
            "pkcs8 -topk8 -in key -v1 PBE-SHA1-RC2-40 -passout pass:opensesame -provider legacy -provider default",
            "pkcs8 -topk8 -in key -v1 PBE-SHA1-RC2-128 -passout pass:opensesame -provider legacy -provider default",
            "pkcs8 -topk8 -in key -v1 PBE-MD5-DES -passout pass:opensesame -provider legacy -provider default",
            "pkcs8 -topk8 -in key -v1 PBE-SHA1-DES -passout pass:opensesame -provider legacy -provider default",
        ]);
        if algorithm != KeyAlgorithm::Ed25519 {
            made.extend([
                "pkey -in key -traditional",
                "pkey -in key -traditional -outform DER",
                "pkey -in key -traditional -aes-256-cbc -passout pass:opensesame",
                "pkey -in key -traditional -aes-128-cbc -passout pass:opensesame",
                "pkey -in key -traditional -des-ede3-cbc -passout pass:opensesame",
                "pkey -in key -traditional -des-cbc -passout pass:opensesame -provider legacy -provider default",
            ]);
        }
        for words in made {
            let bytes = openssl.run(words);
            let contents = read(&bytes, "opensesame").unwrap_or_else(|error| panic!("{words}: {error}"));
            assert_eq!(contents.keys.len(), 1, "{words}");
            assert_eq!(contents.keys[0].key.spki(), spki, "{words}");
            assert_eq!(contents.keys[0].key.algorithm(), Some(algorithm), "{words}");
            openssl.write("back", contents.keys[0].key.pkcs8());
            assert_eq!(openssl.run("pkey -inform DER -in back -pubout -outform DER"), spki, "{words}");
            if words.contains("passout") {
                let wrong = read(&bytes, "opensesam").unwrap_err();
                assert_eq!(wrong.code(), "wrong_passphrase", "{words}: {wrong}");
                let none = file::read(&bytes, &Passphrases::none()).unwrap_err();
                assert_eq!(none.code(), "passphrase_needed", "{words}");
            }
        }
    }
}

#[test]
fn keys_that_are_not_ours_are_named() {
    let openssl = Openssl::new();
    for (words, name) in [
        ("genpkey -algorithm X25519", "x25519"),
        ("genpkey -algorithm ED448", "ed448"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "secp256k1"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1", "brainpoolP256r1"),
        ("genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out dsa.param", ""),
        ("genpkey -paramfile dsa.param", "dsa"),
    ] {
        let made = openssl.run(words);
        if name.is_empty() {
            continue;
        }
        match file::read(&made, &Passphrases::none()) {
            Err(FileError::UnsupportedAlgorithm { name: found, .. }) => {
                assert!(found.contains(name), "{found}")
            }
            other => panic!("{words}: {other:?}"),
        }
    }
    let small = openssl.run("genrsa 1024");
    let contents = file::read(&small, &Passphrases::none()).unwrap();
    assert_eq!(contents.keys[0].key.describe(), ("rsa_1024".to_owned(), Some(1024)));
}

#[test]
fn certificates_alone_are_read_as_cer_and_p7b() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP384);
    let contents = read(&chain.leaf, "").unwrap();
    assert_eq!((contents.format, contents.certificates.len()), (Format::Der, 1));
    let base64: String = text(&chain, "leaf.pem").lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(read(base64.as_bytes(), "").unwrap().certificates[0].certificate.der(), chain.leaf);

    chain.openssl.write("index", "");
    chain
        .openssl
        .write("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=9\n");
    chain.openssl.run("ca -gencrl -config ca.cnf -keyfile root.key -cert root.pem -out root.crl");
    for (words, crls) in [
        ("crl2pkcs7 -nocrl -certfile root.pem -certfile leaf.pem -certfile issuing.pem", 0),
        ("crl2pkcs7 -in root.crl -certfile root.pem -certfile leaf.pem -certfile issuing.pem", 1),
    ] {
        for form in ["PEM", "DER"] {
            let bytes = chain.openssl.run(&format!("{words} -outform {form}"));
            let contents = read(&bytes, "").unwrap();
            assert_eq!(contents.certificates.len(), 3);
            assert_eq!(contents.crls, crls);
            assert_eq!(contents.notes.contains(&Note::CrlIgnored), crls == 1);
            assert_eq!(contents.format, if form == "PEM" { Format::Pem } else { Format::Pkcs7 });
        }
    }
    let crl = read(&chain.openssl.read("root.crl"), "").unwrap();
    assert_eq!((crl.crls, crl.is_empty()), (1, true));
}

#[test]
fn pkcs7_in_ber_is_converted() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    // `-stream` makes indefinite lengths, as Windows and Java do.
    chain.openssl.write("message", "hello");
    chain.openssl.run(
        "cms -sign -in message -signer leaf.pem -inkey leaf.key -certfile issuing.pem -nodetach -stream \
         -outform DER -out ber.p7b",
    );
    let bytes = chain.openssl.read("ber.p7b");
    assert_eq!(bytes[1], 0x80, "indefinite length");
    let contents = read(&bytes, "").unwrap();
    assert_eq!(contents.notes, [Note::ConvertedFromBer]);
    let mut found: Vec<_> = contents.certificates.iter().map(|c| c.certificate.der().to_vec()).collect();
    found.sort();
    let mut expected = [chain.leaf.clone(), chain.issuing.clone()];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_request_is_told_from_a_certificate() {
    let openssl = Openssl::new();
    let csr = openssl.csr_with_san("/CN=a.example", "DNS:a.example");
    assert_eq!(read(&csr, "").unwrap().requests.len(), 1);
    let old = String::from_utf8(csr).unwrap().replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    let contents = read(old.as_bytes(), "").unwrap();
    assert_eq!(contents.requests.len(), 1);
    let contents = read(&contents.requests[0], "").unwrap();
    assert_eq!((contents.format, contents.requests.len()), (Format::Csr, 1));
}

#[test]
fn one_bad_block_leaves_the_others() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    let [leaf, root, key] = ["leaf.pem", "root.pem", "leaf.key"].map(|name| text(&chain, name));
    let cut = root.replace("-----END CERTIFICATE-----\n", "");
    let contents = read(format!("{cut}{leaf}{key}").as_bytes(), "").unwrap();
    assert_eq!(contents.certificates.len(), 1);
    assert_eq!(contents.problems.len(), 1);
    let said = contents.problems[0].to_string();
    assert!(said.starts_with("block 1 (CERTIFICATE), line 1: ") && said.contains("footer"), "{said}");

    let spoiled = leaf.replacen('M', "!", 1);
    let contents = read(format!("\n\n{spoiled}{root}").as_bytes(), "").unwrap();
    assert!(contents.problems[0].to_string().starts_with("block 1 (CERTIFICATE), line 3: "));
    assert_eq!(read(spoiled.as_bytes(), "").unwrap_err().code(), "file_damaged");

    let locked = chain.openssl.run("pkcs8 -topk8 -in leaf.key -passout pass:right");
    let both = [leaf.as_bytes(), &locked].concat();
    let contents = read(&both, "wrong").unwrap();
    assert_eq!(contents.certificates.len(), 1);
    assert_eq!(contents.problems[0].error.code(), "wrong_passphrase");
    assert_eq!(
        file::read(&both, &Passphrases::none()).unwrap().problems[0].error.code(),
        "passphrase_needed"
    );
    let several = Passphrases::new(["wrong".to_owned(), "right".to_owned()]);
    assert_eq!(file::read(&both, &several).unwrap().keys.len(), 1);
}

#[test]
fn what_is_none_of_these_says_so() {
    for (bytes, code) in [
        (&b""[..], "file_empty"),
        (b" \r\n\t ", "file_empty"),
        (b"hello", "file_unrecognized"),
        (b"\x30", "file_damaged"),
        (b"\x30\x03\x02\x01\x05", "file_unrecognized"),
        (b"\x7fELF\0\0", "file_unrecognized"),
        (b"-----BEGIN CERTIFICATE-----", "file_damaged"),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
            "algorithm_unsupported",
        ),
    ] {
        let error = file::read(bytes, &Passphrases::none()).unwrap_err();
        assert_eq!(error.code(), code, "{bytes:?}: {error}");
    }
    let large = vec![b'a'; file::MAX_FILE_BYTES + 1];
    assert_eq!(file::read(&large, &passphrase("x")).unwrap_err().code(), "file_too_large");
}

#[test]
fn too_much_work_is_refused_before_it_is_begun() {
    let openssl = Openssl::new();
    openssl.key("key", KeyAlgorithm::EcdsaP256);
    let begun = std::time::Instant::now();
    let locked = openssl.run("pkcs8 -topk8 -in key -iter 2000 -passout pass:x -outform DER");
    // 02 02 07d0 becomes a number of four bytes; the lengths around it grow by two.
    let many = grown(&locked, &[0x02, 0x02, 0x07, 0xd0], &[0x02, 0x04, 0x7f, 0xff, 0xff, 0xff]);
    match read(&many, "x").unwrap_err() {
        FileError::TooManyIterations { found, limit, .. } => {
            assert_eq!((found, limit), (0x7fff_ffff, 5_000_000));
        }
        other => panic!("{other}"),
    }
    assert!(begun.elapsed().as_secs() < 5);
}

/// Replaces an element of a DER by a longer one, and mends the lengths of what it stands in.
fn grown(der: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    use crate::openssl::{parts, split, tlv};
    let (tag, contents, rest) = split(der);
    assert!(rest.is_empty());
    if der == from {
        return to.to_vec();
    }
    if tag & 0x20 == 0 {
        return der.to_vec();
    }
    let contents: Vec<u8> = parts(contents).iter().flat_map(|part| grown(part, from, to)).collect();
    tlv(tag, &contents)
}
