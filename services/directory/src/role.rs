//! A custom role: a named set of permissions.

use contracts::{
    Code, Permission, Problem, Timestamp, Violation,
    directory::{RoleArchived, RoleCreated, RoleEvent, RoleUpdated, UpdateRole},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

use crate::fields;

/// One custom role. It is never deleted, because grants refer to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CustomRole {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// It allows what it says.
    Active(RoleCreated),
    /// It allows nothing.
    Archived(RoleCreated),
}

/// What may be asked of a custom role.
#[derive(Clone, Debug)]
pub enum RoleCommand {
    /// Let it exist.
    Create(RoleCreated),
    /// Change the fields that are given.
    Update(UpdateRole),
    /// Let it allow nothing.
    Archive,
}

/// Why a custom role refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RoleRefusal {
    /// There is none with this id.
    #[error("the role does not exist")]
    NotCreated,
    /// The id is taken.
    #[error("the role exists already")]
    AlreadyCreated,
    /// It is archived.
    #[error("the role '{0}' is archived")]
    Archived(String),
    /// Some fields hold what they may not.
    #[error("{} field(s) of the role are not allowed", .0.len())]
    Invalid(Vec<Violation>),
}

impl From<RoleRefusal> for Problem {
    fn from(refusal: RoleRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            RoleRefusal::NotCreated => Self::new(Code::NotFound, detail),
            RoleRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            RoleRefusal::Archived(_) => Self::new(Code::InvalidState, detail),
            RoleRefusal::Invalid(errors) => Self::new(Code::ValidationFailed, detail).with_errors(errors),
        }
    }
}

impl Aggregate for CustomRole {
    type Command = RoleCommand;
    type Event = RoleEvent;
    type Refusal = RoleRefusal;

    fn decide(&self, command: RoleCommand, _now: Timestamp) -> Result<Vec<RoleEvent>, RoleRefusal> {
        match (self, command) {
            (Self::Uncreated, RoleCommand::Create(created)) => {
                check(&created)?;
                Ok(vec![RoleCreated { permissions: in_order(&created.permissions), ..created }.into()])
            }
            (Self::Active(_) | Self::Archived(_), RoleCommand::Create(_)) => Err(RoleRefusal::AlreadyCreated),
            (Self::Uncreated, _) => Err(RoleRefusal::NotCreated),
            (Self::Active(current), RoleCommand::Update(update)) => {
                let description = update.description.or_else(|| current.description.clone());
                let changed = RoleCreated {
                    description: description.filter(|text| !text.is_empty()),
                    permissions: in_order(update.permissions.as_deref().unwrap_or(&current.permissions)),
                    own_only: update.own_only.unwrap_or(current.own_only),
                    ..current.clone()
                };
                check(&changed)?;
                if changed == *current {
                    return Ok(vec![]);
                }
                let RoleCreated { description, permissions, own_only, .. } = changed;
                Ok(vec![RoleUpdated { description, permissions, own_only }.into()])
            }
            (Self::Archived(current), RoleCommand::Update(_)) => {
                Err(RoleRefusal::Archived(current.name.clone()))
            }
            (Self::Active(_), RoleCommand::Archive) => Ok(vec![RoleArchived {}.into()]),
            (Self::Archived(_), RoleCommand::Archive) => Ok(vec![]),
        }
    }

    fn evolve(self, event: RoleEvent) -> Self {
        match (self, event) {
            (_, RoleEvent::Created(created)) => Self::Active(created),
            (
                Self::Active(current),
                RoleEvent::Updated(RoleUpdated { description, permissions, own_only }),
            ) => Self::Active(RoleCreated { description, permissions, own_only, ..current }),
            (Self::Active(current), RoleEvent::Archived(_)) => Self::Archived(current),
            (unchanged, RoleEvent::Updated(_) | RoleEvent::Archived(_)) => unchanged,
        }
    }

    fn describe(&self) -> Value {
        self.fields().map_or(Value::Null, |role| {
            json!({"name": role.name, "description": role.description, "permissions": role.permissions,
                "ownOnly": role.own_only, "status": if self.is_archived() { "archived" } else { "active" }})
        })
    }
}

impl CustomRole {
    /// Its values, once it exists.
    pub fn fields(&self) -> Option<&RoleCreated> {
        match self {
            Self::Uncreated => None,
            Self::Active(role) | Self::Archived(role) => Some(role),
        }
    }

    /// Whether it is archived.
    pub fn is_archived(&self) -> bool {
        matches!(self, Self::Archived(_))
    }
}

fn in_order(permissions: &[Permission]) -> Vec<Permission> {
    Permission::ALL.iter().copied().filter(|permission| permissions.contains(permission)).collect()
}

/// Words that stand for roles already.
const SIMPLE: [&str; 2] = ["admin", "user"];

fn check(role: &RoleCreated) -> Result<(), RoleRefusal> {
    let mut errors: Vec<_> = fields::name("#/name", &role.name).into_iter().collect();
    if SIMPLE.contains(&role.name.as_str()) || role.name.parse::<contracts::directory::Role>().is_ok() {
        let words = format!("'{}' is the name of a built-in role", role.name);
        errors.push(Violation::at("#/name", "name_taken", words));
    }
    errors.extend(role.description.as_deref().and_then(|text| fields::text("#/description", text, 1_000)));
    if role.permissions.is_empty() {
        let words = "a role has at least one permission";
        errors.push(
            Violation::at("#/permissions", "empty", words)
                .allowing(Permission::ALL.iter().map(ToString::to_string)),
        );
    }
    if errors.is_empty() { Ok(()) } else { Err(RoleRefusal::Invalid(errors)) }
}

#[cfg(test)]
mod tests {
    use contracts::RoleId;
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn created(name: &str, permissions: &[Permission]) -> RoleCreated {
        RoleCreated {
            id: RoleId(Uuid::from_u128(1)),
            organization_id: None,
            name: name.into(),
            description: None,
            permissions: permissions.to_vec(),
            own_only: false,
        }
    }

    fn update(permissions: Option<Vec<Permission>>) -> RoleCommand {
        let role = RoleId(Uuid::from_u128(1));
        RoleCommand::Update(UpdateRole { role, description: None, permissions, own_only: None })
    }

    #[test]
    fn a_role_has_a_name_of_its_own_and_permissions() {
        let codes = |created| match CustomRole::Uncreated.decide(RoleCommand::Create(created), NOON) {
            Err(RoleRefusal::Invalid(errors)) => {
                errors.into_iter().map(|error| error.code).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(codes(created("master", &[])), ["name_taken", "empty"]);
        assert_eq!(codes(created("admin", &[Permission::KeyRead])), ["name_taken"]);
        assert_eq!(codes(created("Help desk", &[Permission::KeyRead])), ["invalid_name"]);
    }

    #[test]
    fn permissions_are_a_set() {
        let (read, write) = (Permission::CertificateRead, Permission::CertificateWrite);
        given::<CustomRole>([created("helpdesk", &[read, write]).into()])
            .when(update(Some(vec![write, read, write])), NOON)
            .changes_nothing();
        given::<CustomRole>([created("helpdesk", &[read, write]).into()])
            .when(update(Some(vec![read])), NOON)
            .then([RoleUpdated { permissions: vec![read], ..RoleUpdated::default() }.into()]);
    }

    #[test]
    fn an_archived_role_stays_archived() {
        given::<CustomRole>([created("helpdesk", &[Permission::KeyRead]).into()])
            .when(RoleCommand::Archive, NOON)
            .then([RoleArchived {}.into()])
            .when(RoleCommand::Archive, NOON)
            .changes_nothing();
        given::<CustomRole>([created("helpdesk", &[Permission::KeyRead]).into(), RoleArchived {}.into()])
            .when(update(None), NOON)
            .refused(RoleRefusal::Archived("helpdesk".into()));
    }
}
