//! The table of operations: all there is under `/api/v1`, and the pages that explain it.

use crate::{docs, operation::Operation, pages, resources};

/// Every operation.
#[must_use]
pub fn table() -> Vec<Operation> {
    [
        resources::certificates::operations(),
        resources::certificate_requests::operations(),
        resources::csrs::operations(),
        resources::dashboard::operations(),
        resources::imports::operations(),
        resources::cas::operations(),
        resources::profiles::operations(),
        resources::policies::operations(),
        resources::keys::operations(),
        resources::compromised_keys::operations(),
        resources::keystore::operations(),
        resources::organizations::operations(),
        resources::admins::operations(),
        resources::admin_certificates::operations(),
        resources::people::operations(),
        resources::people_import::operations(),
        resources::roles::operations(),
        resources::domains::operations(),
        resources::validations::operations(),
        resources::approvals::operations(),
        resources::approval_policies::operations(),
        resources::tokens::operations(),
        resources::identity_providers::operations(),
        resources::trust_sets::operations(),
        resources::documents::operations(),
        resources::views::operations(),
        resources::access_lists::operations(),
        resources::mail::operations(),
        resources::notifications::operations(),
        resources::audit::operations(),
        resources::reports::operations(),
        resources::events::operations(),
        resources::operations::operations(),
        resources::sessions::operations(),
        resources::me::operations(),
        resources::profile::operations(),
        resources::setup::operations(),
        resources::meta::operations(),
        resources::compatible::operations(),
        docs::operations(),
        pages::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
