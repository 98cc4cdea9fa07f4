//! An organization: the tenant everything else belongs to.

use contracts::{
    Code, Problem, Timestamp, Violation,
    directory::{OrganizationCreated, OrganizationEvent, OrganizationUpdated, UpdateOrganization},
};
use runtime::aggregate::Aggregate;

use crate::fields;

/// One organization. It is never deleted, because certificates refer to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Organization {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// It exists.
    Active(OrganizationUpdated),
}

/// What may be asked of an organization.
#[derive(Clone, Debug)]
pub enum OrganizationCommand {
    /// Let it exist.
    Create(OrganizationCreated),
    /// Change the fields that are given.
    Update(UpdateOrganization),
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
        match (self, command) {
            (Self::Active(_), OrganizationCommand::Create(_)) => Err(OrganizationRefusal::AlreadyCreated),
            (Self::Uncreated, OrganizationCommand::Update(_)) => Err(OrganizationRefusal::NotCreated),
            (Self::Uncreated, OrganizationCommand::Create(created)) => {
                check(&created.name, created.display_name.as_deref(), created.country.as_deref())?;
                Ok(vec![created.into()])
            }
            (Self::Active(current), OrganizationCommand::Update(update)) => {
                let changed = OrganizationUpdated {
                    name: update.name.unwrap_or_else(|| current.name.clone()),
                    display_name: update.display_name.or_else(|| current.display_name.clone()),
                    country: update.country.or_else(|| current.country.clone()),
                };
                check(&changed.name, changed.display_name.as_deref(), changed.country.as_deref())?;
                Ok(if changed == *current { vec![] } else { vec![changed.into()] })
            }
        }
    }

    fn evolve(self, event: OrganizationEvent) -> Self {
        match event {
            OrganizationEvent::Created(OrganizationCreated { name, display_name, country, .. }) => {
                Self::Active(OrganizationUpdated { name, display_name, country })
            }
            OrganizationEvent::Updated(updated) => Self::Active(updated),
        }
    }

    fn describe(&self) -> serde_json::Value {
        serde_json::to_value(self.fields()).unwrap_or_default()
    }
}

impl Organization {
    /// Its values, once it exists.
    pub fn fields(&self) -> Option<&OrganizationUpdated> {
        match self {
            Self::Uncreated => None,
            Self::Active(fields) => Some(fields),
        }
    }
}

fn check(name: &str, display_name: Option<&str>, country: Option<&str>) -> Result<(), OrganizationRefusal> {
    let errors: Vec<_> = [
        fields::name("#/name", name),
        display_name.and_then(|value| fields::text("#/displayName", value)),
        country.and_then(|value| fields::country("#/country", value)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if errors.is_empty() { Ok(()) } else { Err(OrganizationRefusal::Invalid(errors)) }
}

#[cfg(test)]
mod tests {
    use contracts::{OrganizationId, id::Reference};
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn created(name: &str) -> OrganizationCreated {
        OrganizationCreated {
            id: OrganizationId(Uuid::from_u128(1)),
            name: name.into(),
            display_name: None,
            country: None,
        }
    }

    fn update(name: Option<&str>, country: Option<&str>) -> OrganizationCommand {
        OrganizationCommand::Update(UpdateOrganization {
            organization: Reference::Id(OrganizationId(Uuid::from_u128(1))),
            name: name.map(Into::into),
            display_name: None,
            country: country.map(Into::into),
        })
    }

    #[test]
    fn all_wrong_fields_are_told_at_once() {
        let wrong = OrganizationCreated {
            country: Some("Canada".into()),
            display_name: Some("a\u{7}".into()),
            ..created("Bad Name")
        };
        let Err(OrganizationRefusal::Invalid(errors)) =
            Organization::Uncreated.decide(OrganizationCommand::Create(wrong), NOON)
        else {
            panic!("accepted")
        };
        let codes: Vec<_> = errors.iter().map(|error| error.code.as_str()).collect();
        assert_eq!(codes, ["invalid_name", "invalid_text", "invalid_country"]);
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        given::<Organization>([created("hq").into()])
            .when(update(None, Some("CA")), NOON)
            .then([OrganizationUpdated { name: "hq".into(), display_name: None, country: Some("CA".into()) }
                .into()])
            .when(update(Some("hq"), None), NOON)
            .changes_nothing();
        given::<Organization>([])
            .when(update(Some("hq"), None), NOON)
            .refused(OrganizationRefusal::NotCreated);
    }
}
