//! `directory`: organizations, departments, domains, administrators and their roles, persons, API tokens, identity
//! providers, access lists, approvals, denials.
//!
//! Each kind has a module: its events, then the commands that bring them about, then what a reader is shown.

mod access_list;
mod administrator;
mod approval;
mod audit;
mod client_certificate;
mod delegate;
mod denial;
mod department;
mod details;
mod domain;
mod federated;
mod grant;
mod identity_provider;
mod link;
mod name;
mod organization;
mod person;
mod person_import;
mod recipient;
mod role;
mod second_factor;
mod session;
mod sign_in;
mod token;
mod validation;

pub use access_list::{AccessListEvent, AccessListReplaced, AccessListView, ReplaceAccessList};
pub use administrator::{
    AdministratorAppointed, AdministratorAppointedV1, AdministratorDescribed, AdministratorDisabled,
    AdministratorEnabled, AdministratorEvent, AdministratorGrantsChanged, AdministratorKind,
    AdministratorRemoved, AdministratorStatus, AdministratorView, AppointAdministrator, DisableAdministrator,
    EnableAdministrator, ProfileView, RemoveAdministrator, RoleV1, ShowProfile, UpdateAdministrator,
    UpdateProfile,
};
pub use approval::{
    ApprovalDeclined, ApprovalEscalated, ApprovalEvent, ApprovalExpired, ApprovalGiven, ApprovalGranted,
    ApprovalKind, ApprovalMatter, ApprovalPlace, ApprovalPolicyDropped, ApprovalPolicyEvent,
    ApprovalPolicyProposed, ApprovalPolicyReplaced, ApprovalPolicyView, ApprovalReminded, ApprovalRequested,
    ApprovalRule, ApprovalStatus, ApprovalView, ApprovalWithdrawn, Approvers, AutomaticRule, DeclineApproval,
    Escalation, EscalationDue, GiveApproval, GivenView, KindRule, ReplaceApprovalPolicy, RequestApproval,
    UnmatchedRule, WithdrawApproval, approval_policy_stream,
};
pub use audit::{AuditEvent, AuditRead, RecordAuditRead};
pub use client_certificate::{
    AdministratorCertificateBound, AdministratorCertificateUnbound, BindCertificate, BoundCertificateView,
    CertificateMark, RecordCertificateUse, ShownCertificate, UnbindCertificate, UnboundCertificateView,
};
pub use delegate::{Delegate, DelegateReference, DelegationStatus};
pub use denial::{DenialEvent, DenialRecorded, RecordDenial};
pub use department::{
    ArchiveDepartment, CreateDepartment, DepartmentArchived, DepartmentCreated, DepartmentEvent,
    DepartmentRestored, DepartmentUpdated, DepartmentView, RestoreDepartment, UpdateDepartment,
};
pub use details::Details;
pub use domain::{
    ActivateDomain, ApproveDelegation, CreateDomain, DeactivateDomain, DelegateDomain, DelegationView,
    DomainActivated, DomainCreated, DomainDeactivated, DomainDelegated, DomainDelegationApproved,
    DomainDelegationRefused, DomainDelegationRequested, DomainDelegationWithdrawn, DomainEvent, DomainStatus,
    DomainUpdated, DomainView, EVERY_NAME, RejectDelegation, UpdateDomain, WithdrawDelegation,
};
pub use federated::{BeginProviderSignIn, BegunProviderSignIn, FinishProviderSignIn};
pub use grant::{Belonging, Grant, NewGrant};
pub use identity_provider::{
    ArchiveIdentityProvider, CreateIdentityProvider, GroupGrant, IdentityProviderArchived,
    IdentityProviderChanges, IdentityProviderCreated, IdentityProviderEvent, IdentityProviderStatus,
    IdentityProviderUpdated, IdentityProviderView, NewGroupGrant, ProviderSetup, UpdateIdentityProvider,
};
pub use link::{
    AdministratorLinkDrawn, AdministratorLinkWanted, AdministratorPasswordSet, ChangePassword, DrawLink,
    DrawnLink, ForgetPassword, LinkPurpose, PasswordOrigin, UseLink, WantLink, WantedLink,
};
pub use name::{DirectoryNameEvent, NameReserved};
pub use organization::{
    ArchiveOrganization, CreateOrganization, OrganizationArchived, OrganizationChanges, OrganizationCreated,
    OrganizationEvent, OrganizationRestored, OrganizationUpdated, OrganizationView, RestoreOrganization,
    UpdateOrganization,
};
pub use person::{
    AddPerson, ArchivePerson, ErasePerson, PersonAdded, PersonArchived, PersonErased, PersonEvent,
    PersonRestored, PersonStatus, PersonUpdated, PersonView, RestorePerson, UpdatePerson, ValidationType,
};
pub use person_import::{
    ImportPeople, ImportStatus, JudgePeople, LineError, LinesJudged, PersonImportCompleted,
    PersonImportEvent, PersonImportStarted, PersonImportView, PersonLine, StagePeople,
};
pub use recipient::{FindRecipients, Recipient, WhoMay};
pub use role::{
    ArchiveRole, BuiltInRole, CreateRole, ROLES, RecordStatus, Role, RoleArchived, RoleChoice, RoleCreated,
    RoleEvent, RoleRow, RoleUpdated, RoleView, UpdateRole,
};
pub use second_factor::{
    AdministratorRecoveryCodeUsed, AdministratorSecondFactorConfirmed, AdministratorSecondFactorEnrolled,
    AdministratorSecondFactorRemoved, ConfirmSecondFactor, EnrolSecondFactor, EnrolledSecondFactor,
    RecoveryCodes, RemoveSecondFactor, ResetSecondFactor,
};
pub use session::{
    EndSession, RecordSessionUse, SessionEnd, SessionEnded, SessionEvent, SessionRenewed, SessionStarted,
    SessionStatus, SessionSteppedUp, SessionView, SignIn, SignInMethod, StepUp,
};
pub use sign_in::{SignInEvent, SignInFailed, SignInFailure};
pub use token::{
    IssueToken, RecordTokenUse, RevokeToken, RotateToken, TokenEvent, TokenIssued, TokenRevoked, TokenScope,
    TokenStatus, TokenSuperseded, TokenView,
};
pub use validation::{
    CheckDomainValidation, ConfirmDomainValidation, ConfirmedDomainValidation, DomainValidated,
    DomainValidationCodeDrawn, DomainValidationEvent, DomainValidationExpired, DomainValidationExpiring,
    DomainValidationFailed, DomainValidationMailWanted, DomainValidationStarted, DomainValidationStatus,
    DomainValidationTried, DomainValidationView, DrawValidationCode, DrawnValidationCode,
    StartDomainValidation, ValidationChallenge, ValidationMethod,
};
