//! Who may do what, where: organizations, departments, domains, administrators, roles, API tokens, access lists, and what was denied.
//!
//! | | |
//! |---|---|
//! | commands answered | `create_organization` `update_` `archive_` `restore_`; the same of `department`; `create_domain` `update_` `activate_` `deactivate_` `delegate_`, `approve_delegation` `reject_` `withdraw_`; `start_domain_validation` `check_` `confirm_`, `draw_validation_code`; `appoint_administrator` `update_` `disable_` `enable_` `remove_`; `bind_certificate` `unbind_` `record_certificate_use`; `add_person` `update_` `archive_` `restore_` `erase_`; `create_role` `update_` `archive_`; `issue_token` `rotate_` `revoke_`; `replace_access_list`; `record_token_use` `record_denial` |
//! | events written | `organization.*` `department.*` `domain.*` `domain_validation.*` `administrator.*` `person.*` `role.*` `token.*` `access_list.*` `denial.*` `directory_name.*` |
//! | events followed | its own, for the read models and to look for proofs of control when they are due |
//! | tables owned | `directory.organization` `department` `domain` `domain_delegation` `domain_validation` `administrator` `role` `token` `denial` (read models), `directory.person` `person_g…`, `directory.token_use`, `directory.person_details` |
//!
//! At the very first start it appends the first organization, domain, token and administrator ([`first_start`]).

mod access_list;
mod administrator;
mod client_certificate;
mod country;
mod denial;
mod department;
mod domain;
mod domain_validation;
mod domain_view;
mod fields;
mod first_domain;
mod first_start;
mod handlers;
mod organization;
mod people;
mod person;
mod projection;
mod role;
mod token;
mod token_use;
mod validation_process;
mod validation_view;

use std::sync::Arc;

use contracts::directory::{
    ActivateDomain, AddPerson, AppointAdministrator, ApproveDelegation, ArchiveDepartment,
    ArchiveOrganization, ArchivePerson, ArchiveRole, BindCertificate, CheckDomainValidation,
    ConfirmDomainValidation, CreateDepartment, CreateDomain, CreateOrganization, CreateRole,
    DeactivateDomain, DelegateDomain, DisableAdministrator, DrawValidationCode, EnableAdministrator,
    ErasePerson, IssueToken, RecordCertificateUse, RecordDenial, RecordTokenUse, RejectDelegation,
    RemoveAdministrator, ReplaceAccessList, RestoreDepartment, RestoreOrganization, RestorePerson,
    RevokeToken, RotateToken, StartDomainValidation, UnbindCertificate, UpdateAdministrator,
    UpdateDepartment, UpdateDomain, UpdateOrganization, UpdatePerson, UpdateRole, WithdrawDelegation,
};
use runtime::{
    outbound::Outbound,
    service::{ServiceContext, StartError},
};

use crate::{
    handlers::Handlers,
    projection::{
        DirectoryProjection, domains::DomainProjection, people::PeopleProjection,
        validations::ValidationProjection,
    },
    validation_process::ValidationProcess,
};

/// Tables beside the read model.
pub const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_token_use.sql"),
    include_str!("../migrations/0002_person.sql"),
    include_str!("../migrations/0003_people.sql"),
];

/// Starts the service: it answers commands as soon as its servers are there.
pub async fn start(context: ServiceContext) -> Result<(), StartError> {
    first_start::spawn(&context);
    runtime::projection::start(&context, DirectoryProjection);
    runtime::projection::start(&context, DomainProjection);
    runtime::projection::start(&context, PeopleProjection);
    runtime::projection::start(&context, ValidationProjection);
    let outbound = Outbound::new(&context.config).map_err(StartError::refused)?;
    runtime::process::start(&context, ValidationProcess::new(&context, outbound.clone()));
    let handlers = Arc::new(Handlers::new(&context, outbound));
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
        CreateRole => create_role,
        UpdateRole => update_role,
        ArchiveRole => archive_role,
        IssueToken => issue_token,
        RotateToken => rotate_token,
        RevokeToken => revoke_token,
        ReplaceAccessList => replace_access_list,
        RecordTokenUse => record_token_use,
        RecordDenial => record_denial,
    }
    Ok(())
}
