//! `chancery config`: make a configuration, check one, print what it comes to.

mod init;

use clap::Subcommand;

use super::{failure::Failure, options::ServerOptions, terminal};

/// The configuration: make it, check it, print it
#[derive(Subcommand, Debug)]
pub enum ConfigCommand {
    /// Make the secrets and a configuration file with every key explained; what exists is kept
    Init(init::Init),
    /// Check the configuration and say every mistake with file, line and key
    Check {
        #[command(flatten)]
        options: ServerOptions,
    },
    /// Print each value with its source; secrets are masked
    Print {
        #[command(flatten)]
        options: ServerOptions,
    },
}

impl ConfigCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Init(init) => init.run(),
            Self::Check { options } => {
                options.load()?;
                terminal::line("The configuration is valid.");
                Ok(())
            }
            Self::Print { options } => {
                let (_, settings, _) = options.load()?;
                terminal::line(settings.to_string().trim_end());
                Ok(())
            }
        }
    }
}
