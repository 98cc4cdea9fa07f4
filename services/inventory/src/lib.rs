//! Every certificate known, however it came.
//!
//! | | |
//! |---|---|
//! | commands answered | `annotate_certificate` |
//! | events written | `certificate.*` (what is recorded about a certificate, never its issuance) |
//! | events followed | `issuance.completed`, `certificate.*` |
//! | tables owned | `inventory.certificate` (read model; view `api_inventory.certificate`) |

mod annotate;
mod certificate;
mod projection;
mod row;

use std::sync::Arc;

use bus::BusError;
use contracts::inventory::AnnotateCertificate;
use runtime::service::ServiceContext;

use crate::{annotate::Annotations, projection::CertificateProjection};

/// What the views need beside the read model.
pub const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_pem.sql")];

runtime::projections!(contracts::Service::Inventory, [CertificateProjection]);

/// Starts the service.
pub async fn start(context: ServiceContext) -> Result<(), BusError> {
    start_projections(&context);
    let annotations = Arc::new(Annotations::new(&context));
    context
        .bus
        .serve::<AnnotateCertificate, _, _, _>(move |context, command| {
            let annotations = annotations.clone();
            async move { annotations.annotate(&context, command).await }
        })
        .await
}
