//! What an administrator may do without being signed in: for what they asked for or approved earlier, and that goes on by
//! itself.

use contracts::{AdministratorId, Credential, Permission, directory::Role};

use super::{Authority, Held, Principal, Target, permitted};

impl Held {
    /// Whether this grant is for where something is, and for its type of certificate.
    #[must_use]
    pub fn reaches(&self, target: &Target) -> bool {
        let Self { grant, types, .. } = self;
        let organization = grant.organization_id.is_none() || grant.organization_id == target.organization;
        let department = grant.department_id.is_none() || grant.department_id == target.department;
        organization && department && target.certificate_type.is_none_or(|kind| types.contains(kind))
    }
}

impl Authority {
    /// An administrator who is active, with all that they hold, whatever the token or session.
    #[must_use]
    pub fn standing(&self, administrator: AdministratorId) -> Option<Principal> {
        self.directory.read(|directory| directory.standing(administrator))
    }

    /// Whether an administrator who is active holds a grant that allows this now.
    #[must_use]
    pub fn still_may(&self, administrator: AdministratorId, permission: Permission, target: &Target) -> bool {
        self.standing(administrator).is_some_and(|known| permitted(&known, permission, target).is_ok())
    }

    /// Whether this is a token that somebody else issued, who may hold its text and is no unlimited master.
    #[must_use]
    pub fn is_lent(&self, credential: Credential) -> bool {
        let Credential::Token(token) = credential else { return false };
        self.directory.read(|directory| directory.is_lent(token))
    }

    /// Whether an administrator who is active holds one of these roles there.
    #[must_use]
    pub fn holds_any(&self, administrator: AdministratorId, roles: &[Role], target: &Target) -> bool {
        self.standing(administrator).is_some_and(|known| {
            known.held.iter().any(|held| roles.contains(&held.grant.role) && held.reaches(target))
        })
    }
}
