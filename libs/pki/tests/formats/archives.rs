//! ZIP archives, and key rings of Domino.

use std::{io::Write as _, process::Command};

use contracts::x509::KeyAlgorithm;
use pki::file::{self, FileError, Format, Passphrases, key_ring};

use crate::support::{Chain, passphrase, read};

/// Writes an archive by Python's own library: names and contents as they are given.
fn zip(chain: &Chain, script: &str) -> Vec<u8> {
    let script = format!(
        "import zipfile\nz = zipfile.ZipFile('made.zip', 'w', zipfile.ZIP_DEFLATED)\n{script}\nz.close()\n"
    );
    let done =
        Command::new("python3").args(["-c", &script]).current_dir(chain.openssl.path("")).status().unwrap();
    assert!(done.success());
    chain.openssl.read("made.zip")
}

#[test]
fn each_file_of_an_archive_is_read_on_its_own() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    chain.openssl.run("pkcs12 -export -inkey leaf.key -in leaf.pem -passout pass:opensesame -out leaf.p12");
    chain.openssl.run("pkcs12 -export -inkey leaf.key -in leaf.pem -passout pass:another -out other.p12");
    let bytes = zip(
        &chain,
        "z.write('leaf.pem', '../../etc/leaf.pem')\nz.writestr('folder/', '')\nz.write('leaf.p12')\nz.write('other.p12')\n\
         z.writestr('note.txt', 'hello')\nz.writestr('empty.pem', '')\nz.write('root.pem', 'a\\x1b\\u202eb.pem')\n\
         z.writestr(zipfile.ZipInfo('stored.cer'), open('issuing.pem').read())",
    );
    let contents = file::read(&bytes, &passphrase("opensesame")).unwrap();
    assert_eq!(contents.format, Format::Zip);
    let results: Vec<(&str, Result<usize, &str>)> = contents
        .members
        .iter()
        .map(|member| {
            let result = member.result.as_ref();
            (member.name.as_str(), result.map(|found| found.certificates.len()).map_err(FileError::code))
        })
        .collect();
    assert_eq!(
        results,
        [
            ("../../etc/leaf.pem", Ok(1)),
            ("leaf.p12", Ok(1)),
            ("other.p12", Err("wrong_passphrase")),
            ("note.txt", Err("file_unrecognized")),
            ("empty.pem", Err("file_empty")),
            ("a\\u{1b}\\u{202e}b.pem", Ok(1)),
            ("stored.cer", Ok(1)),
        ]
    );
}

#[test]
fn archives_that_are_traps_are_refused() {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    let code = |bytes: &[u8]| {
        let contents = file::read(bytes, &Passphrases::none())?;
        assert_eq!(contents.members.len(), 1);
        contents.members.into_iter().next().unwrap().result.map(|_| ())
    };
    let inner = zip(&chain, "z.write('leaf.pem')");
    chain.openssl.write("inner.zip", &inner);
    assert_eq!(code(&zip(&chain, "z.write('inner.zip')")), Err(FileError::NestedArchive));
    let bomb = zip(&chain, "z.writestr('bomb.pem', b'\\0' * 9_000_000)");
    assert_eq!(code(&bomb).unwrap_err().code(), "file_too_large");
    let large = zip(&chain, "z.writestr('large.pem', b'\\0' * 200_000_000)");
    assert_eq!(code(&large).unwrap_err().code(), "file_too_large");
    let link = zip(
        &chain,
        "i = zipfile.ZipInfo('link')\ni.external_attr = 0o120777 << 16\nz.writestr(i, '/etc/passwd')",
    );
    assert_eq!(code(&link).unwrap_err().code(), "file_format_unsupported");
    // A size that is not true.
    let mut lying = inner.clone();
    let at = lying.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    lying[at + 24..at + 28].copy_from_slice(&20_u32.to_le_bytes());
    assert_eq!(code(&lying).unwrap_err().code(), "file_damaged");
    let many = zip(&chain, "for n in range(10_001): z.writestr(f'{n}', '')");
    assert_eq!(file::read(&many, &Passphrases::none()).unwrap_err().code(), "file_too_large");
    assert_eq!(read(&inner[..inner.len() - 30], "").unwrap_err().code(), "file_damaged");
}

#[test]
fn a_key_ring_is_recognized_whatever_its_name_and_kyrtools_output_is_read() {
    let chain = Chain::new(KeyAlgorithm::Rsa2048);
    let mut ring = vec![0, 1, 0, 0, 0, 0x10, 0xee, 0x42, 0, 0];
    ring.write_all(&[7; 400]).unwrap();
    ring.write_all(&chain.root).unwrap();
    ring.write_all(&[0; 64]).unwrap();
    assert_eq!(read(&ring, "").unwrap_err(), FileError::KeyRing);
    assert_eq!(
        key_ring::steps("data/my keyring.kyr"),
        [
            "kyrtool show keys -k \"data/my keyring.kyr\" > my-keyring.pem",
            "kyrtool show certs -k \"data/my keyring.kyr\" >> my-keyring.pem",
            "kyrtool show roots -k \"data/my keyring.kyr\" >> my-keyring.pem",
        ]
    );
    chain.openssl.run("pkey -in leaf.key -traditional -out traditional.key");
    let text = |name: &str| String::from_utf8(chain.openssl.read(name)).unwrap();
    let printed = format!(
        "Using keyring path 'my keyring.kyr'\n\nKey length: 2048 bits\n{}\nUsing keyring path 'my keyring.kyr'\n\nCertificate #0\n\
         Subject:\tCN=leaf.example\nIssuer:\tCN=issuing.example\n{}\nCertificate #1\n{}\n\nRoot #0\n{}",
        text("traditional.key"),
        text("leaf.pem"),
        text("issuing.pem"),
        text("root.pem"),
    );
    chain.assert_whole(&read(printed.as_bytes(), "").unwrap());
}

#[test]
fn other_archives_are_named() {
    for (bytes, name) in
        [(&b"\x1f\x8b\x08\0"[..], "gzip"), (b"7z\xbc\xaf\x27\x1c", "7-Zip"), (b"Rar!\x1a\x07", "RAR")]
    {
        assert!(read(bytes, "").unwrap_err().to_string().contains(name));
    }
}
