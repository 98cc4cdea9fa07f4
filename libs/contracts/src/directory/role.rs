//! Roles: named sets of permissions. The built-in ones are a table; custom ones combine the same permissions (Z-2).

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    IdError, OrganizationId, Permission, PermissionSet, RoleId, Timestamp, command, events, id::Reference,
};

/// A role that every installation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuiltInRole {
    /// MRAO: everything, where it is granted; on the installation, everything there is.
    Master,
    /// RAO: runs an organization.
    OrganizationOfficer,
    /// DRAO: runs a department.
    DepartmentOfficer,
    /// Reads certificates and what happened, changes nothing.
    Auditor,
    /// Asks for certificates and sees its own.
    Requester,
}

/// One row of the table of built-in roles.
#[derive(Clone, Copy, Debug)]
pub struct RoleRow {
    /// Which.
    pub role: BuiltInRole,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// What it may do.
    pub permissions: PermissionSet,
    /// Whether its permissions reach only what its holder asked for or owns.
    pub own_only: bool,
}

use Permission as P;

/// What belongs to an organization as a whole and whoever works in it has to see.
const SHARED: PermissionSet = PermissionSet::of(&[
    P::OrganizationRead,
    P::DepartmentRead,
    P::DomainRead,
    P::RoleRead,
    P::CaRead,
    P::ProfileRead,
    P::TrustSetRead,
]);

/// What a department officer may do; an organization officer may, too.
const DEPARTMENT: PermissionSet = SHARED.or(PermissionSet::of(&[
    P::DomainRequest,
    P::AdministratorRead,
    P::AdministratorWrite,
    P::PersonRead,
    P::PersonWrite,
    P::TokenRead,
    P::TokenWrite,
    P::RequestCreate,
    P::RequestRead,
    P::CertificateRead,
    P::CertificateWrite,
    P::EventRead,
    P::AuditRead,
    P::ReportRead,
    P::ApprovalRead,
    P::ApprovalDecide,
]));

/// The built-in roles: the matrix of security-reliability.md Z-2, as far as there is something to be allowed.
pub const ROLES: &[RoleRow] = &[
    RoleRow {
        role: BuiltInRole::Master,
        description: "Everything, where it is granted.",
        permissions: PermissionSet::ALL,
        own_only: false,
    },
    RoleRow {
        role: BuiltInRole::OrganizationOfficer,
        description: "Runs an organization: departments, administrators, tokens, certificates.",
        permissions: DEPARTMENT.or(PermissionSet::of(&[
            P::AccessListRead,
            P::AccessListWrite,
            P::IdentityProviderRead,
            P::IdentityProviderWrite,
            P::DepartmentWrite,
            P::RoleWrite,
            P::KeyRead,
            P::TrustSetWrite,
            P::KeyCompromise,
            P::NotificationRead,
            P::NotificationResend,
        ])),
        own_only: false,
    },
    RoleRow {
        role: BuiltInRole::DepartmentOfficer,
        description: "Runs a department: its administrators, tokens and certificates.",
        permissions: DEPARTMENT,
        own_only: false,
    },
    RoleRow {
        role: BuiltInRole::Auditor,
        description: "Reads certificates and what happened, changes nothing.",
        permissions: SHARED.or(PermissionSet::of(&[
            P::RequestRead,
            P::CertificateRead,
            P::EventRead,
            P::AuditRead,
            P::ApprovalRead,
        ])),
        own_only: false,
    },
    RoleRow {
        role: BuiltInRole::Requester,
        description: "Asks for certificates and sees its own.",
        permissions: SHARED.or(PermissionSet::of(&[
            P::RequestCreate,
            P::RequestRead,
            P::CertificateRead,
            P::ApprovalRead,
            P::TokenRead,
            P::TokenWrite,
        ])),
        own_only: true,
    },
];

impl BuiltInRole {
    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static RoleRow {
        // The test `every_role_has_its_row` holds the table to that order.
        &ROLES[self as usize]
    }

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::OrganizationOfficer => "organization_officer",
            Self::DepartmentOfficer => "department_officer",
            Self::Auditor => "auditor",
            Self::Requester => "requester",
        }
    }
}

/// The role of a grant: a built-in one by its word, or a custom one by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// One that every installation has.
    BuiltIn(BuiltInRole),
    /// One that somebody combined.
    Custom(RoleId),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(role) => f.write_str(role.as_str()),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

impl FromStr for Role {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match ROLES.iter().find(|row| row.role.as_str() == text) {
            Some(row) => Ok(Self::BuiltIn(row.role)),
            None => text.parse().map(Self::Custom),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Role {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Role".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (built_in, custom) =
            (generator.subschema_for::<BuiltInRole>(), generator.subschema_for::<RoleId>());
        json_schema!({"anyOf": [built_in, custom], "description": "A built-in role by its word, or a custom one by id."})
    }
}

/// A role as people name it when they grant it: a built-in one, a custom one by id or `name:…`, or a simple level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleChoice {
    /// This role.
    Role(Role),
    /// The custom role of this name.
    Named(String),
    /// The simple level `admin`: whoever runs what the grant is about.
    Admin,
    /// The simple level `user`: a requester.
    User,
}

impl RoleChoice {
    /// The role of a simple level on the installation, an organization, or a department of one; `None` for a name.
    #[must_use]
    pub const fn resolved(&self, organization: bool, department: bool) -> Option<Role> {
        let role = match self {
            Self::Role(role) => return Some(*role),
            Self::Named(_) => return None,
            Self::User => BuiltInRole::Requester,
            Self::Admin if department => BuiltInRole::DepartmentOfficer,
            Self::Admin if organization => BuiltInRole::OrganizationOfficer,
            Self::Admin => BuiltInRole::Master,
        };
        Some(Role::BuiltIn(role))
    }
}

impl fmt::Display for RoleChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => role.fmt(f),
            Self::Named(name) => write!(f, "name:{name}"),
            Self::Admin => f.write_str("admin"),
            Self::User => f.write_str("user"),
        }
    }
}

impl FromStr for RoleChoice {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match (text, text.strip_prefix("name:")) {
            ("admin", _) => Ok(Self::Admin),
            ("user", _) => Ok(Self::User),
            (_, Some(name)) => match name.parse() {
                Ok(role @ Role::BuiltIn(_)) => Ok(Self::Role(role)),
                _ => Ok(Self::Named(name.to_owned())),
            },
            _ => text.parse().map(Self::Role),
        }
    }
}

impl Serialize for RoleChoice {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RoleChoice {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for RoleChoice {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RoleChoice".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let role = generator.subschema_for::<Role>();
        json_schema!({"anyOf": [role, {"enum": ["admin", "user"]}, {"type": "string", "pattern": "^name:.+$"}],
            "description": "A role by its word, id or `name:…`; `admin` and `user` stand for the roles that fit the scope."})
    }
}

/// A custom role exists from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleCreated {
    /// Which.
    pub id: RoleId,
    /// The organization whose role it is; missing: the installation's, for every organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// Its unique name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether its permissions reach only what its holder asked for or owns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_only: bool,
}

/// A custom role has these values from now on, for whoever holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleUpdated {
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether its permissions reach only what its holder asked for or owns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_only: bool,
}

/// A custom role allows nothing any more, and cannot be granted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleArchived {}

events! {
    /// What happened to a custom role.
    RoleEvent in "role" {
        Created(RoleCreated) = "role.created" v 1,
        Updated(RoleUpdated) = "role.updated" v 1,
        Archived(RoleArchived) = "role.archived" v 1,
    }
}

/// Creates a custom role of permissions that the caller holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRole {
    /// Unique name: lower-case letters, digits, `-`, `_`, `.`; at most 63.
    pub name: String,
    /// The organization whose role it is; missing: the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether its permissions reach only what its holder asked for or owns.
    #[serde(default)]
    pub own_only: bool,
}
command!(CreateRole => RoleView, Directory, "create_role", Some(Permission::RoleWrite), STEP_UP = true);

/// Changes a custom role, for whoever holds it; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateRole {
    /// Which.
    pub role: RoleId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it may do, replacing what it may now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
    /// Whether its permissions reach only what its holder asked for or owns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_only: Option<bool>,
}
command!(UpdateRole => RoleView, Directory, "update_role", Some(Permission::RoleWrite), STEP_UP = true);

/// Archives a custom role: it allows nothing any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchiveRole {
    /// Which.
    pub role: RoleId,
}
command!(ArchiveRole => RoleView, Directory, "archive_role", Some(Permission::RoleWrite), STEP_UP = true);

/// A role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleView {
    /// Id, for a grant: a word for a built-in role.
    pub id: Role,
    /// Unique name.
    pub name: String,
    /// Whether every installation has it.
    pub built_in: bool,
    /// The organization whose role it is; `null`: the installation's.
    pub organization_id: Option<OrganizationId>,
    /// What it is for.
    pub description: Option<String>,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// Whether its permissions reach only what its holder asked for or owns.
    pub own_only: bool,
    /// `active` or `archived`.
    pub status: RecordStatus,
    /// When it was created; `null` for a built-in one.
    pub created_at: Option<Timestamp>,
    /// Version of the aggregate; 0 for a built-in one.
    pub version: i32,
}

/// Whether something is in use. Nothing that others refer to is ever deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordStatus {
    /// In use.
    #[default]
    Active,
    /// Kept to be read.
    Archived,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_row() {
        for (at, row) in ROLES.iter().enumerate() {
            assert_eq!(row.role as usize, at);
            assert_eq!(serde_json::to_value(row.role).unwrap(), row.role.as_str());
            assert_eq!(row.role.as_str().parse(), Ok(Role::BuiltIn(row.role)));
        }
    }

    #[test]
    fn a_role_never_holds_more_than_the_one_above_it() {
        let permissions = |role: BuiltInRole| role.row().permissions;
        let (master, organization, department) =
            (BuiltInRole::Master, BuiltInRole::OrganizationOfficer, BuiltInRole::DepartmentOfficer);
        for (lower, upper) in [
            (organization, master),
            (department, organization),
            (BuiltInRole::Auditor, organization),
            (BuiltInRole::Requester, department),
        ] {
            assert_eq!(permissions(lower).and(permissions(upper)), permissions(lower), "{lower:?}");
        }
        let changing = [P::CaCreate, P::CaWrite, P::ProfileWrite, P::KeyDestroy, P::OrganizationCreate];
        assert!(changing.iter().all(|permission| !permissions(organization).contains(*permission)));
    }

    #[test]
    fn simple_levels_stand_for_the_role_that_fits_the_scope() {
        let admin: RoleChoice = "admin".parse().unwrap();
        let word = |organization, department| admin.resolved(organization, department).unwrap().to_string();
        assert_eq!(word(false, false), "master");
        assert_eq!(word(true, false), "organization_officer");
        assert_eq!(word(true, true), "department_officer");
        assert_eq!(RoleChoice::User.resolved(true, false).unwrap().to_string(), "requester");
        assert_eq!("name:auditor".parse(), Ok(RoleChoice::Role(Role::BuiltIn(BuiltInRole::Auditor))));
        assert_eq!("name:helpdesk".parse(), Ok(RoleChoice::Named("helpdesk".into())));
        assert!("helpdesk".parse::<RoleChoice>().is_err());
    }
}
