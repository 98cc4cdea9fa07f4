//! `annotate_certificate`, `archive_certificate` and `restore_certificate`: what people record about a certificate.

use std::time::Duration;

use bus::{Answer, Context};
use contracts::{
    CertificateId, Problem,
    directory::Belonging,
    inventory::{
        AnnotateCertificate, ArchiveCertificate, ArchiveState, CertificateAnnotated, CertificateView,
        RestoreCertificate,
    },
};
use deadpool_postgres::Pool;
use eventlog::Reader;
use runtime::{
    authority::{Authority, Caller, Target},
    database::{Scope, scoped_read},
    error::words,
    repository::Repository,
    service::ServiceContext,
};

use crate::certificate::{Annotate, Certificate, CertificateCommand, Filing};

/// How long a certificate that is not listed yet is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(15);

/// Why the inventory cannot be read.
type ReadFailure = Box<dyn std::error::Error + Send + Sync>;

/// The handler and what it works with.
pub struct Annotations {
    authority: Authority,
    certificates: Repository<Certificate>,
    pool: Pool,
    reader: Reader,
}

impl Annotations {
    /// The handler of one service instance.
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            authority: context.authority.clone(),
            certificates: context.repository(1_000),
            pool: context.pool.clone(),
            reader: context.reader.clone(),
        }
    }

    /// Records labels, owner and note of a certificate that the caller's organization has.
    pub async fn annotate(
        &self,
        context: &Context,
        change: AnnotateCertificate,
    ) -> Result<Answer<CertificateAnnotated>, Problem> {
        let caller = self.authority.caller::<AnnotateCertificate>(context).await?;
        let id = change.certificate;
        let view = self.view(&caller, id).await?;
        let context = &Context { tenant: view.organization_id, ..context.clone() };
        let belongs = belongs(&view);
        let requested =
            CertificateAnnotated { labels: view.labels, owner: view.owner, note: view.note, belongs };
        let command = Annotate { change, requested: requested.clone() };
        let done = self.certificates.execute(context, id.uuid(), command.into()).await?;
        Ok(done.answer(|done| done.state.recorded().cloned().unwrap_or(requested)))
    }

    /// Archives a certificate that the caller's organization has.
    pub async fn archive(
        &self,
        context: &Context,
        ArchiveCertificate { certificate, reason }: ArchiveCertificate,
    ) -> Result<Answer<ArchiveState>, Problem> {
        let caller = self.authority.caller::<ArchiveCertificate>(context).await?;
        let file = |belongs| CertificateCommand::Archive(Filing { reason, belongs });
        self.file(context, &caller, certificate, file).await
    }

    /// Takes a certificate out of the archive.
    pub async fn restore(
        &self,
        context: &Context,
        RestoreCertificate { certificate, reason }: RestoreCertificate,
    ) -> Result<Answer<ArchiveState>, Problem> {
        let caller = self.authority.caller::<RestoreCertificate>(context).await?;
        let file = |belongs| CertificateCommand::Restore(Filing { reason, belongs });
        self.file(context, &caller, certificate, file).await
    }

    async fn file(
        &self,
        context: &Context,
        caller: &Caller,
        id: CertificateId,
        command: impl FnOnce(Belonging) -> CertificateCommand,
    ) -> Result<Answer<ArchiveState>, Problem> {
        let view = self.view(caller, id).await?;
        let context = &Context { tenant: view.organization_id, ..context.clone() };
        let done = self.certificates.execute(context, id.uuid(), command(belongs(&view))).await?;
        Ok(done.answer(|done| ArchiveState { id, archived: done.state.is_archived(), version: done.version }))
    }

    /// The certificate, if the caller may change it. Errors: `not_found`, also for one that they may not (Z-1).
    pub async fn view(&self, caller: &Caller, id: CertificateId) -> Result<CertificateView, Problem> {
        let found = self.newest(caller, id).await.map_err(|error| {
            tracing::warn!(error = words(&*error), "the inventory cannot be read");
            Problem::unavailable("the inventory cannot be read at the moment; try again")
        })?;
        found.ok_or_else(|| Problem::not_found("certificate", id))
    }

    /// The row; one that was issued this moment is waited for, until the read model knows what the log knew at first.
    async fn newest(
        &self,
        caller: &Caller,
        id: CertificateId,
    ) -> Result<Option<CertificateView>, ReadFailure> {
        if let Some(view) = self.row(caller, id).await? {
            return Ok(Some(view));
        }
        let head = self.reader.head().await?;
        let level = async {
            while !self.is_level(head).await? {
                tokio::time::sleep(LOOK).await;
            }
            Ok::<_, ReadFailure>(())
        };
        if let Ok(waited) = tokio::time::timeout(PATIENCE, level).await {
            waited?;
        }
        self.row(caller, id).await
    }

    /// Whether the read model has nothing left to read up to a position.
    async fn is_level(&self, upto: i64) -> Result<bool, ReadFailure> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "select position, categories from api_inventory.checkpoint where projection = 'certificate'",
            )
            .await?;
        let Some(row) = client.query_opt(&statement, &[]).await? else { return Ok(false) };
        let categories: Vec<&str> = row.try_get(1)?;
        Ok(self.reader.level(row.try_get(0)?, upto, &categories).await?)
    }

    /// The row, if the caller may change it.
    async fn row(&self, caller: &Caller, id: CertificateId) -> Result<Option<CertificateView>, ReadFailure> {
        let mut client = self.pool.get().await?;
        let transaction = scoped_read(&mut client, &Scope::All).await?;
        let statement = transaction
            .prepare_cached("select document from api_inventory.certificate where id = $1")
            .await?;
        let Some(row) = transaction.query_opt(&statement, &[&id.uuid()]).await? else { return Ok(None) };
        let view: CertificateView = serde_json::from_value(row.try_get(0)?)?;
        let target = Target::certificate(view.organization_id, &belongs(&view), view.profile_id, Some(id));
        Ok(caller.permit(&target).is_ok().then_some(view))
    }
}

fn belongs(view: &CertificateView) -> Belonging {
    Belonging {
        department_id: view.department_id,
        certificate_type: view.certificate_type,
        requested_by: view.requested_by,
    }
}
