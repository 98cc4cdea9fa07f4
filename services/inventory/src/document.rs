//! Documents of certificates (A21): any file. What is known of one is in the log, its bytes are beside it.

mod handlers;
mod projection;
mod table;

use contracts::{
    Code, Problem, Timestamp, Violation,
    inventory::{DocumentAttached, DocumentEvent, DocumentRemoved, LARGEST_DOCUMENT},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

pub use self::{handlers::Documents, projection::DocumentProjection};

/// The longest name of a file, in bytes: what file systems take.
const LONGEST_NAME: usize = 255;

/// One document.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Document {
    /// Nothing has happened yet.
    #[default]
    Unknown,
    /// It is kept.
    Kept(DocumentAttached),
    /// It is not any more.
    Removed(DocumentAttached),
}

/// What may be asked of a document.
#[derive(Clone, Debug)]
pub enum DocumentCommand {
    /// Keep it.
    Attach(DocumentAttached),
    /// Do not keep it any more.
    Remove,
}

/// Why a document refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DocumentRefusal {
    /// There is none with this id.
    #[error("the document does not exist")]
    Missing,
    /// The id is taken.
    #[error("the document exists already")]
    AlreadyKept,
    /// More bytes than are kept.
    #[error("the file has {0} bytes; at most {LARGEST_DOCUMENT} are kept")]
    TooLarge(u64),
    /// A name that no file should have.
    #[error("the name of the file is not allowed: {0}")]
    Name(&'static str),
}

impl From<DocumentRefusal> for Problem {
    fn from(refusal: DocumentRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            DocumentRefusal::Missing => Self::new(Code::NotFound, detail),
            DocumentRefusal::AlreadyKept => Self::new(Code::AlreadyExists, detail),
            DocumentRefusal::TooLarge(_) => Self::new(Code::PayloadTooLarge, detail),
            DocumentRefusal::Name(_) => Self::new(Code::ValidationFailed, detail.clone())
                .with_errors(vec![Violation::in_parameter("name", "invalid_file_name", detail)]),
        }
    }
}

impl Aggregate for Document {
    type Command = DocumentCommand;
    type Event = DocumentEvent;
    type Refusal = DocumentRefusal;

    fn decide(
        &self,
        command: DocumentCommand,
        _now: Timestamp,
    ) -> Result<Vec<DocumentEvent>, DocumentRefusal> {
        match (self, command) {
            (Self::Unknown, DocumentCommand::Attach(attached)) => {
                if attached.size > LARGEST_DOCUMENT as u64 {
                    return Err(DocumentRefusal::TooLarge(attached.size));
                }
                check_name(&attached.name).map_err(DocumentRefusal::Name)?;
                Ok(vec![attached.into()])
            }
            (_, DocumentCommand::Attach(_)) => Err(DocumentRefusal::AlreadyKept),
            (Self::Unknown, DocumentCommand::Remove) => Err(DocumentRefusal::Missing),
            (Self::Kept(_), DocumentCommand::Remove) => Ok(vec![DocumentRemoved {}.into()]),
            (Self::Removed(_), DocumentCommand::Remove) => Ok(vec![]),
        }
    }

    fn evolve(self, event: DocumentEvent) -> Self {
        match (self, event) {
            (_, DocumentEvent::Attached(attached)) => Self::Kept(attached),
            (Self::Kept(attached), DocumentEvent::Removed(_)) => Self::Removed(attached),
            (unchanged, DocumentEvent::Removed(_)) => unchanged,
        }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Kept(document) => {
                json!({"name": document.name, "size": document.size, "sha256": document.sha256})
            }
            Self::Unknown | Self::Removed(_) => Value::Null,
        }
    }
}

impl Document {
    /// What is known of it, also once it is removed.
    pub fn about(&self) -> Option<&DocumentAttached> {
        match self {
            Self::Unknown => None,
            Self::Kept(about) | Self::Removed(about) => Some(about),
        }
    }
}

/// Whether a file may be called so anywhere: no folders, nothing that is hidden or shown in another order.
fn check_name(name: &str) -> Result<(), &'static str> {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    match name {
        "" => Err("it is empty"),
        "." | ".." => Err("it names a folder"),
        name if name.len() > LONGEST_NAME => Err("it has more than 255 bytes"),
        name if name.contains(['/', '\\']) => Err("it names folders"),
        name if name.contains(odd) => Err("it has characters that are not seen"),
        name if name.trim() != name => Err("it begins or ends with a space"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use contracts::{CertificateId, DocumentId};
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn file(name: &str, size: u64) -> DocumentAttached {
        DocumentAttached {
            id: DocumentId(Uuid::from_u128(1)),
            certificate_id: CertificateId(Uuid::from_u128(2)),
            name: name.into(),
            size,
            sha256: "9b".repeat(32),
        }
    }

    #[test]
    fn a_document_is_kept_once_and_removed_once() {
        let attach = || DocumentCommand::Attach(file("contract.pdf", 7));
        let kept = || given::<Document>([]).when(attach(), NOON).then([file("contract.pdf", 7).into()]);
        kept().when(attach(), NOON).refused(DocumentRefusal::AlreadyKept);
        let removed = || kept().when(DocumentCommand::Remove, NOON).then([DocumentRemoved {}.into()]);
        removed().when(DocumentCommand::Remove, NOON).changes_nothing();
        given::<Document>([]).when(DocumentCommand::Remove, NOON).refused(DocumentRefusal::Missing);
    }

    #[test]
    fn a_file_has_an_end() {
        let size = LARGEST_DOCUMENT as u64;
        given::<Document>([])
            .when(DocumentCommand::Attach(file("a", size)), NOON)
            .then([file("a", size).into()]);
        let large = DocumentCommand::Attach(file("a", size + 1));
        given::<Document>([]).when(large, NOON).refused(DocumentRefusal::TooLarge(size + 1));
    }

    #[test]
    fn hostile_names_are_refused() {
        for name in
            ["", ".", "..", "../etc/passwd", "a\\b", "a\0", "a\nb", "a\u{202e}fdp.exe", " a", "a\u{200b}"]
        {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name(&"x".repeat(256)).is_err());
        for name in ["contract.pdf", "Vertrag Müller (2).pdf", "契約.pdf", ".hidden", "=1+1.csv", "a\"b;c"]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }
}
