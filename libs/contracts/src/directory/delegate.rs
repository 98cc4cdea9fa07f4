//! Whom a domain is delegated to, and where a delegation stands.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{DepartmentId, IdError, OrganizationId, id::Reference};

/// Whom a domain is delegated to: an organization, or one of its departments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delegate {
    /// The organization, also of a department.
    pub organization_id: OrganizationId,
    /// The department; missing: the organization itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
}

impl Delegate {
    /// Its own id: the department's, or else the organization's.
    #[must_use]
    pub fn reference(self) -> DelegateReference {
        match self.department_id {
            Some(department) => DelegateReference::Department(department),
            None => DelegateReference::Organization(Reference::Id(self.organization_id)),
        }
    }
}

impl From<OrganizationId> for Delegate {
    fn from(organization_id: OrganizationId) -> Self {
        Self { organization_id, department_id: None }
    }
}

/// An organization by id or name, or a department by id: `org_…`, `name:hq`, `dep_…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DelegateReference {
    /// An organization.
    Organization(Reference<OrganizationId>),
    /// A department.
    Department(DepartmentId),
}

impl fmt::Display for DelegateReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(organization) => organization.fmt(f),
            Self::Department(department) => department.fmt(f),
        }
    }
}
impl FromStr for DelegateReference {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.starts_with("dep_") {
            return text.parse().map(Self::Department);
        }
        text.parse().map(Self::Organization)
    }
}
impl Serialize for DelegateReference {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for DelegateReference {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}
impl JsonSchema for DelegateReference {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DelegateReference".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let organization = generator.subschema_for::<Reference<OrganizationId>>();
        let department = generator.subschema_for::<DepartmentId>();
        json_schema!({
            "description": "An organization by id or name, or a department by id.",
            "anyOf": [organization, department]
        })
    }
}

/// Where a delegation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DelegationStatus {
    /// It counts.
    Approved,
    /// It waits for a master's decision.
    Requested,
    /// A master refused it.
    Refused,
}

impl DelegationStatus {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Requested => "requested",
            Self::Refused => "refused",
        }
    }
}
