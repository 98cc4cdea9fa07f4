//! Lists, filters and searches among a million certificates: how long each takes over HTTPS, beside reading as many rows
//! by their ids from PostgreSQL in the same run.

use std::time::{Duration, Instant};

use runtime::clock::{Clock as _, SystemClock};
use serde_json::json;
use testkit::Https;
use tokio_postgres::Client;

use super::{Failure, figures::Latencies, line};
use crate::{
    subscriber::p256,
    world::{Mode, World},
};

/// How often each is asked.
const TIMES: usize = 40;

/// Rows as those of certificates that were issued, with other names, times, owners and organizations. A fifth are the
/// caller's organization's, the rest are spread over nineteen others.
const FILL: &str = "insert into {table} (id, organization, version, created_at, common_name, not_before, not_after, \
    serial_number, issuer_ca, profile_id, request_id, department, certificate_type, requested_by, fingerprint_sha256, \
    spki_sha256, key_algorithm, origin, owner, note, labels, archived_at, issuer_name, subject_sha256, is_ca, search, emails, \
    issuance, certificate, document) \
    select gen_random_uuid(), case when i % 5 = 0 then t.organization else md5('organization' || i % 19)::uuid end, 1, \
    t.created_at - i * interval '20 seconds', name, t.not_before - i * interval '20 seconds', \
    t.not_after - (i % 500) * interval '1 day', serial, t.issuer_ca, t.profile_id, gen_random_uuid(), \
    case when i % 3 = 0 then md5('department' || i % 60)::uuid end, t.certificate_type, t.requested_by, fingerprint, \
    encode(sha256(('key' || i)::bytea), 'hex'), \
    case when i % 20000 = 0 then 'ecdsa_p521' when i % 3 = 0 then 'rsa_2048' else t.key_algorithm end, \
    case when i % 10 = 0 then 'imported' else t.origin end, case when i % 4 = 0 then 'team ' || i % 200 end, null, \
    jsonb_build_object('service', 'service-' || i % 50000), null, \
    case when i % 10 = 0 then 'Outside CA ' || i % 7 else t.issuer_name end, t.subject_sha256, false, \
    'CN=' || name || E'\\n' || serial || E'\\n' || fingerprint || E'\\n' || name || E'\\n' || t.issuer_name, '{}', \
    gen_random_uuid(), t.certificate, t.document \
    from (select * from {table} limit 1) t, generate_series(1, $1::bigint) i, \
    lateral (select 'host-' || i || '.' || substr(md5(i::text), 1, 8) || '.example.com' as name, \
      substr(encode(sha256(('serial' || i)::bytea), 'hex'), 1, 32) as serial, \
      encode(sha256(('certificate' || i)::bytea), 'hex') as fingerprint) made";

/// Prints the figures for `total` certificates.
pub async fn run(total: usize) -> Result<(), Failure> {
    let world = World::start(Mode::OneProcess).await;
    _ = world.issue(&p256("first.example.com").pem).await;
    let admin = world.admin().await;
    let table = fill(&admin, total).await?;
    line(&format!("{total} certificates; each asked {TIMES} times, 50 of them in an answer"));

    let raw = raw(&admin, &table).await?;
    line(&format!(
        "PostgreSQL, 50 rows by their ids: p50 {:.1} ms, p95 {:.1} ms",
        millis(raw.0),
        millis(raw.1)
    ));
    let home = world.api().get("/api/v1/me").await.expect(200).json()["organizationId"].clone();
    let (_, own) = world.new_token(json!({"name": "reader", "organization": home})).await;
    for (name, query) in QUERIES {
        let (all, one) = (asked(&world.api(), query, total).await?, asked(&own, query, total).await?);
        line(&format!(
            "{name}: p50 {:.1} ms, p95 {:.1} ms ({:.1} times the raw rows); of one organization p50 {:.1} ms, p95 {:.1} ms",
            millis(all.0),
            millis(all.1),
            all.1.as_secs_f64() / raw.1.as_secs_f64(),
            millis(one.0),
            millis(one.1),
        ));
    }
    Ok(())
}

/// What is asked, with `#` for another number each time.
const QUERIES: &[(&str, &str)] = &[
    ("newest first", ""),
    ("what expires first", "status=active&sort=notAfter"),
    ("expires within 30 days", "notAfter[gte]=@now&notAfter[lt]=@soon&sort=notAfter"),
    ("by common name", "sort=commonName"),
    ("by common name, backwards", "sort=-commonName"),
    ("by key algorithm", "sort=keyAlgorithm"),
    ("by issuer", "sort=issuerName"),
    ("by owner, backwards", "sort=-owner"),
    ("by status", "sort=status"),
    ("expired", "status=expired"),
    ("external", "statusWord=external"),
    ("a rare key algorithm", "keyAlgorithm=ecdsa_p521"),
    ("a common key algorithm", "keyAlgorithm=rsa_2048"),
    ("one owner", "owner=team+8"),
    ("one label", "labels.service=service-#"),
    ("a part of the name", "commonName[contains]=host-#."),
    ("the beginning of the name", "commonName[startsWith]=host-#."),
    ("a rare text", "q=host-#."),
    ("a common text", "q=example"),
    ("a text that is nowhere", "q=nowhere-#"),
    ("archived", "archivedAt[exists]=true"),
    ("not archived", "archivedAt[exists]=false"),
];

async fn asked(https: &Https, query: &str, total: usize) -> Result<(Duration, Duration), Failure> {
    let now = SystemClock::default().now().0;
    let text = |at: time::OffsetDateTime| contracts::Timestamp(at).to_string();
    let mut latencies = Latencies::default();
    for turn in 0..TIMES {
        let number = (turn * 7_919 * 5) % total.max(1) % 50_000;
        let query = query
            .replace('#', &number.to_string())
            .replace("@now", &text(now))
            .replace("@soon", &text(now + Duration::from_secs(30 * 86_400)));
        let began = Instant::now();
        _ = https.get(&format!("/api/v1/certificates?{query}")).await.expect(200);
        latencies.extend([began.elapsed()]);
    }
    Ok((latencies.percentile(0.5), latencies.percentile(0.95)))
}

/// The same number of rows by their ids, with nothing of ours in between.
async fn raw(admin: &Client, table: &str) -> Result<(Duration, Duration), Failure> {
    let ids = admin
        .query_one(
            &format!(
                "select array_agg(id) from (select id from {table} tablesample system (1) limit {}) s",
                50 * TIMES
            ),
            &[],
        )
        .await?;
    let ids: Vec<uuid::Uuid> = ids.get(0);
    let statement =
        admin.prepare(&format!("select id, version, document::text from {table} where id = any($1)")).await?;
    let mut latencies = Latencies::default();
    for ids in ids.chunks(50) {
        let began = Instant::now();
        _ = admin.query(&statement, &[&ids]).await?;
        latencies.extend([began.elapsed()]);
    }
    Ok((latencies.percentile(0.5), latencies.percentile(0.95)))
}

/// Fills the read model, its indexes made afterwards; gives its name.
async fn fill(admin: &Client, total: usize) -> Result<String, Failure> {
    let row = admin
        .query_one(
            "select generation from inventory.projection where name = 'certificate' and state = 'live'",
            &[],
        )
        .await?;
    let name = format!("certificate_g{}", row.get::<_, i32>(0));
    let table = format!("inventory.{name}");
    let indexes = "select indexname, indexdef from pg_indexes where schemaname = 'inventory' and tablename = $1 and indexname not like '%pkey'";
    let indexes = admin.query(indexes, &[&name]).await?;
    admin.batch_execute("set maintenance_work_mem = '512MB'; set synchronous_commit = off").await?;
    for index in &indexes {
        admin.batch_execute(&format!("drop index inventory.{}", index.get::<_, &str>(0))).await?;
    }
    let total = i64::try_from(total)?;
    admin.execute(&FILL.replace("{table}", &table), &[&total]).await?;
    for index in &indexes {
        admin.batch_execute(index.get(1)).await?;
    }
    admin.batch_execute(&format!("vacuum analyze {table}")).await?;
    Ok(table)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
