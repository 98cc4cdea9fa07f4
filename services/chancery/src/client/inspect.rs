//! `chancery inspect`: what a file holds, without a server.

use clap::Args;

use pki::{
    certificate::Certificate,
    csr::{CertificationRequest, CsrError},
};
use serde_json::{Value, json};

use super::{
    Format,
    failure::Failure,
    listing::read_input,
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("KIND", "/kind", false),
    Column("SUBJECT", "/subject", false),
    Column("NAMES", "/sans", false),
    Column("ISSUER", "/issuer", false),
    Column("KEY", "/keyAlgorithm", false),
    Column("SIGNATURE", "/signatureAlgorithm", false),
    Column("FROM", "/notBefore", false),
    Column("UNTIL", "/notAfter", false),
    Column("SERIAL", "/serialNumber", false),
    Column("SHA-256", "/sha256", false),
];

/// Show what a file holds: CSR or certificates (offline)
#[derive(Args, Debug)]
pub struct Inspect {
    /// File, `-` for standard input
    file: String,
}

impl Inspect {
    pub(super) fn run(self, format: Format) -> Result<(), Failure> {
        let bytes = read_input(&self.file)?;
        let found = describe(&bytes).map_err(|reasons| Failure::Usage(format!("{} {reasons}", self.file)))?;
        output::one(format, &found, COLUMNS)
    }
}

/// What the bytes are: a CSR, else certificates, of which the first is shown; else what is wrong with them.
fn describe(bytes: &[u8]) -> Result<Value, String> {
    let not_csr = match CertificationRequest::read(bytes) {
        Ok(csr) => return Ok(describe_csr(&csr)),
        Err(CsrError::PrivateKey) => {
            return Err("holds a private key, of which nothing is shown; it was sent nowhere".into());
        }
        Err(error) => error,
    };
    match Certificate::read_all(bytes) {
        Ok(certificates) if !certificates.is_empty() => {
            let mut described = json!(certificates[0].describe());
            described["kind"] = "certificate".into();
            if certificates.len() > 1 {
                described["chain"] = certificates[1..].iter().map(|c| json!(c.describe())).collect();
            }
            Ok(described)
        }
        _ if is_csr(bytes, &not_csr) => Err(format!("is a CSR that is not accepted: {not_csr}")),
        Ok(_) | Err(_) => Err(format!("is not a CSR ({not_csr}) and not a certificate")),
    }
}

/// Whether what was refused is a CSR all the same: by its armour, or because it was understood up to the reason.
fn is_csr(bytes: &[u8], refused: &CsrError) -> bool {
    const MARK: &[u8] = b"CERTIFICATE REQUEST-----";
    bytes.windows(MARK.len()).any(|window| window == MARK)
        || matches!(
            refused,
            CsrError::Version
                | CsrError::SignatureAlgorithm(_)
                | CsrError::Key(_)
                | CsrError::Signature
                | CsrError::Subject(_)
                | CsrError::San(_)
                | CsrError::Repeated(_)
                | CsrError::Extension(_)
        )
}

fn describe_csr(csr: &CertificationRequest) -> Value {
    let requested = csr.requested();
    json!({
        "kind": "csr",
        "subject": pki::name::to_text(csr.subject_der()),
        "sans": csr.effective_sans(),
        "keyAlgorithm": csr.key_algorithm(),
        "signatureAlgorithm": csr.signature_algorithm(),
        "keyUsages": requested.key_usages,
        "extendedKeyUsages": requested.extended_key_usages,
        "spkiSha256": hex::encode(pki::spki::spki_sha256(csr.spki())),
        "csr": csr.to_pem(),
    })
}
