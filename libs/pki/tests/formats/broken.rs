//! A thousand broken files of each format, the same in every run: no panic, and bounded time. What a few changed bytes
//! make of a file may still be read; it is never more than the file had.

use std::time::{Duration, Instant};

use contracts::x509::KeyAlgorithm;
use pki::file::{self, Contents, FileError, Passphrases};
use proptest::prelude::*;

use crate::support::{Chain, Tool};

const FILES_PER_FORMAT: u64 = 1000;
/// Far more than one file takes; a file that asks for a million iterations is still done.
const MOST: Duration = Duration::from_secs(20);

/// Good files of every format, with few iterations.
fn good() -> Vec<(&'static str, Vec<u8>)> {
    let chain = Chain::new(KeyAlgorithm::EcdsaP256);
    let openssl = &chain.openssl;
    let all = ["leaf.pem", "leaf.key", "issuing.pem", "root.pem"].map(|name| openssl.read(name)).concat();
    openssl.write("all.pem", &all);
    let legacy = "-legacy -provider legacy -provider default";
    let export = "pkcs12 -export -in all.pem -inkey leaf.key -name web -passout pass:opensesame";
    let keytool = Tool::new("keytool", &chain);
    openssl.run(&format!("{export} -out modern.p12 -iter 50"));
    for kind in ["JKS", "JCEKS"] {
        keytool.run(&format!(
            "-importkeystore -noprompt -srckeystore modern.p12 -srcstoretype PKCS12 -srcstorepass opensesame \
             -destkeystore {kind} -deststoretype {kind} -deststorepass opensesame -destkeypass opensesame -srcalias web"
        ));
    }
    keytool.run("-genseckey -keyalg AES -keysize 128 -alias sealed -storetype JCEKS -keystore JCEKS -storepass opensesame -keypass opensesame");
    let script = "import zipfile\nz = zipfile.ZipFile('made.zip', 'w', zipfile.ZIP_DEFLATED)\n\
                  [z.write(n) for n in ('all.pem', 'modern.p12', 'JKS')]\nz.close()";
    let python =
        std::process::Command::new("python3").args(["-c", script]).current_dir(openssl.path("")).status();
    assert!(python.unwrap().success());
    vec![
        ("PEM", all),
        ("DER", chain.leaf.clone()),
        ("PKCS #7", openssl.run("crl2pkcs7 -nocrl -certfile all.pem -outform DER")),
        ("PKCS #8", openssl.run("pkcs8 -topk8 -in leaf.key -iter 50 -passout pass:opensesame -outform DER")),
        (
            "PKCS #8, scrypt",
            openssl
                .run("pkcs8 -topk8 -in leaf.key -scrypt -scrypt_N 16 -passout pass:opensesame -outform DER"),
        ),
        ("SEC 1", openssl.run("pkey -in leaf.key -traditional -aes-128-cbc -passout pass:opensesame")),
        ("PKCS #12", openssl.read("modern.p12")),
        ("PKCS #12, old", openssl.run(&format!("{export} -iter 50 {legacy}"))),
        ("PKCS #12, no MAC", openssl.run(&format!("{export} -iter 50 -nomac"))),
        ("JKS", openssl.read("JKS")),
        ("JCEKS", openssl.read("JCEKS")),
        ("ZIP", openssl.read("made.zip")),
    ]
}

/// Marsaglia's xorshift: the same numbers for the same seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

fn broken(good: &[u8], seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bytes = good.to_vec();
    for _ in 0..=numbers.next(3) {
        if bytes.len() < 8 {
            break;
        }
        // Most faults near the beginning, where formats have their lengths.
        let reach = if numbers.next(2) == 0 { bytes.len().min(200) } else { bytes.len() };
        let at = numbers.next(reach).min(bytes.len() - 5);
        match numbers.next(8) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << numbers.next(8),
            2 => bytes[at] = numbers.next(256) as u8,
            3 => bytes[at..at + 4].copy_from_slice(&[0xff; 4]), // a length of 4 GB, or a count
            4 => bytes[at..at + 5].copy_from_slice(&[0x84, 0xff, 0xff, 0xff, 0xff]), // the same in DER
            5 => drop(bytes.drain(at..at + 1 + numbers.next(4))),
            6 => {
                let piece = bytes[at..(at + 40).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes[at..at + 2].copy_from_slice(&[0x30, 0x80]), // an indefinite length
        }
    }
    bytes
}

fn count(result: &Result<Contents, FileError>) -> usize {
    let members =
        |contents: &Contents| contents.members.iter().map(|member| count(&member.result)).sum::<usize>();
    result.as_ref().map_or(0, |found| found.certificates.len() + found.keys.len() + members(found))
}

#[test]
fn a_thousand_broken_files_of_each_format_do_no_harm() {
    for (format, bytes) in good() {
        let passphrases = Passphrases::new(["opensesame".to_owned()]);
        let whole = count(&file::read(&bytes, &passphrases));
        assert!(whole > 0, "{format}");
        let (mut refused, mut longest) = (0, Duration::ZERO);
        for seed in 0..FILES_PER_FORMAT {
            let broken = broken(&bytes, seed);
            let begun = Instant::now();
            let result = file::read(&broken, &passphrases);
            longest = longest.max(begun.elapsed());
            assert!(begun.elapsed() < MOST, "{format}, seed {seed}");
            // A piece said twice may name a block twice, never more.
            assert!(count(&result) <= whole, "{format}, seed {seed}");
            // Without a passphrase no checksum stands before what is inside.
            let begun = Instant::now();
            let unchecked = file::read(&broken, &Passphrases::none());
            assert!(begun.elapsed() < MOST && count(&unchecked) <= whole, "{format}, seed {seed}");
            refused += usize::from(result.is_err());
        }
        println!("{format}: {refused} of {FILES_PER_FORMAT} refused as a whole, at most {longest:?} each");
        assert!(refused > 0, "{format}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_a_reader_panic(
        start in prop::sample::select(vec![
            &b""[..], b"-----BEGIN ", b"\x30\x82", b"\x30\x80", b"PK\x03\x04", b"PK\x05\x06", b"\xfe\xed\xfe\xed\0\0\0\x02",
            b"\xce\xce\xce\xce\0\0\0\x02", b"\xff\xfe", b"\x30\x80\x02\x01\x03\x30\x80\x06\x09",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let bytes = [start, &rest].concat();
        let _ = file::read(&bytes, &Passphrases::new(["x".to_owned()]));
    }
}
