//! Commands: what one service asks of another over NATS request/reply.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{AdministratorId, Permission, Service, SessionId, Thumbprint, TokenId, id::IdError};

/// A command travels on `cmd.<service>.v1.<name>`; its body is the command as JSON.
pub trait Command: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The service that answers.
    const SERVICE: Service;
    /// Its name, snake_case.
    const NAME: &'static str;
    /// What the actor needs. `None`: only services send it, and NATS permissions name the sender (N-4).
    const PERMISSION: Option<Permission>;
    /// Fields of its body that hold a [`SecretText`](crate::SecretText). What tells a repeat from a reused id is kept in
    /// the log, so it is computed without them: nobody shall try passwords against it.
    const SECRET_FIELDS: &'static [&'static str] = &[];
    /// Whether a person who is signed in by a session has to have proved who they are a short while ago.
    const STEP_UP: bool = false;
    /// What a done command answers.
    type Reply: Serialize + DeserializeOwned + Send + 'static;

    /// The subject it travels on.
    #[must_use]
    fn subject() -> String {
        format!("cmd.{}.v1.{}", Self::SERVICE, Self::NAME)
    }
}

/// Declares commands: `command!(GenerateKey => GeneratedKey, Keystore, "generate_key", Some(Permission::KeyCreate));`
/// After the permission may follow constants of [`Command`]: `, STEP_UP = true, SECRET_FIELDS = &["password"]`.
#[macro_export]
macro_rules! command {
    ($name:ty => $reply:ty, $service:ident, $text:literal, $permission:expr $(, STEP_UP = $step_up:expr)? $(, SECRET_FIELDS = $secrets:expr)? $(,)?) => {
        impl $crate::Command for $name {
            const SERVICE: $crate::Service = $crate::Service::$service;
            const NAME: &'static str = $text;
            const PERMISSION: Option<$crate::Permission> = $permission;
            $(const STEP_UP: bool = $step_up;)?
            $(const SECRET_FIELDS: &'static [&'static str] = $secrets;)?
            type Reply = $reply;
        }
    };
}

/// What the thumbprint of a certificate is written after.
const SHA256: &str = "sha256:";

/// What an administrator acts through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An API token.
    Token(TokenId),
    /// A session, begun by signing in.
    Session(SessionId),
    /// A TLS client certificate, shown with each request.
    Certificate(Thumbprint),
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(token) => token.fmt(f),
            Self::Session(session) => session.fmt(f),
            Self::Certificate(thumbprint) => write!(f, "{SHA256}{thumbprint}"),
        }
    }
}
impl From<TokenId> for Credential {
    fn from(token: TokenId) -> Self {
        Self::Token(token)
    }
}
impl From<SessionId> for Credential {
    fn from(session: SessionId) -> Self {
        Self::Session(session)
    }
}
impl FromStr for Credential {
    type Err = IdError;
    /// `tok_…`, `ses_…` or `sha256:…`; a bare UUID would not say which.
    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Some(digits) = text.strip_prefix(SHA256) {
            let malformed =
                |_| IdError::Malformed { found: text.chars().take(64).collect(), expected: "sha256" };
            return digits.parse().map(Self::Certificate).map_err(malformed);
        }
        if text.starts_with("ses_") { text.parse().map(Self::Session) } else { text.parse().map(Self::Token) }
    }
}

/// Who acts: a person through a token or a session, or a service on its own account. There is no default (nothing is
/// attributed by accident).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// An administrator.
    Administrator {
        /// Who.
        administrator: AdministratorId,
        /// Through what.
        credential: Credential,
    },
    /// A service that continues or prepares something.
    Service(Service),
}

impl Actor {
    /// The part that outsiders see and idempotency keys belong to: `adm_…` or `service:<name>`.
    #[must_use]
    pub fn principal(&self) -> String {
        match self {
            Self::Administrator { administrator, .. } => administrator.to_string(),
            Self::Service(service) => format!("service:{service}"),
        }
    }
}
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Administrator { administrator, credential } => write!(f, "{administrator}/{credential}"),
            Self::Service(service) => write!(f, "service:{service}"),
        }
    }
}

/// Not an actor's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an actor: expected 'adm_…/tok_…', 'adm_…/ses_…', 'adm_…/sha256:…' or 'service:<name>'")]
pub struct ActorError(String);

impl FromStr for Actor {
    type Err = ActorError;
    fn from_str(text: &str) -> Result<Self, ActorError> {
        let refuse = || ActorError(text.chars().take(100).collect());
        if let Some(name) = text.strip_prefix("service:") {
            return name.parse().map(Self::Service).map_err(|_| refuse());
        }
        let (administrator, credential) = text.split_once('/').ok_or_else(refuse)?;
        Ok(Self::Administrator {
            administrator: administrator.parse().map_err(|_| refuse())?,
            credential: credential.parse().map_err(|_| refuse())?,
        })
    }
}

/// A change a command would make (`dryRun=true`), by JSON pointer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Where.
    pub pointer: String,
    /// The value before; `null` for a new thing.
    pub from: serde_json::Value,
    /// The value after.
    pub to: serde_json::Value,
}

/// The answer of a dry run: nothing was appended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// Whether the command would change anything.
    pub would_change: bool,
    /// What it would change.
    pub changes: Vec<Change>,
}
