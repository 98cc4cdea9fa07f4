//! Whether somebody may do something: pure, without allocation, deny by default.

use std::fmt;

use contracts::{OrganizationId, Permission};

use super::{Held, Part, Principal, Target};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// By this grant of the principal.
    Allowed {
        /// Which of [`Principal::held`].
        grant: usize,
    },
    /// By none; this came closest.
    Refused(Refusal),
}

/// Why a grant does not allow something. The further down, the closer it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// There is no grant at all.
    NoGrant,
    /// Its role does not allow it.
    Role,
    /// The token does not carry this permission, role, organization or department.
    Token,
    /// It is for another organization, or for one where the installation was meant.
    Organization,
    /// It is for another department, or for one where the organization was meant.
    Department,
    /// It is for other types of certificate.
    CertificateType,
    /// It reaches only what its holder asked for or owns.
    NotOwn,
    /// The token is for other profiles.
    Profile,
    /// The token is for other certificates.
    Certificate,
}

impl Refusal {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoGrant => "no_grant",
            Self::Role => "role",
            Self::Token => "token",
            Self::Organization => "organization",
            Self::Department => "department",
            Self::CertificateType => "certificate_type",
            Self::NotOwn => "not_own",
            Self::Profile => "profile",
            Self::Certificate => "certificate",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoGrant => "there is no grant",
            Self::Role => "the role does not allow it",
            Self::Token => "the API token does not carry it",
            Self::Organization => {
                "the grant is for another organization, or for one where the installation was meant"
            }
            Self::Department => {
                "the grant is for another department, or for one where the organization was meant"
            }
            Self::CertificateType => "the grant is for other types of certificate",
            Self::NotOwn => "the grant reaches only what its holder asked for or owns",
            Self::Profile => "the API token is for other certificate profiles",
            Self::Certificate => "the API token is for other certificates",
        })
    }
}

/// Whether a principal may do this to that.
#[must_use]
pub fn decide(principal: &Principal, permission: Permission, target: &Target) -> Decision {
    let mut closest = Refusal::NoGrant;
    for (grant, held) in principal.held.iter().enumerate() {
        match judge(principal, held, permission, target) {
            Ok(()) => return Decision::Allowed { grant },
            Err(refusal) => closest = closest.max(refusal),
        }
    }
    Decision::Refused(closest)
}

/// Whether one grant allows it, and if not, why.
pub fn judge(
    principal: &Principal,
    held: &Held,
    permission: Permission,
    target: &Target,
) -> Result<(), Refusal> {
    if !held.permissions.contains(permission) {
        return Err(Refusal::Role);
    }
    let part = principal.narrowed(held).filter(|_| principal.carried.contains(permission));
    let part = part.ok_or(Refusal::Token)?;
    if part.organization.is_some() && part.organization != target.organization {
        return Err(Refusal::Organization);
    }
    let own = target.owner == Some(principal.administrator);
    if !target.shared {
        if part.department.is_some() && part.department != target.department && !(own && target.personal) {
            return Err(Refusal::Department);
        }
        if !fits_types(part, target) {
            return Err(Refusal::CertificateType);
        }
        if part.own_only && !own {
            return Err(Refusal::NotOwn);
        }
        within_token(principal, target)?;
    }
    Ok(())
}

fn fits_types(part: Part, target: &Target) -> bool {
    match target.certificate_type {
        _ if part.types.are_all() => true,
        Some(kind) => part.types.contains(kind),
        // A certificate of unknown type is nobody's who is limited to some; what is no certificate has no type.
        None => target.certificate.is_none() && target.profile.is_none(),
    }
}

/// A token for some profiles or certificates is for nothing else.
fn within_token(principal: &Principal, target: &Target) -> Result<(), Refusal> {
    if let Some(profiles) = &principal.scope.profiles
        && !target.profile.is_some_and(|profile| profiles.contains(&profile))
    {
        return Err(Refusal::Profile);
    }
    if let Some(certificates) = &principal.scope.certificates
        && !target.certificate.is_some_and(|certificate| certificates.contains(&certificate))
    {
        return Err(Refusal::Certificate);
    }
    Ok(())
}

/// Whether everything that a grant allows is allowed to the principal, too: nobody grants more than they hold (Z-1).
#[must_use]
pub fn covers(principal: &Principal, wanted: &Held) -> bool {
    let grant = &wanted.grant;
    covers_part(principal, wanted, grant.organization_id, grant.department_id, wanted.permissions.iter())
}

/// Whether everything that another token carries is allowed to the principal, too.
#[must_use]
pub fn covers_token(principal: &Principal, wanted: &Principal) -> bool {
    wanted.held.iter().all(|held| {
        let Some(part) = wanted.narrowed(held) else { return true };
        let carried = held.permissions.and(wanted.carried);
        covers_part(principal, held, part.organization, part.department, carried.iter())
    })
}

fn covers_part(
    principal: &Principal,
    wanted: &Held,
    organization: Option<OrganizationId>,
    department: Option<contracts::DepartmentId>,
    mut permissions: impl Iterator<Item = Permission>,
) -> bool {
    let limited = principal.scope.profiles.is_some() || principal.scope.certificates.is_some();
    !limited
        && permissions.all(|permission| {
            wanted.types.each().all(|kind| {
                principal.parts(permission).any(|part| {
                    !part.own_only && part.includes(organization, department) && part.types.include(kind)
                })
            })
        })
}

#[cfg(test)]
mod tests;
