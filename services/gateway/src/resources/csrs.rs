//! `/csrs`: CSRs without a certificate request, made for a key of ours or looked at. None is kept.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    Code, KeyId, Permission, Problem,
    signer::{BuildCsr, BuiltCsr},
    x509::{ExtendedKeyUsage, KeyAlgorithm, KeyUsage, SignatureAlgorithm, Subject, SubjectAltName},
};
use http::StatusCode;
use pki::CertificationRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::foreign_key;
use crate::{answer::Answer, body::Media, call::Call, operation::Operation, read};

/// A CSR to look at.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inspection {
    /// PKCS #10 as PEM or bare base64 DER.
    csr: String,
}

/// A CSR that was made, and what it says.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct MadeCsr {
    /// The key that it is for.
    key_id: KeyId,
    #[serde(flatten)]
    says: InspectedCsr,
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
    /// Whether it holds a challenge password, for everybody to read.
    challenge_password: bool,
    /// What a person should know before it is sent to a CA.
    findings: Vec<Finding>,
    /// The CSR as PEM.
    csr: String,
}

/// Something worth knowing about a CSR.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Finding {
    /// Its stable code.
    code: &'static str,
    /// What it is, in a sentence.
    detail: String,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let csr = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB…\n-----END CERTIFICATE REQUEST-----\n";
    let san = json!([{"type": "dns", "value": "shop.example.com"}]);
    let said = json!({"subject": {"commonName": "shop.example.com"}, "sans": san, "effectiveSans": san,
        "keyAlgorithm": "ecdsa_p256", "signatureAlgorithm": "ecdsa_sha256", "spkiSha256": "77aa41d2…", "keyUsages": [],
        "extendedKeyUsages": [], "otherUsages": [], "isCa": false,
        "challengePassword": false,
        "findings": [{"code": "sans_missing", "detail": "it names no subject alternative names; the common name would be taken"}], "csr": csr});
    let mut made = said.clone();
    made["keyId"] = "key_01jdp4q2x8f7mb3v5kz6n9w0ae".into();
    made["findings"] = json!([]);
    vec![
        Operation::post("/api/v1/csrs", "buildCsr", "Make a CSR for a key of the keystore; it is kept nowhere")
            .needs(Permission::RequestCreate)
            .costly()
            .sensitive()
            .tagged("Certificate requests")
            .takes::<BuildCsr>(json!({"key": {"algorithm": "rsa_3072"}, "sans": san,
                "subject": {"commonName": "shop.example.com", "organization": "Example Inc", "country": "CA"}}))
            .answers::<MadeCsr>(StatusCode::CREATED, "The CSR, its key and what it says.", made)
            .problems(&[Code::InvalidState, Code::NotFound, Code::KeystoreSealed, Code::ClockGuard])
            .handled_by(build),
        Operation::compute("/api/v1/csrs/inspect", "inspectCsr", "Show what a CSR says; nothing is kept")
            .signed_in()
            .tagged("Certificate requests")
            .takes_any::<Inspection>(&[Media::Json, Media::Pkcs10], json!({"csr": csr}))
            .answers::<InspectedCsr>(StatusCode::OK, "What it says.", said)
            .problem(Code::CsrInvalid)
            .handled_by(inspect),
    ]
}

async fn build(call: Call) -> Result<Answer, Problem> {
    let command: BuildCsr = call.json()?;
    let key = command.key.id;
    let outcome = call
        .send(command, |BuiltCsr { key_id, csr }, _version| {
            let der = STANDARD.decode(csr.reveal()).map_err(read::internal)?;
            let csr = CertificationRequest::read_der(&der).map_err(read::internal)?;
            let mut says = described(&csr);
            says.findings.retain(|finding| finding.code != "challenge_password"); // whoever asked for it knows
            Answer::json(StatusCode::CREATED, &MadeCsr { key_id, says })
        })
        .await;
    foreign_key::watched(&call, key, outcome).await
}

async fn inspect(call: Call) -> Result<Answer, Problem> {
    let read = match call.media {
        Media::Json => CertificationRequest::read(call.json::<Inspection>()?.csr.as_bytes()),
        Media::Pkcs10 | Media::Form | Media::Csv | Media::File => CertificationRequest::read(&call.body),
    };
    let csr = read.map_err(|error| {
        Problem::new(Code::CsrInvalid, error.to_string()).with_errors(vec![error.violation()])
    })?;
    Answer::json(StatusCode::OK, &described(&csr))
}

fn described(csr: &CertificationRequest) -> InspectedCsr {
    let requested = csr.requested();
    InspectedCsr {
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
        challenge_password: requested.challenge_password,
        findings: findings(csr),
        csr: csr.to_pem(),
    }
}

/// What CAs refuse or leave out, and people overlook.
fn findings(csr: &CertificationRequest) -> Vec<Finding> {
    let mut findings = vec![];
    let mut find = |code, detail: String| findings.push(Finding { code, detail });
    let host = csr.subject().common_name.as_deref().filter(|name| pki::hostname::is_host(name));
    let named = |host: &str| csr.sans().iter().any(|name| name.to_string().eq_ignore_ascii_case(host));
    match host {
        Some(_) if csr.sans().is_empty() => {
            find(
                "sans_missing",
                "it names no subject alternative names; the common name would be taken".into(),
            );
        }
        None if csr.sans().is_empty() => find("names_missing", "it names no host, address or mailbox".into()),
        Some(host) if !named(host) => find(
            "common_name_not_in_sans",
            format!("the common name '{host}' is not among the subject alternative names"),
        ),
        Some(_) | None => {}
    }
    let requested = csr.requested();
    if requested.challenge_password {
        find(
            "challenge_password",
            "it holds a challenge password, which everybody who has it can read".into(),
        );
    }
    if requested.is_ca {
        find("asks_to_be_ca", "it asks for the certificate of a CA".into());
    }
    if !requested.other_usages.is_empty() {
        find(
            "usages_not_issued",
            format!("it asks for {}, which is not issued here", requested.other_usages.join(", ")),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair};

    use super::*;

    #[test]
    fn what_people_overlook_is_found() {
        let codes = |common_name: Option<&str>, sans: &[&str], is_ca: bool| {
            let sans: Vec<String> = sans.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(sans).unwrap();
            params.distinguished_name = DistinguishedName::new();
            if let Some(name) = common_name {
                params.distinguished_name.push(DnType::CommonName, name);
            }
            if is_ca {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }
            let csr = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
            let csr = CertificationRequest::read_der(csr.der()).unwrap();
            findings(&csr).into_iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(Some("a.example.com"), &["A.example.com"], false), [""; 0]);
        assert_eq!(codes(Some("a.example.com"), &[], false), ["sans_missing"]);
        assert_eq!(codes(Some("Kim Doe"), &[], false), ["names_missing"]);
        assert_eq!(
            codes(Some("a.example.com"), &["b.example.com"], true),
            ["common_name_not_in_sans", "asks_to_be_ca"]
        );
    }
}
