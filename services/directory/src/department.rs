//! A department of an organization.

use contracts::{
    Code, Problem, Timestamp, Violation,
    directory::{DepartmentCreated, DepartmentEvent, DepartmentUpdated, UpdateDepartment},
};
use runtime::aggregate::Aggregate;

use crate::fields;

/// One department. It is never deleted, because certificates refer to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Department {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// It exists.
    Active(DepartmentUpdated),
}

/// What may be asked of a department.
#[derive(Clone, Debug)]
pub enum DepartmentCommand {
    /// Let it exist.
    Create(DepartmentCreated),
    /// Change the fields that are given.
    Update(UpdateDepartment),
}

/// Why a department refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DepartmentRefusal {
    /// There is none with this id.
    #[error("the department does not exist")]
    NotCreated,
    /// The id is taken.
    #[error("the department exists already")]
    AlreadyCreated,
    /// Some fields hold what they may not.
    #[error("{} field(s) of the department are not allowed", .0.len())]
    Invalid(Vec<Violation>),
}

impl From<DepartmentRefusal> for Problem {
    fn from(refusal: DepartmentRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            DepartmentRefusal::NotCreated => Self::new(Code::NotFound, detail),
            DepartmentRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            DepartmentRefusal::Invalid(errors) => {
                Self::new(Code::ValidationFailed, detail).with_errors(errors)
            }
        }
    }
}

impl Aggregate for Department {
    type Command = DepartmentCommand;
    type Event = DepartmentEvent;
    type Refusal = DepartmentRefusal;

    fn decide(
        &self,
        command: DepartmentCommand,
        _now: Timestamp,
    ) -> Result<Vec<DepartmentEvent>, DepartmentRefusal> {
        match (self, command) {
            (Self::Active(_), DepartmentCommand::Create(_)) => Err(DepartmentRefusal::AlreadyCreated),
            (Self::Uncreated, DepartmentCommand::Update(_)) => Err(DepartmentRefusal::NotCreated),
            (Self::Uncreated, DepartmentCommand::Create(created)) => {
                check(&created.name, created.display_name.as_deref())?;
                Ok(vec![created.into()])
            }
            (Self::Active(current), DepartmentCommand::Update(update)) => {
                let changed = DepartmentUpdated {
                    name: update.name.unwrap_or_else(|| current.name.clone()),
                    display_name: update.display_name.or_else(|| current.display_name.clone()),
                };
                check(&changed.name, changed.display_name.as_deref())?;
                Ok(if changed == *current { vec![] } else { vec![changed.into()] })
            }
        }
    }

    fn evolve(self, event: DepartmentEvent) -> Self {
        match event {
            DepartmentEvent::Created(DepartmentCreated { name, display_name, .. }) => {
                Self::Active(DepartmentUpdated { name, display_name })
            }
            DepartmentEvent::Updated(updated) => Self::Active(updated),
        }
    }

    fn describe(&self) -> serde_json::Value {
        serde_json::to_value(self.fields()).unwrap_or_default()
    }
}

impl Department {
    /// Its values, once it exists.
    pub fn fields(&self) -> Option<&DepartmentUpdated> {
        match self {
            Self::Uncreated => None,
            Self::Active(fields) => Some(fields),
        }
    }
}

fn check(name: &str, display_name: Option<&str>) -> Result<(), DepartmentRefusal> {
    let errors: Vec<_> =
        [fields::name("#/name", name), display_name.and_then(|value| fields::text("#/displayName", value))]
            .into_iter()
            .flatten()
            .collect();
    if errors.is_empty() { Ok(()) } else { Err(DepartmentRefusal::Invalid(errors)) }
}
