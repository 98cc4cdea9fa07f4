//! Documents: their parts kept, put together, removed. Whoever may change a certificate may change its documents.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bus::{Answer, Context, Reply};
use contracts::{
    CertificateId, Code, Command, DocumentId, OperationId, Problem, Timestamp, Violation,
    inventory::{
        AttachDocument, CertificateView, DocumentAttached, DocumentView, KeepDocumentPart, LARGEST_DOCUMENT,
        MOST_DOCUMENTS, RemoveDocument,
    },
};
use eventlog::Reader;
use runtime::{
    authority::Authority,
    command::read_problem,
    repository::{Executed, Repository},
    service::ServiceContext,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Document, DocumentCommand, DocumentRefusal, table::DocumentTable};
use crate::annotate::Annotations;

/// The most bytes of one part.
const LARGEST_PART: usize = 512 * 1024;

/// The handlers and what they work with.
pub struct Documents {
    authority: Authority,
    certificates: Arc<Annotations>,
    documents: Repository<Document>,
    reader: Reader,
    table: DocumentTable,
}

impl Documents {
    /// The handlers of one service instance.
    pub fn new(context: &ServiceContext, certificates: Arc<Annotations>) -> Self {
        Self {
            authority: context.authority.clone(),
            certificates,
            documents: context.repository(1_000),
            reader: context.reader.clone(),
            table: DocumentTable::new(context.pool.clone()),
        }
    }

    /// Keeps a part of a file.
    pub async fn keep(&self, context: &Context, part: KeepDocumentPart) -> Result<Answer<()>, Problem> {
        _ = self.authority.caller::<KeepDocumentPart>(context).await?;
        let bytes = BASE64_STANDARD.decode(&part.bytes).map_err(|_| malformed("the part is not base64"))?;
        let most = u32::try_from(LARGEST_DOCUMENT / LARGEST_PART * 4).unwrap_or(u32::MAX);
        if bytes.len() > LARGEST_PART || part.part >= most {
            return Err(Problem::new(
                Code::PayloadTooLarge,
                "the part is larger than parts are, or has no place",
            ));
        }
        self.table.keep(part.upload, part.part, &bytes).await?;
        Ok(Reply { stream: None, version: 0, position: 0, replayed: false, result: () }.into())
    }

    /// Attaches a file whose parts are kept to a certificate.
    pub async fn attach(
        &self,
        context: &Context,
        attach: AttachDocument,
    ) -> Result<Answer<DocumentView>, Problem> {
        let done = self.attached(context, attach).await;
        // Parts are of no use any more but for another try.
        if done.as_ref().err().is_none_or(|problem| !problem.retryable) {
            self.table.forget(OperationId(context.command_id)).await?;
        }
        done
    }

    async fn attached(
        &self,
        context: &Context,
        attach: AttachDocument,
    ) -> Result<Answer<DocumentView>, Problem> {
        let view = self.certificate::<AttachDocument>(context, attach.certificate).await?;
        let context = &Context { tenant: view.organization_id, ..context.clone() };
        // The same however often the command is sent.
        let id = DocumentId(Uuid::new_v5(&context.command_id, b"document"));
        let AttachDocument { certificate, name, size, sha256, parts } = attach;
        let about = DocumentAttached { id, certificate_id: certificate, name, size, sha256 };
        if !context.dry_run
            && let Some(first) = self.documents.repeated(context, id.uuid()).await?
        {
            return self.answer(first).await;
        }
        let command = DocumentCommand::Attach(about.clone());
        let tried = Context { dry_run: true, ..context.clone() };
        let tried = self.documents.create(&tried, id.uuid(), command.clone()).await?;
        if self.table.count(certificate).await? >= MOST_DOCUMENTS {
            let words =
                format!("the certificate has {MOST_DOCUMENTS} documents, which is as many as are kept");
            return Err(Problem::new(Code::InvalidState, words));
        }
        if context.dry_run {
            return self.answer(tried).await;
        }
        let upload = OperationId(context.command_id);
        let bytes = self.table.whole(upload, parts).await?;
        let bytes = bytes.filter(|bytes| is(bytes, &about)).ok_or_else(|| {
            let words = "the parts are not the whole file: its size or its SHA-256 is another";
            Problem::new(Code::ValidationFailed, words).with_errors(vec![Violation::at(
                "#",
                "upload_incomplete",
                words,
            )])
        })?;
        self.table.put(context.tenant, certificate, id, &bytes).await?;
        let done = self.documents.create(context, id.uuid(), command).await?;
        self.answer(done).await
    }

    /// Removes a document, and its bytes for good.
    pub async fn remove(
        &self,
        context: &Context,
        RemoveDocument { certificate, document }: RemoveDocument,
    ) -> Result<Answer<DocumentView>, Problem> {
        let view = self.certificate::<RemoveDocument>(context, certificate).await?;
        let context = &Context { tenant: view.organization_id, ..context.clone() };
        let known = self.documents.reload(document.uuid()).await?;
        let of = known.state.about().map(|about| about.certificate_id);
        if of != Some(certificate) {
            return Err(Problem::not_found("document", document));
        }
        let done = self.documents.execute(context, document.uuid(), DocumentCommand::Remove).await?;
        if done.dry_run.is_none() {
            self.table.remove(document).await?;
        }
        self.answer(done).await
    }

    /// A certificate that the caller may change. Errors: `not_found`, also for one that they may not (Z-1).
    async fn certificate<C: Command>(
        &self,
        context: &Context,
        id: CertificateId,
    ) -> Result<CertificateView, Problem> {
        let caller = self.authority.caller::<C>(context).await?;
        self.certificates.view(&caller, id).await
    }

    async fn answer(&self, done: Executed<Document>) -> Result<Answer<DocumentView>, Problem> {
        let events = self.reader.read_stream(done.stream, 0).await.map_err(read_problem)?;
        let created_at = events.first().map_or_else(|| Timestamp::from_unix(0), |first| first.recorded_at);
        let missing = || Problem::from(DocumentRefusal::Missing);
        let DocumentAttached { id, certificate_id, name, size, sha256 } =
            done.state.about().cloned().ok_or_else(missing)?;
        let version = done.version;
        let view = DocumentView { id, certificate_id, name, size, sha256, created_at, version };
        Ok(done.answer(|_| view))
    }
}

/// Whether these bytes are the file that is meant.
fn is(bytes: &[u8], about: &DocumentAttached) -> bool {
    bytes.len() as u64 == about.size && hex::encode(Sha256::digest(bytes)) == about.sha256
}

fn malformed(words: &str) -> Problem {
    Problem::new(Code::ValidationFailed, words).with_errors(vec![Violation::at(
        "#/bytes",
        "invalid_value",
        words,
    )])
}
