//! "This key is compromised": its public half is refused from then on, and what the keystore holds of it signs nothing.

use std::{sync::Arc, time::Duration};

use bus::{Answer, Context, Reply};
use contracts::{
    Code, KeyId, OrganizationId, Permission, Problem, Violation,
    command::DryRun,
    keystore::{
        CompromisedKeyListed, CompromisedKeyView, KeyCompromised, KeyPurpose, MarkKeyCompromised,
        compromised_key_id,
    },
    labels::check_text,
};
use deadpool_postgres::Pool;
use eventlog::{AppendError, Appender, Reader};
use pki::{csr::CertificationRequest, pem, spki};
use runtime::{
    aggregate::differences,
    authority::{Authority, Caller, Target, permitted},
    blocked_keys::BlockedKeys,
    command::{append_problem, read_problem},
    database::{Scope, scoped_read},
    fold::Live,
    repository::{Decided, Repository},
};
use uuid::Uuid;

use crate::{
    compromised_key::{CompromisedKey, List},
    compromised_view,
    key::{Command, Key},
    keyring::Keyring,
};

/// Lists keys as compromised.
pub struct Compromises {
    /// The log.
    pub reader: Reader,
    /// Appends to it.
    pub appender: Appender,
    /// The list.
    pub listed: Repository<CompromisedKey>,
    /// The keys here.
    pub keys: Repository<Key>,
    /// The tables.
    pub pool: Pool,
    /// Who may do what.
    pub authority: Authority,
    /// Forgets what may not sign any more.
    pub keyring: Arc<Keyring>,
}

/// How often it is tried again after a key changed meanwhile.
const RETRIES: usize = 3;
/// Longest wait for the news of what is listed.
const NEWS: Duration = Duration::from_secs(2);
/// Longest reason, in characters.
const REASON: usize = 1_000;

/// A public key that somebody names.
struct Named {
    spki_sha256: String,
    /// Whether whoever named it showed that the private half is known.
    proven: bool,
}

impl Compromises {
    /// Answers the command.
    pub async fn mark(
        &self,
        context: Context,
        command: MarkKeyCompromised,
    ) -> Result<Answer<CompromisedKeyView>, Problem> {
        self.authority.admit::<MarkKeyCompromised>(&context).await?;
        let caller = self.authority.caller::<MarkKeyCompromised>(&context).await?;
        let reason = read_reason(&command.reason)?;
        let named = self.named(context.tenant, &command).await?;
        let entry = compromised_key_id(context.tenant, &named.spki_sha256);
        for _ in 0..=RETRIES {
            let ours = self.keys_with(context.tenant, &named.spki_sha256, command.key).await?;
            let listed = CompromisedKeyListed {
                spki_sha256: named.spki_sha256.clone(),
                everywhere: named.proven || !ours.is_empty(),
                reason: reason.clone(),
            };
            let before = self.listed.reload(entry.uuid()).await?;
            let decided = self.listed.decide(&context, entry.uuid(), before, List(listed))?;
            let keys = self.decided_keys(&context, &ours, &named.spki_sha256, &reason).await?;
            permit_end_of_cas(&caller, context.tenant, &keys)?;
            if context.dry_run {
                return Ok(Answer::Dry(tried(&decided, &keys)));
            }
            match self.append(&decided, &keys).await {
                Ok(()) => {
                    ours.iter().for_each(|key| self.keyring.forget(*key));
                    return self.answer(entry.uuid()).await;
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(append_problem(&error)),
            }
        }
        Err(Problem::unavailable("the key was changed by others at the same time; try again"))
    }

    /// What each of our keys comes to; those that are compromised or destroyed already stay as they are.
    async fn decided_keys(
        &self,
        context: &Context,
        keys: &[KeyId],
        spki_sha256: &str,
        reason: &str,
    ) -> Result<Vec<Decided<Key>>, Problem> {
        let mut decided = Vec::with_capacity(keys.len());
        for key in keys {
            let step = Context { dry_run: context.dry_run, ..context.step(&format!("compromised {key}")) };
            let before = self.keys.reload(key.uuid()).await?;
            let (spki_sha256, reason) = (spki_sha256.to_owned(), reason.to_owned());
            let command = Command::Compromise(KeyCompromised { spki_sha256, reason });
            decided.push(self.keys.decide(&step, key.uuid(), before, command)?);
        }
        Ok(decided)
    }

    /// The entry and the keys become what they are together.
    async fn append(
        &self,
        entry: &Decided<CompromisedKey>,
        keys: &[Decided<Key>],
    ) -> Result<(), AppendError> {
        let appends = entry.append.iter().chain(keys.iter().filter_map(|key| key.append.as_ref()));
        let outcomes = self.appender.append_all(appends.cloned().collect()).await;
        outcomes.into_iter().try_for_each(|outcome| outcome.map(|_| ()))
    }

    /// The key that is meant. Errors: `validation_failed`, `csr_invalid`, `not_found`.
    async fn named(
        &self,
        organization: OrganizationId,
        command: &MarkKeyCompromised,
    ) -> Result<Named, Problem> {
        match (command.key, &command.spki_sha256, &command.pem) {
            (Some(key), None, None) => {
                let known = self.keys.reload(key.uuid()).await?;
                let description = known.state.description().filter(|_| known.tenant == Some(organization));
                let description = description.ok_or_else(|| Problem::not_found("key", key))?;
                Ok(Named { spki_sha256: description.spki_sha256.clone(), proven: true })
            }
            (None, Some(hash), None) => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(hash, &mut bytes)
                    .map_err(|_| refused("#/spkiSha256", "invalid_value", "is not 64 hexadecimal digits"))?;
                Ok(Named { spki_sha256: hex::encode(bytes), proven: false })
            }
            (None, None, Some(text)) => in_pem(text),
            _ => {
                let words = "name the key in exactly one way: key, spkiSha256 or pem";
                Err(refused("#", "contradictory_key", words))
            }
        }
    }

    /// The keys that the organization has here with this public half, `known` among them.
    async fn keys_with(
        &self,
        organization: OrganizationId,
        spki_sha256: &str,
        known: Option<KeyId>,
    ) -> Result<Vec<KeyId>, Problem> {
        let found = keys_with(&self.pool, organization, spki_sha256, false).await?;
        let mut keys: Vec<KeyId> = known.into_iter().collect();
        keys.extend(found.into_iter().filter(|key| Some(*key) != known));
        Ok(keys)
    }

    /// The entry, from the log.
    async fn answer(&self, entry: Uuid) -> Result<Answer<CompromisedKeyView>, Problem> {
        let events = self.reader.read_stream(entry, 0).await.map_err(read_problem)?;
        let view = events.iter().try_fold(None, compromised_view::after);
        let view = view.ok().flatten().ok_or_else(Problem::internal)?;
        let (version, position) = events.last().map_or((0, 0), |last| (last.version, last.position));
        Ok(Answer::Done(Reply { stream: Some(entry), version, position, ..Reply::nothing(view) }))
    }
}

impl std::fmt::Debug for Compromises {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compromises")
    }
}

/// Whether a public key is refused in an organization, as the log has it now.
pub async fn is_blocked(
    blocked: &Live<BlockedKeys>,
    organization: OrganizationId,
    spki: &[u8],
) -> Result<bool, Problem> {
    let late = || Problem::unavailable("the list of compromised keys is not known at the moment; try again");
    tokio::time::timeout(NEWS, blocked.catch_up()).await.map_err(|_| late())?.map_err(read_problem)?;
    if blocked.is_halted() {
        return Err(late());
    }
    let hash = spki::spki_sha256(spki);
    Ok(blocked.read(|blocked| blocked.contains(organization, &hash)))
}

/// The keys that an organization has here with this public half, as the read model knows them; `usable`: but those that
/// are destroyed.
pub async fn keys_with(
    pool: &Pool,
    organization: OrganizationId,
    spki_sha256: &str,
    usable: bool,
) -> Result<Vec<KeyId>, Problem> {
    const SQL: &str = "select id from api_keystore.key where organization = $1 and spki_sha256 = $2 \
                       and not ($3 and status = 'destroyed')";
    let reading = async {
        let mut client = pool.get().await?;
        let transaction = scoped_read(&mut client, &Scope::All).await?;
        let statement = transaction.prepare_cached(SQL).await?;
        let rows = transaction.query(&statement, &[&organization.uuid(), &spki_sha256, &usable]).await?;
        rows.iter()
            .map(|row| Ok(KeyId(row.try_get(0)?)))
            .collect::<Result<Vec<_>, runtime::database::DatabaseError>>()
    };
    reading.await.map_err(|error| {
        tracing::warn!(error = runtime::error::words(&error), "the read model of keys cannot be read");
        Problem::unavailable("the read model of keys cannot be read at the moment; try again")
    })
}

/// Who ends a CA by what they say of its key needs the right to CAs as well (Z-2). Errors: `forbidden`.
fn permit_end_of_cas(
    caller: &Caller,
    organization: OrganizationId,
    keys: &[Decided<Key>],
) -> Result<(), Problem> {
    let of_ca = |key: &&Decided<Key>| {
        let description = key.after.description();
        !key.events.is_empty() && description.is_some_and(|key| key.purpose == KeyPurpose::Ca)
    };
    match (caller.principal(), keys.iter().find(of_ca)) {
        (Some(principal), Some(_)) => {
            permitted(principal, Permission::CaWrite, &Target::organization(organization))
        }
        _ => Ok(()),
    }
}

/// The common name of a CSR that was made to say so: any other CSR is no proof, since CSRs are handed around.
const SAYS_SO: &str = "this key is compromised";

/// The key in a PEM text: of a public key, a certificate, or a CSR, which proves that the private half is known if it was
/// made for that.
fn in_pem(text: &str) -> Result<Named, Problem> {
    let unreadable = |words: String| refused("#/pem", "invalid_value", words);
    let blocks = pem::read(text.as_bytes()).map_err(|error| unreadable(error.to_string()))?;
    let [block] = &blocks[..] else {
        return Err(unreadable(format!("has {} blocks; expected one", blocks.len())));
    };
    let named = |spki: &[u8], proven| Named { spki_sha256: hex::encode(spki::spki_sha256(spki)), proven };
    match block.label.as_deref() {
        Some("PUBLIC KEY") => match spki::key_algorithm(&block.der) {
            Err(spki::KeyError::Der(error)) => Err(unreadable(error.to_string())),
            _ => Ok(named(&block.der, false)),
        },
        Some("CERTIFICATE") => pki::Certificate::read_der(&block.der)
            .map(|certificate| named(certificate.spki(), false))
            .map_err(|error| unreadable(error.to_string())),
        Some("CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST") => {
            CertificationRequest::read(text.as_bytes())
                .map(|csr| {
                    let says_so =
                        pki::name::common_name(csr.subject_der()).is_some_and(|name| name == SAYS_SO);
                    named(csr.spki(), says_so)
                })
                .map_err(|error| {
                    Problem::new(Code::CsrInvalid, error.to_string()).with_errors(vec![Violation::at(
                        "#/pem",
                        error.code(),
                        error.to_string(),
                    )])
                })
        }
        _ => Err(unreadable("holds no public key, certificate or CSR".to_owned())),
    }
}

fn read_reason(reason: &str) -> Result<String, Problem> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(refused("#/reason", "reason_missing", "say why the key is compromised"));
    }
    match check_text("#/reason", reason, REASON) {
        Some(violation) => Err(invalid(violation)),
        None => Ok(reason.to_owned()),
    }
}

fn refused(pointer: &str, code: &str, words: impl Into<String>) -> Problem {
    invalid(Violation::at(pointer, code, words.into()))
}

fn invalid(violation: Violation) -> Problem {
    Problem::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![violation])
}

/// What would change.
fn tried(entry: &Decided<CompromisedKey>, keys: &[Decided<Key>]) -> DryRun {
    use runtime::aggregate::Aggregate as _;
    let mut changes = differences(&entry.before.state.describe(), &entry.after.describe());
    for key in keys {
        let of_key = differences(&key.before.state.describe(), &key.after.describe());
        changes.extend(of_key.into_iter().map(|change| contracts::command::Change {
            pointer: format!("/keys/{}{}", KeyId(key.stream), change.pointer),
            ..change
        }));
    }
    DryRun { would_change: !changes.is_empty(), changes }
}
