//! The aggregate: which master key counts, and which one is about to take its place.

use contracts::{
    Code, Problem, Timestamp,
    keystore::{MasterKeyEvent, MasterKeyRotated, MasterKeyRotationAbandoned, MasterKeyRotationBegun},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};
use uuid::Uuid;

/// The master key of the installation, as far as it was ever replaced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mastership {
    /// The rotation that goes on.
    pub rotating: Option<MasterKeyRotationBegun>,
    /// The last one that ended.
    pub rotated: Option<MasterKeyRotated>,
}

/// What may be asked of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Let a new master key take its place.
    Begin(MasterKeyRotationBegun),
    /// Everything is wrapped anew under this one: destroy the one before.
    Finish {
        /// The new one.
        id: Uuid,
        /// So many organization keys.
        organization_keys: u32,
        /// So many data keys.
        data_keys: u32,
    },
    /// The new one is lost before anything was wrapped under it.
    Abandon {
        /// Which.
        id: Uuid,
    },
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One at a time.
    #[error("the master key is being rotated already; that goes on by itself")]
    Rotating,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(Code::InvalidState, refusal.to_string())
    }
}

impl Aggregate for Mastership {
    type Command = Command;
    type Event = MasterKeyEvent;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> Result<Vec<MasterKeyEvent>, Refusal> {
        Ok(match (&self.rotating, command) {
            (Some(_), Command::Begin(_)) => return Err(Refusal::Rotating),
            (None, Command::Begin(begun)) => vec![begun.into()],
            (Some(begun), Command::Finish { id, organization_keys, data_keys }) if begun.id == id => {
                let previous_id = begun.previous_id;
                vec![MasterKeyRotated { id, previous_id, organization_keys, data_keys }.into()]
            }
            (Some(begun), Command::Abandon { id }) if begun.id == id => {
                vec![MasterKeyRotationAbandoned { id }.into()]
            }
            (_, Command::Finish { .. } | Command::Abandon { .. }) => vec![], // over already: nothing changes
        })
    }

    fn evolve(self, event: MasterKeyEvent) -> Self {
        match event {
            MasterKeyEvent::RotationBegun(begun) => Self { rotating: Some(begun), ..self },
            MasterKeyEvent::Rotated(rotated) => Self { rotating: None, rotated: Some(rotated) },
            MasterKeyEvent::RotationAbandoned(_) => Self { rotating: None, ..self },
        }
    }

    fn describe(&self) -> Value {
        json!({
            "rotating": self.rotating.is_some(),
            "id": self.rotating.as_ref().map(|begun| begun.id).or(self.rotated.as_ref().map(|rotated| rotated.id)),
        })
    }
}

#[cfg(test)]
mod tests {
    use contracts::keystore::MasterKeyProvider;
    use runtime::aggregate::test::given;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn begun(id: u128) -> MasterKeyRotationBegun {
        MasterKeyRotationBegun {
            id: Uuid::from_u128(id),
            previous_id: Uuid::from_u128(id - 1),
            provider: MasterKeyProvider::File,
            reason: None,
        }
    }

    fn finish(id: u128) -> Command {
        Command::Finish { id: Uuid::from_u128(id), organization_keys: 3, data_keys: 40 }
    }

    #[test]
    fn one_rotation_goes_on_at_a_time() {
        given::<Mastership>([]).when(Command::Begin(begun(2)), NOON).then([begun(2).into()]);
        given::<Mastership>([begun(2).into()])
            .when(Command::Begin(begun(3)), NOON)
            .refused(Refusal::Rotating);
    }

    #[test]
    fn a_rotation_ends_once() {
        let rotated = MasterKeyRotated {
            id: Uuid::from_u128(2),
            previous_id: Uuid::from_u128(1),
            organization_keys: 3,
            data_keys: 40,
        };
        given::<Mastership>([begun(2).into()]).when(finish(2), NOON).then([rotated.clone().into()]);
        given::<Mastership>([begun(2).into(), rotated.clone().into()])
            .when(finish(2), NOON)
            .changes_nothing();
        given::<Mastership>([begun(2).into(), rotated.into(), begun(3).into()])
            .when(finish(2), NOON)
            .changes_nothing();
    }

    #[test]
    fn a_rotation_whose_key_is_lost_gives_way_to_another() {
        let id = Uuid::from_u128(2);
        let abandoned: MasterKeyEvent = MasterKeyRotationAbandoned { id }.into();
        given::<Mastership>([begun(2).into()]).when(Command::Abandon { id }, NOON).then([abandoned.clone()]);
        given::<Mastership>([begun(2).into(), abandoned])
            .when(Command::Begin(begun(3)), NOON)
            .then([begun(3).into()]);
    }
}
