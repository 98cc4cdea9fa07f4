//! What is told of an import.

use contracts::{Code, Violation, inventory::ImportOutcome};

use super::{
    CertificateOutcome, ImportItem, ImportReport, ItemCertificate, ItemKey, KeyOutcome,
    awaited::Awaited,
    certificates::Certificates,
    items::{Item, Read},
    keys::Keys,
};
use crate::file_reader::FoundKey;

/// All of it.
pub fn of(items: Vec<Item>, keys: &Keys, awaited: &Awaited, certificates: &Certificates) -> ImportReport {
    let told = Told { keys, awaited, certificates };
    let count = |wanted| certificates.outcomes.values().filter(|(_, outcome)| *outcome == wanted).count();
    let (imported, known) = (count(ImportOutcome::Imported), count(ImportOutcome::Known));
    let keys = keys.fates.values().filter(|fate| fate.outcome == KeyOutcome::Imported).count();
    let items: Vec<ImportItem> = items.into_iter().map(|item| told.item(item)).collect();
    let failed = items.iter().filter(|item| !item.problems.is_empty()).count();
    ImportReport { imported, known, answered: awaited.taken.len(), keys, failed, items }
}

struct Told<'a> {
    keys: &'a Keys,
    awaited: &'a Awaited,
    certificates: &'a Certificates,
}

impl Told<'_> {
    fn item(&self, item: Item) -> ImportItem {
        let mut notes = item.notes;
        let faults = item.faults.into_iter();
        let mut problems: Vec<Violation> =
            faults.map(|fault| Violation::at("#/files", fault.code, fault.detail)).collect();
        for read in &item.certificates {
            notes.extend(self.awaited.refused.get(&read.sha256).cloned());
            notes.extend(self.awaited.taken.get(&read.sha256).and_then(|taken| taken.note.clone()));
        }
        for key in &item.keys {
            match self.outcome(key) {
                KeyOutcome::Unmatched => {
                    let words = "a private key in the file belongs to none of the certificates beside it or known here; \
                         it was not kept";
                    problems.push(Violation::at("#/files", Code::KeyMismatch.as_str(), words));
                }
                KeyOutcome::Ignored => {
                    notes.push("private keys are not imported: none was kept".to_owned());
                }
                KeyOutcome::Refused => {
                    let fate = self.keys.fates.get(&key.spki_sha256);
                    problems.extend(fate.and_then(|fate| fate.problem.clone()));
                }
                KeyOutcome::Imported | KeyOutcome::Known => {}
            }
        }
        notes.dedup();
        ImportItem {
            recognized_as: item.recognized_as,
            certificates: item.certificates.iter().map(|read| self.certificate(read)).collect(),
            keys: item.keys.into_iter().map(|key| self.key(key)).collect(),
            file: item.file,
            notes,
            problems,
        }
    }

    fn certificate(&self, read: &Read) -> ItemCertificate {
        let taken = self.awaited.taken.get(&read.sha256);
        let (certificate_id, outcome) = match (taken, self.certificates.outcomes.get(&read.sha256)) {
            (Some(taken), _) => (taken.certificate, CertificateOutcome::Answered),
            (None, Some((id, ImportOutcome::Imported))) => (*id, CertificateOutcome::Imported),
            (None, Some((id, ImportOutcome::Known))) => (*id, CertificateOutcome::Known),
            (None, None) => (None, CertificateOutcome::Known),
        };
        ItemCertificate {
            certificate_id,
            subject: read.certificate.subject(),
            issuer: read.certificate.issuer(),
            not_after: read.certificate.not_after(),
            fingerprint_sha256: read.sha256.clone(),
            outcome,
            key_id: self.keys.ids.get(&read.spki_sha256).copied(),
            request_id: taken.map(|taken| taken.request),
        }
    }

    fn key(&self, key: FoundKey) -> ItemKey {
        ItemKey {
            outcome: self.outcome(&key),
            key_id: self.keys.ids.get(&key.spki_sha256).copied(),
            algorithm: key.algorithm,
            spki_sha256: key.spki_sha256,
            alias: key.alias,
        }
    }

    fn outcome(&self, key: &FoundKey) -> KeyOutcome {
        self.keys.fates.get(&key.spki_sha256).map_or(KeyOutcome::Ignored, |fate| fate.outcome)
    }
}
