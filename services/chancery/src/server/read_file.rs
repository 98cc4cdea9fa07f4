//! `chancery read-file`: what the gateway starts to read an uploaded file with. Nobody else needs it.

use std::{
    io::{Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode},
};

use clap::Args;
use gateway::file_reader;
use nix::sys::resource::{Resource, setrlimit};

use super::{failure::Failure, terminal};

const MEMORY: u64 = 256 << 20;
const CPU_SECONDS: u64 = 60;
/// Standard streams, and what the program's own runtime opens when it starts.
const OPEN_FILES: u64 = 24;

/// `chancery read-file`
#[derive(Args, Debug)]
pub struct ReadFile {
    /// The limits are set
    #[arg(long)]
    limited: bool,
}

impl ReadFile {
    /// Reads the file, in a process that is limited.
    pub fn run(&self) -> ExitCode {
        if !self.limited {
            let failure = limit();
            terminal::note(&failure.to_string());
            return failure.exit_code();
        }
        let mut input = vec![];
        _ = std::io::stdin().lock().read_to_end(&mut input); // what is cut off is answered with nothing
        _ = std::io::stdout().lock().write_all(&file_reader::answer(&input));
        ExitCode::SUCCESS
    }
}

/// Sets the limits and begins anew, so that they hold for all of the process, its allocator included. Comes back only
/// if that fails.
fn limit() -> Failure {
    let limits = [
        (Resource::RLIMIT_DATA, MEMORY),
        (Resource::RLIMIT_CPU, CPU_SECONDS),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_CORE, 0),
    ];
    for (resource, most) in limits {
        if let Err(error) = setrlimit(resource, most, most) {
            return Failure::Other(format!("{resource:?} cannot be set: {error}"));
        }
    }
    let error =
        Command::new(file_reader::PROGRAM).args([file_reader::COMMAND, "--limited"]).arg0("chancery").exec();
    Failure::Other(error.to_string())
}
