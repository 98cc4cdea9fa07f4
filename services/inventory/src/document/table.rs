//! The tables `inventory.document_content` and `inventory.document_part`: bytes of files, and of files on their way in.

use contracts::{CertificateId, DocumentId, OperationId, OrganizationId, Problem};
use deadpool_postgres::{Object, Pool};
use runtime::error::words;

/// The tables.
pub struct DocumentTable {
    pool: Pool,
}

impl DocumentTable {
    /// The tables behind this pool.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Keeps a part for an hour; those of others that are older are forgotten.
    pub async fn keep(&self, upload: OperationId, part: u32, bytes: &[u8]) -> Result<(), Problem> {
        let client = self.client().await?;
        let old = "delete from inventory.document_part where kept_at < now() - interval '1 hour'";
        client.execute(old, &[]).await.map_err(away)?;
        let sql = "insert into inventory.document_part (upload, part, bytes) values ($1, $2, $3) \
                   on conflict (upload, part) do update set bytes = excluded.bytes, kept_at = now()";
        client.execute(sql, &[&upload.uuid(), &number(part), &bytes]).await.map_err(away)?;
        Ok(())
    }

    /// The parts of an upload, one behind the other; `None` if one is missing.
    pub async fn whole(&self, upload: OperationId, parts: u32) -> Result<Option<Vec<u8>>, Problem> {
        let sql = "select bytes from inventory.document_part where upload = $1 and part < $2 order by part";
        let rows = self.client().await?.query(sql, &[&upload.uuid(), &number(parts)]).await.map_err(away)?;
        if rows.len() != usize::try_from(parts).unwrap_or(usize::MAX) {
            return Ok(None);
        }
        Ok(Some(rows.iter().flat_map(|row| row.get::<_, &[u8]>(0)).copied().collect()))
    }

    /// Keeps the bytes of a document. A repeat changes nothing.
    pub async fn put(
        &self,
        organization: OrganizationId,
        certificate: CertificateId,
        document: DocumentId,
        bytes: &[u8],
    ) -> Result<(), Problem> {
        let sql = "insert into inventory.document_content (id, organization, certificate, bytes) values ($1, $2, $3, $4) \
                   on conflict (id) do nothing";
        let (id, organization, certificate) = (document.uuid(), organization.uuid(), certificate.uuid());
        self.client().await?.execute(sql, &[&id, &organization, &certificate, &bytes]).await.map_err(away)?;
        Ok(())
    }

    /// How many documents a certificate has.
    pub async fn count(&self, certificate: CertificateId) -> Result<usize, Problem> {
        let sql = "select count(*) from inventory.document_content where certificate = $1";
        let row = self.client().await?.query_one(sql, &[&certificate.uuid()]).await.map_err(away)?;
        Ok(usize::try_from(row.get::<_, i64>(0)).unwrap_or(usize::MAX))
    }

    /// Forgets the parts of an upload.
    pub async fn forget(&self, upload: OperationId) -> Result<(), Problem> {
        let sql = "delete from inventory.document_part where upload = $1";
        self.client().await?.execute(sql, &[&upload.uuid()]).await.map_err(away)?;
        Ok(())
    }

    /// Forgets the bytes of a document for good.
    pub async fn remove(&self, document: DocumentId) -> Result<(), Problem> {
        let sql = "delete from inventory.document_content where id = $1";
        self.client().await?.execute(sql, &[&document.uuid()]).await.map_err(away)?;
        Ok(())
    }

    async fn client(&self) -> Result<Object, Problem> {
        self.pool.get().await.map_err(away)
    }
}

fn number(part: u32) -> i32 {
    i32::try_from(part).unwrap_or(i32::MAX)
}

fn away(error: impl std::error::Error + 'static) -> Problem {
    tracing::warn!(error = words(&error), "documents cannot be reached");
    Problem::unavailable("documents cannot be reached at the moment; try again")
}
