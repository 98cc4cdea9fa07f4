//! A person, as far as the log knows them.

use contracts::{
    Code, DepartmentId, Problem, Timestamp,
    directory::{
        PersonAdded, PersonArchived, PersonErased, PersonEvent, PersonRestored, PersonStatus, PersonUpdated,
        ValidationType,
    },
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

/// One person; none until they are added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person(pub Option<Known>);

/// What the log says of a person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// Of which department.
    pub department: Option<DepartmentId>,
    /// How their addresses are validated.
    pub validation: ValidationType,
    /// Where they stand.
    pub status: PersonStatus,
}

/// What may be asked of a person.
#[derive(Clone, Debug)]
pub enum PersonCommand {
    /// Let them be known.
    Add(PersonAdded),
    /// Let this be so from now on; fields beside the log are named if they change.
    Update(PersonUpdated),
    /// Let them get no new certificates.
    Archive(PersonArchived),
    /// Let them get certificates again.
    Restore(PersonRestored),
    /// Forget who they were.
    Erase,
}

/// Why a person refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PersonRefusal {
    /// There is none with this id.
    #[error("the person does not exist")]
    NotAdded,
    /// The id is taken.
    #[error("the person was added already")]
    AlreadyAdded,
    /// Nobody knows any more who it was.
    #[error("the person was erased")]
    Erased,
    /// Archived persons are not changed.
    #[error("the person is archived: restore them first")]
    Archived,
}

impl From<PersonRefusal> for Problem {
    fn from(refusal: PersonRefusal) -> Self {
        let code = match refusal {
            PersonRefusal::NotAdded => Code::NotFound,
            PersonRefusal::AlreadyAdded => Code::AlreadyExists,
            PersonRefusal::Erased | PersonRefusal::Archived => Code::InvalidState,
        };
        Self::new(code, refusal.to_string())
    }
}

impl Aggregate for Person {
    type Command = PersonCommand;
    type Event = PersonEvent;
    type Refusal = PersonRefusal;

    fn decide(&self, command: PersonCommand, _now: Timestamp) -> Result<Vec<PersonEvent>, PersonRefusal> {
        use PersonCommand as Command;
        use PersonStatus::{Active, Archived, Erased};
        let known = match (&self.0, command) {
            (None, Command::Add(added)) => return Ok(vec![added.into()]),
            (Some(_), Command::Add(_)) => return Err(PersonRefusal::AlreadyAdded),
            (None, _) => return Err(PersonRefusal::NotAdded),
            (Some(known), command) => (known, known.status, command),
        };
        Ok(match known {
            (_, Erased, Command::Erase) => vec![],
            (_, Erased, _) => return Err(PersonRefusal::Erased),
            (_, _, Command::Erase) => vec![PersonErased {}.into()],
            (_, Active, Command::Archive(archived)) => vec![archived.into()],
            (_, Archived, Command::Restore(restored)) => vec![restored.into()],
            (_, Archived, Command::Update(_)) => return Err(PersonRefusal::Archived),
            (known, Active, Command::Update(updated)) => {
                let is_so = updated.department_id == known.department
                    && updated.validation_type == known.validation
                    && updated.fields.is_empty();
                if is_so { vec![] } else { vec![updated.into()] }
            }
            (_, _, Command::Archive(_) | Command::Restore(_) | Command::Add(_)) => vec![],
        })
    }

    fn evolve(self, event: PersonEvent) -> Self {
        let known = match (self.0, event) {
            (_, PersonEvent::Added(added)) => Some(Known {
                department: added.department_id,
                validation: added.validation_type,
                status: PersonStatus::Active,
            }),
            (None, _) => None,
            (Some(known), PersonEvent::Updated(updated)) => Some(Known {
                department: updated.department_id,
                validation: updated.validation_type,
                ..known
            }),
            (Some(known), PersonEvent::Archived(_)) => {
                Some(Known { status: PersonStatus::Archived, ..known })
            }
            (Some(known), PersonEvent::Restored(_)) => Some(Known { status: PersonStatus::Active, ..known }),
            (Some(known), PersonEvent::Erased(_)) => Some(Known { status: PersonStatus::Erased, ..known }),
        };
        Self(known)
    }

    fn describe(&self) -> Value {
        self.0.map_or(Value::Null, |known| {
            json!({"departmentId": known.department, "validationType": known.validation, "status": known.status})
        })
    }
}

#[cfg(test)]
mod tests {
    use contracts::PersonId;
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));
    const WEB: Option<DepartmentId> = Some(DepartmentId(Uuid::from_u128(2)));

    fn added() -> PersonAdded {
        let id = PersonId(Uuid::from_u128(1));
        PersonAdded { id, department_id: None, validation_type: ValidationType::Standard }
    }

    fn updated(department_id: Option<DepartmentId>, fields: &[&str]) -> PersonUpdated {
        let fields = fields.iter().map(ToString::to_string).collect();
        PersonUpdated { department_id, validation_type: ValidationType::Standard, fields }
    }

    #[test]
    fn only_what_changes_is_recorded() {
        let known = || given::<Person>([added().into()]);
        known().when(PersonCommand::Update(updated(None, &[])), NOON).changes_nothing();
        known().when(PersonCommand::Update(updated(WEB, &[])), NOON).then([updated(WEB, &[]).into()]);
        let named = updated(None, &["email"]);
        known().when(PersonCommand::Update(named.clone()), NOON).then([named.into()]);
        known().when(PersonCommand::Add(added()), NOON).refused(PersonRefusal::AlreadyAdded);
        given::<Person>([]).when(PersonCommand::Erase, NOON).refused(PersonRefusal::NotAdded);
    }

    #[test]
    fn who_is_archived_can_be_restored_but_not_changed() {
        let archive = || PersonCommand::Archive(PersonArchived::default());
        let restore = || PersonCommand::Restore(PersonRestored::default());
        let archived = || given::<Person>([added().into(), PersonArchived::default().into()]);
        archived().when(archive(), NOON).changes_nothing();
        archived().when(PersonCommand::Update(updated(WEB, &[])), NOON).refused(PersonRefusal::Archived);
        archived()
            .when(restore(), NOON)
            .then([PersonRestored::default().into()])
            .when(restore(), NOON)
            .changes_nothing();
    }

    #[test]
    fn who_is_erased_stays_erased() {
        let erased = || given::<Person>([added().into(), PersonErased {}.into()]);
        erased().when(PersonCommand::Erase, NOON).changes_nothing();
        for command in [
            PersonCommand::Restore(PersonRestored::default()),
            PersonCommand::Archive(PersonArchived::default()),
            PersonCommand::Update(updated(WEB, &["email"])),
        ] {
            erased().when(command, NOON).refused(PersonRefusal::Erased);
        }
    }
}
