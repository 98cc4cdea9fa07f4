//! Why a certificate request is refused.

use contracts::{Code, Problem, Violation};

use crate::answer::AnswerRefusal;

/// Why a certificate request is refused. Nothing is kept of it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The id is taken.
    #[error("the certificate request exists already")]
    AlreadySubmitted,
    /// There is none with this id.
    #[error("the certificate request does not exist")]
    NotSubmitted,
    /// The profile is for managed keys.
    #[error("Self-signed certificates are not supported for CSR signing")]
    SelfSignedWithCsr,
    /// The CA does not sign.
    #[error("the certification authority '{name}' {state}")]
    Issuer {
        /// Its name.
        name: String,
        /// What it is or has, and what helps.
        state: &'static str,
    },
    /// What a CA outside answered does not fit.
    #[error(transparent)]
    Answer(#[from] AnswerRefusal),
    /// No certificate is waited for.
    #[error("no certificate is waited for: the request is {0}")]
    NotWaiting(&'static str),
    /// Another certificate came earlier.
    #[error(
        "the request has its certificate already, and this is another one; import it or make a new request"
    )]
    Answered,
    /// Values that are not allowed, or rules of the policy that are not satisfied.
    #[error("{}", summary(policy, violations))]
    Rules {
        /// The policy's name.
        policy: String,
        /// Each of them.
        violations: Vec<Violation>,
    },
}

fn summary(policy: &str, violations: &[Violation]) -> String {
    match violations {
        [only] => only.detail.clone(),
        several => format!("{} rules refuse this request; the policy is '{policy}'", several.len()),
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::AlreadySubmitted => Self::new(Code::AlreadyExists, detail),
            Refusal::NotSubmitted => Self::new(Code::NotFound, detail),
            Refusal::SelfSignedWithCsr => Self::new(Code::PolicyViolation, detail.clone())
                .with_errors(vec![Violation::at("#/csr", "csr_not_supported", detail)]),
            Refusal::Answer(refusal) => refusal.into(),
            Refusal::Issuer { .. } | Refusal::NotWaiting(_) | Refusal::Answered => {
                Self::new(Code::InvalidState, detail)
            }
            Refusal::Rules { violations, .. } => {
                // Those of a policy name the rule; values that no policy could allow do not.
                let by_policy = violations.iter().any(|violation| violation.rule.is_some());
                let code = if by_policy { Code::PolicyViolation } else { Code::ValidationFailed };
                Self::new(code, detail).with_errors(violations)
            }
        }
    }
}
