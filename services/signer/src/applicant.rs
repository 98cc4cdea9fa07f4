//! Who a certificate is for: key, subject and names, from a CSR or for a managed key.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    Code, KeyId, Lifetime, Problem, Violation,
    signer::RequestSource,
    x509::{ExtendedKeyUsage, KeyAlgorithm, KeyUsage, PolicyRules, Subject, SubjectAltName},
};
use pki::{
    csr::CertificationRequest,
    hostname, name,
    policy::{self, Proposed},
    san,
};

use crate::{managed_key::ChosenKey, rules::Rules};

/// Key, subject and names of the certificate that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Applicant {
    /// As in a CSR, and from nowhere else (C-7).
    Csr(CertificationRequest),
    /// For a key of the keystore.
    Managed {
        /// Kind of the key.
        key_algorithm: KeyAlgorithm,
        /// The key that is used again; missing: a new one is made.
        key: Option<ChosenKey>,
        /// The token that a new one is made in.
        token: Option<String>,
        /// The subject.
        subject: Subject,
        /// The names.
        sans: Vec<SubjectAltName>,
        /// Key usages that are hoped for.
        key_usages: Vec<KeyUsage>,
        /// Extended key usages that are hoped for.
        extended_key_usages: Vec<ExtendedKeyUsage>,
    },
}

impl Applicant {
    /// The CSR, if there is one.
    #[must_use]
    pub const fn csr(&self) -> Option<&CertificationRequest> {
        match self {
            Self::Csr(csr) => Some(csr),
            Self::Managed { .. } => None,
        }
    }

    /// The SubjectPublicKeyInfo of the key, DER, unless it is not made yet.
    #[must_use]
    pub fn spki(&self) -> Option<&[u8]> {
        match self {
            Self::Csr(csr) => Some(csr.spki()),
            Self::Managed { key, .. } => key.as_ref().map(|key| &*key.spki),
        }
    }

    /// The key of the keystore that is used again.
    #[must_use]
    pub fn chosen_key(&self) -> Option<KeyId> {
        match self {
            Self::Managed { key: Some(key), .. } => Some(key.id),
            Self::Managed { key: None, .. } | Self::Csr(_) => None,
        }
    }

    /// The token that a new key is made in.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        match self {
            Self::Managed { token, .. } => token.as_deref(),
            Self::Csr(_) => None,
        }
    }

    /// The CSR's DER in base64.
    #[must_use]
    pub fn csr_base64(&self) -> Option<String> {
        self.csr().map(|csr| BASE64_STANDARD.encode(csr.der()))
    }

    /// Where the key is.
    #[must_use]
    pub const fn source(&self) -> RequestSource {
        match self {
            Self::Csr(_) => RequestSource::Csr,
            Self::Managed { .. } => RequestSource::Managed,
        }
    }

    /// Kind of the key.
    #[must_use]
    pub const fn key_algorithm(&self) -> KeyAlgorithm {
        match self {
            Self::Csr(csr) => csr.key_algorithm(),
            Self::Managed { key_algorithm, .. } => *key_algorithm,
        }
    }

    /// The subject.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        match self {
            Self::Csr(csr) => csr.subject(),
            Self::Managed { subject, .. } => subject,
        }
    }

    /// The subject's Name, DER; a CSR's byte for byte.
    pub fn subject_der(&self) -> Result<Cow<'_, [u8]>, Problem> {
        match self {
            Self::Csr(csr) => Ok(Cow::Borrowed(csr.subject_der())),
            Self::Managed { subject, .. } => {
                let name = name::subject_to_name(subject);
                Ok(Cow::Owned(name.map_err(|error| Problem::new(Code::ValidationFailed, error.to_string()))?))
            }
        }
    }

    /// The names to certify: those asked for; if there are none and the common name is a host's, that one (C7).
    #[must_use]
    pub fn sans(&self) -> Vec<SubjectAltName> {
        match self {
            Self::Csr(csr) => csr.effective_sans(),
            Self::Managed { subject, sans, .. } if sans.is_empty() => {
                let host = subject.common_name.as_ref().filter(|name| hostname::is_host(name));
                host.map(|name| SubjectAltName::Dns(name.clone())).into_iter().collect()
            }
            Self::Managed { sans, .. } => sans.clone(),
        }
    }

    /// Adds the host of the common name to the names, where a CA outside makes the certificate of a managed key: many take
    /// the names alone, and none is to be forgotten (C1).
    pub fn fill_for(&mut self, rules: &Rules) {
        if let Self::Managed { subject, sans, .. } = self
            && rules.is_manual()
        {
            fill_names(subject, sans);
        }
    }

    /// Every name that the certificate stands for, the common name too where it stands for a host and is not among them.
    #[must_use]
    pub fn every_name(&self) -> Vec<SubjectAltName> {
        let sans = self.sans();
        let alone = self.hosts(&sans).into_iter().filter(|(place, _)| place.is_none());
        let alone: Vec<_> = alone.map(|(_, host)| SubjectAltName::Dns(host.into_owned())).collect();
        [sans, alone].concat()
    }

    /// The DNS names that the certificate's names lie under, each with its place among `sans`; `None` is the common
    /// name, where it stands for a host or a mailbox and is not among them. `sans`: those of [`Applicant::sans`].
    #[must_use]
    pub fn hosts<'a>(&'a self, sans: &'a [SubjectAltName]) -> Vec<(Option<usize>, Cow<'a, str>)> {
        let named =
            sans.iter().enumerate().filter_map(|(at, name)| Some((Some(at), san::host(name)?.into())));
        let common_name = self.subject().common_name.as_deref().and_then(host_of_common_name);
        let alone = common_name.filter(|host| {
            !sans.iter().any(|name| san::host(name).is_some_and(|known| known.eq_ignore_ascii_case(host)))
        });
        named.chain(alone.map(|host| (None, host))).collect()
    }

    /// Where in the body one of [`Applicant::hosts`] stands.
    #[must_use]
    pub fn pointer(&self, place: Option<usize>) -> String {
        match (self, place) {
            (Self::Csr(_), _) => "#/csr".to_owned(),
            (Self::Managed { sans, .. }, Some(at)) if at < sans.len() => format!("#/sans/{at}/value"),
            (Self::Managed { .. }, _) => "#/subject/commonName".to_owned(),
        }
    }

    /// What no policy could allow. A CSR was checked when it was read.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let Self::Managed { subject, sans, .. } = self else { return vec![] };
        let subject = name::subject_to_name(subject)
            .err()
            .map(|error| Violation::at("#/subject", error.code(), error.to_string()));
        let sans = san::faults(sans).into_iter().map(|(at, error)| {
            let pointer = at.map_or_else(|| "#/sans".to_owned(), |at| format!("#/sans/{at}/value"));
            Violation::at(pointer, error.code(), error.to_string())
        });
        subject.into_iter().chain(sans).collect()
    }

    /// The rules that are not satisfied with this subject, each at its place in the request's body. Lifetimes are judged
    /// apart.
    #[must_use]
    pub fn policy_violations(&self, rules: &PolicyRules, subject: &Subject) -> Vec<Violation> {
        // The shortest there is: no rule on lifetimes refuses it.
        let ttl = Lifetime::seconds(1);
        let proposed = match self {
            Self::Csr(csr) => Proposed { subject: subject.clone(), ..Proposed::from_csr(csr, ttl) },
            Self::Managed { key_algorithm, key_usages, extended_key_usages, .. } => Proposed {
                subject: subject.clone(),
                sans: self.sans(),
                key_algorithm: *key_algorithm,
                signature_hash: key_algorithm.default_signature().hash(),
                key_usages: key_usages.clone(),
                extended_key_usages: extended_key_usages.clone(),
                other_usages: vec![],
                is_ca: false,
                ttl,
            },
        };
        let mut violations = policy::evaluate(rules, &proposed);
        if self.source() == RequestSource::Managed {
            for violation in &mut violations {
                violation.pointer = Some(managed_pointer(violation.rule.as_deref()).to_owned());
            }
        }
        violations
    }
}

/// Adds the host of the common name to the names, unless it is among them.
pub fn fill_names(subject: &Subject, sans: &mut Vec<SubjectAltName>) {
    let Some(host) = subject.common_name.as_ref().filter(|name| hostname::is_host(name)) else { return };
    let is_it =
        |name: &SubjectAltName| matches!(name, SubjectAltName::Dns(name) if name.eq_ignore_ascii_case(host));
    if !sans.iter().any(is_it) {
        sans.push(SubjectAltName::Dns(host.clone()));
    }
}

/// Where in the body a rule of a policy looks when there is no CSR.
fn managed_pointer(rule: Option<&str>) -> &'static str {
    match rule {
        Some(rule) if rule.starts_with("subject") => "#/subject",
        Some(rule) if rule.starts_with("sans") => "#/sans",
        Some("keyUsages") => "#/keyUsages",
        Some("extendedKeyUsages") => "#/extendedKeyUsages",
        _ => "#/key/algorithm",
    }
}
/// The host that a common name stands for: a mailbox's, or whatever has a dot and no space, in any script, unless it ends
/// like a version or an address.
fn host_of_common_name(name: &str) -> Option<Cow<'_, str>> {
    if let Some(host) = san::host_of_mailbox(name) {
        return Some(host.into());
    }
    let host = name.strip_suffix('.').unwrap_or(name);
    let dotted = |(_, last): (&str, &str)| !last.bytes().all(|b| b.is_ascii_digit());
    let named = host.rsplit_once('.').is_some_and(dotted) && !host.contains(char::is_whitespace);
    (named || hostname::is_host(host)).then(|| hostname::to_a_labels(host).map_or(host.into(), Cow::Owned))
}

#[cfg(test)]
mod tests {
    use super::host_of_common_name;

    #[test]
    fn a_common_name_that_is_read_as_a_host_is_one() {
        for (name, host) in [
            ("www.example.com", Some("www.example.com")),
            ("www.example.com.", Some("www.example.com")),
            ("*.example.com", Some("*.example.com")),
            ("kim@mail.example.com", Some("mail.example.com")),
            ("b\u{fc}cher.example", Some("xn--bcher-kva.example")),
            ("localhost", Some("localhost")),
            ("under_score.example.com", Some("under_score.example.com")),
            ("192.0.2.1", None),
            ("Kim Doe", None),
            ("Example Ltd. Issuing CA", None),
            ("Release 2.0", None),
        ] {
            assert_eq!(host_of_common_name(name).as_deref(), host, "{name}");
        }
    }
}
