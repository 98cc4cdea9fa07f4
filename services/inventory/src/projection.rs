//! Events → rows of `api_inventory.certificate`.

mod counts;

use contracts::{
    Event as _, Timestamp,
    inventory::{CertificateAnnotated, CertificateEvent, Origin},
    keystore::{KeyEvent, KeyGenerated, KeyImported, KeyPurpose},
    signer::{CertificateRequestEvent, IssuanceEvent},
    x509::CertificateType,
};
use deadpool_postgres::Transaction;
use eventlog::Recorded;
use runtime::projection::{Generation, Projection, ProjectionError, Scope, View};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::row::Row;

/// What lists are sorted by, an index each, and what their filters look up: as the gateway writes it, texts by their
/// beginning, which fits into an index however long they are.
const ORDERS: [&str; 19] = [
    "created_at",
    "organization",
    "not_before",
    "not_after",
    "left(coalesce(common_name, ''), 200)",
    "left(serial_number, 200)",
    "fingerprint_sha256",
    "spki_sha256",
    "left(issuer_name, 200)",
    "left(coalesce(owner, ''), 200)",
    "left(coalesce(note, ''), 200)",
    "coalesce(issuer_ca, '00000000-0000-0000-0000-000000000000'::uuid)",
    "coalesce(profile_id, '00000000-0000-0000-0000-000000000000'::uuid)",
    "coalesce(request_id, '00000000-0000-0000-0000-000000000000'::uuid)",
    "coalesce(department, '00000000-0000-0000-0000-000000000000'::uuid)",
    "coalesce(requested_by, '00000000-0000-0000-0000-000000000000'::uuid)",
    "coalesce(certificate_type, '')",
    "key_algorithm",
    "coalesce(archived_at, 'epoch'::timestamptz)",
];

/// The read model of certificates.
pub struct CertificateProjection;

impl Projection for CertificateProjection {
    const NAME: &'static str = "certificate";
    const VERSION: i32 = 6;
    const CATEGORIES: &'static [&'static str] = &[
        IssuanceEvent::CATEGORY,
        CertificateRequestEvent::CATEGORY,
        CertificateEvent::CATEGORY,
        KeyEvent::CATEGORY,
    ];
    const TABLES: &'static [&'static str] = &["certificate", "certificate_count", "certificate_key"];

    fn tables(&self, generation: &Generation) -> String {
        let (table, keys) = (generation.table("certificate"), generation.table("certificate_key"));
        let orders: String =
            ORDERS.iter().map(|order| format!("create index on {table} ({order}, id);\n")).collect();
        format!(
            "create table {keys} (organization uuid not null, spki_sha256 text not null, key text not null, \
             primary key (organization, spki_sha256));\n\
             create table {table} (\
             id uuid primary key, organization uuid not null, version int not null, \
             created_at timestamptz not null, common_name text, not_before timestamptz not null, \
             not_after timestamptz not null, serial_number text not null, issuer_ca uuid, profile_id uuid, \
             request_id uuid, department uuid, certificate_type text, requested_by uuid, \
             fingerprint_sha256 text not null, spki_sha256 text not null, \
             key_algorithm text not null, origin text not null, owner text, note text, labels jsonb not null, \
             archived_at timestamptz, issuer_name text not null, subject_sha256 bytea not null, is_ca boolean not null, \
             search text not null, emails text[] not null, issuance uuid, certificate bytea not null, document jsonb not null);\n\
             create index on {table} (organization, created_at, id);\n\
             create index on {table} (organization, not_after, id);\n\
             {orders}\
             create index on {table} (subject_sha256) where is_ca;\n\
             create index on {table} using gin (emails);\n\
             create index on {table} using gin (labels jsonb_path_ops);\n\
             do $$ declare home text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace \
             where e.extname = 'pg_trgm'); begin if home is not null then \
             execute format('create index on {table} using gin (search %I.gin_trgm_ops)', home); end if; end $$;\n\
             {counts}",
            counts = counts::table(generation),
        )
    }

    fn views(&self, generation: &Generation) -> Vec<View> {
        let table = generation.table("certificate");
        let status = "case when c.not_after < now() then 'expired' else 'active' end";
        let word = format!(
            "case when {status} = 'expired' then 'expired' when c.origin in ('issued', 'self_signed', 'manual') then 'issued' \
             else 'external' end"
        );
        let certificate = View {
            name: "certificate",
            select: format!(
                "select c.id, c.organization, c.version, c.created_at, c.common_name, c.not_before, c.not_after, \
                 {status} as status, {word} as status_word, c.serial_number, c.issuer_ca, c.profile_id, c.request_id, \
                 c.department, c.certificate_type, c.requested_by, c.id as certificate_id, \
                 c.fingerprint_sha256, c.spki_sha256, c.key_algorithm, c.origin, c.owner, c.note, c.labels, c.archived_at, \
                 c.issuer_name, 'not_scheduled'::text as install_state, 'not_scheduled'::text as renewal_state, \
                 c.subject_sha256, c.is_ca, c.search, c.emails, c.issuance, c.certificate, \
                 c.document || jsonb_build_object('status', {status}, 'statusWord', {word}, \
                 'certificate', inventory.pem(c.certificate)) as document from {table} c"
            ),
            scope: Scope::Organization("organization"),
        };
        vec![certificate, counts::view(generation)]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        generation: &Generation,
        events: &[Recorded],
    ) -> Result<(), ProjectionError> {
        let (mut rows, mut changes, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for recorded in events {
            match recorded.category.as_str() {
                IssuanceEvent::CATEGORY => rows.extend(Row::from_event(recorded)?),
                CertificateRequestEvent::CATEGORY => rows.extend(Row::from_request(recorded)?),
                CertificateEvent::CATEGORY => {
                    let event =
                        CertificateEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
                    match event {
                        CertificateEvent::Imported(imported) => rows.push(Row::imported(recorded, imported)?),
                        change => changes.push((recorded, change)),
                    }
                }
                KeyEvent::CATEGORY => keys.extend(Key::of(recorded)?),
                _ => {}
            }
        }
        fail::fail_point!("X11-issued-not-projected");
        // A certificate is changed after it was issued or imported, so this order is the log's.
        insert(transaction, generation, &rows).await?;
        link(transaction, generation, &rows, &keys).await?;
        for (recorded, change) in changes {
            let (id, version) = (recorded.stream, recorded.version);
            match change {
                CertificateEvent::Annotated(change) => {
                    annotate(transaction, generation, id, version, &change).await?;
                }
                CertificateEvent::Archived(_) => {
                    file(transaction, generation, id, version, Some(recorded.recorded_at)).await?;
                }
                CertificateEvent::Restored(_) => file(transaction, generation, id, version, None).await?,
                CertificateEvent::Imported(_) => {} // a row of its own, above
            }
        }
        Ok(())
    }
}

/// One statement for a whole batch: each column is an array.
async fn insert(
    transaction: &Transaction<'_>,
    generation: &Generation,
    rows: &[Row],
) -> Result<(), ProjectionError> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(&format!(
            "with added as (insert into {} (id, organization, version, created_at, common_name, not_before, not_after, \
             serial_number, issuer_ca, profile_id, request_id, fingerprint_sha256, spki_sha256, key_algorithm, \
             department, certificate_type, requested_by, origin, owner, note, labels, issuer_name, subject_sha256, is_ca, search, emails, \
             issuance, certificate, document) \
             select id, organization, version, created_at, common_name, not_before, not_after, serial_number, issuer_ca, \
             profile_id, request_id, fingerprint_sha256, spki_sha256, key_algorithm, department, certificate_type, \
             requested_by, document ->> 'origin', document ->> 'owner', document ->> 'note', document -> 'labels', \
             coalesce(document -> 'issuer' ->> 'commonName', document -> 'issuer' ->> 'distinguishedName'), \
             subject_sha256, (document ->> 'isCa')::boolean, search, \
             array(select lower(s ->> 'value') from jsonb_array_elements(document -> 'sans') s where s ->> 'type' = 'email'), \
             issuance, certificate, document \
             from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::timestamptz[], \
             $6::timestamptz[], $7::text[], $8::uuid[], $9::uuid[], $10::uuid[], $11::text[], $12::text[], \
             $13::text[], $14::text[], $15::uuid[], $16::bytea[], $17::jsonb[], $18::uuid[], $19::text[], $20::uuid[], $21::bytea[], $22::int[]) \
             as x(id, organization, created_at, common_name, not_before, not_after, serial_number, issuer_ca, \
             profile_id, request_id, fingerprint_sha256, spki_sha256, key_algorithm, search, issuance, certificate, \
             document, department, certificate_type, requested_by, subject_sha256, version) on conflict (id) do nothing \
             returning {}) {}",
            generation.table("certificate"),
            counts::COUNTED,
            counts::adding(generation, "added", "1"),
        ))
        .await?;
    fn column<'a, T>(rows: &'a [Row], of: impl Fn(&'a Row) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let documents: Vec<Value> = rows
        .iter()
        .map(|row| {
            let mut document = json!(row.view);
            // The PEM is made from the DER when the row is read.
            if let Some(members) = document.as_object_mut() {
                members.remove("certificate");
            }
            document
        })
        .collect();
    transaction
        .execute(
            &statement,
            &[
                &column(rows, |row| row.view.id.uuid()),
                &column(rows, |row| row.view.organization_id.uuid()),
                &column(rows, |row| row.created_at.0),
                &column(rows, |row| row.view.common_name.as_deref()),
                &column(rows, |row| row.view.not_before.0),
                &column(rows, |row| row.view.not_after.0),
                &column(rows, |row| row.view.serial_number.as_str()),
                &column(rows, |row| row.view.issuer.ca_id.map(contracts::CaId::uuid)),
                &column(rows, |row| row.view.profile_id.map(contracts::ProfileId::uuid)),
                &column(rows, |row| row.view.request_id.map(contracts::CertificateRequestId::uuid)),
                &column(rows, |row| row.view.fingerprints.sha256.as_str()),
                &column(rows, |row| row.view.key.spki_sha256.as_str()),
                &column(rows, |row| row.view.key.algorithm.as_str()),
                &column(rows, Row::search),
                &column(rows, |row| row.issuance),
                &column(rows, |row| row.der.as_slice()),
                &documents,
                &column(rows, |row| row.view.department_id.map(contracts::DepartmentId::uuid)),
                &column(rows, |row| row.view.certificate_type.map(CertificateType::as_str)),
                &column(rows, |row| row.view.requested_by.map(contracts::AdministratorId::uuid)),
                &column(rows, |row| row.subject_sha256.as_slice()),
                &column(rows, |row| row.version),
            ],
        )
        .await?;
    Ok(())
}

/// A key that the keystore has, as far as certificates go.
struct Key {
    organization: Uuid,
    spki_sha256: String,
    id: String,
}

impl Key {
    fn of(recorded: &Recorded) -> Result<Option<Self>, ProjectionError> {
        let event = KeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
        let (KeyEvent::Generated(key) | KeyEvent::Imported(KeyImported { key })) = event else {
            return Ok(None);
        };
        let KeyGenerated { id, purpose, spki_sha256, .. } = key;
        let key = Self { organization: recorded.tenant, spki_sha256, id: id.to_string() };
        Ok((purpose == KeyPurpose::EndEntity).then_some(key))
    }
}

/// Names the keys of imported certificates that the keystore has, whichever of the two came first.
async fn link(
    transaction: &Transaction<'_>,
    generation: &Generation,
    rows: &[Row],
    keys: &[Key],
) -> Result<(), ProjectionError> {
    if !keys.is_empty() {
        let statement = transaction
            .prepare_cached(&format!(
                "insert into {} (organization, spki_sha256, key) \
                 select distinct on (organization, spki_sha256) organization, spki_sha256, key \
                 from unnest($1::uuid[], $2::text[], $3::text[]) as u (organization, spki_sha256, key) \
                 on conflict (organization, spki_sha256) do nothing",
                generation.table("certificate_key")
            ))
            .await?;
        let organizations: Vec<Uuid> = keys.iter().map(|key| key.organization).collect();
        let (spkis, ids): (Vec<&str>, Vec<&str>) =
            keys.iter().map(|key| (key.spki_sha256.as_str(), key.id.as_str())).unzip();
        transaction.execute(&statement, &[&organizations, &spkis, &ids]).await?;
    }
    let imported = rows.iter().filter(|row| row.view.origin == Origin::Imported);
    let spkis: Vec<&str> = imported
        .map(|row| row.view.key.spki_sha256.as_str())
        .chain(keys.iter().map(|key| key.spki_sha256.as_str()))
        .collect();
    if spkis.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(&format!(
            "update {} c set document = jsonb_set(c.document, '{{key}}', \
             c.document -> 'key' || jsonb_build_object('id', k.key, 'custody', 'managed')) from {} k \
             where c.spki_sha256 = any($1) and c.origin = 'imported' and c.document -> 'key' ->> 'id' is null \
             and k.organization = c.organization and k.spki_sha256 = c.spki_sha256",
            generation.table("certificate"),
            generation.table("certificate_key")
        ))
        .await?;
    transaction.execute(&statement, &[&spkis]).await?;
    Ok(())
}

async fn annotate(
    transaction: &Transaction<'_>,
    generation: &Generation,
    id: Uuid,
    version: i32,
    change: &CertificateAnnotated,
) -> Result<(), ProjectionError> {
    let statement = transaction
        .prepare_cached(&format!(
            "update {} set version = $2, owner = $3, labels = $4, document = document || $5, note = $6, \
             search = split_part(search, E'\\x1f', 1) || E'\\x1f' || coalesce($6, '') || E'\\x1f' || coalesce($3, '') where id = $1",
            generation.table("certificate")
        ))
        .await?;
    let members =
        json!({"labels": change.labels, "owner": change.owner, "note": change.note, "version": version});
    let (owner, labels, note) = (&change.owner, json!(change.labels), &change.note);
    transaction.execute(&statement, &[&id, &version, owner, &labels, &members, note]).await?;
    Ok(())
}

/// Into the archive at this time, or out of it.
async fn file(
    transaction: &Transaction<'_>,
    generation: &Generation,
    id: Uuid,
    version: i32,
    archived_at: Option<Timestamp>,
) -> Result<(), ProjectionError> {
    let table = generation.table("certificate");
    let leaves = format!(
        "with before as (select {} from {table} where id = $1) {}",
        counts::COUNTED,
        counts::adding(generation, "before", "-1")
    );
    let statement = transaction.prepare_cached(&leaves).await?;
    transaction.execute(&statement, &[&id]).await?;
    let comes = format!(
        "with after as (update {table} set version = $2, archived_at = $3, document = document || $4 where id = $1 \
         returning {}) {}",
        counts::COUNTED,
        counts::adding(generation, "after", "1")
    );
    let statement = transaction.prepare_cached(&comes).await?;
    let members = json!({"archivedAt": archived_at, "version": version});
    transaction.execute(&statement, &[&id, &version, &archived_at.map(|at| at.0), &members]).await?;
    Ok(())
}
