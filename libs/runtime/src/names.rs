//! Names that are unique within an organization: reserved on a stream of their own, before their owner's stream is
//! written.

use std::{marker::PhantomData, sync::Arc};

use bus::Context;
use contracts::{Code, Event, Problem, Timestamp, Violation, directory::NameReserved};
use eventlog::Reader;
use time::Duration;
use uuid::Uuid;

use crate::{
    aggregate::Aggregate,
    clock::Clock,
    command::{event, read_problem},
    repository::Repository,
};

/// An owner that has no stream after so long has given up: its name is free again.
pub const ABANDONED: Duration = Duration::seconds(60);

/// The events of a service's names: there is one, "reserved".
pub trait NameEvent: Event + From<NameReserved> + Into<NameReserved> + PartialEq {}
impl<E: Event + From<NameReserved> + Into<NameReserved> + PartialEq> NameEvent for E {}

/// One name of one kind in one organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Name<E> {
    owner: Option<Uuid>,
    events: PhantomData<fn() -> E>,
}

impl<E> Default for Name<E> {
    fn default() -> Self {
        Self { owner: None, events: PhantomData }
    }
}

/// Takes a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Reserve {
    /// What for, and for whom.
    pub wanted: NameReserved,
    /// An owner that is known to have given up.
    pub abandoned_by: Option<Uuid>,
}

/// Somebody else has the name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the {kind} name '{name}' is taken")]
pub struct NameTaken {
    /// What the name is of.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl From<NameTaken> for Problem {
    fn from(taken: NameTaken) -> Self {
        let detail = taken.to_string();
        Self::new(Code::AlreadyExists, detail.clone()).with_errors(vec![Violation::at(
            "#/name",
            "name_taken",
            detail,
        )])
    }
}

impl<E: NameEvent> Aggregate for Name<E> {
    type Command = Reserve;
    type Event = E;
    type Refusal = NameTaken;

    fn decide(
        &self,
        Reserve { wanted, abandoned_by }: Reserve,
        _now: Timestamp,
    ) -> Result<Vec<E>, NameTaken> {
        match self.owner {
            None => Ok(vec![wanted.into()]),
            Some(owner) if owner == wanted.owner => Ok(vec![]),
            Some(owner) if abandoned_by == Some(owner) => Ok(vec![wanted.into()]),
            Some(_) => Err(NameTaken { kind: wanted.kind, name: wanted.name }),
        }
    }

    fn evolve(self, event: E) -> Self {
        Self { owner: Some(event.into().owner), events: PhantomData }
    }
}

/// Reserves the names of one service.
pub struct Names<E: NameEvent> {
    repository: Repository<Name<E>>,
    reader: Reader,
    clock: Arc<dyn Clock>,
}

impl<E: NameEvent> Names<E> {
    /// Reserves through this repository.
    #[must_use]
    pub fn new(repository: Repository<Name<E>>, reader: Reader, clock: Arc<dyn Clock>) -> Self {
        Self { repository, reader, clock }
    }

    /// Reserves a name as a step of a command and says who its owner is: `owner`, or for a repeated command the one
    /// that was reserved the first time. A dry run only looks whether the name can be had.
    ///
    /// Errors: `already_exists`.
    pub async fn reserve(
        &self,
        context: &Context,
        kind: &str,
        name: &str,
        owner: Uuid,
    ) -> Result<Uuid, Problem> {
        let step = Context { dry_run: context.dry_run, ..context.step("name") };
        let stream = stream(context.tenant.uuid(), kind, name);
        let wanted = NameReserved { kind: kind.to_owned(), name: name.to_owned(), owner };
        let first = Reserve { wanted: wanted.clone(), abandoned_by: None };
        let executed = match self.repository.execute(&step, stream, first).await {
            Err(taken) if taken.code == Code::AlreadyExists => match self.abandoned(stream).await? {
                None => return Err(taken),
                abandoned_by => {
                    self.repository.execute(&step, stream, Reserve { wanted, abandoned_by }).await?
                }
            },
            executed => executed?,
        };
        Ok(executed.state.owner.unwrap_or(owner))
    }

    /// The owner of a name, if it was reserved.
    pub async fn owner(&self, organization: Uuid, kind: &str, name: &str) -> Result<Option<Uuid>, Problem> {
        Ok(self.repository.reload(stream(organization, kind, name)).await?.state.owner)
    }

    /// The owner of a name that was reserved long ago and never came to be.
    async fn abandoned(&self, name: Uuid) -> Result<Option<Uuid>, Problem> {
        let history = self.reader.read_stream(name, 0).await.map_err(read_problem)?;
        let Some(last) = history.last().filter(|last| last.recorded_at.plus(ABANDONED) < self.clock.now())
        else {
            return Ok(None);
        };
        let reserved: NameReserved = event::<E>(last)?.into();
        let is_absent = self.reader.read_stream(reserved.owner, 0).await.map_err(read_problem)?.is_empty();
        Ok(is_absent.then_some(reserved.owner))
    }
}

/// The stream of a name: UUIDv5(organization, `<kind>:<name>`), so two reservations of one name meet.
#[must_use]
pub fn stream(organization: Uuid, kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&organization, format!("{kind}:{name}").as_bytes())
}

#[cfg(test)]
mod tests {
    use contracts::directory::DirectoryNameEvent;
    use time::macros::datetime;

    use super::*;
    use crate::aggregate::test::given;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
    const ALICE: Uuid = Uuid::from_u128(1);
    const BOB: Uuid = Uuid::from_u128(2);

    fn for_owner(owner: Uuid) -> NameReserved {
        NameReserved { kind: "organization".into(), name: "hq".into(), owner }
    }

    fn reserve(owner: Uuid, abandoned_by: Option<Uuid>) -> Reserve {
        Reserve { wanted: for_owner(owner), abandoned_by }
    }

    fn taken() -> NameTaken {
        NameTaken { kind: "organization".into(), name: "hq".into() }
    }

    fn alices() -> crate::aggregate::test::Given<Name<DirectoryNameEvent>> {
        given([for_owner(ALICE).into()])
    }

    #[test]
    fn a_name_has_one_owner() {
        given::<Name<DirectoryNameEvent>>([])
            .when(reserve(ALICE, None), NOON)
            .then([for_owner(ALICE).into()]);
        alices().when(reserve(ALICE, None), NOON).changes_nothing();
        alices().when(reserve(BOB, None), NOON).refused(taken());
    }

    #[test]
    fn an_abandoned_name_is_taken_over_from_the_one_who_gave_up_only() {
        alices().when(reserve(BOB, Some(ALICE)), NOON).then([for_owner(BOB).into()]);
        alices().when(reserve(BOB, Some(Uuid::from_u128(3))), NOON).refused(taken());
    }
}
