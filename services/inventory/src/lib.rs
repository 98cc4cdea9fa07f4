//! Every certificate known, however it came.
//!
//! | | |
//! |---|---|
//! | commands answered | `annotate_certificate`; `create_trust_set` `update_` `archive_`, `add_trusted_certificates`, `remove_trusted_certificate` |
//! | events written | `certificate.*` (what is recorded about a certificate, never its issuance), `trust_set.*`, `inventory_name.*` |
//! | events followed | `issuance.completed`, and its own |
//! | tables owned | `inventory.certificate` `trust_set` `trust_set_certificate` (read models; views `api_inventory.…`) |
//!
//! At its start it records the system-defined trust set, or what a newer edition changes in it.

mod annotate;
mod certificate;
mod projection;
mod row;
mod trust_set;

use std::sync::Arc;

use bus::BusError;
use contracts::inventory::{
    AddTrustedCertificates, AnnotateCertificate, ArchiveTrustSet, CreateTrustSet, RemoveTrustedCertificate,
    UpdateTrustSet,
};
use runtime::service::ServiceContext;

use crate::{
    annotate::Annotations,
    projection::CertificateProjection,
    trust_set::{TrustSetProjection, TrustSets},
};

/// What the views need beside the read model.
pub const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_pem.sql")];

runtime::projections!(contracts::Service::Inventory, [CertificateProjection, TrustSetProjection]);

/// Starts the service.
pub async fn start(context: ServiceContext) -> Result<(), BusError> {
    start_projections(&context);
    trust_set::ship(&context);
    let annotations = Arc::new(Annotations::new(&context));
    let trust_sets = Arc::new(TrustSets::new(&context));
    let bus = &context.bus;
    macro_rules! serve {
        ($service:ident: $($command:ty => $method:ident),* $(,)?) => {$(
            let service = $service.clone();
            bus.serve::<$command, _, _, _>(move |context, command| {
                let service = service.clone();
                async move { service.$method(&context, command).await }
            })
            .await?;
        )*};
    }
    serve! { annotations: AnnotateCertificate => annotate }
    serve! { trust_sets:
        CreateTrustSet => create,
        UpdateTrustSet => update,
        AddTrustedCertificates => add,
        RemoveTrustedCertificate => remove,
        ArchiveTrustSet => archive,
    }
    Ok(())
}
