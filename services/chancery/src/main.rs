//! `chancery`: the one binary, client and server.

use std::{io::Write as _, process::ExitCode};

use clap::{
    CommandFactory as _, Parser, Subcommand,
    builder::StyledStr,
    error::{ContextKind, ContextValue, ErrorKind},
};

mod client;
mod server;

/// glibc's allocator took a sixth of the server's own time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// X.509 certificates, their whole life
#[derive(Parser, Debug)]
#[command(name = "chancery", version, about, propagate_version = true, max_term_width = 120)]
struct Arguments {
    #[command(flatten)]
    client: client::ClientOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(flatten)]
    Client(Box<client::ClientCommand>),
    #[command(flatten)]
    Server(Box<server::ServerCommand>),
    /// Print a completion script for a shell
    Completion {
        /// bash, zsh, fish or powershell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return ExitCode::from(1); // only a second call in one process fails
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            if let Some(help) = help_instead(&error) {
                _ = write!(std::io::stderr(), "{help}");
                return ExitCode::from(2);
            }
            error.exit()
        }
    };
    // Reads one file within limits that leave no room for the threads that the other commands work with.
    if let Command::Server(command) = &arguments.command
        && let server::ServerCommand::ReadFile(read) = &**command
    {
        return read.run();
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => {
            _ = writeln!(std::io::stderr(), "error: no threads to work with: {error}");
            ExitCode::from(1)
        }
    }
}

async fn run(arguments: Arguments) -> ExitCode {
    match arguments.command {
        Command::Client(command) => client::run(*command, arguments.client).await.into(),
        Command::Server(command) => server::run(*command).await,
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "chancery", &mut script);
            _ = std::io::stdout().write_all(&script); // who closed the pipe has read enough
            ExitCode::SUCCESS
        }
    }
}

/// The help of a command that was given without the verb it needs. clap has an option for this, but takes a variable
/// of the environment, such as `HOME`, for an argument.
fn help_instead(error: &clap::Error) -> Option<StyledStr> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    if error.kind() != ErrorKind::MissingSubcommand {
        return None;
    }
    let mut all = Arguments::command();
    all.build();
    let mut command = &mut all;
    for word in name.split(' ').skip(1) {
        command = command.find_subcommand_mut(word)?;
    }
    Some(command.render_help())
}
