//! Keys in PKCS #11 tokens (K-2): made there, used there, never extractable. Only this service loads a token's module.
//!
//! A key is told by its object's label, which is its id, and by `CKA_ID`: the installation, then the key. So a key that was made
//! and not recorded is found again by whoever repeats the command, and no other installation's keys are touched.
//!
//! | file | says |
//! |---|---|
//! | [`module`] | the library: loaded once, begun anew when a token is back, and the sessions that rest in it |
//! | [`login`] | the PIN: read from its file, never tried twice when it was refused |
//! | [`object`] | making, finding, using and destroying a key |
//! | [`worker`] | the token's own threads: calls into it, and looking after it |
//! | [`tidy`] | keys that the log knows otherwise than the token does |

mod login;
mod module;
mod object;
pub mod tidy;
mod worker;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use contracts::{
    Code, KeyId, Problem, Violation,
    keystore::KeyGenerated,
    x509::{KeyAlgorithm, SignatureAlgorithm},
};
use pki::spki;
use runtime::{config, health::Health};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use uuid::Uuid;

use self::{
    module::Module,
    worker::{Job, Status, Worker},
};
use crate::view;

/// Longest wait for a signature, or for a look at what is there.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for a new key: RSA takes tokens their time.
const PATIENCE_FOR_NEW: Duration = Duration::from_secs(25);
/// What a new key signs to show that it does.
const PROOF: &[u8] = b"chancery: a new key shows that it signs";

/// The tokens of the configuration.
#[derive(Debug, Default)]
pub struct Tokens(BTreeMap<String, Token>);

/// One of them.
#[derive(Debug)]
pub struct Token {
    jobs: mpsc::Sender<Job>,
    status: Arc<Status>,
    /// New keys are made by half of its threads at most: signing never waits for them.
    making: Semaphore,
}

/// Whether a token answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has looked yet.
    Unknown,
    /// It does.
    Present,
    /// It does not, and why.
    Away(Fault),
}

/// Why a call into a token did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not answer, or something else answers in its place.
    #[error("{0}")]
    Away(String),
    /// It does not open.
    #[error("{0}")]
    Pin(String),
    /// It answers, and has no such key.
    #[error("the token does not hold the key")]
    Missing,
    /// It does not do this.
    #[error("{0}")]
    Refused(String),
    /// What it made is not what was asked for.
    #[error("{0}")]
    Unusable(&'static str),
    /// Somebody else makes the same key at this moment.
    #[error("the key is being made twice at once")]
    Contended,
}

/// Why a key in a token cannot be made or used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The configuration has no token of this name.
    #[error("no token '{0}' is configured")]
    NotConfigured(String),
    /// It is away.
    #[error("the token '{0}' is not available")]
    Away(Arc<str>, #[source] Fault),
    /// It took too long.
    #[error("the token '{0}' does not answer in time")]
    Slow(Arc<str>),
    /// It has lost the key.
    #[error("the token '{0}' does not hold {1}")]
    Missing(Arc<str>, KeyId),
    /// It does not make such keys, or such signatures.
    #[error("the token '{0}' refuses: {1}")]
    Refused(Arc<str>, String),
    /// Somebody else makes the same key at this moment.
    #[error("the key is being made by somebody else; try again")]
    Contended,
    /// What came from it is wrong.
    #[error("the token '{0}' cannot be relied on: {1}")]
    Wrong(Arc<str>, &'static str),
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let words = error.to_string();
        match error {
            TokenError::NotConfigured(_) | TokenError::Away(..) | TokenError::Slow(_) => {
                Self::new(Code::TokenUnavailable, format!("{words}; everything else goes on"))
            }
            TokenError::Contended => Self::unavailable(words),
            TokenError::Missing(..) => {
                tracing::error!(error = words, "a key is not where it should be");
                Self::new(Code::TokenUnavailable, words)
            }
            TokenError::Refused(..) | TokenError::Wrong(..) => {
                tracing::error!(error = words, "a key in a token cannot be used");
                Self::internal()
            }
        }
    }
}

impl Tokens {
    /// Begins to look for the tokens of the configuration, each on threads of its own.
    #[must_use]
    pub fn start(config: &config::Keystore, installation: Uuid, health: &Health) -> Self {
        let mut modules: BTreeMap<PathBuf, Arc<Module>> = BTreeMap::new();
        let token = |token: &config::Token| {
            let path = &token.address.module;
            let module = modules.entry(path.clone()).or_insert_with(|| Arc::new(Module::new(path))).clone();
            let name = &token.address.name;
            let shown = health.register_optional(&format!("token {name}"));
            let status = Arc::new(Status::new(name.as_str().into(), module, shown));
            let jobs = Worker::new(token, installation, status.clone()).start(config.token_sessions);
            let making = Semaphore::new((config.token_sessions / 2).max(1));
            (name.clone(), Token { jobs, status, making })
        };
        Self(config.tokens.iter().map(token).collect())
    }

    /// The token that a key is in.
    pub fn of(&self, name: &str) -> Result<&Token, TokenError> {
        self.0.get(name).ok_or_else(|| TokenError::NotConfigured(name.to_owned()))
    }

    /// The token that a key is to be made in. `place` is where the wish stands in the request.
    ///
    /// Errors: `validation_failed`.
    pub fn choose(&self, name: &str, algorithm: KeyAlgorithm, place: &str) -> Result<&Token, Problem> {
        let refused = |violation: Violation| {
            Problem::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![violation])
        };
        let Some(token) = self.0.get(name) else {
            let words = format!("no token '{name}' is configured");
            let violation = Violation::at(format!("{place}/token"), "token_unknown", words);
            return Err(refused(violation.allowing(self.0.keys())));
        };
        if algorithm == KeyAlgorithm::Ed25519 {
            let made: Vec<_> = KeyAlgorithm::ALL.iter().filter(|one| **one != algorithm).collect();
            let words = "keys in tokens are RSA and ECDSA keys";
            let violation = Violation::at(format!("{place}/algorithm"), "token_algorithm_unsupported", words);
            return Err(refused(violation.allowing(made.into_iter().map(ToString::to_string))));
        }
        Ok(token)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Token> {
        self.0.values()
    }
}

impl Token {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.status.name
    }

    /// Whether it answers, from now on.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.status.state.subscribe()
    }

    /// Errors: [`TokenError::Away`], as far as anybody knows at the moment.
    pub fn check(&self) -> Result<(), TokenError> {
        match &*self.status.state.borrow() {
            State::Away(fault) => Err(TokenError::Away(self.status.name.clone(), fault.clone())),
            State::Present | State::Unknown => Ok(()),
        }
    }

    /// Makes a key, unless it is there already; gives its SubjectPublicKeyInfo, DER.
    pub async fn make(&self, key: KeyId, algorithm: KeyAlgorithm) -> Result<Vec<u8>, TokenError> {
        let permit = self.making.acquire().await;
        let spki = self
            .ask(PATIENCE_FOR_NEW, key, move |open| {
                if let Some(spki) = open.public_key(key, algorithm)? {
                    return Ok(spki);
                }
                open.make(key, algorithm)
            })
            .await?;
        drop(permit);
        let wrong = |why| TokenError::Wrong(self.status.name.clone(), why);
        spki::PublicKey::read(&spki).map_err(|_| wrong("the key that it made is weak"))?;
        // What does not sign is not used.
        let proof = self.sign_with(key, algorithm, &spki, algorithm.default_signature(), PROOF).await;
        if let Err(TokenError::Wrong(..) | TokenError::Refused(..)) = &proof {
            self.destroy(key).await?;
        }
        proof.map(|_| spki)
    }

    /// Signs a whole message. Returns the signature as X.509 carries it, verified.
    pub async fn sign(
        &self,
        key: &KeyGenerated,
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let spki = view::spki_der(&key.spki);
        let spki = spki.ok_or_else(|| TokenError::Wrong(self.status.name.clone(), "the log has no key"))?;
        self.sign_with(key.id, key.algorithm, &spki, algorithm, message).await
    }

    async fn sign_with(
        &self,
        key: KeyId,
        kind: KeyAlgorithm,
        spki: &[u8],
        algorithm: SignatureAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, TokenError> {
        let data = pki::token_key::to_be_signed(algorithm, message);
        let data = data.filter(|_| crate::signing_key::fits(kind, algorithm)).ok_or_else(|| {
            TokenError::Refused(
                self.status.name.clone(),
                format!("a key of {kind} makes no {algorithm} signatures"),
            )
        })?;
        let signature = self.ask(PATIENCE, key, move |open| open.sign(key, kind, &data)).await?;
        // A wrong one would stay for ever once it is in the journal.
        spki::verify_with(spki, algorithm.into(), message, &signature).map_err(|_| {
            TokenError::Wrong(self.status.name.clone(), "its signature does not belong to the key in the log")
        })?;
        Ok(signature)
    }

    /// Destroys a key; one that is not there is destroyed.
    pub async fn destroy(&self, key: KeyId) -> Result<(), TokenError> {
        self.ask(PATIENCE, key, move |open| open.destroy(key)).await
    }

    /// The keys of this installation that it holds.
    pub async fn keys(&self) -> Result<Vec<KeyId>, TokenError> {
        self.ask(PATIENCE, KeyId(Uuid::nil()), |open| open.keys()).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        patience: Duration,
        key: KeyId,
        work: impl Fn(&object::Open<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, TokenError> {
        let name = || self.status.name.clone();
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |worker: &Worker| {
            if !answer.is_closed() {
                _ = answer.send(worker.work(&work));
            }
        });
        let asked = async {
            self.jobs.send(job).await.ok()?;
            answered.await.ok()
        };
        let Some(done) = tokio::time::timeout(patience, asked).await.ok().flatten() else {
            if patience == PATIENCE {
                // Until whoever looks after it says otherwise, nobody else waits as long.
                self.status.tell(State::Away(Fault::Away("it does not answer in time".into())));
            }
            return Err(TokenError::Slow(name()));
        };
        match done {
            Ok(done) => Ok(done),
            Err(fault @ (Fault::Away(_) | Fault::Pin(_))) => Err(TokenError::Away(name(), fault)),
            Err(Fault::Missing) => Err(TokenError::Missing(name(), key)),
            Err(Fault::Refused(words)) => Err(TokenError::Refused(name(), words)),
            Err(Fault::Unusable(why)) => Err(TokenError::Wrong(name(), why)),
            Err(Fault::Contended) => Err(TokenError::Contended),
        }
    }
}
