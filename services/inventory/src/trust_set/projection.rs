//! Events → rows of `api_inventory.trust_set` and `trust_set_certificate`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use contracts::{
    Event,
    event::EventError,
    inventory::{TrustSetEvent, TrustSetKind, TrustedCertificate},
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use pki::Certificate;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde_json::json;
use uuid::Uuid;

/// The read model of trust sets.
pub struct TrustSetProjection;

impl Projection for TrustSetProjection {
    const NAME: &'static str = "trust_set";
    const VERSION: i32 = 1;
    const CATEGORIES: &'static [&'static str] = &[TrustSetEvent::CATEGORY];
    const TABLES: &'static [&'static str] = &["trust_set", "trust_set_certificate"];

    fn tables(&self, generation: &Generation) -> String {
        let (sets, certificates) = (generation.table("trust_set"), generation.table("trust_set_certificate"));
        format!(
            "create table {sets} (id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, name text not null, kind text not null, status text not null, \
             is_default boolean not null, document jsonb not null);\n\
             create table {certificates} (trust_set uuid not null, fingerprint text not null, \
             organization uuid not null, added_at timestamptz not null, name text not null, \
             subject_sha256 bytea not null, certificate bytea not null, document jsonb not null, \
             primary key (trust_set, fingerprint));\n\
             create index on {certificates} (trust_set, subject_sha256);\n"
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let (sets, certificates) = (generation.table("trust_set"), generation.table("trust_set_certificate"));
        vec![
            View {
                name: "trust_set",
                select: format!(
                    "select s.id, s.organization, s.version, s.created_at, s.name, s.kind, s.status, s.is_default, \
                     s.document || jsonb_build_object('status', s.status, 'default', s.is_default, 'version', s.version, \
                     'certificateCount', (select count(*) from {certificates} c where c.trust_set = s.id)) as document \
                     from {sets} s"
                ),
                scope: Scope::OrganizationOrInstallation("organization"),
            },
            View {
                name: "trust_set_certificate",
                select: format!(
                    "select c.trust_set, c.fingerprint, c.organization, c.name, c.subject_sha256, c.certificate, \
                     c.document || jsonb_build_object('certificate', inventory.pem(c.certificate)) as document \
                     from {certificates} c"
                ),
                scope: Scope::OrganizationOrInstallation("organization"),
            },
        ]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        for recorded in events {
            let event = TrustSetEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
            apply(transaction, generation, recorded, event).await?;
            let counted = format!("update {} set version = $2 where id = $1", generation.table("trust_set"));
            let counted = transaction.prepare_cached(&counted).await?;
            transaction.execute(&counted, &[&recorded.stream, &recorded.version]).await?;
        }
        Ok(())
    }
}

async fn apply(
    transaction: &Transaction<'_>,
    generation: &Generation,
    recorded: &Recorded,
    event: TrustSetEvent,
) -> Result<(), ProjectionError> {
    let (sets, id) = (generation.table("trust_set"), recorded.stream);
    let change = async |set: &str, document: serde_json::Value| {
        let sql = format!("update {sets} set {set}, document = document || $2 where id = $1");
        let statement = transaction.prepare_cached(&sql).await?;
        transaction.execute(&statement, &[&id, &document]).await.map(drop)
    };
    match event {
        TrustSetEvent::Created(created) => {
            let kind = if created.source.is_some() { TrustSetKind::System } else { TrustSetKind::User };
            let document = json!({"id": created.id, "name": created.name, "kind": kind,
                "organizationId": created.organization_id, "description": created.description,
                "source": created.source, "createdAt": recorded.recorded_at});
            let sql = format!(
                "insert into {sets} (id, organization, version, created_at, name, kind, status, is_default, document) \
                 values ($1, $2, 1, $3, $4, $5, 'active', false, $6) on conflict (id) do nothing"
            );
            let statement = transaction.prepare_cached(&sql).await?;
            let (at, kind) = (&recorded.recorded_at.0, kind.as_str());
            transaction
                .execute(&statement, &[&id, &recorded.tenant, at, &created.name, &kind, &document])
                .await?;
        }
        TrustSetEvent::Updated(updated) => {
            let sql = format!("update {sets} set name = $2, document = document || $3 where id = $1");
            let statement = transaction.prepare_cached(&sql).await?;
            let document = json!(updated);
            // A description that was taken away is not in the event.
            let document = json!({"name": document["name"], "description": document["description"]});
            transaction.execute(&statement, &[&id, &updated.name, &document]).await?;
        }
        TrustSetEvent::Edited(edited) => change("id = id", json!({"source": edited.source})).await?,
        TrustSetEvent::CertificatesAdded(added) => {
            for certificate in &added.certificates {
                add(transaction, generation, recorded, certificate).await?;
            }
        }
        TrustSetEvent::CertificatesRemoved(removed) => {
            let table = generation.table("trust_set_certificate");
            let sql = format!("delete from {table} where trust_set = $1 and fingerprint = any($2)");
            let statement = transaction.prepare_cached(&sql).await?;
            transaction.execute(&statement, &[&id, &removed.fingerprints]).await?;
        }
        TrustSetEvent::MadeDefault(_) => {
            let sql = format!(
                "update {sets} set is_default = (id = $1) where organization = $2 and is_default <> (id = $1)"
            );
            let statement = transaction.prepare_cached(&sql).await?;
            transaction.execute(&statement, &[&id, &recorded.tenant]).await?;
        }
        TrustSetEvent::DefaultEnded(_) => change("is_default = false", json!({})).await?,
        TrustSetEvent::Archived(_) => change("status = 'archived'", json!({})).await?,
    }
    Ok(())
}

async fn add(
    transaction: &Transaction<'_>,
    generation: &Generation,
    recorded: &Recorded,
    trusted: &TrustedCertificate,
) -> Result<(), ProjectionError> {
    let unreadable = |why: String| EventError::Payload {
        kind: "trust_set.certificates_added",
        source: serde::de::Error::custom(why),
    };
    let der = BASE64_STANDARD.decode(&trusted.certificate).map_err(|error| unreadable(error.to_string()))?;
    let certificate = Certificate::read_der(&der).map_err(|error| unreadable(error.to_string()))?;
    let described = certificate.describe();
    let name = described.common_name.unwrap_or_else(|| described.subject.clone());
    let document = json!({"name": name, "subject": described.subject, "issuer": described.issuer,
        "notBefore": described.not_before, "notAfter": described.not_after,
        "keyAlgorithm": described.key_algorithm, "fingerprintSha256": trusted.fingerprint_sha256,
        "addedAt": recorded.recorded_at});
    let subject = pki::path::name_sha256(certificate.subject_der());
    let sql = format!(
        "insert into {} (trust_set, fingerprint, organization, added_at, name, subject_sha256, certificate, document) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (trust_set, fingerprint) do nothing",
        generation.table("trust_set_certificate")
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let set: Uuid = recorded.stream;
    transaction
        .execute(
            &statement,
            &[
                &set,
                &trusted.fingerprint_sha256,
                &recorded.tenant,
                &recorded.recorded_at.0,
                &name,
                &subject.as_slice(),
                &der,
                &document,
            ],
        )
        .await?;
    Ok(())
}
