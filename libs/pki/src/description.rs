//! Everything a certificate says, in words (A1): for answers of the API and for people.

use contracts::{Timestamp, x509::SubjectAltName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    algorithm,
    asn1::{Reader, tag},
    certificate::Certificate,
    extension, oid, san, spki,
};

/// A certificate, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// 1, 2 or 3.
    pub version: u32,
    /// Hexadecimal, lower case; with a minus when negative.
    pub serial_number: String,
    /// RFC 4514.
    pub subject: String,
    /// The subject's common name.
    pub common_name: Option<String>,
    /// RFC 4514.
    pub issuer: String,
    /// From when.
    pub not_before: Timestamp,
    /// Its last second.
    pub not_after: Timestamp,
    /// Such as `ecdsa_p256`, `rsa_1024`, `ml_dsa_65`; an object identifier where there is no name.
    pub key_algorithm: String,
    /// The size of the key, or of its curve, in bits.
    pub key_bits: Option<usize>,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// Such as `ecdsa_sha256`; an object identifier where there is no name.
    pub signature_algorithm: String,
    /// Names of the four kinds that are issued.
    pub sans: Vec<SubjectAltName>,
    /// Names of other kinds, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_sans: Vec<String>,
    /// Spelled as in RFC 5280.
    pub key_usages: Vec<String>,
    /// Spelled as in RFC 5280; object identifiers where there is no name.
    pub extended_key_usages: Vec<String>,
    /// Basic constraints say `CA:TRUE`.
    pub is_ca: bool,
    /// How many CAs may follow.
    pub path_length: Option<u32>,
    /// Hexadecimal.
    pub subject_key_identifier: Option<String>,
    /// Hexadecimal.
    pub authority_key_identifier: Option<String>,
    /// OCSP responders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ocsp: Vec<String>,
    /// Where the issuer's certificate is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ca_issuers: Vec<String>,
    /// Where CRLs are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crl_distribution_points: Vec<String>,
    /// Promises of certificate transparency logs (RFC 6962).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_certificate_timestamps: Vec<SignedCertificateTimestamp>,
    /// SHA-256 of the certificate, hexadecimal: its identity.
    pub sha256: String,
    /// SHA-1 of the certificate, hexadecimal.
    pub sha1: String,
}

/// A log's promise to show a certificate (RFC 6962 §3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedCertificateTimestamp {
    /// The log, SHA-256 of its key, hexadecimal.
    pub log_id: String,
    /// When it promised.
    pub at: Timestamp,
}

impl Certificate {
    /// Everything it says.
    #[must_use]
    pub fn describe(&self) -> Description {
        let value = |oid| self.extension(oid).map(|extension| extension.value);
        let (key_algorithm, key_bits) = spki::describe(self.spki());
        let (sans, other_sans) = value(oid::SUBJECT_ALT_NAME).map(san::read_leniently).unwrap_or_default();
        let (ocsp, ca_issuers) = value(oid::AUTHORITY_INFORMATION_ACCESS)
            .and_then(|value| extension::read_information_access(value).ok())
            .unwrap_or_default();
        let constraints = self.basic_constraints().unwrap_or_default();
        Description {
            version: self.version(),
            serial_number: self.serial_hex(),
            subject: self.subject(),
            common_name: self.common_name(),
            issuer: self.issuer(),
            not_before: self.not_before(),
            not_after: self.not_after(),
            key_algorithm,
            key_bits,
            spki_sha256: hex::encode(spki::spki_sha256(self.spki())),
            signature_algorithm: self
                .signature_algorithm()
                .map_or_else(|| algorithm::name(self.outer_algorithm()), |known| known.to_string()),
            sans,
            other_sans,
            key_usages: value(oid::KEY_USAGE).map(key_usages).unwrap_or_default(),
            extended_key_usages: value(oid::EXTENDED_KEY_USAGE).map(extended_key_usages).unwrap_or_default(),
            is_ca: constraints.ca,
            path_length: constraints.path_length,
            subject_key_identifier: self.subject_key_identifier().map(hex::encode),
            authority_key_identifier: self.authority_key_identifier().map(hex::encode),
            ocsp,
            ca_issuers,
            crl_distribution_points: value(oid::CRL_DISTRIBUTION_POINTS)
                .and_then(|value| extension::read_distribution_points(value).ok())
                .unwrap_or_default(),
            signed_certificate_timestamps: value(oid::SIGNED_CERTIFICATE_TIMESTAMPS)
                .and_then(timestamps)
                .unwrap_or_default(),
            sha256: self.sha256(),
            sha1: self.sha1(),
        }
    }
}

fn key_usages(value: &[u8]) -> Vec<String> {
    let (usages, others) = extension::read_key_usage(value).unwrap_or_default();
    usages.into_iter().map(extension::key_usage_name).chain(others).map(str::to_owned).collect()
}

fn extended_key_usages(value: &[u8]) -> Vec<String> {
    let (usages, others) = extension::read_extended_key_usage(value).unwrap_or_default();
    usages
        .into_iter()
        .map(|usage| extension::extended_key_usage_name(usage).to_owned())
        .chain(others)
        .collect()
}

/// SignedCertificateTimestampList (RFC 6962 §3.3): an OCTET STRING around lengths of two bytes.
fn timestamps(value: &[u8]) -> Option<Vec<SignedCertificateTimestamp>> {
    let list = Reader::new(value).expect(tag::OCTET_STRING).ok()?.value;
    let (mut list, _) = counted(list)?;
    let mut found = vec![];
    while !list.is_empty() {
        let (one, rest) = counted(list)?;
        list = rest;
        // Version, 32 bytes of log id, 8 bytes of milliseconds.
        let (log_id, rest) = one.get(1..)?.split_at_checked(32)?;
        let milliseconds = u64::from_be_bytes(rest.first_chunk::<8>().copied()?);
        let at = Timestamp::from_unix(i64::try_from(milliseconds / 1000).ok()?);
        found.push(SignedCertificateTimestamp { log_id: hex::encode(log_id), at });
    }
    Some(found)
}

fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*count)))
}
