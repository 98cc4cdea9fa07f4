//! Keeping, using and destroying credentials.

use std::sync::Arc;

use bus::{Answer, Context};
use contracts::{
    Code, CredentialId, Problem, SecretText, Service, Violation,
    keystore::{
        CredentialPurpose, CredentialView, DestroyMailCredential, DestroySignInCredential,
        KeepMailCredential, KeepSignInCredential, SealedSecret, UseMailCredential, UseSignInCredential,
    },
};
use deadpool_postgres::Pool;
use eventlog::{Append, AppendError, Outcome};
use runtime::{
    command::append_problem,
    repository::{Executed, Repository},
    sealed::{self, SealError},
};

use crate::{
    SecretBytes,
    commit::{Blob, commit},
    credential::{self, Command, Credential},
    operation::measured,
    vault::Vault,
};

/// Keeps credentials, and gives each to the one service that uses it.
pub struct Credentials {
    /// The aggregates.
    pub repository: Repository<Credential>,
    /// The tables.
    pub pool: Pool,
    /// Tells others that the log has grown.
    pub wake: Box<dyn Fn(i64) + Send + Sync>,
    /// Wraps and opens.
    pub vault: Arc<Vault>,
}

/// How often a destruction is decided again after the credential was used meanwhile.
const RETRIES: usize = 3;
/// The label of the algorithm where keys have theirs.
const NO_ALGORITHM: &str = "none";

impl Credentials {
    /// Keeps the notifier's password at a mail server.
    pub async fn keep_for_mail(
        &self,
        context: Context,
        KeepMailCredential { id, secret }: KeepMailCredential,
    ) -> Result<Answer<CredentialView>, Problem> {
        self.keep(context, id, CredentialPurpose::Smtp, secret).await
    }

    /// Keeps what somebody signs in with, for directory.
    pub async fn keep_for_sign_in(
        &self,
        context: Context,
        KeepSignInCredential { id, purpose, secret }: KeepSignInCredential,
    ) -> Result<Answer<CredentialView>, Problem> {
        check_user(purpose, Service::Directory)?;
        self.keep(context, id, purpose, secret).await
    }

    /// Wraps and keeps a secret, once per command id.
    async fn keep(
        &self,
        context: Context,
        id: CredentialId,
        purpose: CredentialPurpose,
        secret: SecretText,
    ) -> Result<Answer<CredentialView>, Problem> {
        measured("keep_credential", NO_ALGORITHM, self.keep_measured(context, id, purpose, secret)).await
    }

    async fn keep_measured(
        &self,
        context: Context,
        id: CredentialId,
        purpose: CredentialPurpose,
        secret: SecretText,
    ) -> Result<Answer<CredentialView>, Problem> {
        self.vault.check()?;
        check_length(secret.reveal())?;
        if !context.dry_run
            && let Some(done) = self.repository.repeated(&context, id.uuid()).await?
        {
            return answer(id, done);
        }
        let before = self.repository.reload(id.uuid()).await?;
        let decided = self.repository.decide(&context, id.uuid(), before, Command::Keep(id, purpose))?;
        let Some(append) = decided.append.as_ref().filter(|_| !context.dry_run) else {
            return self.answer_undone(&context, id, Command::Keep(id, purpose)).await;
        };
        let binding = credential::binding(context.tenant, id, purpose);
        let wrapped = self.vault.wrap(&binding, &SecretBytes::copy_of(secret.reveal().as_bytes())).await?;
        drop(secret);
        let outcome = self.commit(append, Blob::KeepCredential(purpose, &wrapped)).await;
        let outcome = outcome.map_err(|error| append_problem(&error))?;
        answer(id, self.repository.settle(&decided, outcome).await?)
    }

    /// Destroys the notifier's password at a mail server.
    pub async fn destroy_for_mail(
        &self,
        context: Context,
        command: DestroyMailCredential,
    ) -> Result<Answer<CredentialView>, Problem> {
        self.destroy(context, command.id, Service::Notifier).await
    }

    /// Destroys what somebody signs in with, for directory.
    pub async fn destroy_for_sign_in(
        &self,
        context: Context,
        command: DestroySignInCredential,
    ) -> Result<Answer<CredentialView>, Problem> {
        self.destroy(context, command.id, Service::Directory).await
    }

    /// Destroys a credential: its blob goes in the same transaction in which its end is recorded.
    async fn destroy(
        &self,
        context: Context,
        id: CredentialId,
        by: Service,
    ) -> Result<Answer<CredentialView>, Problem> {
        let destroy = Command::Destroy(by);
        for _ in 0..=RETRIES {
            let before = self.repository.reload(id.uuid()).await?;
            let decided = self.repository.decide(&context, id.uuid(), before, destroy)?;
            let Some(append) = decided.append.as_ref().filter(|_| !context.dry_run) else {
                return self.answer_undone(&context, id, destroy).await;
            };
            match self.commit(append, Blob::ShredCredential).await {
                Err(AppendError::Conflict { .. }) => continue,
                Err(error) => return Err(append_problem(&error)),
                Ok(outcome) => return answer(id, self.repository.settle(&decided, outcome).await?),
            }
        }
        Err(Problem::unavailable("the credential was used by others at the same time; try again"))
    }

    /// The password at a mail server, sealed to the notifier.
    pub async fn use_for_mail(
        &self,
        context: Context,
        command: UseMailCredential,
    ) -> Result<Answer<SealedSecret>, Problem> {
        self.give(context, command.id, CredentialPurpose::Smtp, &command.seal_to).await
    }

    /// What somebody signs in with, sealed to directory.
    pub async fn use_for_sign_in(
        &self,
        context: Context,
        command: UseSignInCredential,
    ) -> Result<Answer<SealedSecret>, Problem> {
        check_user(command.purpose, Service::Directory)?;
        self.give(context, command.id, command.purpose, &command.seal_to).await
    }

    async fn give(
        &self,
        context: Context,
        id: CredentialId,
        purpose: CredentialPurpose,
        seal_to: &str,
    ) -> Result<Answer<SealedSecret>, Problem> {
        measured("use_credential", NO_ALGORITHM, self.give_measured(context, id, purpose, seal_to)).await
    }

    /// Records the use, then opens and seals: what was given out stands in the log.
    async fn give_measured(
        &self,
        context: Context,
        id: CredentialId,
        purpose: CredentialPurpose,
        seal_to: &str,
    ) -> Result<Answer<SealedSecret>, Problem> {
        self.vault.check()?;
        let used = self.repository.execute(&context, id.uuid(), Command::Use(purpose)).await?;
        if let Some(dry_run) = used.dry_run {
            return Ok(Answer::Dry(dry_run));
        }
        let secret = self.vault.open_secret(&credential::binding(context.tenant, id, purpose)).await?;
        let sealed = sealed::seal(seal_to, context.tenant, id, secret.expose()).map_err(seal_problem)?;
        Ok(used.answer(|_| sealed))
    }

    async fn commit(&self, append: &Append, blob: Blob<'_>) -> Result<Outcome, AppendError> {
        let outcome = commit(&self.pool, append, blob).await?;
        let (Outcome::Committed { last, .. } | Outcome::Replayed { last, .. }) = outcome;
        (self.wake)(last);
        Ok(outcome)
    }

    /// The answer when nothing is appended: a dry run, or nothing to do.
    async fn answer_undone(
        &self,
        context: &Context,
        id: CredentialId,
        command: Command,
    ) -> Result<Answer<CredentialView>, Problem> {
        answer(id, self.repository.execute(context, id.uuid(), command).await?)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

fn answer(id: CredentialId, executed: Executed<Credential>) -> Result<Answer<CredentialView>, Problem> {
    if let Some(dry_run) = executed.dry_run {
        return Ok(Answer::Dry(dry_run));
    }
    let purpose = executed.state.purpose().ok_or_else(Problem::internal)?;
    let destroyed = matches!(executed.state, Credential::Destroyed(_));
    Ok(executed.answer(|_| CredentialView { id, purpose, destroyed }))
}

/// Whether credentials for this are that service's.
fn check_user(purpose: CredentialPurpose, user: Service) -> Result<(), Problem> {
    if purpose.user() == user { Ok(()) } else { Err(credential::Refusal::Unknown.into()) }
}

fn check_length(secret: &str) -> Result<(), Problem> {
    if !secret.is_empty() {
        return Ok(());
    }
    let violation = Violation::at("#/secret", "secret_empty", "is empty");
    Err(Problem::new(Code::ValidationFailed, "the credential is not acceptable").with_errors(vec![violation]))
}

fn seal_problem(error: SealError) -> Problem {
    match error {
        SealError::Key => Problem::new(Code::MalformedRequest, error.to_string()),
        SealError::DoesNotOpen | SealError::Failed => {
            tracing::error!(%error, "a credential cannot be sealed");
            Problem::internal()
        }
    }
}
