//! Who is signed in, and how far they reach.

use std::sync::Arc;

use contracts::{
    Actor, AdministratorId, Credential, DepartmentId, OrganizationId, Permission, PermissionSet, Timestamp,
    directory::{BuiltInRole, Grant, Role, TokenScope},
    x509::CertificateType,
};

/// Types of certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Types(u8);

impl Types {
    /// All there are and all there will be.
    pub const ALL: Self = Self(u8::MAX);

    /// These; `None` = all.
    #[must_use]
    pub fn of(types: Option<&[CertificateType]>) -> Self {
        types.map_or(Self::ALL, |types| Self(types.iter().fold(0, |bits, kind| bits | 1 << *kind as u8)))
    }

    /// Whether this type is among them.
    #[must_use]
    pub const fn contains(self, kind: CertificateType) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Whether they are all there are and will be.
    #[must_use]
    pub const fn are_all(self) -> bool {
        self.0 == u8::MAX
    }

    /// Whether there is none.
    #[must_use]
    pub const fn are_none(self) -> bool {
        self.0 == 0
    }

    /// What is among both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Each single one of them; what is all stays one.
    pub fn each(self) -> impl Iterator<Item = Self> {
        let whole = self.are_all().then_some(self);
        let single =
            (0..8).map(|bit| Self(1 << bit)).filter(move |one| whole.is_none() && self.0 & one.0 != 0);
        whole.into_iter().chain(single)
    }

    /// Whether all of `other` are among them.
    #[must_use]
    pub const fn include(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A grant as it counts now: with what its role allows.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// As it was granted.
    pub grant: Grant,
    /// What its role allows.
    pub permissions: PermissionSet,
    /// For which types of certificate.
    pub types: Types,
    /// Whether it reaches only what its holder asked for or owns.
    pub own_only: bool,
}

impl Held {
    /// A grant of a role that allows this.
    #[must_use]
    pub fn new(grant: Grant, permissions: PermissionSet, own_only: bool) -> Self {
        let types = Types::of(grant.certificate_types.as_deref());
        Self { grant, permissions, types, own_only }
    }

    /// A grant of a built-in role; `None` for a custom one, whose permissions the log has.
    #[must_use]
    pub fn built_in(grant: Grant) -> Option<Self> {
        let Role::BuiltIn(role) = grant.role else { return None };
        Some(Self::new(grant, role.row().permissions, role.row().own_only))
    }

    /// What of it is also within another grant of the same role; `None`: nothing.
    #[must_use]
    pub fn within(&self, other: &Grant) -> Option<Self> {
        let organization_id = common(self.grant.organization_id, other.organization_id)?;
        let department_id = common(self.grant.department_id, other.department_id)?;
        let types = self.types.and(Types::of(other.certificate_types.as_deref()));
        let some = self.grant.role == other.role && !types.are_none();
        let grant = Grant { organization_id, department_id, ..self.grant.clone() };
        some.then_some(Self { grant, types, ..*self })
    }

    /// Whether this makes its holder a master of the whole installation.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.grant.role == Role::BuiltIn(BuiltInRole::Master)
            && self.grant.organization_id.is_none()
            && self.types.are_all()
    }
}

/// Who is signed in, and how far they reach: the grants of the administrator as they are now, within the limits of the
/// token.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// Who.
    pub administrator: AdministratorId,
    /// Through what.
    pub credential: Credential,
    /// Until when a session counts as one whose owner has just proved who they are.
    pub stepped_up_until: Option<Timestamp>,
    /// The organization the token or session acts in.
    pub organization: OrganizationId,
    /// Whether it reaches every organization that the grants reach.
    pub all_organizations: bool,
    /// The limits of the token.
    pub scope: Arc<TokenScope>,
    /// The permissions among those limits.
    pub carried: PermissionSet,
    /// The grants of the administrator.
    pub held: Arc<[Held]>,
    /// When the token or session ends.
    pub expires_at: Timestamp,
}

/// A part of what there is, for one permission: what a grant reaches within the limits of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Only this organization; `None` = all.
    pub organization: Option<OrganizationId>,
    /// Only this department.
    pub department: Option<DepartmentId>,
    /// Only these types of certificate.
    pub types: Types,
    /// Only what the holder asked for or owns.
    pub own_only: bool,
}

impl Part {
    /// Whether all of an organization, or of a department of it, is within this part; `None` = the installation.
    #[must_use]
    pub fn includes(&self, organization: Option<OrganizationId>, department: Option<DepartmentId>) -> bool {
        let organization_fits = self.organization.is_none() || self.organization == organization;
        organization_fits && (self.department.is_none() || self.department == department)
    }
}

impl Principal {
    /// As commands and events name them.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor::Administrator { administrator: self.administrator, credential: self.credential }
    }

    /// Whether sensitive acts are open to them: to a session, for a short while after its owner has proved who they
    /// are; to tokens and certificates always, because they were issued and bound for it.
    #[must_use]
    pub fn may_act_sensitively(&self, now: Timestamp) -> bool {
        match self.credential {
            Credential::Token(_) | Credential::Certificate(_) => true,
            Credential::Session(_) => self.stepped_up_until.is_some_and(|until| now <= until),
        }
    }

    /// Whether they act for their administrator in person: with a token that has limits, or that somebody else may have
    /// read, nobody changes who the administrator is or how they come in.
    #[must_use]
    pub fn is_in_person(&self) -> bool {
        match self.credential {
            Credential::Session(_) | Credential::Certificate(_) => true,
            Credential::Token(_) => self.all_organizations && *self.scope == TokenScope::default(),
        }
    }

    /// Whether they may do everything everywhere, through a token without limits.
    #[must_use]
    pub fn is_whole_master(&self) -> bool {
        self.all_organizations
            && *self.scope == TokenScope::default()
            && self.held.iter().any(Held::is_master)
    }

    /// What is carried by a token with these limits.
    #[must_use]
    pub fn carried(scope: &TokenScope) -> PermissionSet {
        scope.permissions.as_deref().map_or(PermissionSet::ALL, PermissionSet::of)
    }

    /// Whether they may do this anywhere at all.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.parts(permission).next().is_some()
    }

    /// Everything they may do somewhere.
    #[must_use]
    pub fn permissions(&self) -> PermissionSet {
        let all = self.held.iter().filter(|held| self.narrowed(held).is_some());
        all.fold(PermissionSet::default(), |sum, held| sum.or(held.permissions)).and(self.carried)
    }

    /// Whether any of their grants reaches into this organization.
    #[must_use]
    pub fn reaches(&self, organization: OrganizationId) -> bool {
        let reaches = |part: Part| part.organization.is_none_or(|reached| reached == organization);
        self.held.iter().filter_map(|held| self.narrowed(held)).any(reaches)
    }

    /// The parts in which they may do this.
    pub fn parts(&self, permission: Permission) -> impl Iterator<Item = Part> {
        let carried = self.carried.contains(permission);
        self.held
            .iter()
            .filter(move |held| carried && held.permissions.contains(permission))
            .filter_map(|held| self.narrowed(held))
    }

    /// The one department in which they may do this in an organization, if it is exactly one.
    #[must_use]
    pub fn only_department(
        &self,
        permission: Permission,
        organization: OrganizationId,
    ) -> Option<DepartmentId> {
        let here = |part: &Part| part.organization.is_none_or(|reached| reached == organization);
        let mut departments = self.parts(permission).filter(here).map(|part| part.department);
        let first = departments.next()??;
        departments.all(|department| department == Some(first)).then_some(first)
    }

    /// What a grant reaches within the limits of the token.
    pub(super) fn narrowed(&self, held: &Held) -> Option<Part> {
        let grant = &held.grant;
        if self.scope.roles.as_ref().is_some_and(|roles| !roles.contains(&grant.role)) {
            return None;
        }
        let limit = (!self.all_organizations).then_some(self.organization);
        let organization = common(grant.organization_id, limit)?;
        let department = common(grant.department_id, self.scope.department)?;
        Some(Part { organization, department, types: held.types, own_only: held.own_only })
    }
}

/// What is within two limits, each of which may be absent; `None` = nothing is.
fn common<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) => (one == other).then_some(Some(one)),
        (one, other) => Some(one.or(other)),
    }
}
