//! Adding persons, one or many at a time: their values are kept first, then the log is told.

use std::{collections::HashSet, sync::Arc};

use bus::Context;
use contracts::{OrganizationId, PersonId, Problem, directory::PersonAdded};
use runtime::{
    command::{append_problem, read_problem},
    repository::Executed,
};
use uuid::Uuid;

use super::{Handlers, within};
use crate::people::{
    add::{Added, Plan, Wanted, addresses, key, plans},
    person::{Person, PersonCommand},
    table::{Keep, Kept},
};

impl Handlers {
    /// Those of them whose address is taken.
    pub async fn people_existing(
        &self,
        wanted: &[Wanted],
    ) -> Result<HashSet<(OrganizationId, String)>, Problem> {
        let known = self.details.with_emails(&addresses(wanted)).await?;
        let logged = self.logged(&known).await?;
        let there = known.iter().filter(|kept| logged.contains(&kept.id));
        Ok(there.map(|kept| key(kept.organization, &kept.details.email)).collect())
    }

    /// Adds persons, no two of whom have the same address. One at a time in the installation, so that addresses stay
    /// unique.
    pub async fn add_people(
        &self,
        context: &Context,
        wanted: &[Wanted],
        import: Option<Uuid>,
    ) -> Result<Vec<Added>, Problem> {
        let _turn = self.people_turn().await?;
        let known = self.details.with_emails(&addresses(wanted)).await?;
        let logged = self.logged(&known).await?;
        let plans = plans(wanted, &known, &logged, import, || self.ids.id());
        let new: Vec<(&Wanted, PersonId)> = wanted
            .iter()
            .zip(&plans)
            .filter_map(|(wanted, plan)| match plan {
                Plan::Add(id) => Some((wanted, *id)),
                Plan::Before | Plan::Existing => None,
            })
            .collect();
        let keep: Vec<Keep> = new.iter().map(|(wanted, id)| wanted.keep(*id, import)).collect();
        self.details.keep(&keep).await?;
        let mut done = self.append_people(context, &new).await?.into_iter();
        let added = plans.into_iter().map(|plan| match plan {
            Plan::Before => Ok(Added::Before),
            Plan::Existing => Ok(Added::Existing),
            Plan::Add(_) => done.next().map(Added::Now).ok_or_else(Problem::internal),
        });
        added.collect()
    }

    async fn append_people(
        &self,
        context: &Context,
        new: &[(&Wanted, PersonId)],
    ) -> Result<Vec<Executed<Person>>, Problem> {
        let mut decided = Vec::with_capacity(new.len());
        for (wanted, id) in new {
            let context = Context { command_id: wanted.command, ..within(context, wanted.organization) };
            let added =
                PersonAdded { id: *id, department_id: wanted.department, validation_type: wanted.validation };
            let command = PersonCommand::Add(added);
            decided.push(self.persons.decide(&context, id.uuid(), Arc::default(), command)?);
        }
        let appends = decided.iter().filter_map(|decided| decided.append.clone()).collect();
        let outcomes = self.appender.append_all(appends).await;
        let mut done = Vec::with_capacity(new.len());
        for (decided, outcome) in decided.iter().zip(outcomes) {
            let outcome = outcome.map_err(|error| append_problem(&error))?;
            done.push(self.persons.settle(decided, outcome).await?);
        }
        Ok(done)
    }

    /// Those of them whom the log knows.
    async fn logged(&self, known: &[Kept]) -> Result<HashSet<PersonId>, Problem> {
        if known.is_empty() {
            return Ok(HashSet::new());
        }
        let streams: Vec<Uuid> = known.iter().map(|kept| kept.id.uuid()).collect();
        let events = self.reader.read_streams(&streams).await.map_err(read_problem)?;
        Ok(events.iter().map(|event| PersonId(event.stream)).collect())
    }
}
