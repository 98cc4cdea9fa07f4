//! One handler per command: check, gather facts, load, decide, append. A file per kind of thing.

mod access_lists;
mod adding;
mod administrators;
mod approval_policies;
mod approvals;
mod client_certificates;
mod deciders;
pub mod delegations;
mod denials;
mod departments;
mod domain_types;
pub mod domains;
mod grants;
mod identity_providers;
mod links;
mod organizations;
pub mod people;
mod people_import;
mod profile;
mod provider_people;
mod provider_sign_in;
mod recipients;
mod roles;
mod second_factors;
mod sessions;
mod sign_in;
mod tokens;
mod validations;

use std::{sync::Arc, time::Duration};

use bus::{Bus, Context};
use contracts::{
    Code, OrganizationId, Problem, Timestamp,
    directory::{AuditEvent, DenialEvent, DirectoryNameEvent, SignInEvent},
    id::Reference,
};
use deadpool_postgres::{Object, Pool};
use eventlog::{Appender, Reader};
use runtime::{
    authority::Authority, clock::Clock, command::read_problem, config::Auth, domains::Domains,
    entropy::Entropy, fold::Live, ids::Ids, names::Names, outbound::Outbound, repository::Repository,
    service::ServiceContext,
};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use uuid::Uuid;

use crate::{
    access_list::AccessList,
    administrator::Administrator,
    approval::Approval,
    approval_policy::ApprovalPolicy,
    begun_sign_in::BegunSignIns,
    department::Department,
    domain::Domain,
    domain_validation::DomainValidation,
    identity_provider::IdentityProvider,
    lock_out::LockOut,
    oidc::client::Client,
    organization::Organization,
    password::Passwords,
    people::{import::PersonImport, import_table::ImportTable, person::Person, table::DetailsTable},
    person::{People, away},
    recorded_once::RecordedOnce,
    role::CustomRole,
    second_factor::SecondFactors,
    session::Session,
    session_use::SessionUse,
    token::Token,
    token_use::TokenUse,
    waiting::Waiting,
};

/// Short for it.
pub const INSTALLATION: OrganizationId = OrganizationId::INSTALLATION;

/// How long what is not known yet is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long news of domains are waited for before the log is asked.
const DOUBT: Duration = Duration::from_millis(500);

/// What the handlers work with.
pub struct Handlers {
    authority: Authority,
    ids: Ids,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) reader: Reader,
    pool: Pool,
    names: Names<DirectoryNameEvent>,
    organizations: Repository<Organization>,
    departments: Repository<Department>,
    validations: Repository<DomainValidation>,
    outbound: Outbound,
    entropy: Arc<dyn Entropy>,
    pub(crate) domains: Repository<Domain>,
    pub(crate) approvals: Repository<Approval>,
    pub(crate) approval_policies: Repository<ApprovalPolicy>,
    pub(crate) waiting: Live<Waiting>,
    /// Whether policies need two persons where nobody says otherwise.
    production: bool,
    administrators: Repository<Administrator>,
    roles: Repository<CustomRole>,
    identity_providers: Repository<IdentityProvider>,
    tokens: Repository<Token>,
    sessions: Repository<Session>,
    failed_sign_ins: Repository<RecordedOnce<SignInEvent>>,
    access_lists: Repository<AccessList>,
    denials: Repository<RecordedOnce<DenialEvent>>,
    readings: Repository<RecordedOnce<AuditEvent>>,
    token_use: TokenUse,
    people: People,
    persons: Repository<Person>,
    details: DetailsTable,
    /// Imports of persons.
    pub imports: ImportTable,
    import_streams: Repository<PersonImport>,
    /// Tells that there is an import to work off.
    pub import_wake: Notify,
    delegated: Live<Domains>,
    appender: Appender,
    passwords: Passwords,
    lock_out: LockOut,
    second_factors: SecondFactors,
    session_use: SessionUse,
    begun_sign_ins: BegunSignIns,
    provider_client: Client,
    auth: Auth,
    bus: Bus,
    public_url: String,
    issuer: String,
    turns: Arc<Mutex<()>>,
    people_turns: Arc<Mutex<()>>,
}

impl Handlers {
    /// Handlers of one service instance.
    pub fn new(context: &ServiceContext, outbound: Outbound, passwords: Passwords) -> Self {
        Self {
            authority: context.authority.clone(),
            ids: context.ids.clone(),
            clock: context.clock.clone(),
            reader: context.reader.clone(),
            pool: context.pool.clone(),
            names: Names::new(context.repository(1_000), context.reader.clone(), context.clock.clone()),
            organizations: context.repository(1_000),
            departments: context.repository(1_000),
            domains: context.repository(1_000),
            validations: context.repository(1_000),
            provider_client: Client::new(outbound.clone()),
            outbound,
            entropy: context.entropy.clone(),
            approvals: context.repository(1_000),
            approval_policies: context.repository(100),
            waiting: Live::start(
                "approvals_in_memory",
                &context.reader,
                &context.bus,
                &context.health,
                &context.shutdown,
                DOUBT,
            ),
            production: context.config.server.production,
            administrators: context.repository(1_000),
            roles: context.repository(1_000),
            identity_providers: context.repository(1_000),
            tokens: context.repository(1_000),
            sessions: context.repository(10_000),
            failed_sign_ins: context.repository(1),
            access_lists: context.repository(1_000),
            denials: context.repository(1),
            readings: context.repository(1),
            token_use: TokenUse::new(context.pool.clone()),
            people: People::new(context.pool.clone()),
            persons: context.repository(10_000),
            details: DetailsTable::new(context.pool.clone()),
            imports: ImportTable::new(context.pool.clone()),
            import_streams: context.repository(100),
            import_wake: Notify::new(),
            delegated: Live::start(
                "domains_in_memory",
                &context.reader,
                &context.bus,
                &context.health,
                &context.shutdown,
                DOUBT,
            ),
            appender: context.appender.clone(),
            passwords,
            lock_out: LockOut::new(context.pool.clone()),
            second_factors: SecondFactors::new(context.pool.clone()),
            session_use: SessionUse::new(context.pool.clone()),
            begun_sign_ins: BegunSignIns::new(context.pool.clone()),
            auth: context.config.auth.clone(),
            bus: context.bus.clone(),
            public_url: context.config.server.public_url.clone(),
            issuer: format!("Chancery ({})", context.config.server.public_host()),
            turns: Arc::default(),
            people_turns: Arc::default(),
        }
    }

    /// Forgets who was erased, and lines that never became an import.
    pub async fn forget(&self) -> Result<(), Problem> {
        self.details.forget_erased().await?;
        self.imports.forget_abandoned().await?;
        Ok(())
    }

    /// The organization that is named, if there is one: by its name of now, as readers find it, too. A name that it had
    /// stays taken and names nothing.
    async fn organization(&self, reference: &Reference<OrganizationId>) -> Result<OrganizationId, Problem> {
        match reference {
            Reference::Id(id) => Ok(*id),
            Reference::Name(name) => {
                let found = self.authority.find(|authority| authority.organization_named(name)).await?;
                found.ok_or_else(|| Problem::not_found("organization", reference))
            }
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

    /// Lets one change of rights at a time be decided, in whichever instance, on all that were decided before: two
    /// masters cannot remove each other. It ends with the session's transaction, so when what is returned is dropped.
    async fn one_at_a_time(&self) -> Result<Turn, Problem> {
        let turn = self.turn(&self.turns, 1).await?;
        self.authority.catch_up().await.map_err(read_problem)?;
        Ok(turn)
    }

    /// Lets one change of persons at a time be decided, so that no two have the same address.
    async fn people_turn(&self) -> Result<Turn, Problem> {
        self.turn(&self.people_turns, 2).await
    }

    async fn turn(&self, turns: &Arc<Mutex<()>>, which: i32) -> Result<Turn, Problem> {
        // Within this instance they wait here, so that those who wait take no connection from the one who works.
        let here = turns.clone().lock_owned().await;
        let session = self.pool.get().await.map_err(away)?;
        let take =
            format!("begin; set local lock_timeout = '10s'; select pg_advisory_xact_lock(7201, {which})");
        let turn = Turn { session: Some(session), _here: here };
        if let Some(session) = &turn.session {
            session.batch_execute(&take).await.map_err(away)?;
        }
        Ok(turn)
    }
}

/// The turn of one change.
struct Turn {
    session: Option<Object>,
    _here: OwnedMutexGuard<()>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            // A session that cannot be given back in order is closed, which ends its transaction as well.
            tokio::spawn(async move {
                if session.batch_execute("rollback").await.is_err() {
                    drop(Object::take(session));
                }
            });
        }
    }
}

/// The same command, about this organization.
pub fn within(context: &Context, organization: OrganizationId) -> Context {
    Context { tenant: organization, ..context.clone() }
}

/// What is not the caller's does not exist for them (Z-1).
fn hidden(denied: Problem, kind: &str, reference: &impl std::fmt::Display) -> Problem {
    if denied.code == Code::Forbidden { Problem::not_found(kind, reference) } else { denied }
}
