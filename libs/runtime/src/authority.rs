//! Who may do what (Z-1): deny by default, answered from memory, checked in the gateway and again in every handler.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use bus::{Bus, Context};
use contracts::{
    Actor, AdministratorId, Code, Command, Event, OrganizationId, Permission, Problem, Service, Timestamp,
    TokenId,
    directory::{AdministratorEvent, DepartmentEvent, OrganizationEvent, Role, TokenEvent, TokenScope},
    event::EventError,
    token::{TokenText, same_hash},
};
use eventlog::{ReadError, Reader, Recorded};

use crate::{
    clock::Clock,
    fold::{Fold, Live},
    health::Health,
    shutdown::Shutdown,
};

/// The directory as of now, kept up to date from the log; clones share it.
#[derive(Clone)]
pub struct Authority {
    directory: Live<Directory>,
    clock: Arc<dyn Clock>,
}

/// Who is signed in, and how far they reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// Who.
    pub administrator: AdministratorId,
    /// Through which token.
    pub token: TokenId,
    /// The organization the token acts in.
    pub organization: OrganizationId,
    /// Whether it reaches every organization.
    pub all_organizations: bool,
    /// The limits of the token.
    pub scope: TokenScope,
    /// When the token ends.
    pub expires_at: Timestamp,
}

impl Principal {
    /// As commands and events name them.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor::Administrator { administrator: self.administrator, token: self.token }
    }

    /// Whether they may do this at all.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.scope.permissions.as_ref().is_none_or(|allowed| allowed.contains(&permission))
    }

    /// Whether they reach this organization.
    #[must_use]
    pub fn reaches(&self, organization: OrganizationId) -> bool {
        self.all_organizations || self.organization == organization
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
    /// The directory is not known yet, or stands still since an event that cannot be read.
    #[error("who may do what is not known at the moment; try again")]
    Unknown,
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Invalid => Code::Unauthenticated,
            Denied::Expired => Code::TokenExpired,
            Denied::Unknown => Code::ServiceUnavailable,
        };
        Self::new(code, denied.to_string())
    }
}

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

    /// Who an actor is, if its token is valid now. Errors: `unauthenticated`, `token_expired`; `forbidden` for a
    /// service, which is no principal.
    pub fn principal(&self, actor: &Actor) -> Result<Principal, Problem> {
        self.known()?;
        let Actor::Administrator { administrator, token } = actor else {
            return Err(Problem::new(Code::Forbidden, format!("'{actor}' is not an administrator")));
        };
        let now = self.clock.now();
        Ok(self.directory.read(|directory| directory.principal(*administrator, *token, now))?)
    }

    /// Whether an actor may do something in an organization, now. Services act within what NATS lets them send
    /// (N-4), except the gateway, which acts as its callers. Errors: `forbidden`, `unauthenticated`, `token_expired`.
    pub fn permit(
        &self,
        actor: &Actor,
        permission: Permission,
        tenant: OrganizationId,
    ) -> Result<(), Problem> {
        if let Actor::Service(service) = actor {
            return match service {
                Service::Gateway => Err(forbidden(actor, permission)),
                _ => Ok(()),
            };
        }
        let principal = self.principal(actor)?;
        if !principal.may(permission) || !principal.reaches(tenant) {
            return Err(forbidden(actor, permission));
        }
        Ok(())
    }

    /// Whether a command may be done: the check that every handler begins with. A service may send what its row of
    /// the table names; everyone else needs the command's permission, and commands without one are for services only.
    pub fn admit<C: Command>(&self, context: &Context) -> Result<(), Problem> {
        if let Actor::Service(service) = context.actor
            && service != C::SERVICE
            && !service.row().commands.contains(&(C::SERVICE, C::NAME))
        {
            return Err(Problem::new(
                Code::Forbidden,
                format!("'service:{service}' may not send '{}'", C::NAME),
            ));
        }
        match (C::PERMISSION, context.actor) {
            (Some(permission), actor) => self.permit(&actor, permission, context.tenant),
            (None, Actor::Service(_)) => Ok(()),
            (None, actor) => Err(Problem::new(
                Code::Forbidden,
                format!("'{}' is for services, not for '{actor}'", C::NAME),
            )),
        }
    }

    /// Whether an organization exists.
    #[must_use]
    pub fn has_organization(&self, organization: OrganizationId) -> bool {
        self.directory.read(|directory| directory.organizations.contains_key(&organization))
    }

    /// The organization of this name.
    #[must_use]
    pub fn organization_named(&self, name: &str) -> Option<OrganizationId> {
        self.directory.read(|directory| {
            directory.organizations.iter().find(|(_, known)| known.as_str() == name).map(|(id, _)| *id)
        })
    }

    /// Whether anyone was appointed yet.
    #[must_use]
    pub fn has_administrator(&self) -> bool {
        self.directory.read(|directory| !directory.administrators.is_empty())
    }

    /// Waits until the directory's events up to `position` are known; bound it with a time-out.
    pub async fn reached(&self, position: i64) -> Result<(), ReadError> {
        self.directory.reached(position).await
    }

    /// Waits until everything that is in the log now is known; bound it with a time-out.
    pub async fn catch_up(&self) -> Result<(), ReadError> {
        self.directory.catch_up().await
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

fn forbidden(actor: &Actor, permission: Permission) -> Problem {
    Problem::new(Code::Forbidden, format!("'{}' lacks the permission '{permission}' here", actor.principal()))
}

/// Organizations, administrators and tokens, as the log has them.
#[derive(Debug, Default)]
pub struct Directory {
    organizations: HashMap<OrganizationId, String>,
    administrators: HashMap<AdministratorId, Role>,
    tokens: HashMap<TokenId, Token>,
}

#[derive(Debug)]
struct Token {
    hash: [u8; 32],
    revoked: bool,
    principal: Principal,
}

impl Directory {
    fn authenticate(&self, text: &TokenText, now: Timestamp) -> Result<Principal, Denied> {
        let token = self.tokens.get(&text.id);
        // An unknown id takes the same time as a wrong secret.
        let same = same_hash(&text.hash(), &token.map_or([0; 32], |token| token.hash));
        match token {
            Some(token) if same => self.valid(token, now),
            _ => Err(Denied::Invalid),
        }
    }

    fn principal(
        &self,
        administrator: AdministratorId,
        token: TokenId,
        now: Timestamp,
    ) -> Result<Principal, Denied> {
        let token = self.tokens.get(&token).filter(|token| token.principal.administrator == administrator);
        self.valid(token.ok_or(Denied::Invalid)?, now)
    }

    fn valid(&self, token: &Token, now: Timestamp) -> Result<Principal, Denied> {
        // A master may do everything; further roles decide here, too.
        let Some(Role::Master) = self.administrators.get(&token.principal.administrator) else {
            return Err(Denied::Invalid);
        };
        if token.revoked {
            return Err(Denied::Invalid);
        }
        if now > token.principal.expires_at {
            return Err(Denied::Expired);
        }
        Ok(token.principal.clone())
    }
}

impl Fold for Directory {
    const CATEGORIES: &'static [&'static str] = &[
        OrganizationEvent::CATEGORY,
        DepartmentEvent::CATEGORY,
        AdministratorEvent::CATEGORY,
        TokenEvent::CATEGORY,
    ];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        match recorded.category.as_str() {
            OrganizationEvent::CATEGORY => {
                let name = match read(recorded)? {
                    OrganizationEvent::Created(created) => created.name,
                    OrganizationEvent::Updated(updated) => updated.name,
                };
                self.organizations.insert(recorded.stream.into(), name);
            }
            AdministratorEvent::CATEGORY => {
                let AdministratorEvent::Appointed(appointed) = read(recorded)?;
                self.administrators.insert(appointed.id, appointed.role);
            }
            TokenEvent::CATEGORY => match read(recorded)? {
                TokenEvent::Issued(issued) => {
                    let mut hash = [0; 32];
                    hex::decode_to_slice(&issued.hash, &mut hash).map_err(|error| EventError::Payload {
                        kind: "token.issued",
                        source: serde::de::Error::custom(error),
                    })?;
                    let principal = Principal {
                        administrator: issued.administrator_id,
                        token: issued.id,
                        organization: issued.organization_id,
                        all_organizations: issued.all_organizations,
                        scope: issued.scope,
                        expires_at: issued.expires_at,
                    };
                    self.tokens.insert(issued.id, Token { hash, revoked: false, principal });
                }
                TokenEvent::Revoked(_) => {
                    if let Some(token) = self.tokens.get_mut(&recorded.stream.into()) {
                        token.revoked = true;
                    }
                }
            },
            // Departments bound no right yet, but an event of theirs that nobody can read halts this too.
            DepartmentEvent::CATEGORY => _ = read::<DepartmentEvent>(recorded)?,
            _ => {}
        }
        Ok(())
    }
}

fn read<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}
