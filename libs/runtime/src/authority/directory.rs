//! Organizations, departments, roles, administrators and tokens, as the log has them.

use std::{collections::HashMap, sync::Arc};

use contracts::{
    AdministratorId, Credential, DepartmentId, Event, OrganizationId, Permission, PermissionSet, RoleId,
    SessionId, Thumbprint, Timestamp, TokenId,
    directory::{
        AdministratorAppointed, AdministratorEvent, AdministratorKind, AdministratorStatus, CertificateMark,
        DepartmentEvent, Grant, OrganizationEvent, Role, RoleEvent, SessionEvent, TokenEvent, TokenIssued,
        TokenScope,
    },
    event::EventError,
    session::SessionText,
    token::{TokenText, same_hash},
};
use eventlog::Recorded;

use super::{
    Decision, Denied, Held, Principal, Target,
    certificates::Certificates,
    decide,
    sessions::{Session, Sessions},
};
use crate::fold::Fold;

/// The fold behind [`super::Authority`]. Whatever is asked at every call is found by id.
#[derive(Debug, Default)]
pub struct Directory {
    pub(super) organizations: HashMap<OrganizationId, KnownOrganization>,
    pub(super) organization_names: HashMap<String, OrganizationId>,
    pub(super) departments: HashMap<DepartmentId, KnownDepartment>,
    pub(super) department_names: HashMap<(OrganizationId, String), DepartmentId>,
    pub(super) roles: HashMap<RoleId, KnownRole>,
    pub(super) administrators: HashMap<AdministratorId, KnownAdministrator>,
    pub(super) administrator_names: HashMap<String, AdministratorId>,
    pub(super) certificates: Certificates,
    tokens: HashMap<TokenId, Token>,
    sessions: Sessions,
    /// The organization that was there first: where those act who are bound to none.
    pub(super) first_organization: Option<OrganizationId>,
}

/// An organization.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownOrganization {
    /// Its unique name.
    pub name: String,
    /// Whether it is archived.
    pub archived: bool,
}

/// A department.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDepartment {
    /// Of which organization.
    pub organization: OrganizationId,
    /// Its name, unique there.
    pub name: String,
    /// Whether it is archived.
    pub archived: bool,
}

/// A custom role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRole {
    /// The organization whose role it is; `None` = the installation's.
    pub organization: Option<OrganizationId>,
    /// Its unique name.
    pub name: String,
    /// What it allows.
    pub permissions: PermissionSet,
    /// Whether it reaches only what its holder asked for or owns.
    pub own_only: bool,
    /// Whether it is archived: then it allows nothing.
    pub archived: bool,
}

/// An administrator.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownAdministrator {
    /// Unique sign-in name.
    pub name: String,
    /// Person or program.
    pub kind: AdministratorKind,
    /// Whether they may act.
    pub status: AdministratorStatus,
    /// Their grants, with what their roles allow now.
    pub held: Arc<[Held]>,
    /// Those of them that no identity provider gives: what counts without a session that began there.
    pub own: Arc<[Held]>,
}

impl KnownAdministrator {
    /// Whether they may do everything everywhere, also while an identity provider is away or says otherwise.
    #[must_use]
    pub fn is_active_master(&self) -> bool {
        self.status == AdministratorStatus::Active && self.own.iter().any(Held::is_master)
    }
}

/// When a certificate ends of which that is not known; whoever it is shown to knows.
const FAR: Timestamp = Timestamp(time::macros::datetime!(9999-12-31 23:59:59 UTC));

#[derive(Debug)]
struct Token {
    administrator: AdministratorId,
    organization: OrganizationId,
    all_organizations: bool,
    hash: [u8; 32],
    revoked: bool,
    scope: Arc<TokenScope>,
    carried: PermissionSet,
    within: Option<Vec<Grant>>,
    expires_at: Timestamp,
}

impl Token {
    /// What the token carries of what its administrator holds.
    fn held(&self, held: &Arc<[Held]>) -> Arc<[Held]> {
        match &self.within {
            None => held.clone(),
            Some(within) => bounded(held, within),
        }
    }
}

impl Directory {
    pub(super) fn authenticate(&self, text: &TokenText, now: Timestamp) -> Result<Principal, Denied> {
        let token = self.tokens.get(&text.id);
        // An unknown id takes the same time as a wrong secret.
        let same = same_hash(&text.hash(), &token.map_or([0; 32], |token| token.hash));
        match token {
            Some(token) if same => self.valid(text.id, token, now),
            _ => Err(Denied::Invalid),
        }
    }

    /// Who acts through a token or a session.
    pub fn principal(
        &self,
        administrator: AdministratorId,
        credential: Credential,
        now: Timestamp,
    ) -> Result<Principal, Denied> {
        match credential {
            Credential::Token(id) => {
                let token = self.tokens.get(&id).filter(|token| token.administrator == administrator);
                self.valid(id, token.ok_or(Denied::Invalid)?, now)
            }
            Credential::Session(id) => {
                let session = self.sessions.find(id).filter(|session| session.administrator == administrator);
                self.valid_session(id, session.ok_or(Denied::Invalid)?, now)
            }
            Credential::Certificate(thumbprint) => {
                let principal = self.authenticate_certificate(thumbprint, now)?;
                if principal.administrator == administrator { Ok(principal) } else { Err(Denied::Invalid) }
            }
        }
    }

    /// Who acts through a certificate, which whoever it was shown to found valid.
    pub(super) fn authenticate_certificate(
        &self,
        thumbprint: Thumbprint,
        now: Timestamp,
    ) -> Result<Principal, Denied> {
        let bound = self.certificates.find(CertificateMark::Sha256(thumbprint)).ok_or(Denied::Invalid)?;
        let (id, certificate) = bound;
        let administrator = self.administrators.get(id).ok_or(Denied::Invalid)?;
        if administrator.status != AdministratorStatus::Active {
            return Err(Denied::Invalid);
        }
        let expires_at = certificate.not_after.unwrap_or(FAR);
        if now > expires_at {
            return Err(Denied::Invalid);
        }
        let organization = administrator.own.first().and_then(|held| held.grant.organization_id);
        Ok(Principal {
            administrator: *id,
            credential: Credential::Certificate(thumbprint),
            stepped_up_until: None,
            organization: organization.or(self.first_organization).ok_or(Denied::Invalid)?,
            // As a token without limits does: whatever the grants reach.
            all_organizations: true,
            scope: Arc::default(),
            carried: PermissionSet::ALL,
            held: administrator.own.clone(),
            expires_at,
        })
    }

    fn valid(&self, id: TokenId, token: &Token, now: Timestamp) -> Result<Principal, Denied> {
        let administrator = self.administrators.get(&token.administrator).ok_or(Denied::Invalid)?;
        if token.revoked || administrator.status != AdministratorStatus::Active {
            return Err(Denied::Invalid);
        }
        if now > token.expires_at {
            return Err(Denied::Expired);
        }
        Ok(Principal {
            administrator: token.administrator,
            credential: Credential::Token(id),
            stepped_up_until: None,
            organization: token.organization,
            all_organizations: token.all_organizations,
            scope: token.scope.clone(),
            carried: token.carried,
            held: token.held(&administrator.own),
            expires_at: token.expires_at,
        })
    }

    pub(super) fn authenticate_session(
        &self,
        text: &SessionText,
        now: Timestamp,
    ) -> Result<Principal, Denied> {
        let session = self.sessions.find(text.id);
        let same = same_hash(&text.hash(), &session.map_or([0; 32], |session| session.hash));
        match session {
            Some(session) if same => self.valid_session(text.id, session, now),
            _ => Err(Denied::Invalid),
        }
    }

    fn valid_session(&self, id: SessionId, session: &Session, now: Timestamp) -> Result<Principal, Denied> {
        let administrator = self.administrators.get(&session.administrator).ok_or(Denied::Invalid)?;
        if administrator.status != AdministratorStatus::Active {
            return Err(Denied::Invalid);
        }
        if now > session.expires_at {
            return Err(Denied::SessionExpired);
        }
        Ok(Principal {
            administrator: session.administrator,
            credential: Credential::Session(id),
            stepped_up_until: session.stepped_up_until,
            organization: session.organization,
            // As a token without limits does: whatever the grants reach.
            all_organizations: true,
            scope: Arc::default(),
            carried: PermissionSet::ALL,
            held: administrator.held.clone(),
            expires_at: session.expires_at,
        })
    }

    /// The client certificate that a session began with.
    pub(super) fn session_certificate(&self, session: SessionId) -> Option<Thumbprint> {
        self.sessions.find(session)?.certificate
    }

    /// The active administrators whose grants allow this.
    pub(super) fn who_may(&self, permission: Permission, target: &Target) -> Vec<AdministratorId> {
        let may = self
            .administrators
            .keys()
            .filter_map(|id| self.standing(*id))
            .filter(|standing| matches!(decide(standing, permission, target), Decision::Allowed { .. }));
        may.map(|standing| standing.administrator).collect()
    }

    /// An administrator who is active, with all that they hold, whatever the token or session.
    pub(super) fn standing(&self, id: AdministratorId) -> Option<Principal> {
        let known = self.administrators.get(&id)?;
        (known.status == AdministratorStatus::Active).then(|| Principal {
            administrator: id,
            credential: Credential::Session(SessionId(id.uuid())),
            stepped_up_until: None,
            organization: OrganizationId(id.uuid()),
            all_organizations: true,
            scope: Arc::default(),
            carried: PermissionSet::ALL,
            held: known.held.clone(),
            expires_at: Timestamp::from_unix(i64::MAX),
        })
    }

    /// Whether a token holds the grants of its issue, because somebody else issued it.
    pub(super) fn is_lent(&self, token: TokenId) -> bool {
        self.tokens.get(&token).is_some_and(|token| token.within.is_some())
    }

    /// The sessions of somebody that were not ended.
    pub(super) fn sessions_of(&self, administrator: AdministratorId) -> Vec<SessionId> {
        self.sessions.of(administrator)
    }

    /// Grants with what their roles allow now; an unknown or archived role allows nothing.
    pub(super) fn held(&self, grants: impl IntoIterator<Item = Grant>) -> Arc<[Held]> {
        grants.into_iter().map(|grant| self.hold(grant)).collect()
    }

    fn hold(&self, grant: Grant) -> Held {
        match grant.role {
            Role::BuiltIn(role) => Held::new(grant, role.row().permissions, role.row().own_only),
            Role::Custom(id) => {
                let role = self.roles.get(&id).filter(|role| !role.archived);
                let (permissions, own_only) =
                    role.map_or((PermissionSet::default(), true), |role| (role.permissions, role.own_only));
                Held::new(grant, permissions, own_only)
            }
        }
    }

    /// Whoever has a changed role has it as it is now. Rare, so everybody is looked at.
    fn role_changed(&mut self, role: RoleId) {
        let changed = Role::Custom(role);
        let holders: Vec<AdministratorId> = self
            .administrators
            .iter()
            .filter(|(_, known)| known.held.iter().any(|held| held.grant.role == changed))
            .map(|(id, _)| *id)
            .collect();
        for id in holders {
            let grants: Vec<Grant> = self
                .administrators
                .get(&id)
                .into_iter()
                .flat_map(|known| known.held.iter())
                .map(|held| held.grant.clone())
                .collect();
            self.grant(id, grants);
        }
    }

    fn grant(&mut self, administrator: AdministratorId, grants: Vec<Grant>) {
        let held = self.held(grants);
        if let Some(known) = self.administrators.get_mut(&administrator) {
            known.own = own(&held);
            known.held = held;
        }
    }

    fn apply_organization(&mut self, id: OrganizationId, event: OrganizationEvent) {
        self.first_organization.get_or_insert(id);
        let known = self.organizations.entry(id).or_default();
        let name = match event {
            OrganizationEvent::Created(created) => created.name,
            OrganizationEvent::Updated(updated) => updated.name,
            OrganizationEvent::Archived(_) => return known.archived = true,
            OrganizationEvent::Restored(_) => return known.archived = false,
        };
        let before = std::mem::replace(&mut known.name, name.clone());
        if self.organization_names.get(&before) == Some(&id) {
            self.organization_names.remove(&before);
        }
        self.organization_names.insert(name, id);
    }

    fn apply_department(&mut self, id: DepartmentId, event: DepartmentEvent) {
        match event {
            DepartmentEvent::Created(created) => {
                let organization = created.organization_id;
                self.department_names.insert((organization, created.name.clone()), id);
                self.departments
                    .insert(id, KnownDepartment { organization, name: created.name, archived: false });
            }
            DepartmentEvent::Updated(updated) => {
                let Some(known) = self.departments.get_mut(&id) else { return };
                let before = std::mem::replace(&mut known.name, updated.name.clone());
                self.department_names.remove(&(known.organization, before));
                self.department_names.insert((known.organization, updated.name), id);
            }
            DepartmentEvent::Archived(_) => self.archive_department(id, true),
            DepartmentEvent::Restored(_) => self.archive_department(id, false),
        }
    }

    fn archive_department(&mut self, id: DepartmentId, archived: bool) {
        if let Some(known) = self.departments.get_mut(&id) {
            known.archived = archived;
        }
    }

    fn apply_role(&mut self, id: RoleId, event: RoleEvent) {
        match event {
            RoleEvent::Created(created) => {
                let role = KnownRole {
                    organization: created.organization_id,
                    name: created.name,
                    permissions: PermissionSet::of(&created.permissions),
                    own_only: created.own_only,
                    archived: false,
                };
                self.roles.insert(id, role);
            }
            RoleEvent::Updated(updated) => {
                let Some(role) = self.roles.get_mut(&id) else { return };
                role.permissions = PermissionSet::of(&updated.permissions);
                role.own_only = updated.own_only;
            }
            RoleEvent::Archived(_) => {
                let Some(role) = self.roles.get_mut(&id) else { return };
                role.archived = true;
            }
        }
        self.role_changed(id);
    }

    fn apply_administrator(&mut self, id: AdministratorId, recorded: &Recorded, event: AdministratorEvent) {
        let status = match event {
            AdministratorEvent::Appointed(appointed) => {
                let held = self.held(appointed.grants);
                self.administrator_names.insert(appointed.name.clone(), id);
                let AdministratorAppointed { name, kind, .. } = appointed;
                let (status, own) = (AdministratorStatus::Active, own(&held));
                let known = KnownAdministrator { name, kind, status, held, own };
                self.administrators.insert(id, known);
                return;
            }
            AdministratorEvent::GrantsChanged(changed) => return self.grant(id, changed.grants),
            AdministratorEvent::Described(_)
            | AdministratorEvent::LinkWanted(_)
            | AdministratorEvent::LinkDrawn(_)
            | AdministratorEvent::SecondFactorEnrolled(_)
            | AdministratorEvent::SecondFactorConfirmed(_)
            | AdministratorEvent::SecondFactorRemoved(_)
            | AdministratorEvent::RecoveryCodeUsed(_) => return,
            AdministratorEvent::PasswordSet(set) => {
                // Whoever knew the old one is out, whatever else is recorded of it.
                return self.sessions.end_others(id, set.kept_session);
            }
            AdministratorEvent::Disabled(_) => AdministratorStatus::Disabled,
            AdministratorEvent::Enabled(_) => AdministratorStatus::Active,
            AdministratorEvent::Removed(_) => {
                self.certificates.remove_all_of(id);
                AdministratorStatus::Removed
            }
            AdministratorEvent::CertificateBound(bound) => {
                return self.certificates.bind(id, &bound, recorded.recorded_at);
            }
            AdministratorEvent::CertificateUnbound(unbound) => {
                if let Some(thumbprint) = self.certificates.unbind(id, unbound.certificate) {
                    self.sessions.end_all_with(id, thumbprint);
                }
                return;
            }
        };
        if status != AdministratorStatus::Active {
            // Whoever is enabled again signs in again.
            self.sessions.end_all(id);
        }
        if let Some(known) = self.administrators.get_mut(&id) {
            known.status = status;
        }
    }

    /// A session that was still being begun while its owner was disabled does not count once they are enabled again.
    fn may_begin(&self, event: &SessionEvent) -> bool {
        let SessionEvent::Started(started) = event else { return true };
        let owner = self.administrators.get(&started.administrator_id);
        owner.is_some_and(|owner| owner.status == AdministratorStatus::Active)
    }

    fn issue(&mut self, issued: TokenIssued) -> Result<(), EventError> {
        let mut hash = [0; 32];
        hex::decode_to_slice(&issued.hash, &mut hash).map_err(|error| EventError::Payload {
            kind: "token.issued",
            source: serde::de::Error::custom(error),
        })?;
        let token = Token {
            administrator: issued.administrator_id,
            organization: issued.organization_id,
            all_organizations: issued.all_organizations,
            hash,
            revoked: false,
            carried: Principal::carried(&issued.scope),
            scope: Arc::new(issued.scope),
            within: issued.within,
            expires_at: issued.expires_at,
        };
        self.tokens.insert(issued.id, token);
        Ok(())
    }

    fn apply_token(&mut self, id: TokenId, event: TokenEvent) -> Result<(), EventError> {
        match event {
            TokenEvent::Issued(issued) => return self.issue(issued),
            TokenEvent::Superseded(superseded) => {
                if let Some(token) = self.tokens.get_mut(&id) {
                    token.expires_at = token.expires_at.min(superseded.expires_at);
                }
            }
            TokenEvent::Revoked(_) => {
                if let Some(token) = self.tokens.get_mut(&id) {
                    token.revoked = true;
                }
            }
        }
        Ok(())
    }
}

/// Those of these grants that no identity provider gives.
fn own(held: &Arc<[Held]>) -> Arc<[Held]> {
    let is_own = |held: &&Held| held.grant.identity_provider_id.is_none();
    if held.iter().all(|held| is_own(&held)) {
        held.clone()
    } else {
        held.iter().filter(is_own).cloned().collect()
    }
}

/// What of these grants is within any of the others.
#[must_use]
pub fn bounded(held: &[Held], within: &[Grant]) -> Arc<[Held]> {
    held.iter().flat_map(|held| within.iter().filter_map(|bound| held.within(bound))).collect()
}

impl Fold for Directory {
    const CATEGORIES: &'static [&'static str] = &[
        OrganizationEvent::CATEGORY,
        DepartmentEvent::CATEGORY,
        RoleEvent::CATEGORY,
        AdministratorEvent::CATEGORY,
        TokenEvent::CATEGORY,
        SessionEvent::CATEGORY,
    ];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        let id = recorded.stream;
        match recorded.category.as_str() {
            OrganizationEvent::CATEGORY => self.apply_organization(id.into(), read(recorded)?),
            DepartmentEvent::CATEGORY => self.apply_department(id.into(), read(recorded)?),
            RoleEvent::CATEGORY => self.apply_role(id.into(), read(recorded)?),
            AdministratorEvent::CATEGORY => self.apply_administrator(id.into(), recorded, read(recorded)?),
            TokenEvent::CATEGORY => self.apply_token(id.into(), read(recorded)?)?,
            SessionEvent::CATEGORY => {
                let event: SessionEvent = read(recorded)?;
                if self.may_begin(&event) {
                    self.sessions.apply(id.into(), event, recorded.recorded_at)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn read<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}
