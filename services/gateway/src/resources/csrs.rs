//! `/csrs/inspect`: what a CSR says, without keeping it.

use contracts::{
    Code, Problem,
    x509::{ExtendedKeyUsage, KeyAlgorithm, KeyUsage, SignatureAlgorithm, Subject, SubjectAltName},
};
use http::StatusCode;
use pki::CertificationRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{answer::Answer, body::Media, call::Call, operation::Operation};

/// A CSR to look at.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inspection {
    /// PKCS #10 as PEM or bare base64 DER.
    csr: String,
}

/// What a CSR says. Its signature was verified.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct InspectedCsr {
    /// The subject.
    subject: Subject,
    /// Names it asks for.
    sans: Vec<SubjectAltName>,
    /// Names a certificate would have: where none are asked for, the common name if it is a host's.
    effective_sans: Vec<SubjectAltName>,
    /// Kind and size of the key.
    key_algorithm: KeyAlgorithm,
    /// What it is signed with.
    signature_algorithm: SignatureAlgorithm,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    spki_sha256: String,
    /// Key usages it asks for.
    key_usages: Vec<KeyUsage>,
    /// Extended key usages it asks for.
    extended_key_usages: Vec<ExtendedKeyUsage>,
    /// Other usages it asks for.
    other_usages: Vec<String>,
    /// Whether it asks to be a CA.
    is_ca: bool,
    /// The CSR as PEM.
    csr: String,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB…\n-----END CERTIFICATE REQUEST-----\n";
    let san = json!([{"type": "dns", "value": "shop.example.com"}]);
    let example = json!({"subject": {"commonName": "shop.example.com"}, "sans": san, "effectiveSans": san,
        "keyAlgorithm": "ecdsa_p256", "signatureAlgorithm": "ecdsa_sha256", "spkiSha256": "77aa41d2…", "keyUsages": [],
        "extendedKeyUsages": [], "otherUsages": [], "isCa": false, "csr": csr});
    vec![
        Operation::compute("/api/v1/csrs/inspect", "inspectCsr", "Show what a CSR says; nothing is kept")
            .signed_in()
            .tagged("Certificate requests")
            .takes_any::<Inspection>(&[Media::Json, Media::Pkcs10], json!({"csr": csr}))
            .answers::<InspectedCsr>(StatusCode::OK, "What it says.", example)
            .problem(Code::CsrInvalid)
            .handled_by(inspect),
    ]
}

async fn inspect(call: Call) -> Result<Answer, Problem> {
    let read = match call.media {
        Media::Json => CertificationRequest::read(call.json::<Inspection>()?.csr.as_bytes()),
        Media::Pkcs10 | Media::Form | Media::Csv | Media::File => CertificationRequest::read(&call.body),
    };
    let csr = read.map_err(|error| {
        Problem::new(Code::CsrInvalid, error.to_string()).with_errors(vec![error.violation()])
    })?;
    let requested = csr.requested();
    let inspected = InspectedCsr {
        subject: csr.subject().clone(),
        sans: csr.sans().to_vec(),
        effective_sans: csr.effective_sans(),
        key_algorithm: csr.key_algorithm(),
        signature_algorithm: csr.signature_algorithm(),
        spki_sha256: hex::encode(pki::spki::spki_sha256(csr.spki())),
        key_usages: requested.key_usages.clone(),
        extended_key_usages: requested.extended_key_usages.clone(),
        other_usages: requested.other_usages.clone(),
        is_ca: requested.is_ca,
        csr: csr.to_pem(),
    };
    Answer::json(StatusCode::OK, &inspected)
}
