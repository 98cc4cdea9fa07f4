//! No bytes make the readers panic, and what is read is what was sent.

use std::sync::OnceLock;

use contracts::x509::KeyAlgorithm;
use pki::{
    Certificate, CertificationRequest,
    builder::{Addresses, Issuer},
    lint::{Role, lint},
    name, pem, spki,
};
use proptest::prelude::*;

use crate::{
    building::{Ca, leaf_template, name as subject, sans},
    support::{Openssl, der},
};

struct Samples {
    csr_pem: Vec<u8>,
    csr: Vec<u8>,
    certificate: Vec<u8>,
    issuer: Issuer,
}

fn samples() -> &'static Samples {
    static SAMPLES: OnceLock<Samples> = OnceLock::new();
    SAMPLES.get_or_init(|| {
        let openssl = Openssl::new();
        let ca = Ca::root(&openssl, "root", KeyAlgorithm::EcdsaP256);
        let csr_pem = openssl
            .csr_with_san("/C=US/O=Example/CN=a.example", "DNS:a.example,IP:192.0.2.1,email:a@b.example");
        let (subject, names, spki, none) =
            (subject("a.example"), sans(), ca.certificate.spki().to_vec(), Addresses::default());
        let (_, certificate) = ca.issue(&openssl, &leaf_template(&subject, &names, &spki, &none));
        Samples { csr: der(&csr_pem), csr_pem, certificate, issuer: ca.issuer() }
    })
}

#[derive(Clone, Debug)]
enum Mutation {
    Set(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, Vec<u8>),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let one = prop_oneof![
        6 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        1 => any::<usize>().prop_map(Mutation::Cut),
        1 => (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Mutation::Remove(at, length)),
        1 => (any::<usize>(), 1..40_usize).prop_map(|(at, length)| Mutation::Repeat(at, length)),
        1 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
    ];
    prop::collection::vec(one, 1..4)
}

fn mutated(original: &[u8], mutations: &[Mutation]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match mutation {
            Mutation::Set(at, byte) => bytes[at % length] = *byte,
            Mutation::Cut(at) => bytes.truncate(at % length),
            Mutation::Remove(at, count) => {
                let at = at % length;
                bytes.drain(at..(at + count).min(length));
            }
            Mutation::Repeat(at, count) => {
                let at = at % length;
                let piece = bytes[at..(at + count).min(length)].to_vec();
                bytes.splice(at..at, piece);
            }
            Mutation::Insert(at, piece) => {
                let at = at % length;
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

/// Everything that can be asked of foreign bytes.
fn read_as_everything(bytes: &[u8]) {
    let _ = pem::read(bytes);
    let _ = name::name_to_subject(bytes);
    let _ = name::to_text(bytes);
    let _ = name::common_name(bytes);
    let _ = spki::PublicKey::read(bytes);
    let _ = spki::key_identifier(bytes);
    if let Err(error) = CertificationRequest::read(bytes) {
        assert!(!error.to_string().is_empty() && !error.violation().code.is_empty());
    }
    if let Ok(certificates) = Certificate::read_all(bytes) {
        for certificate in certificates {
            let _ = certificate.describe();
            let _ = certificate.is_signed_by(certificate.spki());
            let _ = Issuer::from_certificate(&certificate);
            for role in [Role::Root, Role::SelfSignedLeaf, Role::Leaf(&samples().issuer)] {
                let _ = lint(certificate.der(), role);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        read_as_everything(&bytes);
        read_as_everything(&[&[0x30, 0x82, (bytes.len() >> 8) as u8, bytes.len() as u8], bytes.as_slice()].concat());
    }

    #[test]
    fn arbitrary_text_is_survived(text in "(-----(BEGIN|END) (CERTIFICATE REQUEST|A|PRIVATE KEY)-----|\\PC|\n|\\\\n|MII[A-Za-z0-9+/=]{0,40}){0,20}") {
        read_as_everything(text.as_bytes());
    }

    #[test]
    fn mutated_csrs_are_survived(mutations in mutations()) {
        let sample = samples();
        read_as_everything(&mutated(&sample.csr_pem, &mutations));
        let der = mutated(&sample.csr, &mutations);
        read_as_everything(&der);
        if let Ok(csr) = CertificationRequest::read_der(&der) {
            // Nothing outside of the signature's own encoding can change unnoticed.
            let original = CertificationRequest::read_der(&sample.csr).unwrap();
            prop_assert_eq!((csr.subject_der(), csr.spki(), csr.sans()), (original.subject_der(), original.spki(), original.sans()));
        }
    }

    #[test]
    fn mutated_certificates_are_survived(mutations in mutations()) {
        let sample = samples();
        let der = mutated(&sample.certificate, &mutations);
        read_as_everything(&der);
        if let Ok(certificate) = Certificate::read_der(&der) {
            prop_assert_eq!(certificate.der(), der.as_slice());
        }
    }
}
