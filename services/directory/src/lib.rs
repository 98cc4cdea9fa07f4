//! Who may do what, where: organizations, departments, administrators, API tokens, and what was denied.
//!
//! | | |
//! |---|---|
//! | commands answered | `create_organization` `update_organization` `create_department` `update_department` `issue_token` `revoke_token` `record_token_use` `record_denial` |
//! | events written | `organization.*` `department.*` `administrator.*` `token.*` `denial.*` `directory_name.*` |
//! | events followed | its own, for the read model |
//! | tables owned | `directory.organization` `department` `administrator` `token` `denial` (read model), `directory.token_use` |
//!
//! At the very first start it appends the first organization, administrator and token ([`first_start`]).

mod administrator;
mod denial;
mod department;
mod fields;
mod first_start;
mod handlers;
mod organization;
mod projection;
mod token;
mod token_use;

use std::sync::Arc;

use bus::BusError;
use contracts::directory::{
    CreateDepartment, CreateOrganization, IssueToken, RecordDenial, RecordTokenUse, RevokeToken,
    UpdateDepartment, UpdateOrganization,
};
use runtime::service::ServiceContext;

use crate::{handlers::Handlers, projection::DirectoryProjection};

/// Tables beside the read model.
pub const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_token_use.sql")];

/// Starts the service: it answers commands as soon as its servers are there.
pub async fn start(context: ServiceContext) -> Result<(), BusError> {
    first_start::spawn(&context);
    runtime::projection::start(&context, DirectoryProjection);
    let handlers = Arc::new(Handlers::new(&context));
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
        CreateDepartment => create_department,
        UpdateDepartment => update_department,
        IssueToken => issue_token,
        RevokeToken => revoke_token,
        RecordTokenUse => record_token_use,
        RecordDenial => record_denial,
    }
    Ok(())
}
