//! The aggregate: which master key counts, and which one is about to take its place.

use std::collections::BTreeMap;

use contracts::{
    AdministratorId, Code, Problem, Timestamp,
    keystore::{
        KeystoreUnsealed, MasterKeyChosen, MasterKeyEvent, MasterKeyRotated, MasterKeyRotationAbandoned,
        MasterKeyRotationBegun, ShareEntered, SharesMade, UnsealRefused,
    },
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};
use uuid::Uuid;

/// Wrong tries of one person before they have to wait.
const FREE_TRIES: u32 = 5;
/// How long they wait after the first one too many; twice as long after each further one.
const FIRST_WAIT: i64 = 10;
/// The longest they wait, and after which wrong tries are forgotten, in seconds.
const LONGEST_WAIT: i64 = 3_600;

/// The master key of the installation, as far as people had to do with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mastership {
    /// The rotation that goes on.
    pub rotating: Option<MasterKeyRotationBegun>,
    /// The last one that ended.
    pub rotated: Option<MasterKeyRotated>,
    /// How master keys were split: the one in use, and one that is about to take its place.
    pub shares: BTreeMap<Uuid, SharesMade>,
    /// The master key whose shares were made and not entered yet.
    pub unconfirmed: Option<Uuid>,
    /// Who entered what does not open the keystore: how often in a row, and when last.
    pub refused: BTreeMap<AdministratorId, (u32, Timestamp)>,
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
    /// Take this one as the first.
    Choose(MasterKeyChosen),
    /// Split one.
    Split(SharesMade),
    /// Take a share of it.
    Enter(ShareEntered),
    /// Whether somebody may try to open the keystore now: nothing happens by it.
    Try(AdministratorId),
    /// What somebody entered opens the keystore.
    Unseal(KeystoreUnsealed),
    /// What somebody entered does not.
    Refuse(AdministratorId),
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
    /// Too many wrong tries.
    #[error("what you entered was wrong too often; try again in {0} seconds")]
    TooOften(u32),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rotating => Self::new(Code::InvalidState, refusal.to_string()),
            Refusal::TooOften(seconds) => {
                Self::new(Code::RateLimited, refusal.to_string()).retry_after(seconds)
            }
        }
    }
}

impl Aggregate for Mastership {
    type Command = Command;
    type Event = MasterKeyEvent;
    type Refusal = Refusal;

    fn decide(&self, command: Command, now: Timestamp) -> Result<Vec<MasterKeyEvent>, Refusal> {
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
            (_, Command::Choose(chosen)) => vec![chosen.into()],
            (Some(_), Command::Split(_)) => return Err(Refusal::Rotating),
            (None, Command::Split(made)) => vec![made.into()],
            (_, Command::Enter(entered)) => vec![entered.into()],
            (_, Command::Try(by)) => match self.wait_of(by, now) {
                0 => vec![],
                seconds => return Err(Refusal::TooOften(seconds)),
            },
            (_, Command::Unseal(unsealed)) => vec![unsealed.into()],
            (_, Command::Refuse(by)) => vec![UnsealRefused { by, at: now }.into()],
            (_, Command::Finish { .. } | Command::Abandon { .. }) => vec![], // over already: nothing changes
        })
    }

    fn evolve(mut self, event: MasterKeyEvent) -> Self {
        match event {
            MasterKeyEvent::RotationBegun(begun) => {
                self.unconfirmed = self.unconfirmed.filter(|id| *id != begun.id);
                Self { rotating: Some(begun), ..self }
            }
            MasterKeyEvent::SharesMade(made) => {
                self.unconfirmed = Some(made.id);
                self.shares.insert(made.id, made);
                self
            }
            MasterKeyEvent::ShareEntered(_) => self,
            MasterKeyEvent::Rotated(rotated) => Self { rotating: None, rotated: Some(rotated), ..self },
            MasterKeyEvent::RotationAbandoned(abandoned) => {
                // Who has its shares may enter them again.
                self.unconfirmed =
                    self.unconfirmed.or_else(|| self.shares.get(&abandoned.id).map(|made| made.id));
                Self { rotating: None, ..self }
            }
            MasterKeyEvent::Chosen(chosen) => {
                self.unconfirmed = self.unconfirmed.filter(|id| *id != chosen.id);
                Self { refused: BTreeMap::new(), ..self }
            }
            MasterKeyEvent::Unsealed(_) => Self { refused: BTreeMap::new(), ..self },
            MasterKeyEvent::UnsealRefused(UnsealRefused { by, at }) => {
                let before =
                    self.refused.get(&by).filter(|(_, last)| (at.0 - last.0).whole_seconds() < LONGEST_WAIT);
                let times = before.map_or(0, |(times, _)| *times).saturating_add(1);
                self.refused.insert(by, (times, at));
                self
            }
        }
    }

    fn describe(&self) -> Value {
        json!({
            "rotating": self.rotating.is_some(),
            "id": self.rotating.as_ref().map(|begun| begun.id).or(self.rotated.as_ref().map(|rotated| rotated.id)),
        })
    }
}

impl Mastership {
    /// For how many seconds somebody may not try again.
    fn wait_of(&self, by: AdministratorId, now: Timestamp) -> u32 {
        let Some((times, last)) = self.refused.get(&by).filter(|(times, _)| *times >= FREE_TRIES) else {
            return 0;
        };
        let doubled = FIRST_WAIT.saturating_mul(1 << (times - FREE_TRIES).min(16));
        let left = doubled.min(LONGEST_WAIT) - (now.0 - last.0).whole_seconds();
        u32::try_from(left).unwrap_or(0)
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

    fn refused(by: u128, minute: i64) -> MasterKeyEvent {
        let at = NOON.plus(time::Duration::minutes(minute));
        UnsealRefused { by: AdministratorId(Uuid::from_u128(by)), at }.into()
    }

    #[test]
    fn whoever_enters_wrong_things_waits_longer_and_longer() {
        let ann = AdministratorId(Uuid::from_u128(1));
        let after = |times: usize, seconds: i64| {
            let now = NOON.plus(time::Duration::seconds(seconds));
            given::<Mastership>(vec![refused(1, 0); times]).when(Command::Try(ann), now)
        };
        after(4, 0).changes_nothing();
        after(5, 0).refused(Refusal::TooOften(10));
        after(5, 10).changes_nothing();
        after(7, 30).refused(Refusal::TooOften(10));
        after(40, 60).refused(Refusal::TooOften(3_540));
        after(40, 3_600).changes_nothing();
        // Others do not, and after an hour, or once the keystore was opened, it begins anew.
        let bob = AdministratorId(Uuid::from_u128(2));
        given::<Mastership>(vec![refused(1, 0); 5]).when(Command::Try(bob), NOON).changes_nothing();
        let spread: Vec<_> = (0..9).map(|hour| refused(1, hour * 60)).collect();
        given::<Mastership>(spread)
            .when(Command::Try(ann), NOON.plus(time::Duration::hours(8)))
            .changes_nothing();
        let mut opened = vec![refused(1, 0); 6];
        opened.push(KeystoreUnsealed { id: Uuid::from_u128(1) }.into());
        given::<Mastership>(opened).when(Command::Try(ann), NOON).changes_nothing();
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
