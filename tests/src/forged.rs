//! CSRs that OpenSSL does not make.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::subscriber::{P256, csr, openssl};

/// An RSA CSR whose public exponent is 1: a signature is then the padded hash itself, so anybody can write one.
#[must_use]
pub fn csr_with_exponent_one() -> Vec<u8> {
    let modulus = openssl(&["genrsa", "2048"], "");
    let modulus = openssl(&["rsa", "-noout", "-modulus"], &modulus);
    let modulus = hex::decode(modulus.trim().trim_start_matches("Modulus=")).unwrap();
    let sequence = |parts: &[&[u8]]| der(0x30, &parts.concat());
    let integer = |bytes: &[u8]| der(0x02, &[&[0][..], bytes].concat());
    let key = sequence(&[&integer(&modulus), &[0x02, 0x01, 0x01]]);
    let rsa = sequence(&[&hex::decode("06092a864886f70d010101").unwrap(), &[5, 0]]);
    let spki = sequence(&[&rsa, &der(0x03, &[&[0][..], &key].concat())]);
    let common_name = sequence(&[&hex::decode("0603550403").unwrap(), &der(0x0c, b"one.example.com")]);
    let subject = sequence(&[&der(0x31, &common_name)]);
    let info = sequence(&[&[0x02, 0x01, 0x00], &subject, &spki, &der(0xa0, &[])]);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&info);
    let info_of_digest =
        [&hex::decode("3031300d060960864801650304020105000420").unwrap()[..], &digest].concat();
    let fill = vec![0xff; modulus.len() - 3 - info_of_digest.len()];
    let signature = [&[0, 1][..], &fill, &[0], &info_of_digest].concat();
    let algorithm = sequence(&[&hex::decode("06092a864886f70d01010b").unwrap(), &[5, 0]]);
    sequence(&[&info, &algorithm, &der(0x03, &[&[0][..], &signature].concat())])
}

/// A CSR with a NUL in place of the X after `good`, signed properly.
#[must_use]
pub fn csr_with_nul(arguments: &[impl AsRef<str>]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let made = csr(&[P256, &arguments].concat());
    let body: String = made.pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut bytes = STANDARD.decode(body).unwrap();
    let at = bytes.windows(5).position(|window| window == b"goodX").unwrap() + 4;
    bytes[at] = 0;
    resigned(&bytes, &made.key)
}

/// PEM of a CSR's base64, well formed or not.
#[must_use]
pub fn in_pem(base64: &str) -> String {
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
}

/// The CSR with the signature that its (changed) contents need.
fn resigned(csr: &[u8], key: &str) -> String {
    use x509_parser::prelude::FromDer as _;
    let (_, parsed) = x509_parser::certification_request::X509CertificationRequest::from_der(csr).unwrap();
    let info = parsed.certification_request_info.raw.to_vec();
    let folder = tempfile::tempdir().unwrap();
    let (info_file, key_file) = (folder.path().join("info"), folder.path().join("key"));
    std::fs::write(&info_file, &info).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let signature_file = folder.path().join("signature");
    let path = |file: &std::path::Path| file.display().to_string();
    _ = openssl(
        &["dgst", "-sha256", "-sign", &path(&key_file), "-out", &path(&signature_file), &path(&info_file)],
        "",
    );
    let signature = std::fs::read(signature_file).unwrap();
    let algorithm = der(0x30, &hex::decode("06082a8648ce3d040302").unwrap());
    let whole = der(0x30, &[&info[..], &algorithm, &der(0x03, &[&[0][..], &signature].concat())].concat());
    in_pem(&STANDARD.encode(whole))
}

/// Tag, length and contents (X.690 §8.1).
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut header = vec![tag];
    match length {
        0..128 => header.push(u8::try_from(length).unwrap()),
        128..256 => header.extend([0x81, u8::try_from(length).unwrap()]),
        _ => header.extend([&[0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat()),
    }
    [&header, contents].concat()
}
