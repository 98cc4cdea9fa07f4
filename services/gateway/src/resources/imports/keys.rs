//! Private keys: those that belong to a certificate, of the files or known here, go into the keystore. They come sealed from
//! where they were read and are opened by the keystore alone.

use std::collections::{HashMap, HashSet};

use bus::Context;
use contracts::{
    Code, KeyId, Permission, Problem, Violation,
    keystore::{ImportKey, KeyImportOffer, KeyView},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    super::{certificates::CERTIFICATES, key_files, keys::KEYS},
    ImportFiles, KeyOutcome, PrivateKeys,
    items::Item,
};
use crate::{
    call::Call,
    file_reader::{FoundKey, SealTo},
    reach::Reach,
    read,
    select::Value,
};

/// How many keys the keystore is given at once.
const AT_ONCE: usize = 4;
/// Longest label, in characters.
const LABEL: usize = 200;

/// Whether the keystore takes private keys.
pub enum Door {
    /// They are not wanted.
    Ignored,
    /// They are sealed to this.
    Open(KeyImportOffer, SealTo),
    /// It takes none from the caller, or none now.
    Closed(Problem),
}

impl Door {
    /// Asks the keystore.
    pub async fn of(call: &Call, there: &Context, wanted: &ImportFiles) -> Self {
        if wanted.private_keys == PrivateKeys::Ignore {
            return Self::Ignored;
        }
        match key_files::offer(call, there).await {
            Ok(offer) => {
                let seal_to = SealTo::offered(&offer, there.tenant);
                Self::Open(offer, seal_to)
            }
            Err(problem) => Self::Closed(problem),
        }
    }

    /// What keys are sealed to.
    pub const fn seal_to(&self) -> Option<&SealTo> {
        match self {
            Self::Open(_, seal_to) => Some(seal_to),
            Self::Ignored | Self::Closed(_) => None,
        }
    }
}

/// What became of the private keys.
pub struct Keys {
    /// Each, by its public half.
    pub fates: HashMap<String, Fate>,
    /// The keys of the keystore that the certificates belong to, by their public halves.
    pub ids: HashMap<String, KeyId>,
    /// Where it stands in the log.
    pub position: i64,
}

/// What became of one.
pub struct Fate {
    /// In a word.
    pub outcome: KeyOutcome,
    /// Why, if it was refused.
    pub problem: Option<Violation>,
}

impl Fate {
    const fn of(outcome: KeyOutcome) -> Self {
        Self { outcome, problem: None }
    }

    fn refused(problem: Problem) -> Self {
        let first = problem.errors.into_iter().next();
        let (code, words) = first
            .map_or((problem.code.as_str().to_owned(), problem.detail), |error| (error.code, error.detail));
        let violation = Violation::at("#/files", code, format!("a private key is not imported: {words}"));
        Self { outcome: KeyOutcome::Refused, problem: Some(violation) }
    }
}

/// Has keys brought into the keystore, each once. Errors: only those after which the whole import is to be tried again.
pub async fn bring(
    call: &Call,
    there: &Context,
    wanted: &ImportFiles,
    door: Door,
    items: &[Item],
) -> Result<Keys, Problem> {
    let found: HashMap<&str, (&str, &FoundKey)> = items
        .iter()
        .flat_map(|item| item.keys.iter().map(|key| (key.spki_sha256.as_str(), (item.file.as_str(), key))))
        .collect();
    let certificates: HashSet<&str> = items
        .iter()
        .flat_map(|item| item.certificates.iter().map(|read| read.spki_sha256.as_str()))
        .collect();
    let all = certificates.iter().chain(found.keys()).map(|spki| (*spki).to_owned()).collect();
    let mut ids = ours(call, there, all).await?;
    let strangers = found.keys().filter(|spki| !certificates.contains(*spki)).copied();
    let matched = with_certificate(call, there, strangers.collect()).await?;
    let (mut fates, mut to_bring) = (HashMap::new(), vec![]);
    for (spki, (file, key)) in found {
        let outcome = if matches!(door, Door::Ignored) {
            KeyOutcome::Ignored
        } else if ids.contains_key(spki) {
            KeyOutcome::Known
        } else if certificates.contains(spki) || matched.contains(spki) {
            to_bring.push((spki.to_owned(), label(file, key), key.sealed.clone()));
            continue;
        } else {
            KeyOutcome::Unmatched
        };
        fates.insert(spki.to_owned(), Fate::of(outcome));
    }
    let offer = match door {
        Door::Open(offer, _) => offer,
        Door::Closed(problem) if problem.retryable && !to_bring.is_empty() => return Err(problem),
        Door::Closed(problem) => {
            fates.extend(to_bring.into_iter().map(|(spki, ..)| (spki, Fate::refused(problem.clone()))));
            return Ok(Keys { fates, ids, position: 0 });
        }
        Door::Ignored => return Ok(Keys { fates, ids, position: 0 }),
    };
    let bringing = to_bring.into_iter().map(|(spki, label, sealed)| {
        let (ticket, exportable) = (offer.ticket.clone(), wanted.exportable);
        async move {
            let sealed = sealed.ok_or_else(Problem::internal)?;
            one(call, there, spki, ImportKey { ticket, sealed, exportable, label }).await
        }
    });
    let brought: Vec<_> = stream::iter(bringing).buffer_unordered(AT_ONCE).try_collect().await?;
    let mut position = 0;
    for (spki, fate, id, at) in brought {
        position = position.max(at);
        ids.extend(id.map(|id| (spki.clone(), id)));
        fates.insert(spki, fate);
    }
    Ok(Keys { fates, ids, position })
}

async fn one(
    call: &Call,
    there: &Context,
    spki: String,
    command: ImportKey,
) -> Result<(String, Fate, Option<KeyId>, i64), Problem> {
    let step = Context { if_version: None, ..there.step(&format!("key/{spki}")) };
    let done = if call.query.flag("dryRun") {
        call.gateway.bus.dry_run(&step, &command).await.map(|_| (None, 0))
    } else {
        let reply = call.gateway.bus.call(&step, &command).await;
        reply.map(|reply| (Some(reply.result.id), reply.position))
    };
    match done {
        Ok((id, position)) => Ok((spki, Fate::of(KeyOutcome::Imported), id, position)),
        Err(problem) if problem.code == Code::AlreadyExists => {
            Ok((spki, Fate::of(KeyOutcome::Known), None, 0))
        }
        Err(problem) if problem.retryable || problem.code == Code::IdempotencyKeyReused => Err(problem),
        Err(problem) => Ok((spki, Fate::refused(problem), None, 0)),
    }
}

/// The keys of the keystore with these public halves, as far as the caller may see them.
async fn ours(call: &Call, there: &Context, spkis: Vec<String>) -> Result<HashMap<String, KeyId>, Problem> {
    if spkis.is_empty() {
        return Ok(HashMap::new());
    }
    let most = spkis.len() * 2;
    let reach = Reach::of(call.caller()?, Permission::KeyRead, &KEYS).within(there.tenant);
    let reach = reach.where_also(
        "status <> 'destroyed' and document ->> 'spkiSha256' = any($::text[])",
        Value::Texts(spkis),
    );
    let documents = read::every(call, &KEYS, reach, "created_at", most).await?;
    let keys = documents.iter().map(|document| {
        let key: KeyView = serde_json::from_str(document).map_err(read::internal)?;
        Ok((key.spki_sha256, key.id))
    });
    keys.collect()
}

/// Which of these public keys a certificate has that the caller may see.
async fn with_certificate(
    call: &Call,
    there: &Context,
    spkis: Vec<&str>,
) -> Result<HashSet<String>, Problem> {
    if spkis.is_empty() {
        return Ok(HashSet::new());
    }
    let most = spkis.len();
    let spkis = Value::Texts(spkis.into_iter().map(str::to_owned).collect());
    let reach = Reach::of(call.caller()?, Permission::CertificateRead, &CERTIFICATES).within(there.tenant);
    let reach = reach.where_also("spki_sha256 = any($::text[])", spkis);
    let rows = read::columns(call, &CERTIFICATES, "distinct spki_sha256", reach, "1", most).await?;
    rows.iter().map(|row| row.try_get(0).map_err(read::internal)).collect()
}

/// What people call a key: as its file does, or as the file is called.
fn label(file: &str, key: &FoundKey) -> Option<String> {
    let name = key.alias.as_deref().filter(|alias| !alias.trim().is_empty()).unwrap_or(file);
    let label: String = name.chars().filter(|c| !c.is_control()).take(LABEL).collect();
    (!label.is_empty()).then_some(label)
}
