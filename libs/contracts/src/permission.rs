//! Permissions: what one may be allowed to do. Every operation and command declares the one it needs (Z-1).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! permissions {
    ($($variant:ident = $text:literal, $doc:literal;)*) => {
        /// A permission.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Permission { $( #[doc = $doc] #[serde(rename = $text)] $variant, )* }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Its text.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }
        }
    };
}

permissions! {
    OrganizationRead = "organization.read", "Read organizations.";
    OrganizationCreate = "organization.create", "Create organizations.";
    OrganizationWrite = "organization.write", "Change, archive and restore organizations.";
    AccessListRead = "access_list.read", "Read from which addresses people may come.";
    AccessListWrite = "access_list.write", "Say from which addresses people may come.";
    DepartmentRead = "department.read", "Read departments.";
    DepartmentWrite = "department.write", "Create, change, archive and restore departments.";
    AdministratorRead = "administrator.read", "Read administrators, and why they may or may not do something.";
    AdministratorWrite = "administrator.write", "Appoint administrators, change their grants, disable and remove them.";
    RoleRead = "role.read", "Read roles.";
    RoleWrite = "role.write", "Create, change and archive custom roles.";
    IdentityProviderRead = "identity_provider.read", "Read at which identity providers people sign in.";
    IdentityProviderWrite = "identity_provider.write", "Say at which identity providers people sign in, and what their groups may do.";
    DomainRead = "domain.read", "Read domains and their delegations.";
    DomainRequest = "domain.request", "Ask for a domain's delegation, and give one back.";
    DomainDelegate = "domain.delegate", "Delegate domains at once, and decide what others ask for.";
    DomainWrite = "domain.write", "Create, change, activate and deactivate domains.";
    PersonRead = "person.read", "Read persons: who may hold client certificates.";
    PersonWrite = "person.write", "Add, import, change, archive, restore and erase persons.";
    ApprovalRead = "approval.read", "Read what waits for approval, and which acts need one.";
    ApprovalDecide = "approval.decide", "Approve and decline what others ask for.";
    ApprovalWrite = "approval.write", "Say which acts need approval.";
    TokenRead = "token.read", "List API tokens.";
    TokenWrite = "token.write", "Issue, rotate and revoke API tokens.";
    KeyRead = "key.read", "Read keys' descriptions and public halves.";
    KeyCreate = "key.create", "Generate and import keys.";
    KeyExport = "key.export", "Take private keys out of the keystore, encrypted.";
    KeyCompromise = "key.compromise", "Say that a key is compromised.";
    KeyDestroy = "key.destroy", "Destroy keys.";
    MasterKeyRead = "master_key.read", "Read how the keystore's master key stands.";
    MasterKeyWrite = "master_key.write", "Open the keystore, and replace its master key.";
    CaRead = "ca.read", "Read certification authorities.";
    CaCreate = "ca.create", "Create certification authorities.";
    CaWrite = "ca.write", "Suspend and resume certification authorities.";
    ProfileRead = "profile.read", "Read certificate profiles and policies.";
    ProfileWrite = "profile.write", "Create and change certificate profiles and policies.";
    RequestCreate = "certificate_request.create", "Request certificates.";
    RequestRead = "certificate_request.read", "Read certificate requests.";
    CertificateRead = "certificate.read", "Read certificates.";
    CertificateWrite = "certificate.write", "Label, own and annotate certificates.";
    TrustSetRead = "trust_set.read", "Read trusted CA sets.";
    TrustSetWrite = "trust_set.write", "Create, change and archive trusted CA sets.";
    SettingsRead = "settings.read", "Read the installation's settings.";
    SettingsWrite = "settings.write", "Change the installation's settings and try them.";
    NotificationRead = "notification.read", "Read what was sent to whom.";
    NotificationResend = "notification.resend", "Have a notification sent again.";
    EventRead = "event.read", "Read and follow events.";
    AuditRead = "audit.read", "Read the audit trail; each reading is recorded.";
    ReportRead = "report.read", "Run reports on what one may read otherwise, too.";
}

/// A set of permissions, small enough to be copied and compared in a few instructions.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Every permission.
    pub const ALL: Self = Self::of(Permission::ALL);

    /// These permissions.
    #[must_use]
    pub const fn of(permissions: &[Permission]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < permissions.len() {
            bits |= 1 << permissions[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Whether a permission is among them.
    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u32) != 0
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::as_str)).finish()
    }
}

// One bit each.
const _: () = assert!(Permission::ALL.len() <= 64);

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a permission's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a permission")]
pub struct PermissionError(String);

impl FromStr for Permission {
    type Err = PermissionError;
    fn from_str(text: &str) -> Result<Self, PermissionError> {
        Self::ALL
            .iter()
            .copied()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| PermissionError(text.chars().take(64).collect()))
    }
}
