//! An administrator: a person or program that may act.

use contracts::{
    Code, Problem, Timestamp,
    directory::{
        AdministratorAppointed, AdministratorCertificateBound, AdministratorCertificateUnbound,
        AdministratorDescribed, AdministratorDisabled, AdministratorEnabled, AdministratorEvent,
        AdministratorGrantsChanged, AdministratorRemoved, AdministratorStatus, CertificateMark, Grant,
        ShownCertificate,
    },
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

use crate::client_certificate::{self, ClientCertificates};

/// One administrator. Whether the caller may ask for what they ask is judged before ([`crate::handlers`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Administrator {
    /// Nothing has happened yet.
    #[default]
    Unappointed,
    /// May act as far as the grants reach, unless disabled or removed.
    Appointed {
        /// As appointed, with the grants as they are now.
        appointed: AdministratorAppointed,
        /// Whether they may act.
        status: AdministratorStatus,
        /// What they may sign in with.
        certificates: ClientCertificates,
    },
}

/// What may be asked of an administrator.
#[derive(Clone, Debug)]
pub enum AdministratorCommand {
    /// Let them act.
    Appoint(AdministratorAppointed),
    /// Change what they may do, and record which fields beside the log changed.
    Update {
        /// All their grants from now on; `None` = as they are.
        grants: Option<Vec<Grant>>,
        /// Fields beside the log that change.
        described: Vec<String>,
    },
    /// Let them do nothing.
    Disable(AdministratorDisabled),
    /// Let them act again.
    Enable(AdministratorEnabled),
    /// Let them never act again.
    Remove(AdministratorRemoved),
    /// Let them sign in with a certificate, whose last moment may be known.
    BindCertificate(CertificateMark, Option<Timestamp>),
    /// Let them no longer sign in with one.
    UnbindCertificate(AdministratorCertificateUnbound),
    /// They signed in with this one.
    UseCertificate(ShownCertificate),
}

/// Why an administrator refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AdministratorRefusal {
    /// There is none with this id.
    #[error("the administrator does not exist")]
    NotAppointed,
    /// The id is taken.
    #[error("the administrator was appointed already")]
    AlreadyAppointed,
    /// They were removed for good.
    #[error("the administrator '{0}' was removed")]
    Removed(String),
    /// There is no room for another certificate.
    #[error("the administrator '{0}' has {most} certificates already: take one away first", most = client_certificate::MOST)]
    TooManyCertificates(String),
    /// They do not sign in with this certificate.
    #[error("the certificate '{0}' is not bound to the administrator")]
    NotBound(CertificateMark),
}

impl From<AdministratorRefusal> for Problem {
    fn from(refusal: AdministratorRefusal) -> Self {
        let code = match refusal {
            AdministratorRefusal::NotAppointed | AdministratorRefusal::NotBound(_) => Code::NotFound,
            AdministratorRefusal::AlreadyAppointed => Code::AlreadyExists,
            AdministratorRefusal::Removed(_) | AdministratorRefusal::TooManyCertificates(_) => {
                Code::InvalidState
            }
        };
        Self::new(code, refusal.to_string())
    }
}

impl Aggregate for Administrator {
    type Command = AdministratorCommand;
    type Event = AdministratorEvent;
    type Refusal = AdministratorRefusal;

    fn decide(
        &self,
        command: AdministratorCommand,
        _now: Timestamp,
    ) -> Result<Vec<AdministratorEvent>, AdministratorRefusal> {
        use AdministratorCommand as Command;
        use AdministratorStatus::{Active, Disabled, Removed};
        let (appointed, command, status, certificates) = match (self, command) {
            (Self::Unappointed, Command::Appoint(appointed)) => return Ok(vec![appointed.into()]),
            (Self::Appointed { .. }, Command::Appoint(_)) => {
                return Err(AdministratorRefusal::AlreadyAppointed);
            }
            (Self::Unappointed, _) => return Err(AdministratorRefusal::NotAppointed),
            (Self::Appointed { status: Removed, .. }, Command::Remove(_)) => return Ok(vec![]),
            (Self::Appointed { appointed, status: Removed, .. }, _) => {
                return Err(AdministratorRefusal::Removed(appointed.name.clone()));
            }
            (Self::Appointed { appointed, status, certificates }, command) => {
                (appointed, command, *status, certificates)
            }
        };
        Ok(match (command, status) {
            (Command::Update { grants, described }, _) => {
                let changed = grants.filter(|grants| *grants != appointed.grants);
                let described =
                    (!described.is_empty()).then_some(AdministratorDescribed { fields: described });
                let grants = changed.map(|grants| AdministratorGrantsChanged { grants }.into());
                grants.into_iter().chain(described.map(Into::into)).collect()
            }
            (Command::Disable(disabled), Active) => vec![disabled.into()],
            (Command::Enable(enabled), Disabled) => vec![enabled.into()],
            (Command::Remove(removed), _) => vec![removed.into()],
            (Command::BindCertificate(certificate, not_after), _) => certificates
                .bind(certificate, not_after)
                .ok_or_else(|| AdministratorRefusal::TooManyCertificates(appointed.name.clone()))?,
            (Command::UnbindCertificate(unbound), _) => {
                let mark = unbound.certificate;
                certificates.unbind(unbound).ok_or(AdministratorRefusal::NotBound(mark))?
            }
            (Command::UseCertificate(shown), _) => certificates.used(shown),
            (Command::Disable(_) | Command::Enable(_) | Command::Appoint(_), _) => vec![],
        })
    }

    fn evolve(self, event: AdministratorEvent) -> Self {
        let (mut appointed, mut status, mut certificates, event) = match (self, event) {
            (_, AdministratorEvent::Appointed(appointed)) => {
                let certificates = ClientCertificates::default();
                return Self::Appointed { appointed, status: AdministratorStatus::Active, certificates };
            }
            (Self::Unappointed, _) => return Self::Unappointed,
            (Self::Appointed { appointed, status, certificates }, event) => {
                (appointed, status, certificates, event)
            }
        };
        match event {
            AdministratorEvent::Appointed(_)
            | AdministratorEvent::Described(_)
            | AdministratorEvent::LinkWanted(_)
            | AdministratorEvent::LinkDrawn(_)
            | AdministratorEvent::PasswordSet(_) => {}
            AdministratorEvent::GrantsChanged(changed) => appointed.grants = changed.grants,
            AdministratorEvent::Disabled(_) => status = AdministratorStatus::Disabled,
            AdministratorEvent::Enabled(_) => status = AdministratorStatus::Active,
            AdministratorEvent::Removed(_) => status = AdministratorStatus::Removed,
            AdministratorEvent::CertificateBound(bound) => certificates.bound(bound),
            AdministratorEvent::CertificateUnbound(unbound) => certificates.unbound(unbound.certificate),
        }
        Self::Appointed { appointed, status, certificates }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Unappointed => Value::Null,
            Self::Appointed { appointed, status, certificates } => {
                json!({"name": appointed.name, "kind": appointed.kind, "grants": appointed.grants, "status": status,
                    "certificates": certificates.marks().collect::<Vec<_>>()})
            }
        }
    }
}

impl Administrator {
    /// What they were appointed to, with the grants as they are now; and whether they may act.
    pub fn appointed(&self) -> Option<(&AdministratorAppointed, AdministratorStatus)> {
        match self {
            Self::Unappointed => None,
            Self::Appointed { appointed, status, .. } => Some((appointed, *status)),
        }
    }

    /// A certificate that they may sign in with.
    pub fn certificate(&self, certificate: CertificateMark) -> Option<&AdministratorCertificateBound> {
        match self {
            Self::Unappointed => None,
            Self::Appointed { certificates, .. } => certificates.find(certificate),
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::{
        AdministratorId, OrganizationId,
        directory::{AdministratorKind, BuiltInRole, Role},
    };
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn auditor() -> Vec<Grant> {
        let grant = Grant::installation(Role::BuiltIn(BuiltInRole::Auditor));
        vec![Grant { organization_id: Some(OrganizationId(Uuid::from_u128(1))), ..grant }]
    }

    fn appointed() -> AdministratorEvent {
        let id = AdministratorId(Uuid::from_u128(1));
        AdministratorAppointed {
            id,
            name: "alice".into(),
            kind: AdministratorKind::Person,
            grants: auditor(),
        }
        .into()
    }

    fn update(grants: Option<Vec<Grant>>, described: &[&str]) -> AdministratorCommand {
        AdministratorCommand::Update {
            grants,
            described: described.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn only_what_changes_is_recorded() {
        given::<Administrator>([appointed()]).when(update(Some(auditor()), &[]), NOON).changes_nothing();
        given::<Administrator>([appointed()]).when(update(Some(vec![]), &["email"]), NOON).then([
            AdministratorGrantsChanged { grants: vec![] }.into(),
            AdministratorDescribed { fields: vec!["email".into()] }.into(),
        ]);
        given::<Administrator>([]).when(update(None, &[]), NOON).refused(AdministratorRefusal::NotAppointed);
    }

    #[test]
    fn who_is_disabled_can_be_enabled_and_who_is_removed_stays_removed() {
        let (disabled, enabled) = (AdministratorDisabled::default(), AdministratorEnabled::default());
        given::<Administrator>([appointed()])
            .when(AdministratorCommand::Disable(disabled.clone()), NOON)
            .then([disabled.into()])
            .when(AdministratorCommand::Enable(enabled.clone()), NOON)
            .then([enabled.clone().into()]);
        let removed = AdministratorRemoved::default();
        let gone = || given::<Administrator>([appointed(), removed.clone().into()]);
        gone().when(AdministratorCommand::Remove(removed.clone()), NOON).changes_nothing();
        for command in [AdministratorCommand::Enable(enabled), update(Some(vec![]), &[])] {
            gone().when(command, NOON).refused(AdministratorRefusal::Removed("alice".into()));
        }
    }
}
