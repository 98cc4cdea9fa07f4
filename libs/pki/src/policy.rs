//! Judging a proposed certificate by the rules of a certificate policy: every violation at once.

use contracts::{
    Lifetime, Violation,
    x509::{
        BasicConstraintsRule, ExtendedKeyUsage, HashAlgorithm, KeyAlgorithm, KeyUsage, PolicyRules, SanKind,
        SanRule, Subject, SubjectAltName, SubjectAttribute, SubjectRule,
    },
};

use crate::{
    csr::CertificationRequest,
    extension::{extended_key_usage_name, key_usage_name},
    glob, name,
};

/// What is to be certified, as far as policies rule on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The subject.
    pub subject: Subject,
    /// The names.
    pub sans: Vec<SubjectAltName>,
    /// The key.
    pub key_algorithm: KeyAlgorithm,
    /// The hash of the CSR's signature; `None` for Ed25519, which counts as SHA-512.
    pub signature_hash: Option<HashAlgorithm>,
    /// Key usages that are asked for.
    pub key_usages: Vec<KeyUsage>,
    /// Extended key usages that are asked for.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    /// Usages asked for that are never issued, by name or object identifier.
    pub other_usages: Vec<String>,
    /// `CA:TRUE` is asked for.
    pub is_ca: bool,
    /// The lifetime that is asked for.
    pub ttl: Lifetime,
}

impl Proposed {
    /// What a CSR proposes, together with a lifetime.
    #[must_use]
    pub fn from_csr(csr: &CertificationRequest, ttl: Lifetime) -> Self {
        let requested = csr.requested().clone();
        Self {
            subject: csr.subject().clone(),
            sans: csr.effective_sans(),
            key_algorithm: csr.key_algorithm(),
            signature_hash: csr.signature_algorithm().hash(),
            key_usages: requested.key_usages,
            extended_key_usages: requested.extended_key_usages,
            other_usages: requested.other_usages,
            is_ca: requested.is_ca,
            ttl,
        }
    }
}

/// Every way in which `proposed` breaks `rules`; empty when it satisfies them.
///
/// All point at `#/csr`, the lifetime at `#/ttl`.
#[must_use]
pub fn evaluate(rules: &PolicyRules, proposed: &Proposed) -> Vec<Violation> {
    let mut violations = subject(rules, &proposed.subject);
    violations.extend(rules.sans.iter().flat_map(|rules| sans(rules, &proposed.sans)));
    violations.extend(key_algorithm(rules, proposed));
    violations.extend(signature_algorithm(rules, proposed));
    violations.extend(key_usages(rules, proposed));
    violations.extend(extended_key_usages(rules, proposed));
    violations.extend(basic_constraints(rules, proposed));
    violations.extend(lifetime(rules, proposed));
    violations
}

/// The word for a kind of subject alternative name in refusals.
#[must_use]
pub const fn san_kind_name(kind: SanKind) -> &'static str {
    match kind {
        SanKind::Dns => "dns_name",
        SanKind::Ip => "ip_address",
        SanKind::Email => "email",
        SanKind::Uri => "uri",
    }
}

fn refuse(code: &str, detail: String, rule: &str) -> Violation {
    Violation::at("#/csr", code, detail).by_rule(rule)
}

fn subject(rules: &PolicyRules, subject: &Subject) -> Vec<Violation> {
    use SubjectAttribute::{CommonName, Country, Locality, Organization, OrganizationalUnit, State};
    let of = &rules.subject;
    [
        (CommonName, &of.common_name, "subject.commonName"),
        (Organization, &of.organization, "subject.organization"),
        (OrganizationalUnit, &of.organizational_unit, "subject.organizationalUnit"),
        (Country, &of.country, "subject.country"),
        (State, &of.state, "subject.state"),
        (Locality, &of.locality, "subject.locality"),
    ]
    .into_iter()
    .filter_map(|(attribute, rule, path)| {
        attribute_violation(rule.as_ref()?, attribute, name::values(subject, attribute), path)
    })
    .collect()
}

fn attribute_violation(
    rule: &SubjectRule,
    attribute: SubjectAttribute,
    values: &[String],
    path: &str,
) -> Option<Violation> {
    let word = attribute.as_str();
    if rule.required && values.is_empty() {
        let detail = format!("Missing required {word} attribute");
        return Some(refuse("subject_attribute_missing", detail, path));
    }
    if rule.forbidden && !values.is_empty() {
        let detail = format!("{word} attribute is not allowed by template policy");
        return Some(refuse("subject_attribute_not_allowed", detail, path));
    }
    let matches = |value: &String, pattern: &String| match attribute {
        SubjectAttribute::Country => glob::matches_dns(pattern, value),
        // A host name in the common name is a DNS name, whose case does not count.
        SubjectAttribute::CommonName if crate::hostname::is_host(value) => glob::matches_dns(pattern, value),
        _ => glob::matches(pattern, value),
    };
    let is_equal = |value: &String, wanted: &String| match attribute {
        SubjectAttribute::Country => value.eq_ignore_ascii_case(wanted),
        SubjectAttribute::CommonName if crate::hostname::is_host(value) => value.eq_ignore_ascii_case(wanted),
        _ => value == wanted,
    };
    let allowed = |value: &String| {
        rule.equals.as_ref().is_none_or(|wanted| is_equal(value, wanted))
            && (rule.patterns.is_empty() || rule.patterns.iter().any(|pattern| matches(value, pattern)))
    };
    if values.iter().all(allowed) {
        return None;
    }
    let detail = format!("{word} value does not match allowed patterns");
    let wanted = rule.equals.iter().chain(&rule.patterns);
    Some(refuse("subject_value_not_allowed", detail, path).allowing(wanted))
}

/// Rules for the same kind stand side by side: a name is allowed when one of them allows it.
fn sans(rules: &[SanRule], sans: &[SubjectAltName]) -> Vec<Violation> {
    let mut violations = vec![];
    for kind in [SanKind::Dns, SanKind::Ip, SanKind::Email, SanKind::Uri] {
        let word = san_kind_name(kind);
        let of_kind: Vec<_> = sans.iter().filter(|san| san.kind() == kind).collect();
        let rules_of_kind = || rules.iter().enumerate().filter(|(_, rule)| rule.kind == kind);
        let is_allowed = |san: &&SubjectAltName| {
            rules_of_kind().any(|(_, rule)| {
                rule.patterns.is_empty() || rule.patterns.iter().any(|pattern| san_matches(pattern, san))
            })
        };
        if !of_kind.iter().all(is_allowed) {
            let detail = format!("{word} SAN is not allowed by template policy");
            let violation = match rules_of_kind().next() {
                Some((index, _)) => refuse("san_not_allowed", detail, &format!("sans[{index}]"))
                    .allowing(rules_of_kind().flat_map(|(_, rule)| &rule.patterns)),
                None => refuse("san_not_allowed", detail, "sans")
                    .allowing(rules.iter().map(|rule| san_kind_name(rule.kind))),
            };
            violations.push(violation);
        }
        for (index, rule) in rules_of_kind() {
            let path = format!("sans[{index}]");
            if rule.required && of_kind.is_empty() {
                violations.push(refuse("san_required", format!("Required {word} SAN not found"), &path));
            }
            if let Some(max) = rule.max.filter(|max| of_kind.len() > *max as usize) {
                let detail = format!(
                    "{word} SAN count {} is not allowed by template policy: at most {max}",
                    of_kind.len()
                );
                violations.push(refuse("san_too_many", detail, &path));
            }
        }
    }
    violations
}

/// Whether a name fits a pattern of its kind.
#[must_use]
pub fn san_matches(pattern: &str, san: &SubjectAltName) -> bool {
    match san {
        SubjectAltName::Dns(name) => glob::matches_dns(pattern, name),
        SubjectAltName::Ip(address) => glob::matches_address(pattern, *address),
        SubjectAltName::Email(text) | SubjectAltName::Uri(text) => glob::matches(pattern, text),
    }
}

fn key_algorithm(rules: &PolicyRules, proposed: &Proposed) -> Option<Violation> {
    let allowed =
        rules.key_algorithms.as_ref().filter(|allowed| !allowed.contains(&proposed.key_algorithm))?;
    let detail = "Key algorithm is not allowed by template policy".to_owned();
    Some(
        refuse("key_algorithm_not_allowed", detail, "keyAlgorithms")
            .allowing(allowed.iter().map(|a| a.as_str())),
    )
}

fn signature_algorithm(rules: &PolicyRules, proposed: &Proposed) -> Option<Violation> {
    let hash = proposed.signature_hash.unwrap_or(HashAlgorithm::Sha512);
    let allowed = rules.signature_hashes.as_ref().filter(|allowed| !allowed.contains(&hash))?;
    let names = allowed.iter().map(|hash| match hash {
        HashAlgorithm::Sha256 => "sha256",
        HashAlgorithm::Sha384 => "sha384",
        HashAlgorithm::Sha512 => "sha512",
    });
    let detail = "Signature algorithm is not allowed by template policy".to_owned();
    Some(refuse("signature_algorithm_not_allowed", detail, "signatureHashes").allowing(names))
}

fn key_usages(rules: &PolicyRules, proposed: &Proposed) -> Vec<Violation> {
    let Some(allowed) = &rules.key_usages else { return vec![] };
    let unlisted = proposed
        .key_usages
        .iter()
        .filter(|usage| !allowed.contains(usage))
        .map(|usage| key_usage_name(*usage));
    let others = proposed.other_usages.iter().map(String::as_str).filter(|usage| is_key_usage(usage));
    unlisted
        .chain(others)
        .map(|usage| {
            let detail = format!("{usage} key usage is not allowed by template policy");
            refuse("key_usage_not_allowed", detail, "keyUsages")
                .allowing(allowed.iter().map(|u| key_usage_name(*u)))
        })
        .collect()
}

fn extended_key_usages(rules: &PolicyRules, proposed: &Proposed) -> Vec<Violation> {
    let Some(allowed) = &rules.extended_key_usages else { return vec![] };
    let unlisted = proposed
        .extended_key_usages
        .iter()
        .filter(|usage| !allowed.contains(usage))
        .map(|usage| extended_key_usage_name(*usage));
    let others = proposed.other_usages.iter().map(String::as_str).filter(|usage| !is_key_usage(usage));
    unlisted
        .chain(others)
        .map(|usage| {
            let detail = format!("{usage} extended key usage is not allowed by template policy");
            refuse("extended_key_usage_not_allowed", detail, "extendedKeyUsages")
                .allowing(allowed.iter().map(|u| extended_key_usage_name(*u)))
        })
        .collect()
}

fn is_key_usage(usage: &str) -> bool {
    matches!(usage, "encipherOnly" | "decipherOnly")
}

fn basic_constraints(rules: &PolicyRules, proposed: &Proposed) -> Option<Violation> {
    (proposed.is_ca && rules.basic_constraints == BasicConstraintsRule::EndEntityOnly).then(|| {
        let detail = "CA basic constraint is not allowed by template policy".to_owned();
        refuse("basic_constraints_not_allowed", detail, "basicConstraints")
    })
}

fn lifetime(rules: &PolicyRules, proposed: &Proposed) -> Option<Violation> {
    let max = rules.max_ttl.filter(|max| proposed.ttl > *max)?;
    let detail = format!("TTL {} is not allowed by template policy: at most {max}", proposed.ttl);
    Some(Violation::at("#/ttl", "ttl_not_allowed", detail).by_rule("maxTtl").allowing([max.to_string()]))
}
