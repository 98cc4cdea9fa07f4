//! `chancery backup`: everything in one sealed file, made while all of it is in use; whether such a file is whole; and back.
//!
//! | file | says |
//! |---|---|
//! | [`key`] | whom backups are sealed to |
//! | [`seal`] | the file: chunks that open with that key alone, in their order |
//! | [`manifest`] | what it says of itself, before the database |
//! | [`programs`] | PostgreSQL's own programs, which write and read the database |
//! | [`create`], [`verify`], [`restore`] | the commands |

mod create;
mod key;
mod manifest;
mod programs;
mod restore;
mod seal;
mod verify;

use clap::Subcommand;

use super::failure::Failure;

/// Backups of everything: made while it is in use, verified, restored
#[derive(Subcommand, Debug)]
pub enum BackupCommand {
    /// Make the key pair that backups are sealed to, and print its public half
    Key(key::MakeKey),
    /// Write log, wrapped keys, read models and settings into one sealed file, while everything runs
    Create(create::Create),
    /// Restore a backup into a scratch database, verify the log, build every read model again and compare
    Verify(verify::Verify),
    /// Restore a backup into an empty installation, on this machine or another
    Restore(restore::Restore),
}

impl BackupCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Key(key) => key.run(),
            Self::Create(create) => create.run().await,
            Self::Verify(verify) => verify.run().await,
            Self::Restore(restore) => restore.run().await,
        }
    }
}
