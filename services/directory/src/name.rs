//! Names that are unique: reserved on a stream of their own before their owner's stream is written.

use contracts::{
    Code, Problem, Timestamp,
    directory::{DirectoryNameEvent, NameReserved},
};
use runtime::aggregate::Aggregate;
use uuid::Uuid;

/// One name of one kind in one organization.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Name {
    /// Nobody has it.
    #[default]
    Free,
    /// It belongs to this owner.
    Taken {
        /// The owner's UUID.
        owner: Uuid,
    },
}

/// Somebody else has the name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the {kind} name '{name}' is taken")]
pub struct NameTaken {
    kind: String,
    name: String,
}

impl From<NameTaken> for Problem {
    fn from(taken: NameTaken) -> Self {
        let detail = taken.to_string();
        Self::new(Code::AlreadyExists, detail.clone()).with_errors(vec![contracts::Violation::at(
            "#/name",
            "name_taken",
            detail,
        )])
    }
}

impl Aggregate for Name {
    type Command = NameReserved;
    type Event = DirectoryNameEvent;
    type Refusal = NameTaken;

    fn decide(&self, wanted: NameReserved, _now: Timestamp) -> Result<Vec<DirectoryNameEvent>, NameTaken> {
        match self {
            Self::Free => Ok(vec![wanted.into()]),
            Self::Taken { owner } if *owner == wanted.owner => Ok(vec![]),
            Self::Taken { .. } => Err(NameTaken { kind: wanted.kind, name: wanted.name }),
        }
    }

    fn evolve(self, event: DirectoryNameEvent) -> Self {
        match event {
            DirectoryNameEvent::Reserved(reserved) => Self::Taken { owner: reserved.owner },
        }
    }
}

/// The stream of a name: UUIDv5(organization, `<kind>:<name>`), so two reservations of one name meet.
pub fn stream(organization: Uuid, kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&organization, format!("{kind}:{name}").as_bytes())
}

#[cfg(test)]
mod tests {
    use runtime::aggregate::test::given;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    #[test]
    fn a_name_has_one_owner() {
        let wanted = |owner| NameReserved {
            kind: "organization".into(),
            name: "hq".into(),
            owner: Uuid::from_u128(owner),
        };
        given::<Name>([wanted(1).into()])
            .when(wanted(2), NOON)
            .refused(NameTaken { kind: "organization".into(), name: "hq".into() });
        given::<Name>([wanted(1).into()]).when(wanted(1), NOON).changes_nothing();
    }
}
