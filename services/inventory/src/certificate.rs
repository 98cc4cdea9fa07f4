//! What inventory decides about a certificate: labels, owner, note, archive. Its issuance is the signer's to tell.

use contracts::{
    Code, Problem, Timestamp, Violation,
    directory::Belonging,
    inventory::{
        AnnotateCertificate, CertificateAnnotated, CertificateArchived, CertificateEvent,
        CertificateImported, CertificateRestored,
    },
    labels::{check_labels, check_text},
};
use runtime::aggregate::Aggregate;

/// One certificate, as far as inventory decides: nothing recorded yet, or what was recorded last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Certificate {
    annotated: Option<CertificateAnnotated>,
    archived: bool,
}

/// What may be asked of a certificate.
#[derive(Clone, Debug)]
pub enum CertificateCommand {
    /// Change what is recorded about it.
    Annotate(Annotate),
    /// Let it be of no interest any more.
    Archive(Filing),
    /// Let it be of interest again.
    Restore(Filing),
}

/// Why a certificate goes into the archive, or out of it, and whose it is.
#[derive(Clone, Debug)]
pub struct Filing {
    /// Why.
    pub reason: Option<String>,
    /// Whose it is.
    pub belongs: Belonging,
}

impl From<Annotate> for CertificateCommand {
    fn from(annotate: Annotate) -> Self {
        Self::Annotate(annotate)
    }
}

/// Changes what is recorded about a certificate.
#[derive(Clone, Debug)]
pub struct Annotate {
    /// The fields that change.
    pub change: AnnotateCertificate,
    /// What the request for it said, which holds until something is recorded.
    pub requested: CertificateAnnotated,
}

/// Some fields hold what they may not.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{} field(s) are not allowed", .0.len())]
pub struct Invalid(Vec<Violation>);

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let detail = invalid.to_string();
        Self::new(Code::ValidationFailed, detail).with_errors(invalid.0)
    }
}

impl Aggregate for Certificate {
    type Command = CertificateCommand;
    type Event = CertificateEvent;
    type Refusal = Invalid;

    fn decide(&self, command: CertificateCommand, _now: Timestamp) -> Result<Vec<CertificateEvent>, Invalid> {
        match command {
            CertificateCommand::Annotate(annotate) => self.annotate(annotate),
            CertificateCommand::Archive(filing) => {
                let Filing { reason, belongs } = filing.checked()?;
                let archived = CertificateArchived { reason, belongs };
                Ok(if self.archived { vec![] } else { vec![archived.into()] })
            }
            CertificateCommand::Restore(filing) => {
                let Filing { reason, belongs } = filing.checked()?;
                let restored = CertificateRestored { reason, belongs };
                Ok(if self.archived { vec![restored.into()] } else { vec![] })
            }
        }
    }

    fn evolve(self, event: CertificateEvent) -> Self {
        match event {
            CertificateEvent::Annotated(annotated) => Self { annotated: Some(annotated), ..self },
            // What it was brought in with, until something else is recorded.
            CertificateEvent::Imported(imported) => Self { annotated: Some(annotations(imported)), ..self },
            CertificateEvent::Archived(_) => Self { archived: true, ..self },
            CertificateEvent::Restored(_) => Self { archived: false, ..self },
        }
    }
}

impl Filing {
    fn checked(self) -> Result<Self, Invalid> {
        let wrong = self.reason.as_deref().and_then(|reason| check_text("#/reason", reason, 1_000));
        match wrong {
            Some(wrong) => Err(Invalid(vec![wrong])),
            None => Ok(Self { reason: self.reason.filter(|reason| !reason.is_empty()), ..self }),
        }
    }
}

impl Certificate {
    /// What was recorded last, if anything was.
    pub fn recorded(&self) -> Option<&CertificateAnnotated> {
        self.annotated.as_ref()
    }

    /// Whether it is archived.
    pub fn is_archived(&self) -> bool {
        self.archived
    }

    fn annotate(&self, Annotate { change, requested }: Annotate) -> Result<Vec<CertificateEvent>, Invalid> {
        let current = self.annotated.clone().unwrap_or(requested);
        let next = CertificateAnnotated {
            labels: change.labels.unwrap_or_else(|| current.labels.clone()),
            owner: replaced(change.owner, &current.owner),
            note: replaced(change.note, &current.note),
            belongs: current.belongs,
        };
        let errors: Vec<_> = check_labels("#/labels", &next.labels)
            .into_iter()
            .chain(next.owner.as_deref().and_then(|owner| check_text("#/owner", owner, 200)))
            .chain(next.note.as_deref().and_then(|note| check_text("#/note", note, 1_000)))
            .collect();
        if !errors.is_empty() {
            return Err(Invalid(errors));
        }
        Ok(if next == current { vec![] } else { vec![next.into()] })
    }
}

/// What is recorded about a certificate from its import on.
fn annotations(imported: CertificateImported) -> CertificateAnnotated {
    let CertificateImported { labels, owner, note, belongs, .. } = imported;
    CertificateAnnotated { labels, owner, note, belongs }
}

/// A given text replaces; an empty one takes away; none leaves.
fn replaced(given: Option<String>, current: &Option<String>) -> Option<String> {
    match given {
        Some(text) if text.is_empty() => None,
        Some(text) => Some(text),
        None => current.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contracts::CertificateId;
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn annotate(owner: Option<&str>, note: Option<&str>, requested: CertificateAnnotated) -> Annotate {
        let change = AnnotateCertificate {
            certificate: CertificateId(Uuid::from_u128(1)),
            labels: None,
            owner: owner.map(Into::into),
            note: note.map(Into::into),
        };
        Annotate { change, requested }
    }

    fn requested() -> CertificateAnnotated {
        CertificateAnnotated {
            labels: BTreeMap::from([("env".into(), "prod".into())]),
            owner: None,
            note: Some("CHG-1042".into()),
            belongs: contracts::directory::Belonging::default(),
        }
    }

    #[test]
    fn what_the_request_said_holds_until_something_is_recorded() {
        let first = CertificateAnnotated { owner: Some("web".into()), ..requested() };
        given::<Certificate>([])
            .when(annotate(Some("web"), None, requested()), NOON)
            .then([first.clone().into()])
            .when(annotate(None, Some(""), CertificateAnnotated::default()), NOON)
            .then([CertificateAnnotated { note: None, ..first }.into()]);
        given::<Certificate>([]).when(annotate(Some(""), None, requested()), NOON).changes_nothing();
    }

    #[test]
    fn a_certificate_goes_into_the_archive_once_and_comes_out_of_it() {
        let filing = || Filing { reason: Some("moved".into()), belongs: Belonging::default() };
        let archived = CertificateArchived { reason: Some("moved".into()), ..CertificateArchived::default() };
        let restored = CertificateRestored { reason: Some("moved".into()), ..CertificateRestored::default() };
        let (archive, restore) =
            (CertificateCommand::Archive(filing()), CertificateCommand::Restore(filing()));
        given::<Certificate>([]).when(restore.clone(), NOON).changes_nothing();
        let away = || given::<Certificate>([]).when(archive.clone(), NOON).then([archived.clone().into()]);
        away().when(archive.clone(), NOON).changes_nothing();
        away()
            .when(restore, NOON)
            .then([restored.into()])
            .when(archive.clone(), NOON)
            .then([archived.clone().into()]);
        away().when(annotate(Some("web"), None, CertificateAnnotated::default()), NOON).then([
            CertificateAnnotated { owner: Some("web".into()), ..CertificateAnnotated::default() }.into(),
        ]);
    }

    #[test]
    fn a_note_has_an_end() {
        let long = "x".repeat(1_001);
        let Err(Invalid(errors)) =
            Certificate::default().decide(annotate(None, Some(&long), requested()).into(), NOON)
        else {
            panic!("accepted")
        };
        assert_eq!(errors[0].pointer.as_deref(), Some("#/note"));
    }
}
