//! Who may do what, where: organizations, departments, domains, administrators, roles, API tokens, access lists, and what was denied.
//!
//! | | |
//! |---|---|
//! | commands answered | `create_organization` `update_` `archive_` `restore_`; the same of `department`; `create_domain` `update_` `activate_` `deactivate_` `delegate_`, `approve_delegation` `reject_` `withdraw_`; `start_domain_validation` `check_` `confirm_`, `draw_validation_code`; `appoint_administrator` `update_` `disable_` `enable_` `remove_`; `bind_certificate` `unbind_` `record_certificate_use`; `add_person` `update_` `archive_` `restore_` `erase_`; `create_role` `update_` `archive_`; `issue_token` `rotate_` `revoke_`; `create_identity_provider` `update_` `archive_`; `replace_access_list`; `request_approval` `give_` `decline_` `withdraw_`, `replace_approval_policy`; `record_token_use` `record_denial`; `sign_in` `begin_provider_sign_in` `finish_` `step_up` `end_session` `record_session_use`; `want_link` `draw_link` `use_link` `forget_password` `change_password`; `show_profile` `update_profile`; `enrol_second_factor` `confirm_` `remove_` `reset_`; `find_recipients`; `judge_people` `stage_` `import_` `record_audit_read` |
//! | events written | `organization.*` `department.*` `domain.*` `domain_validation.*` `administrator.*` `person.*` `role.*` `identity_provider.*` `token.*` `access_list.*` `approval.*` `approval_policy.*` `denial.*` `session.*` `sign_in.*` `directory_name.*`, `person_import.*` `audit.*` |
//! | events followed | its own, for the read models and to look for proofs of control when they are due |
//! | tables owned | `directory.organization` `department` `domain` `domain_delegation` `domain_validation` `approval` `administrator` `role` `identity_provider` `token` `denial` `session` (read models), `directory.person` `person_g…`, `directory.token_use`, `directory.person_details`, `directory.session_use` `password` `sign_in_guard` `second_factor` `recovery_code` `provider_sign_in`, `person_import` `person_import_part` |
//!
//! At the very first start it appends the first organization, domain, token and administrator ([`first_start`]).

mod access_list;
mod administrator;
mod approval;
mod approval_policy;
mod approval_process;
mod begun_sign_in;
mod client_certificate;
mod country;
mod department;
mod domain;
mod domain_validation;
mod domain_view;
mod fields;
mod first_domain;
mod first_start;
mod handlers;
mod identity_provider;
mod lock_out;
mod oidc;
mod organization;
mod password;
mod people;
mod person;
mod projection;
mod recorded_once;
mod role;
mod second_factor;
mod session;
mod session_use;
mod token;
mod token_use;
mod totp;
mod validation_process;
mod validation_view;
mod waiting;

use std::sync::Arc;

use contracts::directory::{
    ActivateDomain, AddPerson, AppointAdministrator, ApproveDelegation, ArchiveDepartment,
    ArchiveIdentityProvider, ArchiveOrganization, ArchivePerson, ArchiveRole, BeginProviderSignIn,
    BindCertificate, ChangePassword, CheckDomainValidation, ConfirmDomainValidation, ConfirmSecondFactor,
    CreateDepartment, CreateDomain, CreateIdentityProvider, CreateOrganization, CreateRole, DeactivateDomain,
    DeclineApproval, DelegateDomain, DisableAdministrator, DrawLink, DrawValidationCode, EnableAdministrator,
    EndSession, EnrolSecondFactor, ErasePerson, FindRecipients, FinishProviderSignIn, ForgetPassword,
    GiveApproval, ImportPeople, IssueToken, JudgePeople, RecordAuditRead, RecordCertificateUse, RecordDenial,
    RecordSessionUse, RecordTokenUse, RejectDelegation, RemoveAdministrator, RemoveSecondFactor,
    ReplaceAccessList, ReplaceApprovalPolicy, RequestApproval, ResetSecondFactor, RestoreDepartment,
    RestoreOrganization, RestorePerson, RevokeToken, RotateToken, ShowProfile, SignIn, StagePeople,
    StartDomainValidation, StepUp, UnbindCertificate, UpdateAdministrator, UpdateDepartment, UpdateDomain,
    UpdateIdentityProvider, UpdateOrganization, UpdatePerson, UpdateProfile, UpdateRole, UseLink, WantLink,
    WithdrawApproval, WithdrawDelegation,
};
use runtime::{
    outbound::Outbound,
    service::{ServiceContext, StartError},
};

use crate::{
    handlers::Handlers,
    password::Passwords,
    projection::{
        DirectoryProjection, approvals::ApprovalProjection, domains::DomainProjection,
        people::PeopleProjection, validations::ValidationProjection,
    },
    validation_process::ValidationProcess,
};

/// Tables beside the read model.
pub const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_token_use.sql"),
    include_str!("../migrations/0002_person.sql"),
    include_str!("../migrations/0003_people.sql"),
    include_str!("../migrations/0004_sign_in.sql"),
    include_str!("../migrations/0005_provider_sign_in.sql"),
];

/// The file of passwords that nobody may choose cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("auth.breached_passwords cannot be read: {0}")]
struct UnreadablePasswords(#[source] std::io::Error);

runtime::projections!(
    contracts::Service::Directory,
    [DirectoryProjection, DomainProjection, PeopleProjection, ValidationProjection, ApprovalProjection]
);

/// Starts the service: it answers commands as soon as its servers are there.
pub async fn start(context: ServiceContext) -> Result<(), StartError> {
    first_start::spawn(&context);
    start_projections(&context);
    let outbound = Outbound::new(&context.config).map_err(StartError::refused)?;
    runtime::process::start(&context, ValidationProcess::new(&context, outbound.clone()));
    let breached = context.config.auth.breached_passwords.as_deref();
    let passwords = Passwords::new(context.pool.clone(), context.entropy.clone(), breached)
        .map_err(|error| StartError::refused(UnreadablePasswords(error)))?;
    let handlers = Arc::new(Handlers::new(&context, outbound, passwords));
    people::importer::start(&context, handlers.clone());
    approval_process::start(&context, handlers.clone());
    waiting::tell(&context, handlers.waiting.clone());
    let bus = &context.bus;
    macro_rules! serve {
        ($($command:ty => $method:ident),* $(,)?) => {$(
            let service = handlers.clone();
            bus.serve::<$command, _, _, _>(move |context, command| {
                let service = service.clone();
                async move { service.$method(&context, command).await }
            })
            .await?;
        )*};
    }
    serve! {
        CreateOrganization => create_organization,
        UpdateOrganization => update_organization,
        ArchiveOrganization => archive_organization,
        RestoreOrganization => restore_organization,
        CreateDepartment => create_department,
        UpdateDepartment => update_department,
        ArchiveDepartment => archive_department,
        RestoreDepartment => restore_department,
        CreateDomain => create_domain,
        UpdateDomain => update_domain,
        ActivateDomain => activate_domain,
        DeactivateDomain => deactivate_domain,
        DelegateDomain => delegate_domain,
        ApproveDelegation => approve_delegation,
        RejectDelegation => reject_delegation,
        WithdrawDelegation => withdraw_delegation,
        StartDomainValidation => start_domain_validation,
        CheckDomainValidation => check_domain_validation,
        DrawValidationCode => draw_validation_code,
        ConfirmDomainValidation => confirm_domain_validation,
        AppointAdministrator => appoint_administrator,
        UpdateAdministrator => update_administrator,
        DisableAdministrator => disable_administrator,
        EnableAdministrator => enable_administrator,
        RemoveAdministrator => remove_administrator,
        BindCertificate => bind_certificate,
        UnbindCertificate => unbind_certificate,
        RecordCertificateUse => record_certificate_use,
        AddPerson => add_person,
        UpdatePerson => update_person,
        ArchivePerson => archive_person,
        RestorePerson => restore_person,
        ErasePerson => erase_person,
        JudgePeople => judge_people,
        StagePeople => stage_people,
        ImportPeople => import_people,
        CreateRole => create_role,
        UpdateRole => update_role,
        ArchiveRole => archive_role,
        RequestApproval => request_approval,
        GiveApproval => give_approval,
        DeclineApproval => decline_approval,
        WithdrawApproval => withdraw_approval,
        ReplaceApprovalPolicy => replace_approval_policy,
        CreateIdentityProvider => create_identity_provider,
        UpdateIdentityProvider => update_identity_provider,
        ArchiveIdentityProvider => archive_identity_provider,
        IssueToken => issue_token,
        RotateToken => rotate_token,
        RevokeToken => revoke_token,
        ReplaceAccessList => replace_access_list,
        RecordTokenUse => record_token_use,
        RecordDenial => record_denial,
        SignIn => sign_in,
        BeginProviderSignIn => begin_provider_sign_in,
        FinishProviderSignIn => finish_provider_sign_in,
        StepUp => step_up,
        EndSession => end_session,
        RecordSessionUse => record_session_use,
        WantLink => want_link,
        DrawLink => draw_link,
        UseLink => use_link,
        ForgetPassword => forget_password,
        ChangePassword => change_password,
        ShowProfile => show_profile,
        UpdateProfile => update_profile,
        EnrolSecondFactor => enrol_second_factor,
        ConfirmSecondFactor => confirm_second_factor,
        RemoveSecondFactor => remove_second_factor,
        ResetSecondFactor => reset_second_factor,
        FindRecipients => find_recipients,
        RecordAuditRead => record_audit_read,
    }
    Ok(())
}
