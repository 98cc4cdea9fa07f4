//! The private servers of one machine: PostgreSQL and NATS, started when no address of one is configured.
//!
//! They run as an unprivileged user, outlive a killed parent, are adopted by the next one, and are never started
//! twice. What they listen on is reachable from this machine alone.

pub mod nats;
pub mod postgres;
mod process;
mod program;
mod runner;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::{
    program::{ProgramError, postgres_client},
    runner::Runner,
};
use crate::{database::DatabaseError, secrets::SecretError};

/// A private server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its program is missing or too old.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A file or folder.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What failed.
        reason: io::Error,
    },
    /// The user it runs as cannot reach a folder.
    #[error("{} cannot be entered by user '{user}', as whom {server} runs; choose a folder that is not below it", barrier.display())]
    Unreachable {
        /// The folder in the way.
        barrier: PathBuf,
        /// Who cannot enter.
        user: String,
        /// Which server.
        server: &'static str,
    },
    /// It ended or did not answer.
    #[error("{server} did not start: {reason}; its log is {}", log.display())]
    Start {
        /// Which server.
        server: &'static str,
        /// Why.
        reason: String,
        /// Where it says more.
        log: PathBuf,
    },
    /// Something runs in our place but does not know us.
    #[error("{server} already runs for {} (process {pid}) but refuses our credentials: {reason}", folder.display())]
    Foreign {
        /// Which server.
        server: &'static str,
        /// Its folder.
        folder: PathBuf,
        /// Its process.
        pid: i32,
        /// What it said.
        reason: String,
    },
    /// Its credentials.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl ServerError {
    fn file(path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::File { path: path.as_ref().into(), reason }
    }
}
