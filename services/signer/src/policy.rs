//! A certificate policy: the rules that a request must satisfy.

use std::net::IpAddr;

use contracts::{
    Code, Problem, Timestamp, Violation,
    signer::{PolicyCreated, PolicyEvent, PolicyUpdated},
    x509::{PolicyRules, SanKind, SanRule, SubjectRule, SubjectRules},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

use crate::fields::shown;

/// Patterns of one rule.
const MAX_PATTERNS: usize = 100;
/// Characters of a pattern.
const MAX_PATTERN: usize = 255;

/// One certificate policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Policy {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// It rules.
    Active(Box<PolicyRules>),
}

/// What may be asked of a certificate policy.
#[derive(Clone, Debug)]
pub enum PolicyCommand {
    /// Let it exist.
    Create(PolicyCreated),
    /// Let these be its rules.
    Update(PolicyRules),
}

/// Why a certificate policy refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyRefusal {
    /// There is none with this id.
    #[error("there is no such certificate policy, or it is not visible to you")]
    NotCreated,
    /// The id is taken.
    #[error("the certificate policy exists already")]
    AlreadyCreated,
    /// Rules that no request could satisfy, or that cannot be read.
    #[error("{} of the rules cannot stand in a certificate policy", .0.len())]
    Rules(Vec<Violation>),
}

impl From<PolicyRefusal> for Problem {
    fn from(refusal: PolicyRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            PolicyRefusal::NotCreated => Self::new(Code::NotFound, detail),
            PolicyRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            PolicyRefusal::Rules(errors) => Self::new(Code::ValidationFailed, detail).with_errors(errors),
        }
    }
}

impl Aggregate for Policy {
    type Command = PolicyCommand;
    type Event = PolicyEvent;
    type Refusal = PolicyRefusal;

    fn decide(&self, command: PolicyCommand, _now: Timestamp) -> Result<Vec<PolicyEvent>, PolicyRefusal> {
        match (self, command) {
            (Self::Active(_), PolicyCommand::Create(_)) => Err(PolicyRefusal::AlreadyCreated),
            (Self::Uncreated, PolicyCommand::Update(_)) => Err(PolicyRefusal::NotCreated),
            (Self::Uncreated, PolicyCommand::Create(created)) => {
                check("#", &created.rules)?;
                Ok(vec![created.into()])
            }
            (Self::Active(rules), PolicyCommand::Update(new)) if **rules == new => Ok(vec![]),
            (Self::Active(_), PolicyCommand::Update(rules)) => {
                check("#/rules", &rules)?;
                Ok(vec![PolicyUpdated { rules }.into()])
            }
        }
    }

    fn evolve(self, event: PolicyEvent) -> Self {
        match event {
            PolicyEvent::Created(PolicyCreated { rules, .. })
            | PolicyEvent::Updated(PolicyUpdated { rules }) => Self::Active(Box::new(rules)),
        }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Uncreated => Value::Null,
            Self::Active(rules) => json!(rules),
        }
    }
}

/// Refuses rules that contradict themselves, all at once. `at` is where the rules stand in the request's body.
fn check(at: &str, rules: &PolicyRules) -> Result<(), PolicyRefusal> {
    let mut errors = subject_errors(at, &rules.subject);
    for (index, rule) in rules.sans.iter().flatten().enumerate() {
        errors.extend(san_errors(&format!("{at}/sans/{index}"), rule));
    }
    errors.extend(repeated_kinds(at, rules.sans.as_deref().unwrap_or_default()));
    for (field, is_empty) in [
        ("keyAlgorithms", rules.key_algorithms.as_ref().is_some_and(Vec::is_empty)),
        ("signatureHashes", rules.signature_hashes.as_ref().is_some_and(Vec::is_empty)),
    ] {
        if is_empty {
            errors.push(Violation::at(
                format!("{at}/{field}"),
                "empty_list",
                "an empty list would refuse every request; name at least one value or leave the field out",
            ));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(PolicyRefusal::Rules(errors)) }
}

fn subject_errors(at: &str, rules: &SubjectRules) -> Vec<Violation> {
    let SubjectRules { common_name, organization, organizational_unit, country, state, locality } = rules;
    [
        ("commonName", common_name),
        ("organization", organization),
        ("organizationalUnit", organizational_unit),
        ("country", country),
        ("state", state),
        ("locality", locality),
    ]
    .into_iter()
    .filter_map(|(field, rule)| Some((format!("{at}/subject/{field}"), rule.as_ref()?)))
    .flat_map(|(at, rule)| subject_rule_errors(&at, rule))
    .collect()
}

fn subject_rule_errors(at: &str, rule: &SubjectRule) -> Vec<Violation> {
    let mut errors = pattern_errors(at, &rule.patterns, |_| true);
    if rule.forbidden && (rule.required || rule.equals.is_some() || !rule.patterns.is_empty()) {
        errors.push(contradiction(
            at,
            "'forbidden' stands alone: an attribute that must not be there has no value",
        ));
    }
    if rule.equals.is_some() && !rule.patterns.is_empty() {
        errors.push(contradiction(at, "'equals' and 'patterns' exclude each other"));
    }
    errors
}

fn san_errors(at: &str, rule: &SanRule) -> Vec<Violation> {
    let mut errors =
        pattern_errors(at, &rule.patterns, |pattern| rule.kind != SanKind::Ip || is_address_pattern(pattern));
    if rule.max == Some(0) {
        errors.push(contradiction(at, "'max' is at least 1; leave the kind out to refuse it"));
    }
    errors
}

fn repeated_kinds(at: &str, rules: &[SanRule]) -> Vec<Violation> {
    rules
        .iter()
        .enumerate()
        .filter(|(index, rule)| rules[..*index].iter().any(|earlier| earlier.kind == rule.kind))
        .map(|(index, _)| contradiction(&format!("{at}/sans/{index}"), "each kind of name has one rule"))
        .collect()
}

fn pattern_errors(at: &str, patterns: &[String], readable: impl Fn(&str) -> bool) -> Vec<Violation> {
    let mut errors = Vec::new();
    if patterns.len() > MAX_PATTERNS {
        errors.push(Violation::at(
            format!("{at}/patterns"),
            "too_many_patterns",
            format!("{} patterns; at most {MAX_PATTERNS} are allowed", patterns.len()),
        ));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let fits =
            (1..=MAX_PATTERN).contains(&pattern.chars().count()) && !pattern.chars().any(char::is_control);
        if !fits || !readable(pattern) {
            errors.push(Violation::at(
                format!("{at}/patterns/{index}"),
                "invalid_pattern",
                format!(
                    "'{}' is not a pattern: 1 to {MAX_PATTERN} characters, '*' for any run of characters; for addresses an address or a block such as '192.0.2.0/24'",
                    shown(pattern)
                ),
            ));
        }
    }
    errors
}

/// An address, a block of them, or an address with `*` in it.
fn is_address_pattern(pattern: &str) -> bool {
    match pattern.split_once('/') {
        Some((network, length)) => match (network.parse(), length.parse::<u8>()) {
            (Ok(IpAddr::V4(_)), Ok(length)) => length <= 32,
            (Ok(IpAddr::V6(_)), Ok(length)) => length <= 128,
            _ => false,
        },
        None if pattern.contains('*') => {
            pattern.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b':' | b'*'))
        }
        None => pattern.parse::<IpAddr>().is_ok(),
    }
}

fn contradiction(at: &str, detail: &str) -> Violation {
    Violation::at(at, "contradictory_rule", detail)
}

#[cfg(test)]
mod tests {
    use contracts::{PolicyId, x509::KeyAlgorithm};
    use uuid::Uuid;

    use super::*;
    use runtime::aggregate::test::given;
    use time::macros::datetime;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));

    fn rules() -> PolicyRules {
        PolicyRules { key_algorithms: Some(vec![KeyAlgorithm::EcdsaP256]), ..PolicyRules::default() }
    }

    fn created(rules: PolicyRules) -> PolicyCreated {
        PolicyCreated { id: PolicyId(Uuid::from_u128(1)), name: "public-web".into(), rules }
    }

    #[test]
    fn a_policy_is_created_once_and_updated_when_something_changes() {
        let open = PolicyRules::default();
        given::<Policy>([])
            .when(PolicyCommand::Create(created(rules())), NOON)
            .then([created(rules()).into()]);
        let active = || given::<Policy>([created(rules()).into()]);
        active().when(PolicyCommand::Create(created(rules())), NOON).refused(PolicyRefusal::AlreadyCreated);
        active()
            .when(PolicyCommand::Update(open.clone()), NOON)
            .then([PolicyUpdated { rules: open.clone() }.into()]);
        active().when(PolicyCommand::Update(rules()), NOON).changes_nothing();
        given::<Policy>([]).when(PolicyCommand::Update(open), NOON).refused(PolicyRefusal::NotCreated);
    }

    #[test]
    fn rules_that_contradict_themselves_are_refused_all_at_once() {
        let san = |kind, patterns: &[&str], max| SanRule {
            kind,
            patterns: patterns.iter().map(ToString::to_string).collect(),
            required: false,
            max,
        };
        let broken = PolicyRules {
            subject: SubjectRules {
                organization: Some(SubjectRule { required: true, forbidden: true, ..SubjectRule::default() }),
                country: Some(SubjectRule {
                    equals: Some("CA".into()),
                    patterns: vec!["C*".into(), String::new()],
                    ..SubjectRule::default()
                }),
                ..SubjectRules::default()
            },
            sans: Some(vec![
                san(SanKind::Ip, &["192.0.2.0/24", "192.0.2.0/33"], None),
                san(SanKind::Dns, &["*.example.com"], Some(0)),
                san(SanKind::Dns, &[], None),
            ]),
            key_algorithms: Some(vec![]),
            signature_hashes: Some(vec![]),
            ..PolicyRules::default()
        };
        let outcome = Policy::default().decide(PolicyCommand::Create(created(broken)), NOON);
        let Err(PolicyRefusal::Rules(errors)) = outcome else { panic!("{outcome:?}") };
        let found: Vec<_> =
            errors.iter().map(|e| (e.pointer.as_deref().unwrap_or(""), e.code.as_str())).collect();
        assert_eq!(
            found,
            [
                ("#/subject/organization", "contradictory_rule"),
                ("#/subject/country/patterns/1", "invalid_pattern"),
                ("#/subject/country", "contradictory_rule"),
                ("#/sans/0/patterns/1", "invalid_pattern"),
                ("#/sans/1", "contradictory_rule"),
                ("#/sans/2", "contradictory_rule"),
                ("#/keyAlgorithms", "empty_list"),
                ("#/signatureHashes", "empty_list"),
            ]
        );
    }
}
