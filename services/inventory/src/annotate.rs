//! `annotate_certificate`: labels, owner and note.

use bus::{Answer, Context};
use contracts::{
    CertificateId, Problem,
    inventory::{AnnotateCertificate, CertificateAnnotated, CertificateView},
};
use deadpool_postgres::Pool;
use runtime::{
    authority::Authority,
    database::{Scope, scoped_read},
    error::words,
    repository::Repository,
    service::ServiceContext,
};

use crate::certificate::{Annotate, Certificate};

/// The handler and what it works with.
pub struct Annotations {
    authority: Authority,
    certificates: Repository<Certificate>,
    pool: Pool,
}

impl Annotations {
    /// The handler of one service instance.
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            authority: context.authority.clone(),
            certificates: context.repository(1_000),
            pool: context.pool.clone(),
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
        let document = self.document(&scope, id).await.map_err(|error| {
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

    async fn document(
        &self,
        scope: &Scope,
        id: CertificateId,
    ) -> Result<Option<serde_json::Value>, Box<dyn std::error::Error + Send + Sync>> {
        let mut client = self.pool.get().await?;
        let transaction = scoped_read(&mut client, scope).await?;
        let statement = transaction
            .prepare_cached("select document from api_inventory.certificate where id = $1")
            .await?;
        Ok(transaction.query_opt(&statement, &[&id.uuid()]).await?.map(|row| row.get(0)))
    }
}
