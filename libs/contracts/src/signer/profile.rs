//! Certificate profiles: how a certificate is made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CaId, OrganizationId, Permission, PolicyId, ProfileId, Timestamp, command,
    directory::ApprovalRule,
    events,
    id::Reference,
    x509::{CertificateType, ExtendedKeyUsage, KeyUsage, LifetimeRule, ProfileRules, SubjectSources, Terms},
};

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

/// Creates a certificate profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateProfile {
    /// Unique name.
    pub name: String,
    /// What its certificates are for; missing: `server`.
    #[serde(rename = "type", default)]
    pub certificate_type: CertificateType,
    /// A CA by id or name; `self` for self-signed; `manual` for a CA outside; missing: the Micro CA.
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
    pub key_usages: Option<Vec<KeyUsage>>,
    /// Extended key usages; missing: those of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// Whether managed keys made for it may be exported.
    #[serde(default)]
    pub exportable: bool,
    /// Where the values of the subject come from; missing: from the request.
    #[serde(default, skip_serializing_if = "SubjectSources::is_request")]
    pub subject: SubjectSources,
    /// What requests need before they are signed; missing: what the approval policies say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRule>,
    /// What whoever asks has to accept; missing: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}
command!(CreateProfile => ProfileView, Signer, "create_profile", Some(Permission::ProfileWrite));

/// `"self"`, `"manual"`, or a CA by id or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaChoice {
    /// Self-signed by the certificate's own managed key.
    SelfSigned,
    /// A CA outside, to which people carry the CSR.
    Manual,
    /// This CA.
    Ca(Reference<CaId>),
}
impl Serialize for CaChoice {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::SelfSigned => s.serialize_str("self"),
            Self::Manual => s.serialize_str("manual"),
            Self::Ca(reference) => reference.serialize(s),
        }
    }
}
impl<'de> Deserialize<'de> for CaChoice {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        match &*text {
            "self" => return Ok(Self::SelfSigned),
            "manual" => return Ok(Self::Manual),
            _ => {}
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
        schemars::json_schema!({"anyOf": [{"enum": ["self", "manual"]}, ca]})
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
    pub key_usages: Option<Vec<KeyUsage>>,
    /// New extended key usages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// Whether managed keys may be exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exportable: Option<bool>,
    /// New sources of the subject's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectSources>,
    /// What requests need from now on before they are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRule>,
    /// What whoever asks has to accept from now on; an empty text: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}
command!(UpdateProfile => ProfileView, Signer, "update_profile", Some(Permission::ProfileWrite));

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
