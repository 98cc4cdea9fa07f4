//! What a right is asked about.

use contracts::{
    AdministratorId, CertificateId, DepartmentId, OrganizationId, ProfileId,
    directory::{Belonging, Grant},
    x509::CertificateType,
};

/// What somebody wants to do something to: where it is, whose it is, what it is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its organization; `None` = the installation itself.
    pub organization: Option<OrganizationId>,
    /// Its department; `None` = the organization as a whole.
    pub department: Option<DepartmentId>,
    /// The type of certificate it is about, if it is about one.
    pub certificate_type: Option<CertificateType>,
    /// Who asked for it, or owns it.
    pub owner: Option<AdministratorId>,
    /// The profile it is about.
    pub profile: Option<ProfileId>,
    /// The certificate it is about.
    pub certificate: Option<CertificateId>,
    /// Whether whoever works in the organization may have to do with it: certification authorities and profiles, say.
    pub shared: bool,
    /// Whether it is its owner's wherever that person works: a token, say.
    pub personal: bool,
}

impl Target {
    /// The installation itself.
    pub const INSTALLATION: Self = Self {
        organization: None,
        department: None,
        certificate_type: None,
        owner: None,
        profile: None,
        certificate: None,
        shared: false,
        personal: false,
    };

    /// An organization as a whole.
    #[must_use]
    pub const fn organization(organization: OrganizationId) -> Self {
        Self { organization: Some(organization), ..Self::INSTALLATION }
    }

    /// An organization, or one of its departments.
    #[must_use]
    pub const fn within(organization: OrganizationId, department: Option<DepartmentId>) -> Self {
        Self { department, ..Self::organization(organization) }
    }

    /// Where a grant reaches: its department, its organization, or the installation.
    #[must_use]
    pub const fn of_grant(grant: &Grant) -> Self {
        match grant.organization_id {
            Some(organization) => Self::within(organization, grant.department_id),
            None => Self::INSTALLATION,
        }
    }

    /// A certificate of an organization, or the request for one.
    #[must_use]
    pub const fn certificate(
        organization: OrganizationId,
        belongs: &Belonging,
        profile: Option<ProfileId>,
        certificate: Option<CertificateId>,
    ) -> Self {
        Self {
            department: belongs.department_id,
            certificate_type: belongs.certificate_type,
            owner: belongs.requested_by,
            profile,
            certificate,
            ..Self::organization(organization)
        }
    }

    /// What whoever works in the organization may have to do with.
    #[must_use]
    pub const fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    /// Something that is its owner's wherever that person works.
    #[must_use]
    pub const fn personal(self, owner: AdministratorId) -> Self {
        Self { owner: Some(owner), personal: true, ..self }
    }
}
