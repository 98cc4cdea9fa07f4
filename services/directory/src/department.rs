//! A department of an organization.

use contracts::{
    Code, Problem, Timestamp, Violation,
    directory::{
        DepartmentArchived, DepartmentCreated, DepartmentEvent, DepartmentRestored, DepartmentUpdated,
        Details, RecordStatus,
    },
};
use runtime::aggregate::Aggregate;

use crate::fields;

/// One department. It is never deleted, because certificates refer to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Department {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// It is in use.
    Active(DepartmentUpdated),
    /// It can be read, and restored.
    Archived(DepartmentUpdated),
}

/// What may be asked of a department.
#[derive(Clone, Debug)]
pub enum DepartmentCommand {
    /// Let it exist.
    Create(DepartmentCreated),
    /// Change what is given: a name, and details.
    Update {
        /// New name.
        name: Option<String>,
        /// New details.
        details: Details,
    },
    /// Let nobody ask for certificates in it.
    Archive(DepartmentArchived),
    /// Put it into use again.
    Restore(DepartmentRestored),
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
    /// It is archived.
    #[error("the department '{0}' is archived: restore it first")]
    Archived(String),
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
            DepartmentRefusal::Archived(_) => Self::new(Code::InvalidState, detail),
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
        use DepartmentCommand as Command;
        match (self, command) {
            (Self::Active(_) | Self::Archived(_), Command::Create(_)) => {
                Err(DepartmentRefusal::AlreadyCreated)
            }
            (Self::Uncreated, Command::Create(created)) => {
                let created = created.clone().with(Details::default().changed(created.details()));
                check(&created.name, &created.details())?;
                Ok(vec![created.into()])
            }
            (Self::Uncreated, _) => Err(DepartmentRefusal::NotCreated),
            (Self::Active(current), Command::Update { name, details }) => {
                let name = name.unwrap_or_else(|| current.name.clone());
                let changed =
                    DepartmentUpdated { name, ..current.clone() }.with(current.details().changed(details));
                check(&changed.name, &changed.details())?;
                Ok(if changed == *current { vec![] } else { vec![changed.into()] })
            }
            (Self::Archived(current), Command::Update { .. }) => {
                Err(DepartmentRefusal::Archived(current.name.clone()))
            }
            (Self::Active(_), Command::Archive(archived)) => Ok(vec![archived.into()]),
            (Self::Archived(_), Command::Restore(restored)) => Ok(vec![restored.into()]),
            (Self::Archived(_), Command::Archive(_)) | (Self::Active(_), Command::Restore(_)) => Ok(vec![]),
        }
    }

    fn evolve(self, event: DepartmentEvent) -> Self {
        match (event, self) {
            (DepartmentEvent::Created(created), _) => {
                let name = created.name.clone();
                Self::Active(
                    DepartmentUpdated { name, ..DepartmentUpdated::default() }.with(created.details()),
                )
            }
            (DepartmentEvent::Updated(updated), _) => Self::Active(updated),
            (DepartmentEvent::Archived(_), Self::Active(fields)) => Self::Archived(fields),
            (DepartmentEvent::Restored(_), Self::Archived(fields)) => Self::Active(fields),
            (DepartmentEvent::Archived(_) | DepartmentEvent::Restored(_), unchanged) => unchanged,
        }
    }

    fn describe(&self) -> serde_json::Value {
        let mut fields = serde_json::to_value(self.fields()).unwrap_or_default();
        if let Some(members) = fields.as_object_mut() {
            members.insert("status".into(), serde_json::json!(self.status()));
        }
        fields
    }
}

impl Department {
    /// Its values, once it exists.
    pub fn fields(&self) -> Option<&DepartmentUpdated> {
        match self {
            Self::Uncreated => None,
            Self::Active(fields) | Self::Archived(fields) => Some(fields),
        }
    }

    /// Whether it is in use.
    pub fn status(&self) -> RecordStatus {
        match self {
            Self::Uncreated | Self::Active(_) => RecordStatus::Active,
            Self::Archived(_) => RecordStatus::Archived,
        }
    }
}

fn check(name: &str, details: &Details) -> Result<(), DepartmentRefusal> {
    let errors: Vec<_> = fields::name("#/name", name).into_iter().chain(fields::details(details)).collect();
    if errors.is_empty() { Ok(()) } else { Err(DepartmentRefusal::Invalid(errors)) }
}
