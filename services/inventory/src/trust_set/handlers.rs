//! Trust sets: made, filled, renamed, chosen as the default, archived.

use std::time::Duration;

use bus::{Answer, Context};
use contracts::{
    Code, Command, OrganizationId, Problem, TrustSetId,
    id::Reference,
    inventory::{
        AddTrustedCertificates, ArchiveTrustSet, CreateTrustSet, InventoryNameEvent,
        RemoveTrustedCertificate, TrustSetCreated, TrustSetKind, TrustSetView, TrustedCertificate,
        UpdateTrustSet,
    },
};
use eventlog::Reader;
use runtime::{
    authority::{Authority, Caller, Target},
    command::read_problem,
    fold::Live,
    ids::Ids,
    names::Names,
    repository::{Executed, Repository},
    service::ServiceContext,
    trusted_roots::{RootSet, TrustedRoots},
};

use super::{TrustSet, TrustSetCommand, certificates};

/// What names of trust sets are kept as.
const KIND: &str = "trust_set";
/// How long what is not known yet is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long news are waited for before the log is asked.
const DOUBT: Duration = Duration::from_millis(500);

/// The handlers and what they work with.
pub struct TrustSets {
    authority: Authority,
    ids: Ids,
    reader: Reader,
    sets: Repository<TrustSet>,
    names: Names<InventoryNameEvent>,
    roots: Live<TrustedRoots>,
}

/// A set that the caller may change.
struct Seen {
    context: Context,
    id: TrustSetId,
    is_default: bool,
}

impl TrustSets {
    /// The handlers of one service instance.
    pub fn new(context: &ServiceContext) -> Self {
        let names = Names::new(context.repository(1_000), context.reader.clone(), context.clock.clone());
        let (reader, bus) = (&context.reader, &context.bus);
        Self {
            authority: context.authority.clone(),
            ids: context.ids.clone(),
            reader: context.reader.clone(),
            sets: context.repository(100),
            names,
            roots: Live::start("trusted_roots", reader, bus, &context.health, &context.shutdown, DOUBT),
        }
    }

    /// Makes a trust set.
    pub async fn create(
        &self,
        context: &Context,
        command: CreateTrustSet,
    ) -> Result<Answer<TrustSetView>, Problem> {
        let caller = self.authority.caller::<CreateTrustSet>(context).await?;
        let organization_id = self.place(context, &caller, &command).await?;
        let context = &within(context, organization_id);
        let mut certificates = match &command.certificates {
            None => vec![],
            Some(text) => certificates::read(text)?,
        };
        if let Some(other) = &command.copy_of {
            certificates.extend(self.copied(context.tenant, other).await?);
        }
        let create = |id: TrustSetId| TrustSetCommand::Create {
            created: Box::new(TrustSetCreated {
                id,
                organization_id,
                name: command.name.clone(),
                description: command.description.clone().filter(|text| !text.is_empty()),
                source: None,
            }),
            certificates: certificates.clone(),
            default: command.default,
        };
        // Judged before the name is taken, so that a refusal leaves nothing.
        let (new, check) = (self.ids.uuid(), Context { dry_run: true, ..context.clone() });
        self.sets.create(&check, new, create(TrustSetId(new))).await?;
        let id = self.names.reserve(context, KIND, &command.name, new).await?;
        let done = self.sets.create(context, id, create(TrustSetId(id))).await?;
        self.answer(done).await
    }

    /// Renames a trust set, says what it is for, or makes it the default.
    pub async fn update(
        &self,
        context: &Context,
        command: UpdateTrustSet,
    ) -> Result<Answer<TrustSetView>, Problem> {
        let UpdateTrustSet { trust_set, changes } = command;
        let Seen { context, id, is_default } = self.seen::<UpdateTrustSet>(context, &trust_set).await?;
        let (name, description) = (changes.name.clone(), changes.description);
        let update =
            TrustSetCommand::Update { name: changes.name, description, default: changes.default, is_default };
        if let Some(name) = name {
            let check = Context { dry_run: true, ..context.clone() };
            self.sets.execute(&check, id.uuid(), update.clone()).await?;
            if self.names.reserve(&context, KIND, &name, id.uuid()).await? != id.uuid() {
                return Err(Problem::new(
                    Code::AlreadyExists,
                    format!("the trust set name '{name}' is taken"),
                ));
            }
        }
        self.answer(self.sets.execute(&context, id.uuid(), update).await?).await
    }

    /// Adds certificates to a trust set.
    pub async fn add(
        &self,
        context: &Context,
        command: AddTrustedCertificates,
    ) -> Result<Answer<TrustSetView>, Problem> {
        let Seen { context, id, .. } =
            self.seen::<AddTrustedCertificates>(context, &command.trust_set).await?;
        let add = TrustSetCommand::Add(certificates::read(&command.certificates)?);
        self.answer(self.sets.execute(&context, id.uuid(), add).await?).await
    }

    /// Takes a certificate out of a trust set.
    pub async fn remove(
        &self,
        context: &Context,
        command: RemoveTrustedCertificate,
    ) -> Result<Answer<TrustSetView>, Problem> {
        let RemoveTrustedCertificate { trust_set, fingerprint_sha256 } = command;
        let Seen { context, id, .. } = self.seen::<RemoveTrustedCertificate>(context, &trust_set).await?;
        let remove = TrustSetCommand::Remove(fingerprint_sha256);
        self.answer(self.sets.execute(&context, id.uuid(), remove).await?).await
    }

    /// Archives a trust set.
    pub async fn archive(
        &self,
        context: &Context,
        command: ArchiveTrustSet,
    ) -> Result<Answer<TrustSetView>, Problem> {
        let seen = self.seen::<ArchiveTrustSet>(context, &command.trust_set).await?;
        let archive = TrustSetCommand::Archive { is_default: seen.is_default };
        self.answer(self.sets.execute(&seen.context, seen.id.uuid(), archive).await?).await
    }

    /// Whose a new set is to be, if the caller may have it there.
    async fn place(
        &self,
        context: &Context,
        caller: &Caller,
        command: &CreateTrustSet,
    ) -> Result<Option<OrganizationId>, Problem> {
        if command.installation {
            caller.permit(&Target::INSTALLATION)?;
            return Ok(None);
        }
        let Some(reference) = &command.organization else {
            caller.permit(&Target::organization(context.tenant))?;
            return Ok(Some(context.tenant));
        };
        let missing = || Problem::not_found("organization", reference);
        let id = match reference {
            Reference::Id(id) => *id,
            Reference::Name(name) => {
                let found = self.authority.find(|authority| authority.organization_named(name)).await?;
                found.ok_or_else(missing)?
            }
        };
        caller.permit(&Target::organization(id)).map_err(|denied| hidden(denied, missing))?;
        if self.authority.find(|authority| authority.organization(id)).await?.is_none() {
            return Err(missing());
        }
        Ok(Some(id))
    }

    /// A set that the caller may change. Errors: `not_found`, also for one that is not theirs to see; `forbidden`.
    async fn seen<C: Command>(
        &self,
        context: &Context,
        reference: &Reference<TrustSetId>,
    ) -> Result<Seen, Problem> {
        let caller = self.authority.caller::<C>(context).await?;
        let missing = || Problem::not_found("trust set", reference);
        let (own, tenant) = (reference.clone(), context.tenant);
        // What was the default a moment ago must not be taken for it now.
        self.catch_up().await?;
        let found = self.roots.read(|roots| {
            let set = match &own {
                Reference::Id(id) => roots.set(*id),
                Reference::Name(name) => roots.named(tenant, name),
            }?;
            Some((set.id, set.organization, roots.is_default(set.id)))
        });
        let (id, organization, is_default) = found.ok_or_else(missing)?;
        let target = organization.map_or(Target::INSTALLATION, Target::organization);
        let shown = organization.is_none_or(|organization| organization == tenant);
        let judged = caller.permit(&target);
        judged.map_err(|denied| if shown { denied } else { hidden(denied, missing) })?;
        Ok(Seen { context: within(context, organization), id, is_default })
    }

    /// The certificates of a set that an organization may use.
    async fn copied(
        &self,
        organization: OrganizationId,
        reference: &Reference<TrustSetId>,
    ) -> Result<Vec<TrustedCertificate>, Problem> {
        self.catch_up().await?;
        let copied = self.roots.read(|roots| {
            let set = match reference {
                Reference::Id(id) => roots.usable(organization, *id),
                Reference::Name(name) => roots.named(organization, name),
            };
            set.map(trusted)
        });
        copied.ok_or_else(|| Problem::not_found("trust set", reference))
    }

    async fn catch_up(&self) -> Result<(), Problem> {
        let behind = || Problem::unavailable("trust sets are not known at the moment; try again");
        let level = tokio::time::timeout(PATIENCE, self.roots.catch_up()).await.map_err(|_| behind())?;
        level.map_err(read_problem)
    }

    /// The set as it is, once whoever judges by it here knows it, too.
    async fn answer(&self, done: Executed<TrustSet>) -> Result<Answer<TrustSetView>, Problem> {
        if done.dry_run.is_none() {
            self.catch_up().await?;
        }
        let events = self.reader.read_stream(done.stream, 0).await.map_err(read_problem)?;
        let created_at = events.first().map(|first| first.recorded_at);
        let is_default = self.roots.read(|roots| roots.is_default(TrustSetId(done.stream)));
        let set = done.state.set().cloned();
        let missing = || Problem::not_found("trust set", TrustSetId(done.stream));
        let (about, set) = set.map(|set| (set.about.clone(), set)).ok_or_else(missing)?;
        let view = TrustSetView {
            id: TrustSetId(done.stream),
            name: about.name,
            organization_id: about.organization_id,
            kind: if about.source.is_some() { TrustSetKind::System } else { TrustSetKind::User },
            description: about.description,
            source: about.source,
            default: is_default,
            certificate_count: set.fingerprints.len(),
            status: set.status,
            created_at: created_at.unwrap_or_else(|| contracts::Timestamp::from_unix(0)),
            version: done.version,
        };
        Ok(done.answer(|_| view))
    }
}

fn trusted(set: &RootSet) -> Vec<TrustedCertificate> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let pairs = set.fingerprints().zip(set.certificates());
    let pairs = pairs.map(|(fingerprint, der)| TrustedCertificate {
        fingerprint_sha256: fingerprint.to_owned(),
        certificate: BASE64_STANDARD.encode(der),
    });
    pairs.collect()
}

fn within(context: &Context, organization: Option<OrganizationId>) -> Context {
    Context { tenant: organization.unwrap_or(OrganizationId::INSTALLATION), ..context.clone() }
}

/// What is not the caller's does not exist for them (Z-1).
fn hidden(denied: Problem, missing: impl Fn() -> Problem) -> Problem {
    if denied.code == Code::Forbidden { missing() } else { denied }
}
