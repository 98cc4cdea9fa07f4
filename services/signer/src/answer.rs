//! What a CA outside answered, judged: which certificate belongs to the waiting key, how its chain goes, and what is
//! missing of it. Nothing here depends on the order in which the certificates came.

use contracts::{
    Code, Problem, Timestamp, Violation,
    signer::MissingIssuer,
    x509::{CertificateType, SubjectAltName},
};
use pki::{
    builder::default_extended_key_usages,
    certificate::Certificate,
    chain::{self, ChainError, Usage},
    hostname,
};

/// The most certificates that an answer may hold.
pub const MOST: usize = 100;
/// The longest chain that is looked for.
const LONGEST: usize = 10;
/// The most signatures that are looked at for one chain.
const CHECKS: usize = 200;

/// What an answer has to fit.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    /// The key of the CSR, SubjectPublicKeyInfo in DER.
    pub spki: &'a [u8],
    /// The names that were asked for.
    pub sans: &'a [SubjectAltName],
    /// The common name that was asked for.
    pub common_name: Option<&'a str>,
    /// What the certificate is for.
    pub certificate_type: CertificateType,
    /// The certificate that came earlier, whose chain is not complete.
    pub leaf: Option<&'a Certificate>,
    /// CA certificates that came earlier.
    pub others: &'a [Certificate],
}

/// What is known without the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Certificates of CAs.
    pub issuers: Vec<Certificate>,
    /// Roots that are trusted.
    pub trusted: Vec<Certificate>,
}

/// What an answer comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// Nothing is missing.
    Complete {
        /// The certificate.
        leaf: Certificate,
        /// Those above it up to the root, nearest first.
        chain: Vec<Certificate>,
        /// Whether the root is trusted; otherwise it came with an answer.
        trusted: bool,
    },
    /// The certificate is the right one, and its chain does not reach a root.
    Incomplete {
        /// The certificate.
        leaf: Certificate,
        /// CA certificates that came, now or earlier.
        others: Vec<Certificate>,
        /// What is missing.
        missing: MissingIssuer,
    },
}

/// Why an answer is refused. Nothing is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerRefusal {
    /// Nothing to look at.
    #[error("there is no certificate in it")]
    Empty,
    /// Certificates of CAs alone, and none came earlier.
    #[error("there are certificates of CAs only; the certificate for the waiting key is missing")]
    CaOnly,
    /// Another key's certificate.
    #[error("the certificate '{0}' is for another key than the CSR of this request")]
    KeyMismatch(String),
    /// A CA's certificate for the key.
    #[error("the certificate '{0}' for the waiting key is a CA's")]
    IsCa(String),
    /// It is signed by the waiting key itself.
    #[error("the certificate '{0}' is self-signed: no CA issued it")]
    SelfSigned(String),
    /// It is over.
    #[error("the certificate '{subject}' expired at {not_after}")]
    Expired {
        /// Whose.
        subject: String,
        /// When.
        not_after: Timestamp,
    },
    /// Other names than were asked for.
    #[error("{}", words_of_names(missing, unexpected))]
    Names {
        /// Asked for, and not in it.
        missing: Vec<String>,
        /// In it, and not asked for.
        unexpected: Vec<String>,
    },
    /// The CA certificate that came with it did not issue it.
    #[error("the CA certificate '{given}' did not issue the certificate; it was issued by '{wanted}'")]
    IssuerMismatch {
        /// The subject of what came.
        given: String,
        /// The issuer of the certificate.
        wanted: String,
    },
    /// A CA certificate of the chain is over.
    #[error("the CA certificate '{subject}' of the chain expired at {not_after}")]
    IssuerExpired {
        /// Whose.
        subject: String,
        /// When.
        not_after: Timestamp,
    },
    /// A relying party would not believe the chain.
    #[error("the chain is complete, but it is not believed: {0}")]
    Unbelieved(ChainError),
}

fn words_of_names(missing: &[String], unexpected: &[String]) -> String {
    let missing = (!missing.is_empty()).then(|| format!("it lacks {}", missing.join(", ")));
    let unexpected =
        (!unexpected.is_empty()).then(|| format!("it has {}, not asked for", unexpected.join(", ")));
    let parts: Vec<String> = missing.into_iter().chain(unexpected).collect();
    format!("the certificate has other names than the request: {}", parts.join("; "))
}

impl AnswerRefusal {
    /// Its stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "certificate_missing",
            Self::CaOnly => "leaf_missing",
            Self::KeyMismatch(_) => "key_mismatch",
            Self::IsCa(_) => "certificate_is_ca",
            Self::SelfSigned(_) => "certificate_self_signed",
            Self::Expired { .. } => "certificate_expired",
            Self::Names { .. } => "names_differ",
            Self::IssuerMismatch { .. } => "issuer_mismatch",
            Self::IssuerExpired { .. } => "issuer_expired",
            Self::Unbelieved(_) => "chain_invalid",
        }
    }
}

impl From<AnswerRefusal> for Problem {
    fn from(refusal: AnswerRefusal) -> Self {
        let code = match refusal {
            AnswerRefusal::KeyMismatch(_) => Code::KeyMismatch,
            _ => Code::CertificateInvalid,
        };
        let detail = refusal.to_string();
        Self::new(code, detail.clone()).with_errors(vec![Violation::at(
            "#/certificate",
            refusal.code(),
            detail,
        )])
    }
}

/// Judges what came: `given` in any order, with or without CA certificates.
pub fn judge(
    waiting: &Waiting<'_>,
    given: &[Certificate],
    known: &Known,
    now: Timestamp,
) -> Result<Judged, AnswerRefusal> {
    let leaf = leaf(waiting, given)?;
    fits(waiting, leaf, now)?;
    let others = distinct(given.iter().filter(|one| is_of_ca(one)).chain(waiting.others));
    let pool: Vec<&Certificate> = others.iter().copied().chain(&known.issuers).collect();
    let mut search =
        Search { pool, trusted: &known.trusted, now, checks: CHECKS, rooted: None, furthest: vec![] };
    let (found, trusted) = match search.climb(vec![leaf]) {
        Some(path) => (Some(path), true),
        None => (search.rooted, false),
    };
    if let Some(path) = found {
        let chain = &path[1..];
        believed(waiting, leaf, chain, now)?;
        let chain = chain.iter().map(|one| (*one).clone()).collect();
        return Ok(Judged::Complete { leaf: leaf.clone(), chain, trusted });
    }
    let came = given.iter().find(|one| is_of_ca(one) && !one.is_self_issued());
    match (came, &search.furthest[..]) {
        (Some(came), [_]) => {
            Err(AnswerRefusal::IssuerMismatch { given: came.subject(), wanted: leaf.issuer() })
        }
        (_, furthest) => Ok(Judged::Incomplete {
            leaf: leaf.clone(),
            others: others.into_iter().cloned().collect(),
            missing: missing(furthest.last().unwrap_or(&leaf)),
        }),
    }
}

/// Whether a certificate is a CA's; old roots do not say so.
fn is_of_ca(certificate: &Certificate) -> bool {
    certificate.is_ca() || certificate.is_self_issued()
}

/// The certificate for the waiting key; of several the one that began last.
fn leaf<'a>(waiting: &Waiting<'a>, given: &'a [Certificate]) -> Result<&'a Certificate, AnswerRefusal> {
    let ours = given.iter().filter(|one| one.spki() == waiting.spki);
    if let Some(leaf) = ours.max_by_key(|one| one.not_before()) {
        return Ok(leaf);
    }
    let foreign = given.iter().find(|one| !is_of_ca(one));
    match (foreign, waiting.leaf, given) {
        (Some(foreign), ..) => Err(AnswerRefusal::KeyMismatch(foreign.subject())),
        (None, Some(leaf), _) => Ok(leaf),
        (None, None, []) => Err(AnswerRefusal::Empty),
        (None, None, _) => Err(AnswerRefusal::CaOnly),
    }
}

/// Whether the certificate is what was asked for.
fn fits(waiting: &Waiting<'_>, leaf: &Certificate, now: Timestamp) -> Result<(), AnswerRefusal> {
    if leaf.is_ca() {
        return Err(AnswerRefusal::IsCa(leaf.subject()));
    }
    if leaf.is_self_issued() {
        return Err(AnswerRefusal::SelfSigned(leaf.subject()));
    }
    if now > leaf.not_after() {
        return Err(AnswerRefusal::Expired { subject: leaf.subject(), not_after: leaf.not_after() });
    }
    let comparable = |name: &SubjectAltName| match name {
        SubjectAltName::Dns(name) => SubjectAltName::Dns(name.to_ascii_lowercase()),
        other => other.clone(),
    };
    let asked: Vec<_> = waiting.sans.iter().map(comparable).collect();
    let mut found: Vec<_> = leaf.sans().iter().map(comparable).collect();
    let common_name = leaf.common_name().filter(|name| hostname::is_host(name));
    if found.is_empty() {
        // An old CA that knows no names but the common one.
        found.extend(common_name.iter().map(|name| comparable(&SubjectAltName::Dns(name.clone()))));
    }
    let absent = |names: &[SubjectAltName], from: &[SubjectAltName]| {
        names.iter().filter(|name| !from.contains(name)).map(ToString::to_string).collect::<Vec<_>>()
    };
    let (missing, mut unexpected) = (absent(&asked, &found), absent(&found, &asked));
    unexpected.extend(common_name.filter(|name| {
        let among = asked.iter().any(|asked| asked.to_string().eq_ignore_ascii_case(name));
        !among && waiting.common_name.is_none_or(|asked| !asked.eq_ignore_ascii_case(name))
    }));
    unexpected.dedup();
    if missing.is_empty() && unexpected.is_empty() {
        return Ok(());
    }
    Err(AnswerRefusal::Names { missing, unexpected })
}

fn distinct<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> Vec<&'a Certificate> {
    let mut distinct: Vec<&Certificate> = vec![];
    for one in certificates {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    }
    distinct
}

/// The way from a leaf to a root.
struct Search<'a> {
    pool: Vec<&'a Certificate>,
    trusted: &'a [Certificate],
    now: Timestamp,
    /// Signatures that may still be looked at.
    checks: usize,
    /// The first way to a root that is not trusted.
    rooted: Option<Vec<&'a Certificate>>,
    /// The longest way that led nowhere.
    furthest: Vec<&'a Certificate>,
}

impl<'a> Search<'a> {
    /// The rest of a way to a trusted root.
    fn climb(&mut self, path: Vec<&'a Certificate>) -> Option<Vec<&'a Certificate>> {
        let last = *path.last()?;
        if path.len() > 1 && self.trusted.contains(last) {
            return Some(path);
        }
        let onward = |next| path.iter().copied().chain([next]).collect::<Vec<_>>();
        let trusted = self.trusted;
        if let Some(root) = trusted.iter().find(|root| self.issued(root, last)) {
            return Some(onward(root));
        }
        if last.is_self_issued() {
            if self.rooted.is_none() && self.issued(last, last) {
                self.rooted = Some(path);
            }
            return None;
        }
        if path.len() < LONGEST {
            let mut issuers: Vec<&Certificate> = self.pool.clone();
            issuers.retain(|one| !path.contains(one) && self.issued(one, last));
            // One that is over leads nowhere, so it is taken only where there is no other.
            issuers.sort_by_key(|one| one.not_after() < self.now);
            for issuer in issuers {
                if let Some(found) = self.climb(onward(issuer)) {
                    return Some(found);
                }
            }
        }
        if path.len() > self.furthest.len() {
            self.furthest = path;
        }
        None
    }

    fn issued(&mut self, issuer: &Certificate, subject: &Certificate) -> bool {
        if issuer.subject_der() != subject.issuer_der() || self.checks == 0 {
            return false;
        }
        self.checks -= 1;
        chain::issued(issuer, subject)
    }
}

/// What follows the last certificate of a way that led nowhere.
fn missing(last: &Certificate) -> MissingIssuer {
    MissingIssuer {
        subject: last.issuer(),
        key_identifier: last.authority_key_identifier().map(hex::encode),
        issued: last.subject(),
    }
}

/// Whether a relying party that trusts the root believes the chain. A certificate that begins a little later, by the
/// CA's clock, is judged as of then.
fn believed(
    waiting: &Waiting<'_>,
    leaf: &Certificate,
    chain: &[&Certificate],
    now: Timestamp,
) -> Result<(), AnswerRefusal> {
    if let Some(over) = chain.iter().find(|one| now > one.not_after()) {
        let (subject, not_after) = (over.subject(), over.not_after());
        return Err(AnswerRefusal::IssuerExpired { subject, not_after });
    }
    let Some((root, intermediates)) = chain.split_last() else {
        return Err(AnswerRefusal::Unbelieved(ChainError::UnknownIssuer));
    };
    let usages = default_extended_key_usages(waiting.certificate_type);
    let at = now.max(leaf.not_before());
    for usage in usages.iter().take(1) {
        chain::verify(leaf, intermediates, &[root], at, Usage::new(*usage))
            .map_err(AnswerRefusal::Unbelieved)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
