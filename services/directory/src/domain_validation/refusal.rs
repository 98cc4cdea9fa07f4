//! Why a validation refuses.

use contracts::{Code, Problem, Violation};

/// Why a validation refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ValidationRefusal {
    /// There is none with this id.
    #[error("the domain validation does not exist")]
    NotStarted,
    /// The id is taken.
    #[error("the domain validation exists already")]
    AlreadyStarted,
    /// `*` is no name that anybody controls.
    #[error(
        "the domain '*' stands for every name, and nobody can prove control of that; validate a domain by its name"
    )]
    EveryName,
    /// The rules no longer take this method.
    #[error("proofs by e-mail are not taken since 2028-03-15; use dns_txt, dns_cname or http")]
    MethodNotTaken,
    /// It is over.
    #[error("the domain validation is over; start another one")]
    Over,
    /// There is nothing to look for.
    #[error("a validation by e-mail is confirmed by the link in the mail; there is nothing to look for")]
    NothingToLookFor,
    /// It is not one by e-mail.
    #[error("the validation is not one by e-mail")]
    NotByMail,
    /// No mail is wanted, or not to there.
    #[error("no mail about this domain is wanted there")]
    MailNotWanted,
    /// Not the code, or no longer.
    #[error("the link is not known, was used, has lapsed or was replaced by a later one")]
    CodeVoid,
}

impl From<ValidationRefusal> for Problem {
    fn from(refusal: ValidationRefusal) -> Self {
        use ValidationRefusal as R;
        let detail = refusal.to_string();
        let refused = |pointer, code| {
            Self::new(Code::ValidationFailed, detail.clone()).with_errors(vec![Violation::at(
                pointer,
                code,
                detail.clone(),
            )])
        };
        match refusal {
            R::NotStarted => Self::new(Code::NotFound, detail),
            R::AlreadyStarted => Self::new(Code::AlreadyExists, detail),
            R::EveryName => refused("#/domain", "domain_not_validatable"),
            R::MethodNotTaken => refused("#/method", "method_not_taken"),
            R::Over | R::NothingToLookFor | R::NotByMail | R::MailNotWanted => {
                Self::new(Code::InvalidState, detail)
            }
            R::CodeVoid => Self::new(Code::LinkVoid, detail),
        }
    }
}
