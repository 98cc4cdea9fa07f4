//! A certificate profile: how certificates are made, by whom, and under which policy.

use contracts::{
    Code, Problem, Timestamp, Violation,
    directory::ApprovalKind,
    signer::{ProfileCreated, ProfileEvent, ProfileUpdated},
    x509::ProfileRules,
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

/// One certificate profile.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::large_enum_variant)] // of what is kept, all are active
pub enum Profile {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// Certificates are made by these rules.
    Active(ProfileRules),
}

/// What may be asked of a certificate profile.
#[derive(Clone, Debug)]
pub enum ProfileCommand {
    /// Let it exist.
    Create(ProfileCreated),
    /// Let these be its rules.
    Update(ProfileRules),
}

/// Why a certificate profile refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProfileRefusal {
    /// There is none with this id.
    #[error("there is no such certificate profile, or it is not visible to you")]
    NotCreated,
    /// The id is taken.
    #[error("the certificate profile exists already")]
    AlreadyCreated,
    /// Rules by which no certificate could be made.
    #[error("{} of the rules cannot stand in a certificate profile", .0.len())]
    Rules(Vec<Violation>),
}

impl From<ProfileRefusal> for Problem {
    fn from(refusal: ProfileRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            ProfileRefusal::NotCreated => Self::new(Code::NotFound, detail),
            ProfileRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            ProfileRefusal::Rules(errors) => Self::new(Code::ValidationFailed, detail).with_errors(errors),
        }
    }
}

impl Aggregate for Profile {
    type Command = ProfileCommand;
    type Event = ProfileEvent;
    type Refusal = ProfileRefusal;

    fn decide(&self, command: ProfileCommand, _now: Timestamp) -> Result<Vec<ProfileEvent>, ProfileRefusal> {
        match (self, command) {
            (Self::Active(_), ProfileCommand::Create(_)) => Err(ProfileRefusal::AlreadyCreated),
            (Self::Uncreated, ProfileCommand::Update(_)) => Err(ProfileRefusal::NotCreated),
            (Self::Uncreated, ProfileCommand::Create(created)) => {
                check(&created.rules)?;
                Ok(vec![created.into()])
            }
            (Self::Active(rules), ProfileCommand::Update(new)) if *rules == new => Ok(vec![]),
            (Self::Active(_), ProfileCommand::Update(rules)) => {
                check(&rules)?;
                Ok(vec![ProfileUpdated { rules }.into()])
            }
        }
    }

    fn evolve(self, event: ProfileEvent) -> Self {
        match event {
            ProfileEvent::Created(ProfileCreated { rules, .. })
            | ProfileEvent::Updated(ProfileUpdated { rules }) => Self::Active(rules),
        }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Uncreated => Value::Null,
            Self::Active(rules) => json!(rules),
        }
    }
}

/// Refuses rules that contradict themselves. Whether usages fit together is for the lint to say, on the certificate.
fn check(rules: &ProfileRules) -> Result<(), ProfileRefusal> {
    let mut errors = Vec::new();
    if rules.ttl.default > rules.ttl.max {
        errors.push(
            Violation::at(
                "#/ttl/default",
                "ttl_too_long",
                format!("default {}; at most the maximum, {}, is allowed", rules.ttl.default, rules.ttl.max),
            )
            .allowing([rules.ttl.max.to_string()]),
        );
    }
    for (field, is_empty) in [
        ("keyUsages", rules.key_usages.as_ref().is_some_and(Vec::is_empty)),
        ("extendedKeyUsages", rules.extended_key_usages.as_ref().is_some_and(Vec::is_empty)),
    ] {
        if is_empty {
            errors.push(Violation::at(
                format!("#/{field}"),
                "empty_list",
                "name at least one usage, or leave the field out for those of the type",
            ));
        }
    }
    for (field, text, most) in
        rules.terms.iter().flat_map(|terms| [("version", &terms.version, 63), ("text", &terms.text, 20_000)])
    {
        let length = text.chars().count();
        if !(1..=most).contains(&length) {
            let detail = format!("has {length} characters; 1 to {most} are allowed");
            errors.push(Violation::at(format!("#/terms/{field}"), "invalid_length", detail));
        }
    }
    let approval = rules.approval.iter();
    errors.extend(approval.flat_map(|rule| rule.violations("#/approval", ApprovalKind::CertificateRequest)));
    if errors.is_empty() { Ok(()) } else { Err(ProfileRefusal::Rules(errors)) }
}

#[cfg(test)]
mod tests {
    use contracts::{
        Lifetime, PolicyId, ProfileId,
        x509::{CertificateType, LifetimeRule, ProfileIssuer, SubjectSources},
    };
    use uuid::Uuid;

    use super::*;
    use runtime::aggregate::test::given;
    use time::macros::datetime;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));

    fn rules(default: i64, max: i64) -> ProfileRules {
        ProfileRules {
            certificate_type: CertificateType::Server,
            issuer: ProfileIssuer::MicroCa,
            policy: PolicyId(Uuid::from_u128(1)),
            ttl: LifetimeRule { default: Lifetime::days(default), max: Lifetime::days(max) },
            key_usages: None,
            extended_key_usages: None,
            exportable: false,
            subject: SubjectSources::default(),
            approval: None,
            terms: None,
        }
    }

    fn created(rules: ProfileRules) -> ProfileCreated {
        ProfileCreated { id: ProfileId(Uuid::from_u128(2)), name: "internal-web".into(), rules }
    }

    #[test]
    fn a_profile_is_created_once_and_updated_when_something_changes() {
        given::<Profile>([])
            .when(ProfileCommand::Create(created(rules(90, 398))), NOON)
            .then([created(rules(90, 398)).into()]);
        let active = || given::<Profile>([created(rules(90, 398)).into()]);
        active()
            .when(ProfileCommand::Create(created(rules(90, 398))), NOON)
            .refused(ProfileRefusal::AlreadyCreated);
        active()
            .when(ProfileCommand::Update(rules(30, 90)), NOON)
            .then([ProfileUpdated { rules: rules(30, 90) }.into()]);
        active().when(ProfileCommand::Update(rules(90, 398)), NOON).changes_nothing();
        given::<Profile>([])
            .when(ProfileCommand::Update(rules(90, 398)), NOON)
            .refused(ProfileRefusal::NotCreated);
    }

    #[test]
    fn contradictions_are_refused_all_at_once() {
        let broken =
            ProfileRules { key_usages: Some(vec![]), extended_key_usages: Some(vec![]), ..rules(91, 90) };
        let outcome = Profile::default().decide(ProfileCommand::Create(created(broken)), NOON);
        let Err(ProfileRefusal::Rules(errors)) = outcome else { panic!("{outcome:?}") };
        let pointers: Vec<_> = errors.iter().filter_map(|e| e.pointer.as_deref()).collect();
        assert_eq!(pointers, ["#/ttl/default", "#/keyUsages", "#/extendedKeyUsages"]);
    }
}
