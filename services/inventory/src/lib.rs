//! Every certificate known, however it came.
//!
//! | | |
//! |---|---|
//! | commands answered | `annotate_certificate` `import_certificates` `archive_` `restore_`; `create_trust_set` `update_` `archive_`, `add_trusted_certificates`, `remove_trusted_certificate`; `keep_document_part`, `attach_document` `remove_`; `create_saved_view` `update_` `remove_` |
//! | events written | `certificate.*` (what was imported, what is recorded about a certificate; never its issuance), `trust_set.*`, `inventory_name.*`, `document.*`, `saved_view.*` |
//! | events followed | `issuance.completed`, and its own |
//! | tables owned | `inventory.certificate` `trust_set` `trust_set_certificate` `saved_view` `document` (read models; views `api_inventory.…`); `inventory.document_content` `document_part` |
//!
//! At its start it records the system-defined trust set, or what a newer edition changes in it.

mod annotate;
mod certificate;
mod document;
mod import;
mod projection;
mod row;
mod saved_view;
mod trust_set;

use std::sync::Arc;

use bus::BusError;
use contracts::inventory::{
    AddTrustedCertificates, AnnotateCertificate, ArchiveCertificate, ArchiveTrustSet, AttachDocument,
    CreateSavedView, CreateTrustSet, ImportCertificates, KeepDocumentPart, RemoveDocument, RemoveSavedView,
    RemoveTrustedCertificate, RestoreCertificate, UpdateSavedView, UpdateTrustSet,
};
use runtime::service::ServiceContext;

use crate::{
    annotate::Annotations,
    document::{DocumentProjection, Documents},
    import::Imports,
    projection::CertificateProjection,
    saved_view::{SavedViewProjection, SavedViews},
    trust_set::{TrustSetProjection, TrustSets},
};

/// What the views need beside the read model.
pub const MIGRATIONS: &[&str] =
    &[include_str!("../migrations/0001_pem.sql"), include_str!("../migrations/0002_document.sql")];

runtime::projections!(
    contracts::Service::Inventory,
    [CertificateProjection, TrustSetProjection, SavedViewProjection, DocumentProjection]
);

/// Starts the service.
pub async fn start(context: ServiceContext) -> Result<(), BusError> {
    start_projections(&context);
    trust_set::ship(&context);
    let imports = Arc::new(Imports::new(&context));
    let annotations = Arc::new(Annotations::new(&context));
    let documents = Arc::new(Documents::new(&context, annotations.clone()));
    let saved_views = Arc::new(SavedViews::new(&context));
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
    serve! { annotations:
        AnnotateCertificate => annotate,
        ArchiveCertificate => archive,
        RestoreCertificate => restore,
    }
    serve! { imports: ImportCertificates => import }
    serve! { documents: KeepDocumentPart => keep, AttachDocument => attach, RemoveDocument => remove }
    serve! { saved_views: CreateSavedView => create, UpdateSavedView => update, RemoveSavedView => remove }
    serve! { trust_sets:
        CreateTrustSet => create,
        UpdateTrustSet => update,
        AddTrustedCertificates => add,
        RemoveTrustedCertificate => remove,
        ArchiveTrustSet => archive,
    }
    Ok(())
}
