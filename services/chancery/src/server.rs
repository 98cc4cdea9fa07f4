//! The server side of the command line: starting services, bringing the database up to date, looking after the log.

mod backup;
mod config;
mod context_file;
mod failure;
mod lock;
mod log_verify;
mod migrate;
mod options;
mod private_servers;
mod process;
mod read_file;
mod readiness;
mod rebuild;
mod relay;
mod serve;
mod services;
mod terminal;
mod up;

use std::process::ExitCode;

use clap::Subcommand;
use runtime::config::Environment;

/// Commands that run on the server's machine.
#[derive(Subcommand, Debug)]
pub enum ServerCommand {
    /// Start everything on this machine: PostgreSQL and NATS unless configured, the schema, every service
    Up(up::Up),
    /// Run the named services; PostgreSQL and NATS run elsewhere
    Serve(serve::Serve),
    /// Bring the database up to date with this program
    Migrate(migrate::Migrate),
    /// The configuration: make it, check it, print it
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// The event log
    #[command(subcommand)]
    Log(log_verify::LogCommand),
    /// Backups of everything: made while it is in use, verified, restored
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    /// Build a read model again from the log, beside the one in use
    Rebuild(rebuild::Rebuild),
    /// Read one file from standard input, for the gateway
    #[command(hide = true)]
    ReadFile(read_file::ReadFile),
}

/// Runs a server command to its end.
pub async fn run(command: ServerCommand) -> ExitCode {
    runtime::failpoint::arm(&Environment::of_process());
    let result = match command {
        ServerCommand::Up(up) => up.run().await,
        ServerCommand::Serve(serve) => serve.run().await,
        ServerCommand::Migrate(migrate) => migrate.run().await,
        ServerCommand::Config(config) => config.run(),
        ServerCommand::Log(log) => log.run().await,
        ServerCommand::Backup(backup) => backup.run().await,
        ServerCommand::Rebuild(rebuild) => rebuild.run().await,
        ServerCommand::ReadFile(read) => return read.run(), // `main` has done so without threads
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::note(&failure.to_string());
            failure.exit_code()
        }
    }
}
