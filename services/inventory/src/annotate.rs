//! `annotate_certificate`: labels, owner and note.

use std::time::Duration;

use bus::{Answer, Context};
use contracts::{
    CertificateId, Problem,
    inventory::{AnnotateCertificate, CertificateAnnotated, CertificateView},
};
use deadpool_postgres::Pool;
use eventlog::Reader;
use runtime::{
    authority::Authority,
    database::{Scope, scoped_read},
    error::words,
    repository::Repository,
    service::ServiceContext,
};

use crate::certificate::{Annotate, Certificate};

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
        self.authority.admit::<AnnotateCertificate>(context)?;
        let id = change.certificate;
        let view = self.view(context, id).await?;
        let context = &Context { tenant: view.organization_id, ..context.clone() };
        let requested = CertificateAnnotated { labels: view.labels, owner: view.owner, note: view.note };
        let command = Annotate { change, requested: requested.clone() };
        let done = self.certificates.execute(context, id.uuid(), command).await?;
        Ok(done.answer(|done| done.state.recorded().cloned().unwrap_or(requested)))
    }

    /// The certificate as the caller sees it. Errors: `not_found`, also for another organization's.
    async fn view(&self, context: &Context, id: CertificateId) -> Result<CertificateView, Problem> {
        let principal = self.authority.principal(&context.actor)?;
        let out_of_scope =
            principal.scope.certificates.as_ref().is_some_and(|allowed| !allowed.contains(&id));
        let scope =
            if principal.all_organizations { Scope::All } else { Scope::Organizations(vec![context.tenant]) };
        let document = self.newest_document(&scope, id).await.map_err(|error| {
            tracing::warn!(error = words(&*error), "the inventory cannot be read");
            Problem::unavailable("the inventory cannot be read at the moment; try again")
        })?;
        let document =
            document.filter(|_| !out_of_scope).ok_or_else(|| Problem::not_found("certificate", id))?;
        serde_json::from_value(document).map_err(|error| {
            tracing::error!(%error, certificate = %id, "row of the inventory cannot be read");
            Problem::internal()
        })
    }

    /// The row; one that was issued this moment is waited for, until the read model knows what the log knew at first.
    async fn newest_document(
        &self,
        scope: &Scope,
        id: CertificateId,
    ) -> Result<Option<serde_json::Value>, ReadFailure> {
        if let Some(document) = self.document(scope, id).await? {
            return Ok(Some(document));
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
        self.document(scope, id).await
    }

    /// Whether the read model has nothing left to read up to a position.
    async fn is_level(&self, upto: i64) -> Result<bool, ReadFailure> {
        let client = self.pool.get().await?;
        let statement =
            client.prepare_cached("select position, categories from api_inventory.checkpoint").await?;
        let Some(row) = client.query_opt(&statement, &[]).await? else { return Ok(false) };
        let categories: Vec<&str> = row.try_get(1)?;
        Ok(self.reader.level(row.try_get(0)?, upto, &categories).await?)
    }

    async fn document(
        &self,
        scope: &Scope,
        id: CertificateId,
    ) -> Result<Option<serde_json::Value>, ReadFailure> {
        let mut client = self.pool.get().await?;
        let transaction = scoped_read(&mut client, scope).await?;
        let statement = transaction
            .prepare_cached("select document from api_inventory.certificate where id = $1")
            .await?;
        Ok(transaction.query_opt(&statement, &[&id.uuid()]).await?.map(|row| row.get(0)))
    }
}
