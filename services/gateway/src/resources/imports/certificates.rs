//! Certificates: each goes into the inventory once.

use std::collections::{HashMap, HashSet};

use bus::Context;
use contracts::{
    CertificateId, Problem,
    inventory::{CertificateToImport, IMPORTED_AT_ONCE, IMPORTED_BYTES, ImportCertificates, ImportOutcome},
};
use time::Duration;

use super::{ImportFiles, awaited::Awaited, items::Item};
use crate::call::Call;

/// How long all of it may take: ten thousand certificates are more than a request is given.
const PATIENCE: Duration = Duration::minutes(4);

/// Where certificates go.
pub struct Place {
    /// The context of commands to the inventory, which finds the organization by its name.
    pub context: Context,
    /// The context of commands to others: in the organization.
    pub there: Context,
}

impl Place {
    /// Finds it. Errors: `not_found`, `forbidden`, and `validation_failed` about what is to be recorded, before anything is
    /// read.
    pub async fn of(call: &Call, wanted: &ImportFiles) -> Result<Self, Problem> {
        let deadline = call.gateway.clock.now().plus(PATIENCE);
        let context = Context { if_version: None, deadline, ..call.context()? };
        let asked = call.gateway.bus.call(&context.step("import/where"), &command(wanted, vec![])).await?;
        let there = Context { tenant: asked.result.organization_id, ..context.clone() };
        Ok(Self { context, there })
    }
}

/// What became of the certificates.
pub struct Certificates {
    /// Each, by its fingerprint.
    pub outcomes: HashMap<String, (Option<CertificateId>, ImportOutcome)>,
    /// Where it stands in the log.
    pub position: i64,
    /// Whether all of this was done before.
    pub replayed: bool,
}

/// Has each certificate brought in once, part by part, but for those that were answers. A part is one command, so that a
/// repeat with the same key finds it.
pub async fn bring(
    call: &Call,
    place: &Place,
    wanted: &ImportFiles,
    items: &[Item],
    awaited: &Awaited,
) -> Result<Certificates, Problem> {
    let mut all = Certificates { outcomes: HashMap::new(), position: 0, replayed: true };
    for (number, part) in parts(items, awaited).into_iter().enumerate() {
        let (fingerprints, certificates): (Vec<_>, Vec<_>) = part.into_iter().unzip();
        let command = command(wanted, certificates);
        let step = place.context.step(&format!("import/{number}"));
        if call.query.flag("dryRun") {
            let tried = call.gateway.bus.dry_run(&step, &command).await?;
            let new: HashSet<String> = tried.changes.into_iter().map(|change| change.pointer).collect();
            for (at, fingerprint) in fingerprints.into_iter().enumerate() {
                let is_new = new.contains(&format!("/certificates/{at}"));
                let outcome = if is_new { ImportOutcome::Imported } else { ImportOutcome::Known };
                all.outcomes.insert(fingerprint, (None, outcome));
            }
            continue;
        }
        let reply = call.gateway.bus.call(&step, &command).await?;
        all.position = all.position.max(reply.position);
        all.replayed &= reply.replayed;
        for (fingerprint, result) in fingerprints.into_iter().zip(reply.result.results) {
            all.outcomes.insert(fingerprint, (result.certificate_id, result.outcome));
        }
    }
    Ok(all)
}

fn command(wanted: &ImportFiles, certificates: Vec<CertificateToImport>) -> ImportCertificates {
    ImportCertificates {
        organization: wanted.organization.clone(),
        department: wanted.department.clone(),
        certificate_type: wanted.certificate_type,
        mode: wanted.mode,
        labels: wanted.labels.clone(),
        owner: wanted.owner.clone(),
        note: wanted.note.clone(),
        certificates,
    }
}

/// The certificates with their fingerprints, each once, in parts that a command takes.
fn parts(items: &[Item], awaited: &Awaited) -> Vec<Vec<(String, CertificateToImport)>> {
    let (mut parts, mut bytes, mut seen) = (vec![vec![]], 0, HashSet::new());
    for item in items {
        for read in &item.certificates {
            if awaited.taken.contains_key(&read.sha256) || !seen.insert(&read.sha256) {
                continue;
            }
            let is_full =
                |part: &Vec<_>| part.len() >= IMPORTED_AT_ONCE || bytes + read.text.len() > IMPORTED_BYTES;
            if parts.last().is_none_or(is_full) {
                parts.push(vec![]);
                bytes = 0;
            }
            bytes += read.text.len();
            let one = CertificateToImport { certificate: read.text.clone(), file: Some(item.file.clone()) };
            if let Some(part) = parts.last_mut() {
                part.push((read.sha256.clone(), one));
            }
        }
    }
    parts
}
