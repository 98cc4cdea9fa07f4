//! What clients of the compatible endpoint send, and the command it stands for.

use std::net::IpAddr;

use contracts::{
    Code, Lifetime, Problem, ProfileId, Timestamp, Violation,
    id::Reference,
    signer::{RequestKey, SubmitCertificateRequest},
    x509::{KeyAlgorithm, Subject, SubjectAltName},
};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::body::shown;

/// How far a caller's clock may be ahead.
const SKEW: time::Duration = time::Duration::minutes(5);

/// A request for a certificate.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CompatibleRequest {
    /// The profile: a UUID, one of our ids, or `name:…`; missing: the one named `default`.
    #[serde(default)]
    profile_id: Option<Reference<ProfileId>>,
    /// PKCS #10 as PEM. Subject, names and key come from it and from nowhere else.
    #[serde(default)]
    csr: Option<String>,
    /// What the certificate shall be; with a CSR only the lifetime counts.
    #[serde(default)]
    attributes: Attributes,
}

/// What the certificate shall be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    /// Lifetime.
    #[serde(default)]
    ttl: Option<Lifetime>,
    /// The first second of validity: not later than now, since certificates begin when they are issued.
    #[serde(default)]
    not_before: Option<Timestamp>,
    /// The last second of validity, in place of `ttl`.
    #[serde(default)]
    not_after: Option<Timestamp>,
    /// CN.
    #[serde(default)]
    common_name: Option<String>,
    /// O.
    #[serde(default)]
    organization: Option<String>,
    /// OU.
    #[serde(default)]
    organizational_unit: Option<String>,
    /// C.
    #[serde(default)]
    country: Option<String>,
    /// ST.
    #[serde(default)]
    state: Option<String>,
    /// L.
    #[serde(default)]
    locality: Option<String>,
    /// Names.
    #[serde(default)]
    alt_names: Vec<AltName>,
    /// `RSA_2048`, `EC_prime256v1`, …, or our words.
    #[serde(default)]
    key_algorithm: Option<String>,
    /// Key usages, as `digital_signature` or `digitalSignature`: the policy must allow them, the profile decides
    /// which are issued.
    #[serde(default)]
    key_usages: Vec<String>,
    /// Extended key usages, as `server_auth` or `serverAuth`: the policy must allow them, the profile decides which
    /// are issued.
    #[serde(default)]
    extended_key_usages: Vec<String>,
}

/// A subject alternative name.
#[derive(Debug, Deserialize, JsonSchema)]
struct AltName {
    /// Its kind.
    #[serde(rename = "type")]
    kind: AltNameKind,
    /// Its value.
    value: String,
}

/// A kind of subject alternative name.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AltNameKind {
    /// dNSName.
    #[serde(alias = "dns")]
    DnsName,
    /// iPAddress.
    #[serde(alias = "ip")]
    IpAddress,
    /// rfc822Name.
    Email,
    /// uniformResourceIdentifier.
    Uri,
}

impl CompatibleRequest {
    /// The command that it stands for. With a CSR all attributes but the lifetime are ignored.
    pub(super) fn command(self, now: Timestamp) -> Result<SubmitCertificateRequest, Problem> {
        let Self { profile_id: profile, csr, attributes } = self;
        let Attributes { ttl, not_before, not_after, .. } = attributes;
        let not_after = not_after.filter(|_| ttl.is_none());
        if not_before.is_some_and(|begin| begin > now.plus(SKEW)) {
            let detail = "a certificate begins when it is issued; leave it out".to_owned();
            return Err(unusable(vec![refusal("#/attributes/notBefore".to_owned(), detail)]));
        }
        let common =
            SubmitCertificateRequest { profile, ttl, not_after, ..SubmitCertificateRequest::default() };
        if csr.is_some() {
            return Ok(SubmitCertificateRequest { csr, ..common });
        }
        let mut errors = Vec::new();
        let names = attributes.alt_names.iter().enumerate().filter_map(|(at, name)| {
            san(name)
                .map_err(|detail| errors.push(refusal(format!("#/attributes/altNames/{at}/value"), detail)))
                .ok()
        });
        let sans: Vec<SubjectAltName> = names.collect();
        let key = attributes.key_algorithm.as_deref().map(key_algorithm).transpose();
        let key = key.unwrap_or_else(|detail| {
            errors.push(refusal("#/attributes/keyAlgorithm".to_owned(), detail));
            None
        });
        let key_usages = usages("keyUsages", &attributes.key_usages, &mut errors);
        let extended_key_usages = usages("extendedKeyUsages", &attributes.extended_key_usages, &mut errors);
        if !errors.is_empty() {
            return Err(unusable(errors));
        }
        let subject = Subject {
            common_name: attributes.common_name,
            organization: attributes.organization,
            organizational_unit: attributes.organizational_unit.into_iter().collect(),
            country: attributes.country,
            state: attributes.state,
            locality: attributes.locality,
        };
        let subject = Some(subject).filter(|subject| *subject != Subject::default());
        Ok(SubmitCertificateRequest {
            subject,
            sans,
            key: key.map(|algorithm| RequestKey { algorithm: Some(algorithm), ..RequestKey::default() }),
            key_usages,
            extended_key_usages,
            ..common
        })
    }
}

/// A refusal of the command, pointing into the body that it was made from.
pub(super) fn in_their_words(mut problem: Problem) -> Problem {
    for pointer in problem.errors.iter_mut().filter_map(|violation| violation.pointer.as_mut()) {
        if let Some(theirs) = PLACES.iter().find_map(|(ours, theirs)| {
            let rest = pointer.strip_prefix(ours).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
            Some(format!("{theirs}{rest}"))
        }) {
            *pointer = theirs;
        }
    }
    problem
}

/// Where the fields of the command stand in the body.
const PLACES: &[(&str, &str)] = &[
    ("#/profile", "#/profileId"),
    ("#/ttl", "#/attributes/ttl"),
    ("#/notAfter", "#/attributes/notAfter"),
    ("#/subject", "#/attributes"),
    ("#/sans", "#/attributes/altNames"),
    ("#/key/algorithm", "#/attributes/keyAlgorithm"),
    ("#/keyUsages", "#/attributes/keyUsages"),
    ("#/extendedKeyUsages", "#/attributes/extendedKeyUsages"),
];

fn unusable(errors: Vec<Violation>) -> Problem {
    Problem::new(Code::ValidationFailed, "attributes cannot be used").with_errors(errors)
}

fn refusal(pointer: String, detail: String) -> Violation {
    Violation::at(pointer, "invalid_value", detail)
}

fn san(name: &AltName) -> Result<SubjectAltName, String> {
    let value = name.value.clone();
    Ok(match name.kind {
        AltNameKind::DnsName => SubjectAltName::Dns(value),
        AltNameKind::Email => SubjectAltName::Email(value),
        AltNameKind::Uri => SubjectAltName::Uri(value),
        AltNameKind::IpAddress => SubjectAltName::Ip(
            value.parse::<IpAddr>().map_err(|_| format!("'{}' is not an IP address", shown(&value)))?,
        ),
    })
}

/// Reads `RSA_2048`, `EC_prime256v1`, `ECDSA_P256` and our own words.
fn key_algorithm(text: &str) -> Result<KeyAlgorithm, String> {
    match text.to_ascii_lowercase().as_str() {
        "ec_prime256v1" => Ok(KeyAlgorithm::EcdsaP256),
        "ec_secp384r1" => Ok(KeyAlgorithm::EcdsaP384),
        "ec_secp521r1" => Ok(KeyAlgorithm::EcdsaP521),
        other => other.parse().map_err(|_| {
            format!(
                "'{}' is not a key algorithm: expected RSA_2048, RSA_3072, RSA_4096, EC_prime256v1, EC_secp384r1, \
                 EC_secp521r1 or ed25519",
                shown(text)
            )
        }),
    }
}

/// Reads usages in either spelling; adds what is none to `errors`.
fn usages<T: DeserializeOwned>(field: &str, words: &[String], errors: &mut Vec<Violation>) -> Vec<T> {
    let mut usages = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        match serde_json::from_value(Value::String(camel(word))) {
            Ok(usage) => usages.push(usage),
            Err(error) => {
                let expected = error.to_string().replace('`', "'");
                let expected = expected.split_once("expected ").map_or("", |(_, expected)| expected);
                let detail = format!("'{}' is not a usage: expected {expected}", shown(word));
                errors.push(refusal(format!("#/attributes/{field}/{at}"), detail));
            }
        }
    }
    usages
}

/// `digital_signature` and `digitalSignature` alike; `crl_sign` is `cRLSign` in RFC 5280.
fn camel(word: &str) -> String {
    let mut camel = String::with_capacity(word.len());
    let mut upper = false;
    for c in word.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                camel.extend(c.to_uppercase());
                upper = false;
            }
            c => camel.push(c),
        }
    }
    if camel == "crlSign" { "cRLSign".to_owned() } else { camel }
}

#[cfg(test)]
mod tests {
    use contracts::x509::{ExtendedKeyUsage, KeyUsage};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn read(body: Value) -> Result<SubmitCertificateRequest, Problem> {
        serde_json::from_value::<CompatibleRequest>(body)
            .unwrap()
            .command("2026-11-21T09:00:00Z".parse().unwrap())
    }

    #[test]
    fn with_a_csr_everything_but_the_lifetime_is_ignored() {
        let command =
            read(json!({"profileId": "00000000-0000-0000-0000-000000000007", "csr": "C", "attributes": {
            "ttl": "365d", "commonName": "other", "altNames": [{"type": "ip_address", "value": "nonsense"}],
            "keyAlgorithm": "none", "keyUsages": ["nonsense"]}}))
            .unwrap();
        let expected = SubmitCertificateRequest {
            profile: Some(ProfileId(Uuid::from_u128(7)).into()),
            csr: Some("C".into()),
            ttl: Some(Lifetime::days(365)),
            ..SubmitCertificateRequest::default()
        };
        assert_eq!(command, expected);
    }

    #[test]
    fn attributes_become_a_request_for_a_managed_key() {
        let command = read(json!({"attributes": {"commonName": "a", "keyAlgorithm": "EC_prime256v1",
            "altNames": [{"type": "dns_name", "value": "a.example"}, {"type": "ip_address", "value": "192.0.2.1"}],
            "keyUsages": ["digital_signature", "keyEncipherment", "crl_sign"], "extendedKeyUsages": ["server_auth"],
            "notBefore": "2026-01-01T00:00:00Z", "notAfter": "2027-01-01T00:00:00Z"}}))
        .unwrap();
        assert_eq!(
            command.key,
            Some(RequestKey { algorithm: Some(KeyAlgorithm::EcdsaP256), ..RequestKey::default() })
        );
        assert_eq!(command.subject.unwrap().common_name.as_deref(), Some("a"));
        assert_eq!(
            command.sans,
            [SubjectAltName::Dns("a.example".into()), SubjectAltName::Ip("192.0.2.1".parse().unwrap())]
        );
        assert_eq!(command.not_after, Some("2027-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(
            command.key_usages,
            [KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment, KeyUsage::CrlSign]
        );
        assert_eq!(command.extended_key_usages, [ExtendedKeyUsage::ServerAuth]);
    }

    #[test]
    fn every_spelling_of_a_key_algorithm_is_read() {
        for (text, expected) in [
            ("RSA_2048", KeyAlgorithm::Rsa2048),
            ("RSA_4096", KeyAlgorithm::Rsa4096),
            ("EC_secp384r1", KeyAlgorithm::EcdsaP384),
            ("ECDSA_P521", KeyAlgorithm::EcdsaP521),
            ("ecdsa_p256", KeyAlgorithm::EcdsaP256),
        ] {
            assert_eq!(key_algorithm(text), Ok(expected), "{text}");
        }
        assert!(key_algorithm("RSA_1024").is_err());
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let problem = read(json!({"attributes": {"keyAlgorithm": "DSA", "keyUsages": ["fly"],
            "altNames": [{"type": "ip_address", "value": "x"}]}}))
        .unwrap_err();
        let pointers: Vec<_> = problem.errors.iter().filter_map(|e| e.pointer.as_deref()).collect();
        assert_eq!(
            pointers,
            ["#/attributes/altNames/0/value", "#/attributes/keyAlgorithm", "#/attributes/keyUsages/0"]
        );
        let usage = &problem.errors[2].detail;
        assert!(usage.starts_with("'fly' is not a usage: expected one of 'digitalSignature', "), "{usage}");
    }

    #[test]
    fn a_refusal_points_into_the_body_that_was_sent() {
        for (ours, theirs) in [
            ("#/csr", "#/csr"),
            ("#/sans/1/value", "#/attributes/altNames/1/value"),
            ("#/key/algorithm", "#/attributes/keyAlgorithm"),
            ("#/keyUsages", "#/attributes/keyUsages"),
            ("#/ttl", "#/attributes/ttl"),
        ] {
            let problem = in_their_words(unusable(vec![refusal(ours.to_owned(), String::new())]));
            assert_eq!(problem.errors[0].pointer.as_deref(), Some(theirs));
        }
    }
}
