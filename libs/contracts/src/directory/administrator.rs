//! Administrators: who may act at all, and where. The log holds ids and sign-in names; what people are called and
//! where mail reaches them stands in a table beside it, so that it can be erased (K-8).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AdministratorCertificateBound, AdministratorCertificateUnbound, AdministratorLinkDrawn,
    AdministratorLinkWanted, AdministratorPasswordSet, AdministratorRecoveryCodeUsed,
    AdministratorSecondFactorConfirmed, AdministratorSecondFactorEnrolled, AdministratorSecondFactorRemoved,
    BuiltInRole, Grant, NewGrant, Role,
};
use crate::{AdministratorId, IdentityProviderId, Permission, Timestamp, command, events};

/// What acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdministratorKind {
    /// A person.
    #[default]
    Person,
    /// A program.
    Service,
}

/// An administrator may act from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorAppointed {
    /// Who.
    pub id: AdministratorId,
    /// Unique sign-in name: NFKC, case-folded, trimmed.
    pub name: String,
    /// Person or program.
    #[serde(default)]
    pub kind: AdministratorKind,
    /// What they may do, and where.
    pub grants: Vec<Grant>,
    /// The identity provider that they are known through; missing: somebody here appointed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider_id: Option<IdentityProviderId>,
}

/// How `administrator.appointed` was written first: the role, on the whole installation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorAppointedV1 {
    /// Who.
    pub id: AdministratorId,
    /// Unique name.
    pub name: String,
    /// How far they reach.
    pub role: RoleV1,
}

/// The one role there was first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoleV1 {
    /// Every permission in every organization.
    Master,
}

impl From<AdministratorAppointedV1> for AdministratorAppointed {
    fn from(AdministratorAppointedV1 { id, name, role: RoleV1::Master }: AdministratorAppointedV1) -> Self {
        let grants = vec![Grant::installation(Role::BuiltIn(BuiltInRole::Master))];
        Self { id, name, kind: AdministratorKind::Person, grants, identity_provider_id: None }
    }
}

/// An administrator has these grants from now on, and no others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorGrantsChanged {
    /// What they may do, and where.
    pub grants: Vec<Grant>,
}

/// What an administrator is called, or where mail reaches them, changed. The values are not in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorDescribed {
    /// Which fields changed: `displayName`, `email`.
    pub fields: Vec<String>,
}

/// An administrator may do nothing until they are enabled again; their tokens work nowhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorDisabled {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A disabled administrator may act again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorEnabled {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An administrator may never act again. Their id stays, because events name it; who they were is erased.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorRemoved {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

events! {
    /// What happened to an administrator.
    AdministratorEvent in "administrator" {
        Appointed(AdministratorAppointed) = "administrator.appointed" v 2 before { 1: AdministratorAppointedV1 },
        GrantsChanged(AdministratorGrantsChanged) = "administrator.grants_changed" v 1,
        Described(AdministratorDescribed) = "administrator.described" v 1,
        Disabled(AdministratorDisabled) = "administrator.disabled" v 1,
        Enabled(AdministratorEnabled) = "administrator.enabled" v 1,
        Removed(AdministratorRemoved) = "administrator.removed" v 1,
        LinkWanted(AdministratorLinkWanted) = "administrator.link_wanted" v 1,
        LinkDrawn(AdministratorLinkDrawn) = "administrator.link_drawn" v 1,
        PasswordSet(AdministratorPasswordSet) = "administrator.password_set" v 1,
        CertificateBound(AdministratorCertificateBound) = "administrator.certificate_bound" v 1,
        CertificateUnbound(AdministratorCertificateUnbound) = "administrator.certificate_unbound" v 1,
        SecondFactorEnrolled(AdministratorSecondFactorEnrolled) = "administrator.second_factor_enrolled" v 1,
        SecondFactorConfirmed(AdministratorSecondFactorConfirmed) = "administrator.second_factor_confirmed" v 1,
        SecondFactorRemoved(AdministratorSecondFactorRemoved) = "administrator.second_factor_removed" v 1,
        RecoveryCodeUsed(AdministratorRecoveryCodeUsed) = "administrator.recovery_code_used" v 1,
    }
}

/// Appoints an administrator with grants that the caller holds, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppointAdministrator {
    /// Unique sign-in name; case and width of letters do not count.
    pub name: String,
    /// Person or program.
    #[serde(default)]
    pub kind: AdministratorKind,
    /// What people call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where mail reaches them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they may do, and where: at least one.
    pub grants: Vec<NewGrant>,
}
command!(AppointAdministrator => AdministratorView, Directory, "appoint_administrator", Some(Permission::AdministratorWrite), STEP_UP = true);

/// Changes an administrator; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateAdministrator {
    /// Who.
    pub administrator: AdministratorId,
    /// What people call them; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where mail reaches them; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Their grants within the caller's reach from now on; those beyond it stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<NewGrant>>,
}
command!(UpdateAdministrator => AdministratorView, Directory, "update_administrator", Some(Permission::AdministratorWrite), STEP_UP = true);

/// Changes what the sender is called and where mail reaches them; a missing field stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateProfile {
    /// What people call them; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where mail reaches them; empty takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}
command!(UpdateProfile => ProfileView, Directory, "update_profile", None);

/// Asks who the sender is, beside what they may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShowProfile {}
command!(ShowProfile => ProfileView, Directory, "show_profile", None);

/// Who somebody is, for their own eyes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileView {
    /// Unique sign-in name.
    pub name: String,
    /// What people call them.
    pub display_name: Option<String>,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Whether they have a password.
    pub has_password: bool,
    /// Whether signing in with it needs a code of a second factor.
    pub has_second_factor: bool,
}

/// Disables an administrator: their tokens work nowhere within a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisableAdministrator {
    /// Who.
    pub administrator: AdministratorId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(DisableAdministrator => AdministratorView, Directory, "disable_administrator", Some(Permission::AdministratorWrite), STEP_UP = true);

/// Lets a disabled administrator act again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnableAdministrator {
    /// Who.
    pub administrator: AdministratorId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(EnableAdministrator => AdministratorView, Directory, "enable_administrator", Some(Permission::AdministratorWrite), STEP_UP = true);

/// Removes an administrator for good and erases who they were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveAdministrator {
    /// Who.
    pub administrator: AdministratorId,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
command!(RemoveAdministrator => AdministratorView, Directory, "remove_administrator", Some(Permission::AdministratorWrite), STEP_UP = true);

/// Whether an administrator may act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdministratorStatus {
    /// As far as their grants reach.
    #[default]
    Active,
    /// Not until they are enabled.
    Disabled,
    /// Never again.
    Removed,
}

/// An administrator, as far as the reader's own rights reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdministratorView {
    /// Id.
    pub id: AdministratorId,
    /// Unique sign-in name.
    pub name: String,
    /// Person or program.
    pub kind: AdministratorKind,
    /// What people call them.
    pub display_name: Option<String>,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Whether they may act.
    pub status: AdministratorStatus,
    /// Whether they have set a password.
    #[serde(default)]
    pub has_password: bool,
    /// Whether signing in with it needs a code of a second factor.
    #[serde(default)]
    pub has_second_factor: bool,
    /// The identity provider that they are known through; `null`: somebody here appointed them.
    #[serde(default)]
    pub identity_provider_id: Option<IdentityProviderId>,
    /// What they may do, and where: the grants that the reader's own rights reach.
    pub grants: Vec<Grant>,
    /// When they were appointed.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
