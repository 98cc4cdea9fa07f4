//! Certificate policies: the rules a certificate must meet.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    OrganizationId, Permission, PolicyId, Timestamp, command, events, id::Reference, x509::PolicyRules,
};

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
