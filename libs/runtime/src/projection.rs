//! Projections: events become rows, idempotent by log position.
//!
//! Rows and checkpoint change in one transaction, so they never disagree. Tables carry a generation
//! (`inventory.certificate_g3`); readers see views (`api_inventory.certificate`) that are repointed when a generation
//! built beside has caught up (see [`crate::rebuild`]). Read models may lose their last moments in a crash
//! (`synchronous_commit = off`): their checkpoint is lost with them, and the log still has everything (N-7).

pub(crate) mod checkpoint;
pub(crate) mod lane;
mod replay;
mod runner;

use contracts::{Service, event::EventError};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use uuid::Uuid;

pub use self::{
    replay::{ReplayError, Replayed, replay},
    runner::start,
};

/// Events to rows. Without side effects, ever.
pub trait Projection: Send + Sync + 'static {
    /// Its name, unique within the service: `certificate`.
    const NAME: &'static str;
    /// Raised whenever rows would come out differently; the next start then builds a new generation.
    const VERSION: i32;
    /// The categories it is built from.
    const CATEGORIES: &'static [&'static str];
    /// Its tables, without schema and generation. [`Generation::table`] gives the full names.
    const TABLES: &'static [&'static str];

    /// SQL that creates the tables of a generation, with indexes (leave these unnamed: names are unique per schema).
    fn tables(&self, generation: &Generation) -> String;

    /// The views through which a generation is read.
    fn views(&self, generation: &Generation) -> Vec<View>;

    /// Applies events in order, within the transaction that moves the checkpoint. Best as one statement per table with
    /// the last state per entity (`insert … select from unnest(…) on conflict do update`).
    fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send;
}

/// Why events could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// An event cannot be read: the projection halts (O-6).
    #[error("event cannot be read")]
    Event(#[from] EventError),
    /// The database refused, or is away.
    #[error("rows cannot be written")]
    Database(#[from] tokio_postgres::Error),
}

/// One generation of a projection's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Whose.
    pub service: Service,
    /// Which, from 1.
    pub number: i32,
}

impl Generation {
    /// The full name of a table: `inventory.certificate_g3`.
    #[must_use]
    pub fn table(&self, name: &str) -> String {
        format!("{}.{name}_g{}", self.service, self.number)
    }
}

/// A view `api_<service>.<name>`.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// What it selects.
    pub select: String,
    /// Who sees which rows.
    pub scope: Scope,
}

/// Who sees which rows of a view, by the reader's setting `chancery.scope` (`*`, or organizations separated by commas).
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// Rows whose column of this name (type uuid, selected by the view) is an organization of the scope.
    Organization(&'static str),
    /// Rows whose column of this name (type uuid[]) has an organization of the scope in it.
    AnyOrganization(&'static str),
    /// As [`Scope::Organization`], and rows of the installation (the nil UUID), which everybody sees.
    OrganizationOrInstallation(&'static str),
    /// Every row, for whoever set a scope at all.
    Everyone,
}

impl View {
    /// The statements that put the view in place. A reader without scope sees no row.
    #[must_use]
    pub fn sql(&self, service: Service) -> String {
        let (name, select) = (self.name, &self.select);
        let setting = "current_setting('chancery.scope', true)";
        let organizations = format!("string_to_array(nullif({setting}, '*'), ',')::uuid[]");
        let condition = match self.scope {
            Scope::Organization(column) => format!("{setting} = '*' or v.{column} = any ({organizations})"),
            Scope::AnyOrganization(column) => format!("{setting} = '*' or v.{column} && {organizations}"),
            Scope::OrganizationOrInstallation(column) => format!(
                "{setting} = '*' or v.{column} = any ({organizations}) or ({setting} <> '' and v.{column} = '{}')",
                Uuid::nil()
            ),
            Scope::Everyone => format!("{setting} <> ''"),
        };
        format!(
            "drop view if exists api_{service}.{name};\n\
             create view api_{service}.{name} as select v.* from ({select}) v where {condition};\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_carry_their_generation() {
        let generation = Generation { service: Service::Inventory, number: 3 };
        assert_eq!(generation.table("certificate"), "inventory.certificate_g3");
    }

    #[test]
    fn a_view_filters_by_scope() {
        let view = View {
            name: "certificate",
            select: "select id, tenant from inventory.certificate_g3".into(),
            scope: Scope::Organization("tenant"),
        };
        let sql = view.sql(Service::Inventory);
        assert!(sql.contains("current_setting('chancery.scope', true)"), "{sql}");
    }
}
