//! An organization: the tenant everything else belongs to.

use contracts::{
    Code, Problem, Timestamp, Violation,
    directory::{
        Details, OrganizationArchived, OrganizationCreated, OrganizationEvent, OrganizationRestored,
        OrganizationUpdated, RecordStatus,
    },
};
use runtime::aggregate::Aggregate;

use crate::fields;

/// One organization. It is never deleted, because certificates refer to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Organization {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// It is in use.
    Active(OrganizationUpdated),
    /// It can be read, and restored.
    Archived(OrganizationUpdated),
}

/// What may be asked of an organization.
#[derive(Clone, Debug)]
pub enum OrganizationCommand {
    /// Let it exist.
    Create(OrganizationCreated),
    /// Change what is given: a name, and details.
    Update {
        /// New name.
        name: Option<String>,
        /// New details.
        details: Details,
    },
    /// Let nobody ask for certificates in it.
    Archive(OrganizationArchived),
    /// Put it into use again.
    Restore(OrganizationRestored),
}

/// Why an organization refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OrganizationRefusal {
    /// There is none with this id.
    #[error("the organization does not exist")]
    NotCreated,
    /// The id is taken.
    #[error("the organization exists already")]
    AlreadyCreated,
    /// It is archived.
    #[error("the organization '{0}' is archived: restore it first")]
    Archived(String),
    /// Some fields hold what they may not.
    #[error("{} field(s) of the organization are not allowed", .0.len())]
    Invalid(Vec<Violation>),
}

impl From<OrganizationRefusal> for Problem {
    fn from(refusal: OrganizationRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            OrganizationRefusal::NotCreated => Self::new(Code::NotFound, detail),
            OrganizationRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            OrganizationRefusal::Archived(_) => Self::new(Code::InvalidState, detail),
            OrganizationRefusal::Invalid(errors) => {
                Self::new(Code::ValidationFailed, detail).with_errors(errors)
            }
        }
    }
}

impl Aggregate for Organization {
    type Command = OrganizationCommand;
    type Event = OrganizationEvent;
    type Refusal = OrganizationRefusal;

    fn decide(
        &self,
        command: OrganizationCommand,
        _now: Timestamp,
    ) -> Result<Vec<OrganizationEvent>, OrganizationRefusal> {
        use OrganizationCommand as Command;
        match (self, command) {
            (Self::Active(_) | Self::Archived(_), Command::Create(_)) => {
                Err(OrganizationRefusal::AlreadyCreated)
            }
            (Self::Uncreated, Command::Create(created)) => {
                let created = created.clone().with(Details::default().changed(created.details()));
                check(&created.name, &created.details())?;
                Ok(vec![created.into()])
            }
            (Self::Uncreated, _) => Err(OrganizationRefusal::NotCreated),
            (Self::Active(current), Command::Update { name, details }) => {
                let name = name.unwrap_or_else(|| current.name.clone());
                let changed =
                    OrganizationUpdated { name, ..current.clone() }.with(current.details().changed(details));
                check(&changed.name, &changed.details())?;
                Ok(if changed == *current { vec![] } else { vec![changed.into()] })
            }
            (Self::Archived(current), Command::Update { .. }) => {
                Err(OrganizationRefusal::Archived(current.name.clone()))
            }
            (Self::Active(_), Command::Archive(archived)) => Ok(vec![archived.into()]),
            (Self::Archived(_), Command::Restore(restored)) => Ok(vec![restored.into()]),
            (Self::Archived(_), Command::Archive(_)) | (Self::Active(_), Command::Restore(_)) => Ok(vec![]),
        }
    }

    fn evolve(self, event: OrganizationEvent) -> Self {
        match (event, self) {
            (OrganizationEvent::Created(created), _) => {
                let name = created.name.clone();
                Self::Active(
                    OrganizationUpdated { name, ..OrganizationUpdated::default() }.with(created.details()),
                )
            }
            (OrganizationEvent::Updated(updated), _) => Self::Active(updated),
            (OrganizationEvent::Archived(_), Self::Active(fields)) => Self::Archived(fields),
            (OrganizationEvent::Restored(_), Self::Archived(fields)) => Self::Active(fields),
            (OrganizationEvent::Archived(_) | OrganizationEvent::Restored(_), unchanged) => unchanged,
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

impl Organization {
    /// Its values, once it exists.
    pub fn fields(&self) -> Option<&OrganizationUpdated> {
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

fn check(name: &str, details: &Details) -> Result<(), OrganizationRefusal> {
    let errors: Vec<_> = fields::name("#/name", name).into_iter().chain(fields::details(details)).collect();
    if errors.is_empty() { Ok(()) } else { Err(OrganizationRefusal::Invalid(errors)) }
}

#[cfg(test)]
mod tests {
    use contracts::OrganizationId;
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn created(name: &str, details: Details) -> OrganizationCreated {
        OrganizationCreated::new(OrganizationId(Uuid::from_u128(1)), name.into(), details)
    }

    fn hq() -> OrganizationEvent {
        created("hq", Details::default()).into()
    }

    fn in_country(country: &str) -> Details {
        Details { country: Some(country.into()), ..Details::default() }
    }

    fn update(name: Option<&str>, details: Details) -> OrganizationCommand {
        OrganizationCommand::Update { name: name.map(Into::into), details }
    }

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let wrong = Details { display_name: Some("a\u{7}".into()), ..in_country("Canada") };
        let Err(OrganizationRefusal::Invalid(errors)) =
            Organization::Uncreated.decide(OrganizationCommand::Create(created("Bad Name", wrong)), NOON)
        else {
            panic!("accepted")
        };
        let codes: Vec<_> = errors.iter().map(|error| error.code.as_str()).collect();
        assert_eq!(codes, ["invalid_name", "invalid_text", "invalid_country"]);
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_takes_away_what_it_names_as_empty() {
        let named = OrganizationUpdated { name: "hq".into(), ..OrganizationUpdated::default() };
        given::<Organization>([hq()])
            .when(update(None, in_country("CA")), NOON)
            .then([named.clone().with(in_country("CA")).into()])
            .when(update(None, in_country("")), NOON)
            .then([named.into()])
            .when(update(Some("hq"), Details::default()), NOON)
            .changes_nothing();
        given::<Organization>([])
            .when(update(Some("hq"), Details::default()), NOON)
            .refused(OrganizationRefusal::NotCreated);
    }

    #[test]
    fn an_archived_organization_changes_only_by_being_restored() {
        let (archived, restored) = (OrganizationArchived::default(), OrganizationRestored::default());
        let (archive, restore) =
            (OrganizationCommand::Archive(archived.clone()), OrganizationCommand::Restore(restored.clone()));
        given::<Organization>([hq()])
            .when(archive.clone(), NOON)
            .then([archived.clone().into()])
            .when(archive, NOON)
            .changes_nothing();
        given::<Organization>([hq(), archived.clone().into()])
            .when(update(Some("new"), Details::default()), NOON)
            .refused(OrganizationRefusal::Archived("hq".into()));
        given::<Organization>([hq(), archived.into()])
            .when(restore.clone(), NOON)
            .then([restored.into()])
            .when(restore, NOON)
            .changes_nothing();
    }
}
