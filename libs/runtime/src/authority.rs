//! Who may do what (Z-1): deny by default, answered from memory, checked in the gateway and again in every handler.
//!
//! [`decide`] is the one rule; [`Authority`] keeps what it is asked about up to date from the log.

mod certificates;
mod decide;
mod directory;
mod principal;
mod sessions;
mod standing;
mod target;

use std::{fmt, sync::Arc, time::Duration};

use bus::{Bus, Context};
use contracts::{
    Actor, AdministratorId, Code, Command, DepartmentId, IdentityProviderId, OrganizationId, Permission,
    Problem, RoleId, Service, SessionId, Thumbprint,
    directory::{BoundCertificateView, CertificateMark, Grant},
    id::Reference,
    session::SessionText,
    token::TokenText,
};
use eventlog::{ReadError, Reader};

pub use self::{
    decide::{Decision, Refusal, covers, covers_token, decide, judge},
    directory::{Directory, KnownAdministrator, KnownDepartment, KnownOrganization, KnownRole, bounded},
    principal::{Held, Part, Principal, Types},
    target::Target,
};
use crate::{clock::Clock, command::read_problem, fold::Live, health::Health, shutdown::Shutdown};

/// The directory as of now, kept up to date from the log; clones share it.
#[derive(Clone)]
pub struct Authority {
    directory: Live<Directory>,
    clock: Arc<dyn Clock>,
}

/// Who sent a command, and that they may send it for something.
#[derive(Clone, Debug)]
pub struct Caller {
    /// `None`: a service, which acts within what NATS lets it send (N-4).
    judged: Option<(Principal, Permission)>,
}

impl Caller {
    /// Whether they may do it to this. Errors: `forbidden`.
    pub fn permit(&self, target: &Target) -> Result<(), Problem> {
        match &self.judged {
            None => Ok(()),
            Some((principal, permission)) => permitted(principal, *permission, target),
        }
    }

    /// Who it is, unless it is a service.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.judged.as_ref().map(|(principal, _)| principal)
    }
}

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No such token, or not its text, or revoked: the caller learns no more.
    #[error("the API token is not valid")]
    Invalid,
    /// It has ended.
    #[error("the API token has expired")]
    Expired,
    /// The session has lasted as long as one may.
    #[error("the session has ended: sign in again")]
    SessionExpired,
    /// The directory is not known yet, or stands still since an event that cannot be read.
    #[error("who may do what is not known at the moment; try again")]
    Unknown,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Invalid => Code::Unauthenticated,
            Denied::Expired => Code::TokenExpired,
            Denied::SessionExpired => Code::SessionExpired,
            Denied::Unknown => Code::ServiceUnavailable,
        };
        Self::new(code, denied.to_string())
    }
}

/// How long what is not known yet is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// A revoked token works nowhere after one second, so the log itself is asked twice as often.
const DOUBT: Duration = Duration::from_millis(500);

impl Authority {
    /// Starts following the directory.
    #[must_use]
    pub fn start(
        reader: &Reader,
        bus: &Bus,
        clock: Arc<dyn Clock>,
        health: &Health,
        shutdown: &Shutdown,
    ) -> Self {
        Self { directory: Live::start("authority", reader, bus, health, shutdown, DOUBT), clock }
    }

    /// Who a token's text belongs to, now.
    pub fn authenticate(&self, text: &TokenText) -> Result<Principal, Denied> {
        self.known()?;
        let now = self.clock.now();
        self.directory.read(|directory| directory.authenticate(text, now))
    }

    /// Whose session a cookie's text is, now.
    pub fn authenticate_session(&self, text: &SessionText) -> Result<Principal, Denied> {
        self.known()?;
        let now = self.clock.now();
        self.directory.read(|directory| directory.authenticate_session(text, now))
    }

    /// The client certificate that a session began with: each of its requests has to show it.
    #[must_use]
    pub fn session_certificate(&self, session: SessionId) -> Option<Thumbprint> {
        self.directory.read(|directory| directory.session_certificate(session))
    }

    /// The sessions of an administrator that were not ended.
    #[must_use]
    pub fn sessions_of(&self, administrator: AdministratorId) -> Vec<SessionId> {
        self.directory.read(|directory| directory.sessions_of(administrator))
    }

    /// The organization that was there first.
    #[must_use]
    pub fn first_organization(&self) -> Option<OrganizationId> {
        self.directory.read(|directory| directory.first_organization)
    }

    /// Who an actor is, if its token or session is valid now. Errors: `unauthenticated`, `token_expired`; `forbidden` for a
    /// service, which is no principal.
    pub fn principal(&self, actor: &Actor) -> Result<Principal, Problem> {
        self.known()?;
        let Actor::Administrator { administrator, credential } = actor else {
            return Err(Problem::new(Code::Forbidden, format!("'{actor}' is not an administrator")));
        };
        let now = self.clock.now();
        Ok(self.directory.read(|directory| directory.principal(*administrator, *credential, now))?)
    }

    /// Who sent a command, if they may send it for something in its organization: what a handler begins with whose command is
    /// about a part of an organization; [`Caller::permit`] judges the part. A service may send what its row of the table
    /// names; everyone else needs the command's permission, and commands without one are for services only.
    ///
    /// Whoever is not admitted may have become so a moment ago, through another service that knows it already: a denial
    /// is given only after a look at the log as it is now.
    pub async fn caller<C: Command>(&self, context: &Context) -> Result<Caller, Problem> {
        match self.judge_caller::<C>(context) {
            Err(denied) if matches!(denied.code, Code::Unauthenticated | Code::Forbidden) => {
                self.catch_up_soon().await?;
                self.judge_caller::<C>(context)
            }
            judged => judged,
        }
    }

    fn judge_caller<C: Command>(&self, context: &Context) -> Result<Caller, Problem> {
        let permission = match (C::PERMISSION, context.actor) {
            (permission, Actor::Service(service)) => {
                if service != C::SERVICE && !service.row().commands.contains(&(C::SERVICE, C::NAME)) {
                    let words = format!("'service:{service}' may not send '{}'", C::NAME);
                    return Err(Problem::new(Code::Forbidden, words));
                }
                // The gateway acts as its callers, never on its own account.
                if let (Some(permission), Service::Gateway) = (permission, service) {
                    return Err(forbidden(&context.actor.principal(), permission, None));
                }
                return Ok(Caller { judged: None });
            }
            (Some(permission), _) => permission,
            (None, actor) => {
                let words = format!("'{}' is for services, not for '{actor}'", C::NAME);
                return Err(Problem::new(Code::Forbidden, words));
            }
        };
        let principal = self.principal(&context.actor)?;
        if C::STEP_UP && !principal.may_act_sensitively(self.clock.now()) {
            return Err(step_up_required());
        }
        let here = |part: Part| part.organization.is_none_or(|reached| reached == context.tenant);
        if !principal.parts(permission).any(here) {
            let target = Target::organization(context.tenant).shared();
            permitted(&principal, permission, &target)?;
        }
        Ok(Caller { judged: Some((principal, permission)) })
    }

    /// Who sent a command about themselves, for which no permission is needed. Errors: `unauthenticated`, `token_expired`,
    /// `session_expired`; `forbidden` for a service.
    pub async fn oneself(&self, actor: &Actor) -> Result<Principal, Problem> {
        match self.principal(actor) {
            Err(denied) if denied.code == Code::Unauthenticated => {
                self.catch_up_soon().await?;
                self.principal(actor)
            }
            known => known,
        }
    }

    /// Who an actor is in person. Errors: as [`Authority::oneself`]; `forbidden` for a token with limits.
    pub async fn in_person(&self, actor: &Actor) -> Result<Principal, Problem> {
        let principal = self.oneself(actor).await?;
        if principal.is_in_person() {
            return Ok(principal);
        }
        let words = "an API token with limits does not act for its administrator in person: sign in";
        Err(Problem::new(Code::Forbidden, words))
    }

    /// The active administrators whose grants allow this, whatever the token or session.
    #[must_use]
    pub fn who_may(&self, permission: Permission, target: &Target) -> Vec<AdministratorId> {
        self.directory.read(|directory| directory.who_may(permission, target))
    }

    /// Whether a command may be done to this: the check that every handler begins with. Errors: `forbidden`,
    /// `unauthenticated`, `token_expired`.
    pub async fn admit_to<C: Command>(&self, context: &Context, target: &Target) -> Result<(), Problem> {
        self.caller::<C>(context).await?.permit(target)
    }

    /// Whether a command may be done to its organization as a whole.
    pub async fn admit<C: Command>(&self, context: &Context) -> Result<(), Problem> {
        self.admit_to::<C>(context, &Target::organization(context.tenant)).await
    }

    /// An organization.
    #[must_use]
    pub fn organization(&self, organization: OrganizationId) -> Option<KnownOrganization> {
        self.directory.read(|directory| directory.organizations.get(&organization).cloned())
    }

    /// Whether an organization exists.
    #[must_use]
    pub fn has_organization(&self, organization: OrganizationId) -> bool {
        self.directory.read(|directory| directory.organizations.contains_key(&organization))
    }

    /// Whether certificates can be asked for in an organization, and in this department of it. Errors: `invalid_state`
    /// of what is archived; `not_found` of a department that is not the organization's.
    pub fn in_use(
        &self,
        organization: OrganizationId,
        department: Option<DepartmentId>,
    ) -> Result<(), Problem> {
        self.directory.read(|directory| {
            if let Some(known) = directory.organizations.get(&organization).filter(|known| known.archived) {
                return Err(archived("organization", &known.name));
            }
            let Some(id) = department else { return Ok(()) };
            match directory.departments.get(&id).filter(|known| known.organization == organization) {
                None => Err(Problem::not_found("department", id)),
                Some(known) if known.archived => Err(archived("department", &known.name)),
                Some(_) => Ok(()),
            }
        })
    }

    /// A department that is named within an organization.
    #[must_use]
    pub fn department(
        &self,
        organization: OrganizationId,
        reference: &Reference<DepartmentId>,
    ) -> Option<(DepartmentId, KnownDepartment)> {
        self.directory.read(|directory| {
            let id = match reference {
                Reference::Id(id) => *id,
                Reference::Name(name) => *directory.department_names.get(&(organization, name.clone()))?,
            };
            let known = directory.departments.get(&id).filter(|known| known.organization == organization)?;
            Some((id, known.clone()))
        })
    }

    /// The organization of this name.
    #[must_use]
    pub fn organization_named(&self, name: &str) -> Option<OrganizationId> {
        self.directory.read(|directory| directory.organization_names.get(name).copied())
    }

    /// A custom role.
    #[must_use]
    pub fn role(&self, role: RoleId) -> Option<KnownRole> {
        self.directory.read(|directory| directory.roles.get(&role).cloned())
    }

    /// The custom role of this name that can be granted in an organization: its own, or the installation's.
    #[must_use]
    pub fn role_named(&self, organization: Option<OrganizationId>, name: &str) -> Option<RoleId> {
        self.directory.read(|directory| {
            let named = directory.roles.iter().filter(|(_, role)| role.name == name && !role.archived);
            let mut fitting: Vec<_> = named
                .filter(|(_, role)| role.organization.is_none() || role.organization == organization)
                .collect();
            fitting.sort_by_key(|(_, role)| role.organization.is_none());
            fitting.first().map(|(id, _)| **id)
        })
    }

    /// An administrator.
    #[must_use]
    pub fn administrator(&self, administrator: AdministratorId) -> Option<KnownAdministrator> {
        self.directory.read(|directory| directory.administrators.get(&administrator).cloned())
    }

    /// The administrators who have grants from an identity provider.
    #[must_use]
    pub fn known_through(&self, provider: IdentityProviderId) -> Vec<AdministratorId> {
        self.directory.read(|directory| {
            let through = |known: &KnownAdministrator| {
                known.held.iter().any(|held| held.grant.identity_provider_id == Some(provider))
            };
            directory.administrators.iter().filter(|(_, known)| through(known)).map(|(id, _)| *id).collect()
        })
    }

    /// The administrator with this sign-in name.
    #[must_use]
    pub fn administrator_named(&self, name: &str) -> Option<AdministratorId> {
        self.directory.read(|directory| directory.administrator_names.get(name).copied())
    }

    /// Who acts through a client certificate, which whoever it was shown to found valid.
    pub fn authenticate_certificate(&self, thumbprint: Thumbprint) -> Result<Principal, Denied> {
        self.known()?;
        let now = self.clock.now();
        self.directory.read(|directory| directory.authenticate_certificate(thumbprint, now))
    }

    /// Whom a client certificate is bound to, by whichever of its hashes is known.
    #[must_use]
    pub fn certificate_bound_to(&self, certificate: CertificateMark) -> Option<AdministratorId> {
        self.directory.read(|directory| directory.certificates.bound_to(certificate))
    }

    /// Whose certificate goes by this mark alone, the best that is known of it.
    #[must_use]
    pub fn certificate_owner(&self, certificate: CertificateMark) -> Option<AdministratorId> {
        self.directory.read(|directory| directory.certificates.owner(certificate))
    }

    /// The client certificates of an administrator, in the order in which they were bound.
    #[must_use]
    pub fn certificates_of(&self, administrator: AdministratorId) -> Vec<BoundCertificateView> {
        self.directory.read(|directory| directory.certificates.of(administrator))
    }

    /// Grants with what their roles allow now.
    #[must_use]
    pub fn held(&self, grants: Vec<Grant>) -> Arc<[Held]> {
        self.directory.read(|directory| directory.held(grants))
    }

    /// Whether some administrator other than this one may do everything everywhere.
    #[must_use]
    pub fn has_master_beside(&self, administrator: AdministratorId) -> bool {
        self.directory.read(|directory| {
            directory
                .administrators
                .iter()
                .any(|(id, known)| *id != administrator && known.is_active_master())
        })
    }

    /// Whether anyone was appointed yet.
    #[must_use]
    pub fn has_administrator(&self) -> bool {
        self.directory.read(|directory| !directory.administrators.is_empty())
    }

    /// What is looked for; what is not known yet is waited for, until everything is known that is in the log now.
    /// What the caller must not see is left out by `look`, so that it takes the same time as what is not there.
    ///
    /// Errors: `service_unavailable`.
    pub async fn find<T>(&self, look: impl Fn(&Self) -> Option<T>) -> Result<Option<T>, Problem> {
        if let Some(found) = look(self) {
            return Ok(Some(found));
        }
        self.catch_up_soon().await?;
        Ok(look(self))
    }

    /// Waits until the directory's events up to `position` are known; bound it with a time-out.
    pub async fn reached(&self, position: i64) -> Result<(), ReadError> {
        self.directory.reached(position).await
    }

    /// Waits until everything that is in the log now is known; bound it with a time-out.
    pub async fn catch_up(&self) -> Result<(), ReadError> {
        self.directory.catch_up().await
    }

    /// Waits, though not for long, until everything that is in the log now is known. Errors: `service_unavailable`.
    pub async fn catch_up_soon(&self) -> Result<(), Problem> {
        tokio::time::timeout(PATIENCE, self.catch_up())
            .await
            .map_err(|_elapsed| Problem::unavailable("the directory is not known up to now; try again"))?
            .map_err(read_problem)
    }

    /// The fold beneath.
    #[must_use]
    pub const fn directory(&self) -> &Live<Directory> {
        &self.directory
    }

    fn known(&self) -> Result<(), Denied> {
        if self.directory.is_halted() || !self.directory.has_caught_up() {
            Err(Denied::Unknown)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// Whether somebody may do this to that, in words if not.
pub fn permitted(principal: &Principal, permission: Permission, target: &Target) -> Result<(), Problem> {
    match decide(principal, permission, target) {
        Decision::Allowed { .. } => Ok(()),
        Decision::Refused(refusal) => {
            Err(forbidden(&principal.administrator.to_string(), permission, Some(refusal)))
        }
    }
}

/// What somebody is told who is to prove again who they are.
#[must_use]
pub fn step_up_required() -> Problem {
    let words = "prove who you are first: POST /api/v1/sessions/current/step-up with your password or a code";
    Problem::new(Code::StepUpRequired, words)
}

fn forbidden(who: &str, permission: Permission, refusal: Option<Refusal>) -> Problem {
    let why = refusal.map_or(String::new(), |refusal| format!(": {refusal}"));
    Problem::new(Code::Forbidden, format!("'{who}' lacks the permission '{permission}' here{why}"))
}

fn archived(kind: &str, name: &str) -> Problem {
    let words = format!("the {kind} '{name}' is archived: restore it first");
    Problem::new(Code::InvalidState, words)
}
