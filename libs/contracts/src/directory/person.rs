//! Persons: who may hold client certificates. The log holds their ids; what they are called and where mail reaches them
//! stands in a table beside it, so that it can be erased (K-8).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DepartmentId, OrganizationId, Permission, PersonId, SecretText, Timestamp, command, events, id::Reference,
};

/// How it is made sure that an e-mail address is the person's before a certificate carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValidationType {
    /// By the address itself: whoever reads its mail.
    #[default]
    Standard,
}

impl ValidationType {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
        }
    }
}

/// A person is known from here on. The values are not in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonAdded {
    /// Who.
    pub id: PersonId,
    /// Of which department; missing: of the organization as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// How their addresses are validated.
    pub validation_type: ValidationType,
}

/// A person changed. Of what stands beside the log only the names of the fields are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonUpdated {
    /// Of which department from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub department_id: Option<DepartmentId>,
    /// How their addresses are validated from now on.
    pub validation_type: ValidationType,
    /// Which fields beside the log changed, such as `email`.
    pub fields: Vec<String>,
}

/// A person gets no new certificates; what they have stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonArchived {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An archived person is in use again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonRestored {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Who a person was is erased; their id stays, because events name it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonErased {}

events! {
    /// What happened to a person.
    PersonEvent in "person" {
        Added(PersonAdded) = "person.added" v 1,
        Updated(PersonUpdated) = "person.updated" v 1,
        Archived(PersonArchived) = "person.archived" v 1,
        Restored(PersonRestored) = "person.restored" v 1,
        Erased(PersonErased) = "person.erased" v 1,
    }
}

/// Adds a person.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddPerson {
    /// Of which organization; missing: the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "organizationId")]
    pub organization: Option<Reference<OrganizationId>>,
    /// Of which department; missing: the only one the caller may add people to, else the organization as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "departmentId")]
    pub department: Option<Reference<DepartmentId>>,
    /// The address, unique in the organization, within a domain that is delegated for client certificates.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Middle name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// Last name.
    pub last_name: String,
    /// Further addresses, each within such a domain, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternative_emails: Vec<String>,
    /// How the addresses are validated.
    #[serde(default)]
    pub validation_type: ValidationType,
    /// A word by which the person is recognized later. It is never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<SecretText>,
}
command!(AddPerson => PersonView, Directory, "add_person", Some(Permission::PersonWrite), SECRET_FIELDS = &["secretId"]);

/// Changes a person; a missing field stays as it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdatePerson {
    /// Who.
    pub person: PersonId,
    /// Of which department from now on; empty: of the organization as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "departmentId")]
    pub department: Option<String>,
    /// New address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// New first name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// New middle name; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub middle_name: Option<String>,
    /// New last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// All further addresses, replacing those there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_emails: Option<Vec<String>>,
    /// How the addresses are validated from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_type: Option<ValidationType>,
    /// New word by which the person is recognized later; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<SecretText>,
}
command!(UpdatePerson => PersonView, Directory, "update_person", Some(Permission::PersonWrite), SECRET_FIELDS = &["secretId"]);

/// Archives a person: they get no new certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivePerson {
    /// Who.
    pub person: PersonId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(ArchivePerson => PersonView, Directory, "archive_person", Some(Permission::PersonWrite));

/// Puts an archived person into use again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestorePerson {
    /// Who.
    pub person: PersonId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(RestorePerson => PersonView, Directory, "restore_person", Some(Permission::PersonWrite));

/// Erases who a person was, for good: names and addresses are nowhere any more, what happened stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ErasePerson {
    /// Who.
    pub person: PersonId,
}
command!(ErasePerson => PersonView, Directory, "erase_person", Some(Permission::PersonWrite));

/// Where a person stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PersonStatus {
    /// May get certificates.
    #[default]
    Active,
    /// Gets no new certificates.
    Archived,
    /// Nobody knows any more who it was.
    Erased,
}

impl PersonStatus {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Erased => "erased",
        }
    }
}

/// A person. Names and addresses are `null` once they are erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    /// Id.
    pub id: PersonId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The department; `null`: of the organization as a whole.
    pub department_id: Option<DepartmentId>,
    /// The address.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Middle name.
    pub middle_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Further addresses.
    pub alternative_emails: Vec<String>,
    /// How the addresses are validated.
    pub validation_type: ValidationType,
    /// Whether there is a word by which they are recognized.
    pub has_secret_id: bool,
    /// Where they stand.
    pub status: PersonStatus,
    /// When they were added.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
