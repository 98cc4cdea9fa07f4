//! Every path from a certificate to where trust may begin (RFC 5280 §6), each link with what speaks against it: for people
//! who want to see why a chain is believed or not, and by which way.
//!
//! [`crate::chain::verify`] says whether rustls-webpki would believe a chain; here its word counts for what is not looked at
//! link by link, such as name constraints.

use contracts::{
    Timestamp,
    x509::{ExtendedKeyUsage, KeyUsage},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    certificate::Certificate,
    chain::{self, ChainError, Usage},
    extension, oid, spki,
};

/// The longest path that is followed, with the leaf and the root.
pub const MAX_LENGTH: usize = 10;
/// The most paths that are told.
pub const MAX_PATHS: usize = 16;
/// The most signatures that are checked while paths are looked for.
const MAX_CHECKS: usize = 400;

/// A path from a certificate upwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'a> {
    /// The certificates, leaf first.
    pub links: Vec<Link<'a>>,
    /// How it ends.
    pub end: PathEnd,
}

/// A certificate of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// What speaks against it at this place.
    pub faults: Vec<LinkFault>,
}

/// How a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathEnd {
    /// At a certificate that is trusted.
    Trusted,
    /// At a self-signed certificate that is not trusted.
    UntrustedRoot,
    /// Where the issuer's certificate is not known.
    IssuerUnknown,
    /// Nowhere: it is longer than is followed.
    TooLong,
}

impl PathEnd {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trusted => "trusted",
            Self::UntrustedRoot => "untrusted_root",
            Self::IssuerUnknown => "issuer_unknown",
            Self::TooLong => "too_long",
        }
    }
}

/// What speaks against a certificate at its place in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkFault {
    /// The issuer's key did not make its signature.
    SignatureInvalid,
    /// Its signature cannot be checked: the algorithm, or the issuer's key, is none that is accepted.
    SignatureUnchecked,
    /// It is not valid yet.
    NotYetValid,
    /// It is no longer valid.
    Expired,
    /// It issued another certificate of the path, and its basic constraints do not say that it may.
    NotACa,
    /// More CAs follow it than it allows.
    PathTooLong,
    /// It issued another certificate of the path, and its key usages do not say that it may.
    KeyCertSignMissing,
    /// Its names are outside of what a CA above it may certify.
    NameConstraints,
    /// It has a critical extension that is not understood.
    CriticalExtension,
    /// A strict verifier refuses the path for another reason.
    Refused,
}

impl LinkFault {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignatureInvalid => "signature_invalid",
            Self::SignatureUnchecked => "signature_unchecked",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::NotACa => "not_a_ca",
            Self::PathTooLong => "path_too_long",
            Self::KeyCertSignMissing => "key_cert_sign_missing",
            Self::NameConstraints => "name_constraints",
            Self::CriticalExtension => "critical_extension",
            Self::Refused => "refused",
        }
    }
}

impl Path<'_> {
    /// Whether it ends at a trusted certificate and nothing speaks against any of its links.
    #[must_use]
    pub fn is_believed(&self) -> bool {
        self.end == PathEnd::Trusted && self.faults() == 0
    }

    fn faults(&self) -> usize {
        self.links.iter().map(|link| link.faults.len()).sum()
    }
}

/// What an issuer of this name is looked for by: SHA-256 of its Name.
#[must_use]
pub fn name_sha256(name: &[u8]) -> [u8; 32] {
    spki::spki_sha256(name)
}

/// Every path from `leaf` upwards through `known` certificates to `anchors`, or as far as it goes; those that are believed at
/// this time first. Where an issuer is known by several certificates, as one that is cross-signed, there is a path by each.
///
/// A path goes on to no certificate whose name and key it has already. Bounds: [`MAX_LENGTH`], [`MAX_PATHS`].
#[must_use]
pub fn paths<'a>(
    leaf: &'a Certificate,
    known: &[&'a Certificate],
    anchors: &[&'a Certificate],
    at: Timestamp,
) -> Vec<Path<'a>> {
    let mut candidates: Vec<&Certificate> = anchors.iter().chain(known).copied().collect();
    let mut seen = std::collections::HashSet::new();
    candidates.retain(|candidate| seen.insert(candidate.der()));
    let mut search = Search { candidates, anchors, checks: MAX_CHECKS, found: vec![] };
    search.follow(&mut vec![leaf]);
    let judged = search.found.into_iter().map(|(links, end)| judged(&links, end, at));
    let mut paths: Vec<Path<'a>> = judged.collect();
    paths.sort_by_key(|path| (!path.is_believed(), path.end, path.faults(), path.links.len()));
    paths
}

struct Search<'a, 'b> {
    candidates: Vec<&'a Certificate>,
    anchors: &'b [&'a Certificate],
    checks: usize,
    found: Vec<(Vec<&'a Certificate>, PathEnd)>,
}

impl<'a> Search<'a, '_> {
    fn follow(&mut self, path: &mut Vec<&'a Certificate>) {
        let Some(last) = path.last().copied() else { return };
        if self.found.len() >= MAX_PATHS {
            return;
        }
        if self.anchors.iter().any(|anchor| anchor.der() == last.der()) {
            return self.found.push((path.clone(), PathEnd::Trusted));
        }
        if last.is_self_issued() && last.is_signed_by(last.spki()) {
            return self.found.push((path.clone(), PathEnd::UntrustedRoot));
        }
        if path.len() == MAX_LENGTH {
            return self.found.push((path.clone(), PathEnd::TooLong));
        }
        let issuers = self.issuers(last, path);
        if issuers.is_empty() {
            return self.found.push((path.clone(), PathEnd::IssuerUnknown));
        }
        for issuer in issuers {
            path.push(issuer);
            self.follow(path);
            path.pop();
        }
    }

    /// Those who signed it; or else whoever it names, whose signature then is not right, or cannot be checked.
    fn issuers(&mut self, subject: &Certificate, path: &[&'a Certificate]) -> Vec<&'a Certificate> {
        let is_new = |one: &Certificate| {
            !path.iter().any(|passed| {
                passed.der() == one.der()
                    || (passed.subject_der(), passed.spki()) == (one.subject_der(), one.spki())
            })
        };
        let named =
            self.candidates.iter().copied().filter(|one| chain::is_named(one, subject) && is_new(one));
        let named: Vec<&Certificate> = named.collect();
        let mut signers = vec![];
        for candidate in &named {
            if self.checks == 0 {
                break;
            }
            self.checks -= 1;
            if subject.is_signed_by(candidate.spki()) {
                signers.push(*candidate);
            }
        }
        if signers.is_empty() { named.into_iter().take(1).collect() } else { signers }
    }
}

fn judged<'a>(certificates: &[&'a Certificate], end: PathEnd, at: Timestamp) -> Path<'a> {
    let link = |(place, certificate): (usize, &&'a Certificate)| {
        let above = certificates.get(place + 1).copied();
        let mut faults = vec![];
        faults.extend(signature(certificate, above, end));
        faults.extend(validity(certificate, at));
        if place > 0 {
            faults.extend(authority(certificate, &certificates[1..place], above.is_none()));
        }
        Link { certificate, faults }
    };
    let mut path = Path { links: certificates.iter().enumerate().map(link).collect(), end };
    if let Some(fault) = path.is_believed().then(|| strictly(certificates, at)).flatten() {
        path.links[0].faults.push(fault);
    }
    path
}

/// What speaks against the signature of a certificate, by the key of the one above it. That of a trusted root is not looked
/// at: it is not why it is trusted.
fn signature(certificate: &Certificate, above: Option<&Certificate>, end: PathEnd) -> Option<LinkFault> {
    let issuer = match (above, end) {
        (Some(above), _) => above,
        (None, PathEnd::UntrustedRoot) => certificate,
        (None, _) => return None,
    };
    if certificate.is_signed_by(issuer.spki()) {
        return None;
    }
    let can_be_checked =
        certificate.signature_algorithm().is_some() && spki::key_algorithm(issuer.spki()).is_ok();
    Some(if can_be_checked { LinkFault::SignatureInvalid } else { LinkFault::SignatureUnchecked })
}

fn validity(certificate: &Certificate, at: Timestamp) -> Option<LinkFault> {
    if at < certificate.not_before() {
        return Some(LinkFault::NotYetValid);
    }
    // The end is inclusive (RFC 5280 §4.1.2.5).
    (at.unix() > certificate.not_after().unix()).then_some(LinkFault::Expired)
}

/// What speaks against a certificate that issued another one, with those between it and the leaf.
fn authority<'a>(
    certificate: &'a Certificate,
    between: &'a [&'a Certificate],
    is_last: bool,
) -> impl Iterator<Item = LinkFault> + 'a {
    let constraints = certificate.basic_constraints();
    // There were roots before there were extensions.
    let is_old_root = is_last && certificate.version() == 1;
    let not_a_ca = !is_old_root && !certificate.is_ca();
    // Self-issued ones do not count (RFC 5280 §4.2.1.9).
    let below = between.iter().filter(|one| !one.is_self_issued()).count();
    let limit = constraints.and_then(|constraints| constraints.path_length);
    let too_long = limit.is_some_and(|limit| below > usize::try_from(limit).unwrap_or(usize::MAX));
    let usages = certificate.extension(oid::KEY_USAGE).map(|found| extension::read_key_usage(found.value));
    let may_sign =
        usages.is_none_or(|read| read.is_ok_and(|(usages, _)| usages.contains(&KeyUsage::KeyCertSign)));
    let found = [
        not_a_ca.then_some(LinkFault::NotACa),
        too_long.then_some(LinkFault::PathTooLong),
        (!may_sign).then_some(LinkFault::KeyCertSignMissing),
    ];
    found.into_iter().flatten()
}

/// What rustls-webpki finds on a path against which nothing spoke so far: names that a CA may not certify, extensions that
/// nobody understands. It judges end entities alone.
fn strictly(certificates: &[&Certificate], at: Timestamp) -> Option<LinkFault> {
    let (leaf, rest) = certificates.split_first()?;
    let (anchor, between) = rest.split_last()?;
    if leaf.is_ca() {
        return None;
    }
    match chain::verify(leaf, between, &[anchor], at, purpose(leaf)) {
        // What it is for is not asked here.
        Ok(()) | Err(ChainError::Usage) => None,
        Err(ChainError::Invalid(why)) if why.contains("NameConstraint") => Some(LinkFault::NameConstraints),
        Err(ChainError::Invalid(why)) if why.contains("CriticalExtension") => {
            Some(LinkFault::CriticalExtension)
        }
        Err(_) => Some(LinkFault::Refused),
    }
}

/// A purpose that the leaf has, so that its path is judged by all else.
fn purpose(leaf: &Certificate) -> Usage {
    let read = leaf.extension(oid::EXTENDED_KEY_USAGE).map(|found| found.value);
    let usages = read.and_then(|value| extension::read_extended_key_usage(value).ok());
    let first = usages.and_then(|(usages, _)| usages.first().copied());
    Usage::new(first.unwrap_or(ExtendedKeyUsage::ServerAuth))
}
