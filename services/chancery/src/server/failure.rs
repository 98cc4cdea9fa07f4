//! Why a server command ended, and with which exit code.

use std::{io, path::PathBuf, process::ExitCode};

use runtime::{
    config::ConfigError,
    database::{DatabaseError, Endpoint, EndpointError},
    migrate::{MigrateError, SchemaError},
    secrets::SecretError,
    servers::ServerError,
    service::{ContextError, StartError},
    telemetry::TelemetryError,
    transport_ca::TransportError,
};

/// What went wrong, in words for an operator.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The configuration; one mistake to a line.
    #[error("error[configuration]: {0}")]
    Config(#[from] ConfigError),
    /// The command cannot be carried out as given.
    #[error("error[usage]: {0}")]
    Usage(String),
    /// The log is not what was recorded.
    #[error("error[log_altered]: {0}")]
    Altered(String),
    /// A backup is not what was made, or does not hold all that it should.
    #[error("error[backup_unsound]: {0}")]
    Unsound(String),
    /// PostgreSQL is away.
    #[error(
        "error[unreachable]: no PostgreSQL answers at {place}: {cause}; start it: 'chancery up' (from the sources 'make up'), \
         or the server that database.url names"
    )]
    Unreachable {
        /// Where it should be.
        place: String,
        /// Why.
        cause: String,
    },
    /// Something that has an error of its own.
    #[error("error: {0}")]
    Other(String),
}

impl Failure {
    /// 2 is wrong usage; 9 a server that is away; 10 a question answered "no"; 1 all else.
    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Config(_) | Self::Usage(_) => 2,
            Self::Unreachable { .. } => 9,
            Self::Altered(_) | Self::Unsound(_) => 10,
            Self::Other(_) => 1,
        })
    }

    /// What a connection to `endpoint` failed with.
    pub(super) fn connecting(endpoint: &Endpoint, error: &DatabaseError) -> Self {
        match error {
            DatabaseError::Server(cause) if error.is_away() => {
                Self::Unreachable { place: endpoint.to_string(), cause: runtime::error::words(cause) }
            }
            error => Self::Other(runtime::error::words(error)),
        }
    }

    /// A file or folder that could not be read or written.
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Other(format!("{}: {error}", path.display()))
    }
}

macro_rules! in_words {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self { Self::Other(runtime::error::words(&error)) }
        }
    )*};
}

in_words!(
    ContextError,
    DatabaseError,
    EndpointError,
    MigrateError,
    SchemaError,
    SecretError,
    ServerError,
    StartError,
    TelemetryError,
    TransportError,
    bus::BusError,
    tokio_postgres::Error,
    io::Error,
);
