//! Making and destroying keys.

use std::{sync::Arc, time::Duration};

use bus::{Answer, Context, Reply};
use contracts::{
    Code, KeyId, Problem, Violation,
    command::DryRun,
    keystore::{
        DestroyKey, GenerateCaKey, GenerateKey, GenerateRequestKey, KeyGenerated, KeyPurpose, KeyStatus,
        KeyView,
    },
    x509::KeyAlgorithm,
};
use deadpool_postgres::Pool;
use eventlog::{Append, AppendError, Outcome, Reader};
use runtime::{
    aggregate::{Aggregate as _, differences},
    authority::Authority,
    blocked_keys::BlockedKeys,
    clock::Clock,
    command::{append_problem, read_problem},
    fold::Live,
    repository::{Decided, Executed, Repository},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::{
    commit::{Blob, commit},
    generate::{Generator, NewKey},
    in_use::CaKeys,
    key::{Command, Key},
    keyring::Keyring,
    operation::measured,
    token::{Token, Tokens},
    vault::{self, Vault},
    view,
};

/// Makes and destroys keys.
pub struct Keys {
    /// The log.
    pub reader: Reader,
    /// The aggregates.
    pub repository: Repository<Key>,
    /// The tables.
    pub pool: Pool,
    /// Tells others that the log has grown.
    pub wake: Box<dyn Fn(i64) + Send + Sync>,
    /// Who may do what.
    pub authority: Authority,
    /// Makes keys.
    pub generator: Generator,
    /// Those that are made elsewhere.
    pub tokens: Arc<Tokens>,
    /// Wraps them.
    pub vault: Arc<Vault>,
    /// Forgets them.
    pub keyring: Arc<Keyring>,
    /// Which of them CAs need.
    pub ca_keys: Live<CaKeys>,
    /// Which keys others know.
    pub blocked: Live<BlockedKeys>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// What for.
    pub purpose: KeyPurpose,
    /// Whether it may ever be exported.
    pub exportable: bool,
    /// What people call it.
    pub label: Option<String>,
    /// The token that it is made in; missing: it is wrapped and kept in the table.
    pub token: Option<String>,
    /// Where the request speaks of the key.
    pub place: &'static str,
}

/// Private halves that were just made.
enum Made {
    /// To be wrapped.
    Here(NewKey),
    /// In a token; what is here is the SubjectPublicKeyInfo, DER.
    InToken(Vec<u8>),
}

/// How often a destruction is decided again after the key changed meanwhile.
const RETRIES: usize = 3;
/// Longest wait for the news of CAs.
const NEWS: Duration = Duration::from_secs(2);

impl Keys {
    /// Makes a user's end-entity key.
    pub async fn generate(&self, context: Context, command: GenerateKey) -> Result<Answer<KeyView>, Problem> {
        self.authority.admit::<GenerateKey>(&context).await?;
        let GenerateKey { algorithm, exportable, label, token } = command;
        if exportable && token.is_some() {
            let words = "a key in a token is never exportable; leave 'exportable' or 'token' out";
            let violation = Violation::at("#/exportable", "token_key_exportable", words);
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![violation]));
        }
        let purpose = KeyPurpose::EndEntity;
        self.make(&context, Wanted { algorithm, purpose, exportable, label, token, place: "#" }).await
    }

    /// Makes the managed key of a certificate request.
    pub async fn generate_for_request(
        &self,
        context: Context,
        command: GenerateRequestKey,
    ) -> Result<Answer<KeyView>, Problem> {
        let GenerateRequestKey { algorithm, exportable, label, token } = command;
        // What the profile allows no token does.
        let exportable = exportable && token.is_none();
        let purpose = KeyPurpose::EndEntity;
        self.make(&context, Wanted { algorithm, purpose, exportable, label, token, place: "#/key" }).await
    }

    /// Makes a CA's key. It never leaves.
    pub async fn generate_for_ca(
        &self,
        context: Context,
        command: GenerateCaKey,
    ) -> Result<Answer<KeyView>, Problem> {
        let GenerateCaKey { algorithm, label, token } = command;
        let (purpose, label) = (KeyPurpose::Ca, Some(label));
        let wanted = Wanted { algorithm, purpose, exportable: false, label, token, place: "#/key" };
        self.make(&context, wanted).await
    }

    /// Makes a key, once per command id: a repeat answers with the first one's key.
    pub async fn make(&self, context: &Context, wanted: Wanted) -> Result<Answer<KeyView>, Problem> {
        self.make_as(context, key_of(context.command_id), wanted).await
    }

    /// As [`Self::make`], under an id of the caller's choice.
    pub async fn make_as(
        &self,
        context: &Context,
        id: KeyId,
        wanted: Wanted,
    ) -> Result<Answer<KeyView>, Problem> {
        measured("generate", wanted.algorithm.as_str(), self.make_measured(context, id, wanted)).await
    }

    async fn make_measured(
        &self,
        context: &Context,
        id: KeyId,
        wanted: Wanted,
    ) -> Result<Answer<KeyView>, Problem> {
        self.vault.check()?;
        check_label(wanted.label.as_deref())?;
        let token = wanted.token.as_deref();
        let token = token.map(|name| self.tokens.choose(name, wanted.algorithm, wanted.place)).transpose()?;
        if context.dry_run {
            let described = json!({
                "algorithm": wanted.algorithm,
                "purpose": wanted.purpose,
                "exportable": wanted.exportable,
                "label": wanted.label,
                "token": wanted.token,
                "status": KeyStatus::Active,
            });
            let changes = differences(&Value::Null, &described);
            return Ok(Answer::Dry(DryRun { would_change: true, changes }));
        }
        if let Some(done) = self.repository.repeated(context, id.uuid()).await? {
            return self.answer(done).await;
        }
        let made = match token {
            None => Made::Here(self.generator.generate(wanted.algorithm).await.map_err(|error| {
                tracing::error!(%error, algorithm = %wanted.algorithm, "no key was made");
                Problem::internal()
            })?),
            Some(token) => Made::InToken(token.make(id, wanted.algorithm).await?),
        };
        fail::fail_point!("X06-key-made-not-stored");
        let (Made::Here(NewKey { spki, .. }) | Made::InToken(spki)) = &made;
        let generated = KeyGenerated {
            id,
            algorithm: wanted.algorithm,
            purpose: wanted.purpose,
            exportable: wanted.exportable,
            label: wanted.label,
            token: wanted.token,
            spki: view::spki_text(spki),
            spki_sha256: hex::encode(Sha256::digest(spki)),
        };
        let wrapped = match &made {
            Made::Here(key) => {
                Some(self.vault.wrap(&vault::binding(context.tenant, &generated), &key.pkcs8).await?)
            }
            Made::InToken(_) => None,
        };
        drop(made);
        let command = Command::Generate(Box::new(generated));
        let decided = self.repository.decide(context, id.uuid(), Arc::default(), command)?;
        let Some(append) = &decided.append else { return Err(Problem::internal()) };
        let blob = wrapped.as_ref().map_or(Blob::InToken, Blob::KeepKey);
        let outcome = self.commit(append, blob).await.map_err(|error| append_problem(&error))?;
        self.settle(&decided, outcome).await
    }

    /// Destroys a key: its blob goes in the same transaction in which its end is recorded (K-8). One in a token goes right
    /// after: its end is not recorded while the token is away.
    pub async fn destroy(&self, context: Context, command: DestroyKey) -> Result<Answer<KeyView>, Problem> {
        self.authority.admit::<DestroyKey>(&context).await?;
        self.vault.check()?;
        let stream = command.key.uuid();
        if !context.dry_run
            && let Some(done) = self.repository.repeated(&context, stream).await?
        {
            return self.answer(done).await;
        }
        let signs_for_a_ca = self.signs_for_a_ca(command.key).await?;
        for _ in 0..=RETRIES {
            let before = self.repository.reload(stream).await?;
            let wish = Command::Destroy { reason: command.reason.clone(), signs_for_a_ca };
            let decided = self.repository.decide(&context, stream, before, wish)?;
            let Some(append) = decided.append.as_ref().filter(|_| !context.dry_run) else {
                return self.unchanged(&context, &decided).await;
            };
            let token = decided.before.state.description().and_then(|key| key.token.as_deref());
            let token = token.map(|name| self.tokens.of(name)).transpose()?;
            token.map(Token::check).transpose()?;
            match self.commit(append, Blob::ShredKey).await {
                Err(AppendError::Conflict { .. }) => continue,
                Err(error) => return Err(append_problem(&error)),
                Ok(outcome) => {
                    self.keyring.forget(command.key);
                    if let Some(token) = token
                        && let Err(error) = token.destroy(command.key).await
                    {
                        // It signs nothing any more; `token::tidy` goes on.
                        let error = runtime::error::words(&error);
                        tracing::warn!(error, key = %command.key, "a key is destroyed in its token later");
                    }
                    return self.settle(&decided, outcome).await;
                }
            }
        }
        Err(Problem::unavailable("the key was changed by others at the same time; try again"))
    }

    pub(crate) async fn commit(&self, append: &Append, blob: Blob<'_>) -> Result<Outcome, AppendError> {
        let outcome = commit(&self.pool, append, blob).await?;
        let (Outcome::Committed { last, .. } | Outcome::Replayed { last, .. }) = outcome;
        (self.wake)(last);
        Ok(outcome)
    }

    pub(crate) async fn settle(
        &self,
        decided: &Decided<Key>,
        outcome: Outcome,
    ) -> Result<Answer<KeyView>, Problem> {
        let executed = self.repository.settle(decided, outcome).await?;
        self.answer(executed).await
    }

    /// The answer when nothing is appended: a dry run, or nothing to do.
    async fn unchanged(&self, context: &Context, decided: &Decided<Key>) -> Result<Answer<KeyView>, Problem> {
        if context.dry_run {
            let changes = differences(&decided.before.state.describe(), &decided.after.describe());
            return Ok(Answer::Dry(DryRun { would_change: decided.append.is_some(), changes }));
        }
        let version = decided.before.version;
        let view = self.view(decided.stream, version).await?;
        Ok(Answer::Done(Reply { stream: Some(decided.stream), version, ..Reply::nothing(view) }))
    }

    pub(crate) async fn answer(&self, executed: Executed<Key>) -> Result<Answer<KeyView>, Problem> {
        let view = self.view(executed.stream, executed.version).await?;
        Ok(executed.answer(|_| view))
    }

    /// The key as of a version, from the log: it alone knows when the key was made.
    async fn view(&self, stream: Uuid, version: i32) -> Result<KeyView, Problem> {
        let events = self.reader.read_stream(stream, 0).await.map_err(read_problem)?;
        let known = events.iter().filter(|recorded| recorded.version <= version);
        let view = known.into_iter().try_fold(None, view::after).map_err(|error| {
            tracing::error!(%error, %stream, "event cannot be read");
            Problem::internal()
        })?;
        view.ok_or_else(|| Problem::not_found("key", KeyId(stream)))
    }

    async fn signs_for_a_ca(&self, key: KeyId) -> Result<bool, Problem> {
        let late = || Problem::unavailable("the state of CAs is not known at the moment; try again");
        let caught_up = tokio::time::timeout(NEWS, self.ca_keys.catch_up()).await.map_err(|_| late())?;
        caught_up.map_err(read_problem)?;
        Ok(self.ca_keys.read(|cas| cas.in_use(key)))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// The id of the key that a command makes: the same however often it is sent.
fn key_of(command: Uuid) -> KeyId {
    KeyId(Uuid::new_v5(&command, b"key"))
}

/// Longest label, in characters.
const LABEL: usize = 200;

pub(crate) fn check_label(label: Option<&str>) -> Result<(), Problem> {
    let Some(label) = label else { return Ok(()) };
    let length = label.chars().count();
    if (1..=LABEL).contains(&length) && !label.chars().any(char::is_control) {
        return Ok(());
    }
    let words = format!("has {length} characters; expected 1 to {LABEL}, without control characters");
    let violation = Violation::at("#/label", "label_invalid", words);
    Err(Problem::new(Code::ValidationFailed, "the key's label is not acceptable")
        .with_errors(vec![violation]))
}
