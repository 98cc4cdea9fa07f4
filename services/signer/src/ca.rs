//! A certification authority: first the intent, then its certificate, then it issues until it is suspended.

use contracts::{
    Code, Problem, Timestamp, Violation,
    signer::{CaCreated, CaEvent, CaIntended, CaResumed, CaStatus, CaSuspended},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

use crate::fields;

/// One certification authority.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Ca {
    /// Nothing has happened yet.
    #[default]
    Unintended,
    /// What its certificate will be stands in the log; the signature is outstanding.
    Pending(CaIntended),
    /// It signs.
    Active(Certified),
    /// It does not sign for now.
    Suspended(Certified),
}

/// A CA that has its certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Certified {
    /// What it was to be.
    pub intent: CaIntended,
    /// What it is.
    pub certificate: CaCreated,
}

/// What may be asked of a CA.
#[derive(Clone, Debug)]
pub enum CaCommand {
    /// Let its certificate be exactly this.
    Intend(CaIntended),
    /// Its certificate is signed.
    Certify(CaCreated),
    /// Let it sign nothing until it is resumed.
    Suspend {
        /// Why, for people.
        reason: String,
    },
    /// Let it sign again.
    Resume {
        /// Why, for people.
        reason: Option<String>,
    },
}

/// Why a CA refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CaRefusal {
    /// There is none with this id.
    #[error("there is no such certification authority, or it is not visible to you")]
    NotIntended,
    /// The id is taken.
    #[error("the certification authority '{0}' exists already")]
    AlreadyIntended(String),
    /// It has another certificate.
    #[error("the certification authority '{0}' has its certificate already")]
    AlreadyCertified(String),
    /// Its certificate is being made.
    #[error("the certification authority '{0}' is pending: wait until its certificate is signed")]
    Pending(String),
    /// A reason that is none.
    #[error("the reason is not allowed")]
    Reason(Box<Violation>),
}

impl From<CaRefusal> for Problem {
    fn from(refusal: CaRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            CaRefusal::NotIntended => Self::new(Code::NotFound, detail),
            CaRefusal::AlreadyIntended(_) => Self::new(Code::AlreadyExists, detail),
            CaRefusal::AlreadyCertified(_) | CaRefusal::Pending(_) => Self::new(Code::InvalidState, detail),
            CaRefusal::Reason(violation) => {
                Self::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![*violation])
            }
        }
    }
}

impl Aggregate for Ca {
    type Command = CaCommand;
    type Event = CaEvent;
    type Refusal = CaRefusal;

    fn decide(&self, command: CaCommand, _now: Timestamp) -> Result<Vec<CaEvent>, CaRefusal> {
        use CaCommand::{Certify, Intend, Resume, Suspend};
        Ok(match (self, command) {
            (Self::Unintended, Intend(intent)) => vec![intent.into()],
            (Self::Unintended, _) => return Err(CaRefusal::NotIntended),
            (_, Intend(intent)) => return Err(CaRefusal::AlreadyIntended(intent.name)),
            (Self::Pending(_), Certify(certificate)) => vec![certificate.into()],
            (Self::Pending(intent), _) => return Err(CaRefusal::Pending(intent.name.clone())),
            (Self::Active(ca) | Self::Suspended(ca), Certify(certificate))
                if ca.certificate == certificate =>
            {
                vec![]
            }
            (Self::Active(ca) | Self::Suspended(ca), Certify(_)) => {
                return Err(CaRefusal::AlreadyCertified(ca.intent.name.clone()));
            }
            (Self::Active(_), Suspend { reason }) => {
                refuse(fields::reason(&reason))?;
                vec![CaSuspended { reason }.into()]
            }
            (Self::Suspended(_), Resume { reason }) => {
                refuse(reason.as_deref().and_then(fields::reason))?;
                vec![CaResumed { reason }.into()]
            }
            (Self::Active(_), Resume { .. }) | (Self::Suspended(_), Suspend { .. }) => vec![], // so already
        })
    }

    fn evolve(self, event: CaEvent) -> Self {
        match (self, event) {
            (_, CaEvent::Intended(intent)) => Self::Pending(intent),
            (Self::Pending(intent), CaEvent::Created(certificate)) => {
                Self::Active(Certified { intent, certificate })
            }
            (Self::Active(ca), CaEvent::Suspended(_)) => Self::Suspended(ca),
            (Self::Suspended(ca), CaEvent::Resumed(_)) => Self::Active(ca),
            (state, CaEvent::Created(_) | CaEvent::Suspended(_) | CaEvent::Resumed(_)) => state,
        }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Unintended => Value::Null,
            Self::Pending(intent)
            | Self::Active(Certified { intent, .. })
            | Self::Suspended(Certified { intent, .. }) => {
                json!({ "name": intent.name, "kind": intent.kind, "status": self.status() })
            }
        }
    }
}

fn refuse(violation: Option<Violation>) -> Result<(), CaRefusal> {
    violation.map_or(Ok(()), |violation| Err(CaRefusal::Reason(Box::new(violation))))
}

impl Ca {
    /// Whether it signs.
    #[must_use]
    pub const fn status(&self) -> CaStatus {
        match self {
            Self::Unintended | Self::Pending(_) => CaStatus::Pending,
            Self::Active(_) => CaStatus::Active,
            Self::Suspended(_) => CaStatus::Suspended,
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::{
        CaId, KeyId,
        signer::CaKind,
        x509::{KeyAlgorithm, SignatureAlgorithm},
    };
    use uuid::Uuid;

    use super::*;
    use runtime::aggregate::test::given;
    use time::macros::datetime;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));

    fn intent() -> CaIntended {
        CaIntended {
            id: CaId(Uuid::from_u128(1)),
            name: "root-1".into(),
            kind: CaKind::Root,
            parent_id: None,
            key_id: KeyId(Uuid::from_u128(2)),
            signing_key_id: KeyId(Uuid::from_u128(2)),
            key_algorithm: KeyAlgorithm::EcdsaP256,
            signature_algorithm: SignatureAlgorithm::EcdsaSha256,
            tbs: "MAA=".into(),
            max_ttl: None,
            approval_id: None,
        }
    }

    fn certificate() -> CaCreated {
        CaCreated {
            certificate: "MAA=".into(),
            fingerprint_sha256: "00".into(),
            common_name: "Root 1".into(),
            not_before: NOON,
            not_after: NOON,
        }
    }

    fn suspended() -> CaSuspended {
        CaSuspended { reason: "drill".into() }
    }

    fn suspend(reason: &str) -> CaCommand {
        CaCommand::Suspend { reason: reason.into() }
    }

    const RESUME: CaCommand = CaCommand::Resume { reason: None };

    #[test]
    fn a_ca_is_intended_then_certified_then_suspended_and_resumed() {
        given::<Ca>([])
            .when(CaCommand::Intend(intent()), NOON)
            .then([intent().into()])
            .when(CaCommand::Certify(certificate()), NOON)
            .then([certificate().into()])
            .when(suspend("drill"), NOON)
            .then([suspended().into()])
            .when(RESUME, NOON)
            .then([CaResumed { reason: None }.into()])
            .is(&Ca::Active(Certified { intent: intent(), certificate: certificate() }));
    }

    #[test]
    fn an_id_is_used_once() {
        given::<Ca>([intent().into()])
            .when(CaCommand::Intend(intent()), NOON)
            .refused(CaRefusal::AlreadyIntended("root-1".into()));
    }

    #[test]
    fn a_ca_that_was_never_intended_does_not_exist() {
        for command in [CaCommand::Certify(certificate()), suspend("drill"), RESUME] {
            given::<Ca>([]).when(command, NOON).refused(CaRefusal::NotIntended);
        }
    }

    #[test]
    fn a_pending_ca_is_neither_suspended_nor_resumed() {
        for command in [suspend("drill"), RESUME] {
            given::<Ca>([intent().into()]).when(command, NOON).refused(CaRefusal::Pending("root-1".into()));
        }
    }

    #[test]
    fn a_ca_has_one_certificate() {
        let other = CaCreated { fingerprint_sha256: "01".into(), ..certificate() };
        given::<Ca>([intent().into(), certificate().into()])
            .when(CaCommand::Certify(other), NOON)
            .refused(CaRefusal::AlreadyCertified("root-1".into()));
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        let active = || given::<Ca>([intent().into(), certificate().into()]);
        active().when(CaCommand::Certify(certificate()), NOON).changes_nothing();
        active().when(RESUME, NOON).changes_nothing();
        given::<Ca>([intent().into(), certificate().into(), suspended().into()])
            .when(suspend("again"), NOON)
            .changes_nothing();
    }

    #[test]
    fn a_suspension_says_why() {
        let active = Ca::Active(Certified { intent: intent(), certificate: certificate() });
        for reason in ["", "  ", "bell \u{7}", &"x".repeat(1_001)] {
            let Err(CaRefusal::Reason(violation)) = active.decide(suspend(reason), NOON) else {
                panic!("{reason:?} was taken")
            };
            assert_eq!(violation.pointer.as_deref(), Some("#/reason"));
        }
    }
}
