//! From kinds of certificates to figures.

use std::collections::BTreeMap;

use contracts::OrganizationId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use time::{Date, Duration, Weekday};
use tokio_postgres::Row;
use url::form_urlencoded::Serializer;

/// Days ahead in which what expires is counted.
const AHEAD: [i64; 6] = [7, 14, 30, 60, 90, 180];
/// Weeks that the expiry is shown for.
const WEEKS: usize = 26;
/// Issuers that are named, those with the most certificates.
const ISSUERS: usize = 10;

/// Certificates that have this in common, and how many they are.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) issuer: String,
    pub(super) key_algorithm: String,
    pub(super) certificate_type: Option<String>,
    pub(super) origin: String,
    pub(super) archived: bool,
    pub(super) expired: bool,
    pub(super) last_day: Date,
    pub(super) certificates: u64,
}

impl Kind {
    pub(super) fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let certificates: i64 = row.try_get(7)?;
        Ok(Self {
            issuer: row.try_get(0)?,
            key_algorithm: row.try_get(1)?,
            certificate_type: row.try_get(2)?,
            origin: row.try_get(3)?,
            archived: row.try_get(4)?,
            expired: row.try_get(5)?,
            last_day: row.try_get(6)?,
            certificates: certificates.unsigned_abs(),
        })
    }

    /// As people call it.
    fn status_word(&self) -> &'static str {
        match (self.expired, self.origin.as_str()) {
            (true, _) => "expired",
            (false, "issued" | "self_signed" | "manual") => "issued",
            (false, _) => "external",
        }
    }
}

/// Figures of certificates. Those by issuer, key, type and origin count active ones; nothing but `archived` counts what is
/// in the archive.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct CertificateFigures {
    /// All that are not archived.
    total: u64,
    /// Within their validity.
    active: u64,
    /// Past its end.
    expired: u64,
    /// In the archive.
    archived: u64,
    /// How many active ones end soon: on one of the next days, today among them (UTC).
    expiring: Vec<Expiring>,
    /// How many active ones end in each of the next 26 weeks, this one among them; weeks begin on Mondays (UTC).
    by_week: Vec<Week>,
    /// By `statusWord`.
    by_status_word: Vec<Counted>,
    /// By issuer: the ten with the most, and `null` for the others together.
    by_issuer: Vec<CountedIssuer>,
    /// By the key's algorithm.
    by_key_algorithm: Vec<Counted>,
    /// By type; those without one (imported) are not among them.
    by_certificate_type: Vec<Counted>,
    /// By where they came from.
    by_origin: Vec<Counted>,
}

/// What ends within some days.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Expiring {
    /// So many.
    within_days: i64,
    /// How many certificates.
    count: u64,
    /// Where they are listed.
    list: String,
}

/// What ends in one week.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Week {
    /// Its Monday, such as `2026-11-23`.
    from: String,
    /// How many certificates.
    count: u64,
    /// Where they are listed.
    list: String,
}

/// One of the words of a field.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(super) struct Counted {
    /// The word.
    pub(super) name: String,
    /// How many there are.
    pub(super) count: u64,
    /// Where they are listed.
    pub(super) list: String,
}

/// An issuer.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct CountedIssuer {
    /// Its name; `null`: all others.
    name: Option<String>,
    /// How many certificates.
    count: u64,
    /// Where they are listed; `null` for the others.
    list: Option<String>,
}

/// Writes where lists are.
pub(super) struct Lists {
    /// The organization that figures are narrowed to.
    pub(super) organization: Option<OrganizationId>,
}

impl Lists {
    /// Requests of which this is true.
    pub(super) fn requests(&self, filters: &[(&str, &str)]) -> String {
        self.list("certificate-requests", filters)
    }

    fn certificates(&self, filters: &[(&str, &str)]) -> String {
        self.list("certificates", filters)
    }

    fn list(&self, kind: &str, filters: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(filters);
        if let Some(organization) = self.organization {
            query.append_pair("organizationId", &organization.to_string());
        }
        format!("/api/v1/{kind}?{}", query.finish())
    }

    /// Active ones whose validity ends on one of these days, the last excluded.
    fn ending(&self, from: Option<Date>, before: Date) -> String {
        let (from, before) = (from.map(midnight), midnight(before));
        let mut filters = vec![("status", "active"), ("notAfter[lt]", before.as_str()), ("sort", "notAfter")];
        filters.extend(from.as_deref().map(|from| ("notAfter[gte]", from)));
        self.certificates(&filters)
    }
}

fn midnight(day: Date) -> String {
    format!("{day}T00:00:00Z")
}

impl CertificateFigures {
    /// The figures, on this day (UTC).
    pub(super) fn of(kinds: &[Kind], today: Date, lists: &Lists) -> Self {
        let sum = |so: &dyn Fn(&Kind) -> bool| {
            kinds.iter().filter(|kind| so(kind)).map(|kind| kind.certificates).sum()
        };
        let active: Vec<&Kind> = kinds.iter().filter(|kind| !kind.archived && !kind.expired).collect();
        let words = |field: &str, word: &dyn Fn(&Kind) -> Option<&str>| {
            let counts = counts(&active, word);
            let counted = counts.into_iter().map(|(name, count)| Counted {
                list: lists.certificates(&[("status", "active"), (field, &name)]),
                name,
                count,
            });
            counted.collect()
        };
        let here: Vec<&Kind> = kinds.iter().filter(|kind| !kind.archived).collect();
        let by_status_word = counts(&here, &|kind| Some(kind.status_word()));
        Self {
            total: sum(&|kind| !kind.archived),
            active: sum(&|kind| !kind.archived && !kind.expired),
            expired: sum(&|kind| !kind.archived && kind.expired),
            archived: sum(&|kind| kind.archived),
            expiring: AHEAD.map(|days| expiring(&active, today, days, lists)).into(),
            by_week: by_week(&active, today, lists),
            by_status_word: by_status_word
                .into_iter()
                .map(|(name, count)| Counted {
                    list: lists.certificates(&[("statusWord", &name)]),
                    name,
                    count,
                })
                .collect(),
            by_issuer: by_issuer(&active, lists),
            by_key_algorithm: words("keyAlgorithm", &|kind| Some(&kind.key_algorithm)),
            by_certificate_type: words("certificateType", &|kind| kind.certificate_type.as_deref()),
            by_origin: words("origin", &|kind| Some(&kind.origin)),
        }
    }
}

/// How many there are of each word, the most first.
fn counts<'a>(kinds: &[&'a Kind], word: &dyn Fn(&'a Kind) -> Option<&'a str>) -> Vec<(String, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for kind in kinds {
        if let Some(word) = word(kind) {
            *counts.entry(word).or_default() += kind.certificates;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn expiring(active: &[&Kind], today: Date, days: i64, lists: &Lists) -> Expiring {
    let end = today.saturating_add(Duration::days(days + 1));
    let count = active.iter().filter(|kind| kind.last_day < end).map(|kind| kind.certificates).sum();
    Expiring { within_days: days, count, list: lists.ending(None, end) }
}

fn by_week(active: &[&Kind], today: Date, lists: &Lists) -> Vec<Week> {
    let mut monday = match today.weekday() {
        Weekday::Monday => today,
        _ => today.prev_occurrence(Weekday::Monday),
    };
    let mut weeks = vec![];
    for _ in 0..WEEKS {
        let end = monday.saturating_add(Duration::days(7));
        let of = active.iter().filter(|kind| kind.last_day >= monday && kind.last_day < end);
        weeks.push(Week {
            from: monday.to_string(),
            count: of.map(|kind| kind.certificates).sum(),
            list: lists.ending(Some(monday), end),
        });
        monday = end;
    }
    weeks
}

fn by_issuer(active: &[&Kind], lists: &Lists) -> Vec<CountedIssuer> {
    let mut counts = counts(active, &|kind| Some(&kind.issuer));
    let others: u64 = counts.split_off(counts.len().min(ISSUERS)).iter().map(|(_, count)| count).sum();
    let named = counts.into_iter().map(|(name, count)| CountedIssuer {
        // A long name is counted by its beginning.
        list: Some(match name.chars().count() {
            crate::view::BEGINNING => {
                lists.certificates(&[("status", "active"), ("issuerName[startsWith]", &name)])
            }
            _ => lists.certificates(&[("status", "active"), ("issuerName", &name)]),
        }),
        name: Some(name),
        count,
    });
    let others = (others > 0).then_some(CountedIssuer { name: None, count: others, list: None });
    named.chain(others).collect()
}

/// As the document of the API shows it.
pub(super) fn example() -> Value {
    let counted = |name: &str, field: &str| json!([{"name": name, "count": 1204, "list": format!("/api/v1/certificates?status=active&{field}={name}")}]);
    json!({"total": 1250, "active": 1204, "expired": 46, "archived": 12,
        "expiring": [{"withinDays": 7, "count": 3,
            "list": "/api/v1/certificates?status=active&notAfter%5Blt%5D=2026-11-30T00%3A00%3A00Z&sort=notAfter"}],
        "byWeek": [{"from": "2026-11-16", "count": 1, "list": "/api/v1/certificates?status=active&notAfter%5Blt%5D=2026-11-23T00%3A00%3A00Z&sort=notAfter&notAfter%5Bgte%5D=2026-11-16T00%3A00%3A00Z"}],
        "byStatusWord": [{"name": "issued", "count": 1204, "list": "/api/v1/certificates?statusWord=issued"}],
        "byIssuer": [{"name": "Chancery Micro CA", "count": 1204, "list": "/api/v1/certificates?status=active&issuerName=Chancery+Micro+CA"}],
        "byKeyAlgorithm": counted("ecdsa_p256", "keyAlgorithm"),
        "byCertificateType": counted("tls_server", "certificateType"),
        "byOrigin": counted("issued", "origin")})
}

#[cfg(test)]
mod tests;
