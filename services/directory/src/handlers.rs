//! One handler per command: check, gather facts, load, decide, append.

mod denials;
mod departments;
mod organizations;
mod tokens;

use std::sync::Arc;

use bus::Context;
use contracts::{Code, OrganizationId, Problem, Timestamp, directory::DirectoryNameEvent};
use eventlog::Reader;
use runtime::{
    authority::Authority, clock::Clock, command::read_problem, ids::Ids, names::Names,
    repository::Repository, service::ServiceContext,
};
use uuid::Uuid;

use crate::{
    denial::Denial, department::Department, organization::Organization, token::Token, token_use::TokenUse,
};

/// Names of organizations are unique in the whole installation: they are reserved outside every organization.
pub const INSTALLATION: OrganizationId = OrganizationId(Uuid::nil());

/// What the handlers work with.
pub struct Handlers {
    authority: Authority,
    ids: Ids,
    clock: Arc<dyn Clock>,
    reader: Reader,
    names: Names<DirectoryNameEvent>,
    organizations: Repository<Organization>,
    departments: Repository<Department>,
    tokens: Repository<Token>,
    denials: Repository<Denial>,
    token_use: TokenUse,
}

impl Handlers {
    /// Handlers of one service instance.
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            authority: context.authority.clone(),
            ids: context.ids.clone(),
            clock: context.clock.clone(),
            reader: context.reader.clone(),
            names: Names::new(context.repository(1_000), context.reader.clone(), context.clock.clone()),
            organizations: context.repository(1_000),
            departments: context.repository(1_000),
            tokens: context.repository(1_000),
            denials: context.repository(1),
            token_use: TokenUse::new(context.pool.clone()),
        }
    }

    /// Takes a further name for a thing that exists.
    async fn take_name(&self, context: &Context, kind: &str, name: &str, owner: Uuid) -> Result<(), Problem> {
        let taken = self.names.reserve(context, kind, name, owner).await?;
        if taken == owner {
            return Ok(());
        }
        Err(Problem::new(Code::AlreadyExists, format!("the {kind} name '{name}' is taken")))
    }

    /// When a stream began; now, for one that a dry run only imagines.
    async fn created_at(&self, stream: Uuid) -> Result<Timestamp, Problem> {
        let events = self.reader.read_stream(stream, 0).await.map_err(read_problem)?;
        Ok(events.first().map_or_else(|| self.clock.now(), |first| first.recorded_at))
    }
}

/// The same command, about this organization.
fn within(context: &Context, organization: OrganizationId) -> Context {
    Context { tenant: organization, ..context.clone() }
}

/// What is not the caller's does not exist for them (Z-1).
fn hidden(denied: Problem, kind: &str, reference: &impl std::fmt::Display) -> Problem {
    if denied.code == Code::Forbidden { Problem::not_found(kind, reference) } else { denied }
}
