//! `signer`: certification authorities, profiles, policies, certificate requests (until lifecycle exists), issuance.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    CaId, CertificateId, CertificateRequestId, KeyId, Lifetime, OrganizationId, Permission, PolicyId,
    ProfileId, Timestamp, command,
    directory::NameReserved,
    events,
    id::Reference,
    x509::{
        CertificateType, KeyAlgorithm, LifetimeRule, PolicyRules, ProfileRules, SignatureAlgorithm, Subject,
        SubjectAltName,
    },
};

// ---------------------------------------------------------------- events

/// What a CA is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaKind {
    /// Self-signed, issues CAs only.
    Root,
    /// Signed by another of our CAs, issues certificates.
    Issuing,
    /// Self-signed and issuing at once, nothing below it: made in one step.
    Micro,
}

/// The certificate of a CA is going to be exactly this (the intent, before any signature).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaIntended {
    /// Which.
    pub id: CaId,
    /// Its unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Who signs it; missing for a self-signed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<CaId>,
    /// Its key.
    pub key_id: KeyId,
    /// The key that signs its certificate: its own, or the parent's.
    pub signing_key_id: KeyId,
    /// Kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// The algorithm its certificate is signed with.
    pub signature_algorithm: SignatureAlgorithm,
    /// TBSCertificate, DER in base64.
    pub tbs: String,
    /// Longest certificate lifetime it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Lifetime>,
}

/// A CA's certificate exists; it may issue from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaCreated {
    /// Its certificate, DER in base64.
    pub certificate: String,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint_sha256: String,
    /// Common name.
    pub common_name: String,
    /// From when.
    pub not_before: Timestamp,
    /// Until when, inclusive.
    pub not_after: Timestamp,
}

/// A CA does not sign until it is resumed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaSuspended {
    /// Why.
    pub reason: String,
}

/// A suspended CA signs again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaResumed {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to a CA.
    CaEvent in "ca" {
        Intended(CaIntended) = "ca.intended" v 1,
        Created(CaCreated) = "ca.created" v 1,
        Suspended(CaSuspended) = "ca.suspended" v 1,
        Resumed(CaResumed) = "ca.resumed" v 1,
    }
}

/// A certificate policy exists from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyCreated {
    /// Which.
    pub id: PolicyId,
    /// Its unique name.
    pub name: String,
    /// Its rules.
    pub rules: PolicyRules,
}

/// A certificate policy has these rules from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyUpdated {
    /// Its rules.
    pub rules: PolicyRules,
}

events! {
    /// What happened to a certificate policy.
    PolicyEvent in "policy" {
        Created(PolicyCreated) = "policy.created" v 1,
        Updated(PolicyUpdated) = "policy.updated" v 1,
    }
}

/// A certificate profile exists from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileCreated {
    /// Which.
    pub id: ProfileId,
    /// Its unique name.
    pub name: String,
    /// Its rules.
    pub rules: ProfileRules,
}

/// A certificate profile has these rules from now on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileUpdated {
    /// Its rules.
    pub rules: ProfileRules,
}

events! {
    /// What happened to a certificate profile.
    ProfileEvent in "profile" {
        Created(ProfileCreated) = "profile.created" v 1,
        Updated(ProfileUpdated) = "profile.updated" v 1,
    }
}

/// Where the key of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestSource {
    /// The subscriber holds it and sent a CSR.
    Csr,
    /// The keystore made it.
    Managed,
}

/// A certificate request was accepted: it satisfies profile and policy as they were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestSubmitted {
    /// Which.
    pub id: CertificateRequestId,
    /// Where the key is.
    pub source: RequestSource,
    /// The CSR, DER in base64; missing for a managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// The managed key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// The profile.
    pub profile_id: ProfileId,
    /// SHA-256 of profile and policy as they were, hexadecimal (C-2).
    pub rules_sha256: String,
    /// Common name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Names in the certificate.
    pub sans: Vec<SubjectAltName>,
    /// Kind of the key.
    pub key_algorithm: KeyAlgorithm,
    /// Lifetime that will be given.
    pub ttl: Lifetime,
    /// Stream of the issuance that follows: UUIDv5(CA, serial).
    pub issuance: Uuid,
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// Labels for the certificate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

events! {
    /// What happened to a certificate request.
    CertificateRequestEvent in "certificate_request" {
        Submitted(CertificateRequestSubmitted) = "certificate_request.submitted" v 1,
    }
}

/// A certificate is going to be exactly this; nothing is signed before this stands in the log (C-2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuanceIntended {
    /// Issuing CA; missing for a self-signed certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_id: Option<CaId>,
    /// The key that signs: the CA's, or the certificate's own managed key.
    pub signing_key_id: KeyId,
    /// The algorithm it signs with.
    pub signature_algorithm: SignatureAlgorithm,
    /// Serial number, hexadecimal without leading zeros.
    pub serial: String,
    /// TBSCertificate, DER in base64.
    pub tbs: String,
    /// SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    pub spki_sha256: String,
    /// The request.
    pub request_id: CertificateRequestId,
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// Profile it follows.
    pub profile_id: ProfileId,
    /// Managed key, if the keystore made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// Labels for the certificate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A certificate was issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuanceCompleted {
    /// The certificate, DER in base64.
    pub certificate: String,
    /// SHA-256 of it, hexadecimal.
    pub fingerprint_sha256: String,
    /// The certificate's id.
    pub certificate_id: CertificateId,
    /// The request.
    pub request_id: CertificateRequestId,
    /// Issuing CA; missing for a self-signed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_id: Option<CaId>,
    /// Profile it follows.
    pub profile_id: ProfileId,
    /// Managed key, if the keystore made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<KeyId>,
    /// Common name, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Names in it.
    pub sans: Vec<SubjectAltName>,
    /// From when.
    pub not_before: Timestamp,
    /// Until when, inclusive.
    pub not_after: Timestamp,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The stream of an issuance: UUIDv5(issuer, serial), so that a serial number is used once per issuer. `issuer` is the
/// CA, or the key of a self-signed certificate; `serial` is hexadecimal as in [`IssuanceIntended::serial`].
#[must_use]
pub fn issuance_stream(issuer: Uuid, serial: &str) -> Uuid {
    Uuid::new_v5(&issuer, serial.as_bytes())
}

events! {
    /// What happened to an issuance (stream = UUIDv5(CA, serial), so a serial is used once).
    IssuanceEvent in "issuance" {
        Intended(IssuanceIntended) = "issuance.intended" v 1,
        Completed(IssuanceCompleted) = "issuance.completed" v 1,
    }
}

events! {
    /// Names of CAs, profiles and policies.
    SignerNameEvent in "signer_name" {
        Reserved(NameReserved) = "signer_name.reserved" v 1,
    }
}
crate::only_event!(SignerNameEvent::Reserved => NameReserved);

// ---------------------------------------------------------------- commands

/// The key a managed thing gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyChoice {
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
}

/// Creates a CA with a key of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateCa {
    /// Unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Who signs it: needed for `issuing`, not allowed otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Reference<CaId>>,
    /// Its key; missing: `ecdsa_p256`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyChoice>,
    /// Its subject; missing: made from the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Its lifetime; missing: 10 years (issuing: 5), never past the parent's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Lifetime>,
    /// Longest certificate lifetime it gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Lifetime>,
}
command!(CreateCa => CaView, Signer, "create_ca", Some(Permission::CaCreate));

/// Suspends a CA: from its event on nothing is signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SuspendCa {
    /// Which.
    pub ca: Reference<CaId>,
    /// Why.
    pub reason: String,
}
command!(SuspendCa => CaView, Signer, "suspend_ca", Some(Permission::CaWrite));

/// Resumes a suspended CA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResumeCa {
    /// Which.
    pub ca: Reference<CaId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ResumeCa => CaView, Signer, "resume_ca", Some(Permission::CaWrite));

/// Creates a certificate policy. Name and rules stand side by side; an unknown field is refused.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CreatePolicy {
    /// Unique name.
    pub name: String,
    /// Its rules, beside the name.
    #[serde(flatten)]
    pub rules: PolicyRules,
}
impl<'de> Deserialize<'de> for CreatePolicy {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        // `flatten` would accept unknown fields; taking the name out first leaves the rest to the strict rules.
        let mut fields = serde_json::Map::deserialize(d)?;
        let name = match fields.remove("name") {
            Some(serde_json::Value::String(name)) => name,
            Some(_) => return Err(D::Error::custom("name: expected a string")),
            None => return Err(D::Error::missing_field("name")),
        };
        let rules = serde_json::from_value(serde_json::Value::Object(fields)).map_err(D::Error::custom)?;
        Ok(Self { name, rules })
    }
}
command!(CreatePolicy => PolicyView, Signer, "create_policy", Some(Permission::ProfileWrite));

/// Replaces a certificate policy's rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdatePolicy {
    /// Which.
    pub policy: Reference<PolicyId>,
    /// Its rules.
    pub rules: PolicyRules,
}
command!(UpdatePolicy => PolicyView, Signer, "update_policy", Some(Permission::ProfileWrite));

/// Creates a certificate profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateProfile {
    /// Unique name.
    pub name: String,
    /// What its certificates are for; missing: `server`.
    #[serde(rename = "type", default)]
    pub certificate_type: CertificateType,
    /// A CA by id or name; `self` for self-signed; missing: the Micro CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaChoice>,
    /// The policy; missing: the one named `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Reference<PolicyId>>,
    /// Lifetimes; missing: 90 d, at most 398 d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<LifetimeRule>,
    /// Key usages; missing: those that fit type and key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_usages: Option<Vec<crate::x509::KeyUsage>>,
    /// Extended key usages; missing: those of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_key_usages: Option<Vec<crate::x509::ExtendedKeyUsage>>,
    /// Whether managed keys made for it may be exported.
    #[serde(default)]
    pub exportable: bool,
}
command!(CreateProfile => ProfileView, Signer, "create_profile", Some(Permission::ProfileWrite));

/// `"self"`, or a CA by id or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaChoice {
    /// Self-signed by the certificate's own managed key.
    SelfSigned,
    /// This CA.
    Ca(Reference<CaId>),
}
impl Serialize for CaChoice {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::SelfSigned => s.serialize_str("self"),
            Self::Ca(reference) => reference.serialize(s),
        }
    }
}
impl<'de> Deserialize<'de> for CaChoice {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        if text == "self" {
            return Ok(Self::SelfSigned);
        }
        text.parse().map(Self::Ca).map_err(serde::de::Error::custom)
    }
}
impl JsonSchema for CaChoice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CaChoice".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let ca = generator.subschema_for::<Reference<CaId>>();
        schemars::json_schema!({"anyOf": [{"const": "self"}, ca]})
    }
}

/// Changes a certificate profile; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateProfile {
    /// Which.
    pub profile: Reference<ProfileId>,
    /// New issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<CaChoice>,
    /// New policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Reference<PolicyId>>,
    /// New lifetimes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<LifetimeRule>,
    /// New key usages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_usages: Option<Vec<crate::x509::KeyUsage>>,
    /// New extended key usages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_key_usages: Option<Vec<crate::x509::ExtendedKeyUsage>>,
    /// Whether managed keys may be exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exportable: Option<bool>,
}
command!(UpdateProfile => ProfileView, Signer, "update_profile", Some(Permission::ProfileWrite));

/// Submits a certificate request: with a CSR, or for a managed key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubmitCertificateRequest {
    /// The profile; missing: the one named `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Reference<ProfileId>>,
    /// PKCS #10 as PEM or bare base64 DER. Subject, names and key come from it and from nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr: Option<String>,
    /// Without a CSR: the key to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyChoice>,
    /// Without a CSR: the subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// Without a CSR: the names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sans: Vec<SubjectAltName>,
    /// Lifetime; missing: the profile's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Lifetime>,
    /// The last second of validity, in place of `ttl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Timestamp>,
    /// Labels for the certificate: at most 32, keys and values up to 63 characters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A note, up to 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
command!(SubmitCertificateRequest => IssuedCertificate, Signer, "submit_certificate_request", Some(Permission::RequestCreate));

// ---------------------------------------------------------------- answers and views

/// A request with its certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedCertificate {
    /// The request.
    pub request: CertificateRequestView,
    /// The certificate, DER in base64.
    pub certificate: String,
    /// The CA certificates above it up to the root, nearest first, DER in base64.
    pub chain: Vec<String>,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Accepted; the certificate is being signed.
    Issuing,
    /// Done.
    Issued,
}

/// A certificate request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRequestView {
    /// Id.
    pub id: CertificateRequestId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Where it stands.
    pub status: RequestStatus,
    /// Where the key is.
    pub source: RequestSource,
    /// The managed key.
    pub key_id: Option<KeyId>,
    /// The profile.
    pub profile_id: ProfileId,
    /// The certificate's id, from the beginning.
    pub certificate_id: CertificateId,
    /// Common name.
    pub common_name: Option<String>,
    /// Names.
    pub sans: Vec<SubjectAltName>,
    /// Kind of the key.
    pub key_algorithm: KeyAlgorithm,
    /// Lifetime.
    pub ttl: Lifetime,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// A note.
    pub note: Option<String>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

/// Whether a CA signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaStatus {
    /// Its certificate is being made.
    Pending,
    /// It signs.
    Active,
    /// It does not sign for now.
    Suspended,
}

/// A certification authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaView {
    /// Id.
    pub id: CaId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Whether it signs.
    pub status: CaStatus,
    /// Who signed it.
    pub parent_id: Option<CaId>,
    /// Its key.
    pub key_id: KeyId,
    /// Kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// Common name of its certificate.
    pub common_name: Option<String>,
    /// Its certificate as PEM.
    pub certificate: Option<String>,
    /// SHA-256 of its certificate, hexadecimal.
    pub fingerprint_sha256: Option<String>,
    /// From when.
    pub not_before: Option<Timestamp>,
    /// Until when, inclusive.
    pub not_after: Option<Timestamp>,
    /// Longest certificate lifetime it gives.
    pub max_ttl: Option<Lifetime>,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

/// A certificate policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyView {
    /// Id.
    pub id: PolicyId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Unique name.
    pub name: String,
    /// Its rules.
    pub rules: PolicyRules,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}

/// A certificate profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileView {
    /// Id.
    pub id: ProfileId,
    /// Its organization.
    pub organization_id: OrganizationId,
    /// Unique name.
    pub name: String,
    /// Its rules.
    pub rules: ProfileRules,
    /// When it was created.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
