//! `/certificates/{id}/chain`: the CAs above a certificate, every way up to them, and whether each is believed (A19).

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    CaId, CertificateRequestId, Code, OrganizationId, Permission, Problem, Timestamp, TrustSetId,
    inventory::{CertificateView, Origin},
    signer::{CaView, CertificateRequestEvent},
};
use http::StatusCode;
use pki::{
    Certificate,
    path::{self, LinkFault, PathEnd},
};
use runtime::database::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{cas::CAS, certificates::CERTIFICATES, trust_sets::TRUST_SETS};
use crate::{
    answer::Answer,
    call::Call,
    events, issuance,
    operation::Operation,
    parameter::{Header, Kind, Parameter},
    reach::Reach,
    read,
    representation::{self, Form},
    select::Value as SqlValue,
};

/// The longest chain that is followed.
const LONGEST_CHAIN: usize = 8;
/// The most certificates of issuers that are looked at.
const MOST_ISSUERS: usize = 100;

/// A certificate with the CAs above it, and whether that is believed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChainPanel {
    /// The chain as it is handed out.
    items: Vec<ChainLink>,
    /// Always `null`: it is one page.
    next_cursor: Option<String>,
    /// The trust set that it is judged by; `null`: there is none.
    trust_set: Option<JudgedBy>,
    /// Whether one of the paths is believed now.
    verdict: Verdict,
    /// Every way up, those that are believed first.
    paths: Vec<ChainPath>,
}

/// A certificate of a chain.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChainLink {
    /// Its subject (RFC 4514).
    subject: String,
    /// Its issuer (RFC 4514).
    issuer: String,
    /// SHA-256 of it, hexadecimal.
    fingerprint_sha256: String,
    /// The certificate as PEM.
    certificate: String,
}

/// What a chain is judged by.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JudgedBy {
    /// Which.
    id: TrustSetId,
    /// Its name.
    name: String,
}

/// Whether something is believed.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// It is.
    Ok,
    /// It is not.
    NotOk,
}

/// One way up.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChainPath {
    /// Whether it ends at a certificate of the trust set and nothing speaks against any of its links.
    verdict: Verdict,
    /// How it ends.
    end: PathEnd,
    /// The certificates, leaf first.
    links: Vec<PathLink>,
}

/// A certificate of a path.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PathLink {
    /// Its common name, or else its subject.
    name: String,
    /// Its subject (RFC 4514).
    subject: String,
    /// Its issuer (RFC 4514).
    issuer: String,
    /// SHA-256 of it, hexadecimal.
    fingerprint_sha256: String,
    /// From when it is valid.
    not_before: Timestamp,
    /// The last second in which it is valid.
    not_after: Timestamp,
    /// Whether it is valid now, by its dates.
    status: LinkStatus,
    /// Whether nothing speaks against it.
    verdict: Verdict,
    /// What speaks against it at this place.
    faults: Vec<LinkFault>,
    /// Whether it is in the trust set.
    trusted: bool,
    /// The certificate as PEM.
    certificate: String,
}

/// Where a certificate stands in time.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LinkStatus {
    /// Its time has not come.
    NotYetValid,
    /// Within its validity.
    Active,
    /// Past its end.
    Expired,
}

/// The operation.
pub fn operation() -> Operation {
    let of = |name: &'static str, words: &'static [&'static str], about: &'static str| {
        Parameter::new(name, Kind::OneOf(words), about)
    };
    let path = "/api/v1/certificates/{id}/chain";
    let set = "The trust set that judges, by id or `name:…`; the default one of the certificate's organization if missing.";
    Operation::get(
        path,
        "getCertificateChain",
        "Show a certificate with the CAs above it, and whether they are trusted",
    )
    .needs(Permission::CertificateRead)
    .query(of("format", &["json", "pem", "p7b"], "The form, for browsers; else `Accept` decides."))
    .query(of("order", &["leaf_first", "root_first"], "Which comes first; `leaf_first` if missing."))
    .query(of("root", &["include", "omit"], "Whether the root is among them; `omit` if missing."))
    .query(Parameter::text("trustSet", set))
    .header(Header::ACCEPT)
    .header(Header::MIN_POSITION)
    .problem(Code::ProjectionBehind)
    .answers_any::<ChainPanel>(StatusCode::OK, "The chain.", representation::OF_CHAIN, example())
    .handled_by(show)
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let form = representation::wanted(&call);
    let found = read::one(&call, &CERTIFICATES, "id").await?;
    let view: CertificateView = serde_json::from_str(&found.document).map_err(read::internal)?;
    let leaf = representation::certificate(&view.certificate)?;
    let trust_set = judge(&call, view.organization_id).await?;
    let cas = issuers(&call, &view).await?;
    let known = Known::of(&call, &view, &leaf, &cas, trust_set.as_ref().map(|set| set.id)).await?;
    let (all, anchors): (Vec<_>, Vec<_>) = (known.all.iter().collect(), known.anchors().collect());
    let paths = path::paths(&leaf, &all, &anchors, call.now);
    let mut chain: Vec<&Certificate> = if cas.is_empty() {
        // Not of a CA of ours: the best way that is known.
        paths.first().map_or_else(Vec::new, |path| path.links.iter().map(|link| link.certificate).collect())
    } else {
        std::iter::once(&leaf).chain(&cas).collect()
    };
    if call.query.get("root") != Some("include") && chain.len() > 1 {
        chain.retain(|certificate| !certificate.is_self_issued());
    }
    if call.query.get("order") == Some("root_first") {
        chain.reverse();
    }
    if form != Form::Json {
        return representation::answer(&chain, form, &format!("{}-chain", view.id));
    }
    let believed = paths.iter().any(path::Path::is_believed);
    let panel = ChainPanel {
        items: chain.into_iter().map(link).collect(),
        next_cursor: None,
        trust_set,
        verdict: verdict(believed),
        paths: paths.iter().map(|path| shown(path, &known, call.now)).collect(),
    };
    Answer::json(StatusCode::OK, &panel)
}

/// The certificates above one as we know them, nearest first; none for one that was brought in.
pub async fn issuers(call: &Call, view: &CertificateView) -> Result<Vec<Certificate>, Problem> {
    match view.request_id.filter(|_| view.origin == Origin::Manual) {
        Some(request) => brought_back(call, request).await,
        None => above(call, view.issuer.ca_id).await,
    }
}

/// The certificates of a CA and of those above it, nearest first. They are public, whoever's CA it is.
pub async fn above(call: &Call, ca: Option<CaId>) -> Result<Vec<Certificate>, Problem> {
    let (mut chain, mut next) = (Vec::new(), ca);
    while let Some(id) = next.take_if(|_| chain.len() < LONGEST_CHAIN) {
        let found = read::find(call, &CAS, &id.to_string(), "id", Reach::EVERYTHING).await?;
        let ca: CaView = serde_json::from_str(&found.document).map_err(read::internal)?;
        next = ca.parent_id;
        if let Some(pem) = ca.certificate {
            chain.push(representation::certificate(&pem)?);
        }
    }
    Ok(chain)
}

/// The certificates above one that a CA outside issued, nearest first, as they were completed.
async fn brought_back(call: &Call, request: CertificateRequestId) -> Result<Vec<Certificate>, Problem> {
    let history = call.gateway.reader.read_stream(request.uuid(), 0).await;
    let history = history.map_err(|error| events::unreadable(&error))?;
    let Some(last) = history.last() else { return Ok(vec![]) };
    let CertificateRequestEvent::Completed(done) = issuance::read_event(last)? else { return Ok(vec![]) };
    let read = |base64: &String| {
        let der = STANDARD.decode(base64).map_err(read::internal)?;
        Certificate::read_der(&der).map_err(read::internal)
    };
    done.chain.iter().map(read).collect()
}

/// The trust set that is asked for, or the default one of an organization. Whoever may read a certificate may see it judged
/// by what its organization uses. Errors: `not_found`.
async fn judge(call: &Call, organization: OrganizationId) -> Result<Option<JudgedBy>, Problem> {
    let usable = || {
        let scope = Scope::Organizations(vec![organization]);
        let places = SqlValue::Ids(vec![organization.uuid(), OrganizationId::INSTALLATION.uuid()]);
        Reach { scope, condition: None }
            .where_also("organization = any($::uuid[]) and status = 'active'", places)
    };
    if let Some(reference) = call.query.get("trustSet") {
        let found = read::find(call, &TRUST_SETS, reference, "trustSet", usable()).await?;
        let set: Value = serde_json::from_str(&found.document).map_err(read::internal)?;
        let name = set["name"].as_str().unwrap_or_default().to_owned();
        return Ok(Some(JudgedBy { id: TrustSetId(found.id), name }));
    }
    let sql = "select id, name from api_inventory.trust_set where is_default and organization = any($1) \
               order by (organization = $2) desc limit 1";
    let (own, places) = (organization.uuid(), vec![organization.uuid(), OrganizationId::INSTALLATION.uuid()]);
    let rows = read::rows(call, &Scope::Organizations(vec![organization]), sql, &[&places, &own]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let id: Uuid = row.try_get(0).map_err(read::internal)?;
    Ok(Some(JudgedBy { id: TrustSetId(id), name: row.try_get(1).map_err(read::internal)? }))
}

/// The certificates that may stand above a leaf.
struct Known {
    all: Vec<Certificate>,
    trusted: HashSet<String>,
}

impl Known {
    /// Everything with a name that is asked for on the way up: CAs of ours, and what any trust set of the organization holds.
    async fn of(
        call: &Call,
        view: &CertificateView,
        leaf: &Certificate,
        cas: &[Certificate],
        trust_set: Option<TrustSetId>,
    ) -> Result<Self, Problem> {
        let mut known = Self { all: cas.to_vec(), trusted: HashSet::new() };
        let mut asked = HashSet::new();
        let mut wanted: Vec<[u8; 32]> =
            [leaf].into_iter().chain(cas).map(|one| path::name_sha256(one.issuer_der())).collect();
        wanted.extend(std::iter::once(path::name_sha256(leaf.subject_der())));
        while !wanted.is_empty() && asked.len() < MOST_ISSUERS {
            wanted.retain(|name| asked.insert(*name));
            let names: Vec<Vec<u8>> = wanted.drain(..).map(|name| name.to_vec()).collect();
            for (der, set) in named(call, view.organization_id, &names).await? {
                let Ok(certificate) = Certificate::read_der(&der) else { continue };
                if set.is_some() && set == trust_set {
                    known.trusted.insert(certificate.sha256());
                }
                if known.all.len() < MOST_ISSUERS && !known.all.contains(&certificate) {
                    wanted.push(path::name_sha256(certificate.issuer_der()));
                    known.all.push(certificate);
                }
            }
        }
        Ok(known)
    }

    fn anchors(&self) -> impl Iterator<Item = &Certificate> {
        self.all.iter().filter(|one| self.trusted.contains(&one.sha256()))
    }
}

/// Certificates with one of these names that an organization knows, and the trust set they are in.
async fn named(
    call: &Call,
    organization: OrganizationId,
    names: &[Vec<u8>],
) -> Result<Vec<(Vec<u8>, Option<TrustSetId>)>, Problem> {
    let sql = "(select certificate, trust_set from api_inventory.trust_set_certificate \
               where subject_sha256 = any($1) limit 100) union all (select certificate, null::uuid \
               from api_inventory.certificate where is_ca and subject_sha256 = any($1) limit 100)";
    let rows = read::rows(call, &Scope::Organizations(vec![organization]), sql, &[&names]).await?;
    let pair =
        |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get::<_, Option<Uuid>>(1)?.map(TrustSetId)));
    rows.iter().map(pair).collect::<Result<_, tokio_postgres::Error>>().map_err(read::internal)
}

fn link(certificate: &Certificate) -> ChainLink {
    ChainLink {
        subject: certificate.subject(),
        issuer: certificate.issuer(),
        fingerprint_sha256: certificate.sha256(),
        certificate: certificate.to_pem(),
    }
}

fn shown(path: &path::Path<'_>, known: &Known, now: Timestamp) -> ChainPath {
    let link = |link: &path::Link<'_>| {
        let (certificate, subject) = (link.certificate, link.certificate.subject());
        let fingerprint_sha256 = certificate.sha256();
        PathLink {
            name: certificate.common_name().unwrap_or_else(|| subject.clone()),
            subject,
            issuer: certificate.issuer(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            status: match now {
                now if now < certificate.not_before() => LinkStatus::NotYetValid,
                now if now.unix() > certificate.not_after().unix() => LinkStatus::Expired,
                _ => LinkStatus::Active,
            },
            verdict: verdict(link.faults.is_empty()),
            faults: link.faults.clone(),
            trusted: known.trusted.contains(&fingerprint_sha256),
            fingerprint_sha256,
            certificate: certificate.to_pem(),
        }
    };
    let links = path.links.iter().map(link).collect();
    ChainPath { verdict: verdict(path.is_believed()), end: path.end, links }
}

const fn verdict(ok: bool) -> Verdict {
    if ok { Verdict::Ok } else { Verdict::NotOk }
}

fn example() -> Value {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n";
    let link = |name: &str, issuer: &str, trusted: bool| {
        json!({"name": name, "subject": format!("CN={name}"), "issuer": format!("CN={issuer}"),
            "fingerprintSha256": "9b1e0c57…", "notBefore": "2026-11-21T09:00:00Z",
            "notAfter": "2027-02-19T08:59:59Z", "status": "active", "verdict": "ok", "faults": [],
            "trusted": trusted, "certificate": pem})
    };
    let root = "Example Root 1";
    json!({"items": [{"subject": "CN=shop.example.com", "issuer": format!("CN={root}"),
            "fingerprintSha256": "9b1e0c57…", "certificate": pem}],
        "nextCursor": null, "trustSet": {"id": "trs_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "internal"},
        "verdict": "ok", "paths": [{"verdict": "ok", "end": "trusted",
            "links": [link("shop.example.com", root, false), link(root, root, true)]}]})
}
