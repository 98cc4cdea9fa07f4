//! `import_certificates`: certificates that others issued become known. The same certificate is one record, however
//! often it is brought and whatever file it comes in.

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bus::{Answer, Context, Reply};
use contracts::{
    AdministratorId, CertificateId, Code, DepartmentId, OrganizationId, Permission, Problem, Timestamp,
    Violation,
    command::{Change, DryRun},
    directory::Belonging,
    id::Reference,
    inventory::{
        CertificateEvent, CertificateImported, CertificatesImported, IMPORTED_AT_ONCE, ImportCertificates,
        ImportOutcome, ImportResult, imported_certificate_id,
    },
    labels::{check_labels, check_text},
    x509::CertificateType,
};
use deadpool_postgres::Pool;
use futures::future::try_join_all;
use pki::Certificate as Parsed;
use runtime::{
    aggregate::Aggregate,
    authority::{Authority, Caller, Target, permitted},
    database::{Scope, scoped_read},
    error::words,
    repository::Repository,
    service::ServiceContext,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::certificate::Invalid;

/// Whether a certificate was brought in, and whose it is since then.
#[derive(Clone, Debug, Default, PartialEq)]
enum Import {
    /// Nothing is recorded about it.
    #[default]
    Unknown,
    /// It is known.
    Known(Belonging),
}

impl Aggregate for Import {
    type Command = CertificateImported;
    type Event = CertificateEvent;
    type Refusal = Invalid;

    fn decide(&self, import: CertificateImported, _now: Timestamp) -> Result<Vec<CertificateEvent>, Invalid> {
        Ok(match self {
            Self::Unknown => vec![import.into()],
            Self::Known(_) => vec![],
        })
    }

    fn evolve(self, event: CertificateEvent) -> Self {
        match (self, event) {
            (Self::Unknown, CertificateEvent::Imported(imported)) => Self::Known(imported.belongs),
            (Self::Unknown, CertificateEvent::Annotated(annotated)) => Self::Known(annotated.belongs),
            (Self::Unknown, CertificateEvent::Archived(archived)) => Self::Known(archived.belongs),
            (Self::Unknown, CertificateEvent::Restored(restored)) => Self::Known(restored.belongs),
            (known @ Self::Known(_), _) => known,
        }
    }
}

/// The handler and what it works with.
pub struct Imports {
    authority: Authority,
    imports: Repository<Import>,
    pool: Pool,
}

/// One of them, read.
struct Candidate {
    id: CertificateId,
    sha256: String,
    import: CertificateImported,
}

impl Imports {
    /// The handler of one service instance.
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            authority: context.authority.clone(),
            imports: context.repository(10_000),
            pool: context.pool.clone(),
        }
    }

    /// Brings certificates in. Errors: `validation_failed` for each that is none, and for labels, owner and note;
    /// nothing is brought in then.
    pub async fn import(
        &self,
        context: &Context,
        command: ImportCertificates,
    ) -> Result<Answer<CertificatesImported>, Problem> {
        let tenant = self.organization(context, command.organization.as_ref()).await?;
        let context = &Context { tenant, ..context.clone() };
        let caller = self.authority.caller::<ImportCertificates>(context).await?;
        let belongs = self.belongs(&caller, tenant, &command).await?;
        let department_id = belongs.department_id;
        let candidates = read(tenant, command, &belongs)?;
        let issued = self.issued_here(tenant, &candidates).await.map_err(|error| {
            tracing::warn!(error = words(&*error), "the inventory cannot be read");
            Problem::unavailable("the inventory cannot be read at the moment; try again")
        })?;
        let done = candidates.into_iter().map(|candidate| self.one(context, &caller, &issued, candidate));
        let done = try_join_all(done).await?;
        if context.dry_run {
            return Ok(Answer::Dry(preview(&done)));
        }
        let position = done.iter().map(|(_, position, _)| *position).max().unwrap_or_default();
        let replayed = !done.is_empty() && done.iter().all(|(.., replayed)| *replayed);
        let results = done.into_iter().map(|(result, ..)| result).collect();
        let result = CertificatesImported { organization_id: tenant, department_id, results };
        Ok(Reply { stream: None, version: 0, position, replayed, result }.into())
    }

    /// What became of one, at which position, and whether this was a repeat.
    async fn one(
        &self,
        context: &Context,
        caller: &Caller,
        issued: &HashMap<String, (CertificateId, Belonging)>,
        candidate: Candidate,
    ) -> Result<(ImportResult, i64, bool), Problem> {
        let Candidate { id, sha256, import } = candidate;
        // Where others have it, its id is nothing that the caller is told.
        let known = |id: CertificateId, belongs: &Belonging| {
            let target = Target::certificate(context.tenant, belongs, None, Some(id));
            let sees = caller
                .principal()
                .is_none_or(|principal| permitted(principal, Permission::CertificateRead, &target).is_ok());
            ImportResult { certificate_id: sees.then_some(id), outcome: ImportOutcome::Known }
        };
        if let Some((issued, belongs)) = issued.get(&sha256).filter(|(issued, _)| *issued != id) {
            return Ok((known(*issued, belongs), 0, false));
        }
        let step = Context { dry_run: context.dry_run, ..context.step(&format!("import/{sha256}")) };
        let done = if context.dry_run {
            // A preview looks; what is believed new is otherwise found out when it is recorded.
            self.imports.execute(&step, id.uuid(), import).await?
        } else {
            self.imports.create(&step, id.uuid(), import).await?
        };
        let brought = done.position > 0 || done.dry_run.as_ref().is_some_and(|tried| tried.would_change);
        let result = match &done.state {
            Import::Known(belongs) if !brought => known(id, belongs),
            Import::Known(_) | Import::Unknown => {
                ImportResult { certificate_id: Some(id), outcome: ImportOutcome::Imported }
            }
        };
        Ok((result, done.position, done.replayed))
    }

    /// Where to. Errors: `not_found`, also for an organization that the caller may not import into (Z-1).
    async fn organization(
        &self,
        context: &Context,
        wanted: Option<&Reference<OrganizationId>>,
    ) -> Result<OrganizationId, Problem> {
        let Some(reference) = wanted else { return Ok(context.tenant) };
        let find = |authority: &Authority| match reference {
            Reference::Id(id) => Some(*id).filter(|id| authority.has_organization(*id)),
            Reference::Name(name) => authority.organization_named(name),
        };
        let not_found = || Problem::not_found("organization", reference);
        let id = self.authority.find(find).await?.ok_or_else(not_found)?;
        let there = Context { tenant: id, ..context.clone() };
        match self.authority.caller::<ImportCertificates>(&there).await {
            Err(denied) if denied.code == Code::Forbidden && id != context.tenant => Err(not_found()),
            Err(denied) => Err(denied),
            Ok(_) => Ok(id),
        }
    }

    async fn belongs(
        &self,
        caller: &Caller,
        tenant: OrganizationId,
        command: &ImportCertificates,
    ) -> Result<Belonging, Problem> {
        let principal = caller.principal();
        let department_id = match &command.department {
            Some(reference) => {
                let found = self.authority.find(|authority| authority.department(tenant, reference)).await?;
                Some(found.ok_or_else(|| Problem::not_found("department", reference))?.0)
            }
            None => principal.and_then(|one| one.only_department(Permission::CertificateWrite, tenant)),
        };
        let belongs = Belonging {
            department_id,
            certificate_type: command.certificate_type,
            requested_by: principal.map(|principal| principal.administrator),
        };
        caller.permit(&Target::certificate(tenant, &belongs, None, None))?;
        self.authority.in_use(tenant, department_id)?;
        Ok(belongs)
    }

    /// Those that we issued ourselves, by their fingerprint.
    async fn issued_here(
        &self,
        tenant: OrganizationId,
        candidates: &[Candidate],
    ) -> Result<HashMap<String, (CertificateId, Belonging)>, Box<dyn std::error::Error + Send + Sync>> {
        let fingerprints: Vec<&str> = candidates.iter().map(|candidate| candidate.sha256.as_str()).collect();
        let mut client = self.pool.get().await?;
        let transaction = scoped_read(&mut client, &Scope::All).await?;
        let statement = transaction
            .prepare_cached(
                "select fingerprint_sha256, id, department, certificate_type, requested_by from api_inventory.certificate \
                 where organization = $1 and fingerprint_sha256 = any($2) and origin <> 'imported'",
            )
            .await?;
        let rows = transaction.query(&statement, &[&tenant.uuid(), &fingerprints]).await?;
        rows.iter()
            .map(|row| {
                let kind: Option<String> = row.try_get(3)?;
                let belongs = Belonging {
                    department_id: row.try_get::<_, Option<Uuid>>(2)?.map(DepartmentId),
                    certificate_type: CertificateType::ALL
                        .iter()
                        .copied()
                        .find(|one| Some(one.as_str()) == kind.as_deref()),
                    requested_by: row.try_get::<_, Option<Uuid>>(4)?.map(AdministratorId),
                };
                Ok((row.try_get(0)?, (CertificateId(row.try_get(1)?), belongs)))
            })
            .collect()
    }
}

/// Reads all of them before anything is recorded.
fn read(
    tenant: OrganizationId,
    command: ImportCertificates,
    belongs: &Belonging,
) -> Result<Vec<Candidate>, Problem> {
    let ImportCertificates { mode, labels, owner, note, certificates, .. } = command;
    let mut errors: Vec<_> = check_labels("#/labels", &labels)
        .into_iter()
        .chain(owner.as_deref().and_then(|owner| check_text("#/owner", owner, 200)))
        .chain(note.as_deref().and_then(|note| check_text("#/note", note, 1_000)))
        .collect();
    if certificates.len() > IMPORTED_AT_ONCE {
        let detail = format!("{} certificates; at most {IMPORTED_AT_ONCE} at once", certificates.len());
        errors.push(Violation::at("#/certificates", "too_many", detail));
    }
    let mut candidates = vec![];
    for (at, one) in certificates.into_iter().take(IMPORTED_AT_ONCE).enumerate() {
        let der = BASE64_STANDARD.decode(&one.certificate).unwrap_or_default();
        if let Err(error) = Parsed::read_der(&der) {
            let pointer = format!("#/certificates/{at}/certificate");
            errors.push(Violation::at(pointer, "certificate_invalid", words(&error)));
            continue;
        }
        let sha256: [u8; 32] = Sha256::digest(&der).into();
        candidates.push(Candidate {
            id: imported_certificate_id(tenant, &sha256),
            sha256: hex::encode(sha256),
            import: CertificateImported {
                certificate: one.certificate,
                file: one.file.map(|file| file.chars().take(256).collect()),
                mode,
                labels: labels.clone(),
                owner: owner.clone().filter(|owner| !owner.is_empty()),
                note: note.clone().filter(|note| !note.is_empty()),
                belongs: *belongs,
            },
        });
    }
    if errors.is_empty() {
        return Ok(candidates);
    }
    let detail = format!("{} field(s) are not allowed", errors.len());
    Err(Problem::new(Code::ValidationFailed, detail).with_errors(errors))
}

/// A change for each that would be brought in.
fn preview(done: &[(ImportResult, i64, bool)]) -> DryRun {
    let brought =
        done.iter().enumerate().filter(|(_, (result, ..))| result.outcome == ImportOutcome::Imported);
    let changes: Vec<Change> = brought
        .map(|(at, (result, ..))| Change {
            pointer: format!("/certificates/{at}"),
            from: Value::Null,
            to: json!(result.certificate_id),
        })
        .collect();
    DryRun { would_change: !changes.is_empty(), changes }
}
