//! Contexts: where a server is, how to recognize it, and the token to use, in one file of mode 0600.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde::{Deserialize, Serialize};

use super::{ClientOptions, failure::Failure, output};

/// The file `contexts.toml`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The context that is used when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// All contexts by name.
    #[serde(default)]
    pub context: BTreeMap<String, Server>,
}

/// One server.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its address.
    pub server: String,
    /// PEM file of the CA that issued its certificate; missing: the system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// File that holds the API token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("server", &self.server)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// The folder of the contexts file: `$XDG_CONFIG_HOME/chancery`, else `~/.config/chancery`.
pub fn folder(xdg_config_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let base = xdg_config_home.filter(|path| path.is_absolute()).map(Path::to_path_buf);
    base.or_else(|| home.map(|home| home.join(".config"))).map(|base| base.join("chancery"))
}

impl Contexts {
    /// Reads the file of a folder; a missing one has no contexts.
    pub fn read(folder: &Path) -> io::Result<Self> {
        match fs::read_to_string(folder.join("contexts.toml")) {
            Ok(text) => toml::from_str(&text)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Writes the file whole, so that a crash leaves the old one or the new one.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let draft = folder.join(format!("contexts.toml.{}", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(draft, folder.join("contexts.toml"))
    }
}

/// `chancery context …`
#[derive(Subcommand, Debug)]
pub enum Context {
    /// Add a context, or replace one of the same name
    Add {
        /// Its name
        name: String,
        /// Address of the server
        #[arg(long = "address")]
        address: String,
        /// PEM file of the CA that issued its certificate
        #[arg(long = "ca")]
        ca: Option<PathBuf>,
        /// File that holds the API token
        #[arg(long)]
        token_file: Option<PathBuf>,
    },
    /// Use a context from now on
    Use {
        /// Its name
        name: String,
    },
    /// List the contexts
    List,
    /// Show a context, without its token
    Show {
        /// Its name; the current one when not given
        name: Option<String>,
    },
    /// Remove a context
    Remove {
        /// Its name
        name: String,
    },
    /// Print server, CA and token as shell variables, for curl: eval "$(chancery context env)"
    Env,
}

impl Context {
    pub(super) fn run(self, options: &ClientOptions) -> Result<(), Failure> {
        let folder = options.folder()?;
        let mut contexts = options.contexts()?;
        let known = |contexts: &Contexts, name: &str| {
            if contexts.context.contains_key(name) {
                return Ok(());
            }
            let names: Vec<_> = contexts.context.keys().map(String::as_str).collect();
            Err(Failure::Usage(format!("there is no context '{name}'; there are: {}", names.join(", "))))
        };
        match self {
            Self::Add { name, address, ca, token_file } => {
                let token = options.token.as_ref().map(|token| token.reveal().to_owned());
                let server = Server {
                    server: address,
                    ca_file: ca.map(absolute),
                    token,
                    token_file: token_file.map(absolute),
                };
                contexts.context.insert(name.clone(), server);
                contexts.current.get_or_insert(name);
            }
            Self::Use { name } => {
                known(&contexts, &name)?;
                contexts.current = Some(name);
            }
            Self::Remove { name } => {
                known(&contexts, &name)?;
                contexts.context.remove(&name);
                contexts.current = contexts.current.filter(|current| *current != name);
            }
            Self::Env => {
                output::text(&environment(&options.target()?));
                return Ok(());
            }
            Self::List => {
                for (name, server) in &contexts.context {
                    let mark = if contexts.current.as_ref() == Some(name) { "*" } else { " " };
                    output::line(&format!("{mark} {name}\t{}", server.server));
                }
                return Ok(());
            }
            Self::Show { name } => {
                let name = name
                    .or(contexts.current.clone())
                    .ok_or_else(|| Failure::Usage("there is no current context".into()))?;
                known(&contexts, &name)?;
                let server = &contexts.context[&name];
                output::line(&format!("name:    {name}\nserver:  {}", server.server));
                if let Some(file) = &server.ca_file {
                    output::line(&format!("ca file: {}", file.display()));
                }
                return Ok(());
            }
        }
        contexts
            .write(&folder)
            .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", folder.display())))
    }
}

impl ClientOptions {
    fn folder(&self) -> Result<PathBuf, Failure> {
        folder(self.xdg_config_home.as_deref(), self.home.as_deref())
            .ok_or_else(|| Failure::Usage("neither XDG_CONFIG_HOME nor HOME is set".into()))
    }

    fn contexts(&self) -> Result<Contexts, Failure> {
        let folder = self.folder()?;
        Contexts::read(&folder).map_err(|error| {
            Failure::Usage(format!("cannot read {}: {error}", folder.join("contexts.toml").display()))
        })
    }

    /// The server to talk to: flags and environment over the named or current context.
    pub(super) fn target(&self) -> Result<Server, Failure> {
        let chosen = match (&self.server, &self.context) {
            (Some(_), None) => Server::default(),
            _ => {
                let contexts = self.contexts()?;
                let name = self.context.clone().or(contexts.current);
                match name {
                    Some(name) => contexts.context.get(&name).cloned().ok_or_else(|| {
                        Failure::Usage(format!("there is no context '{name}': see chancery context list"))
                    })?,
                    None => {
                        return Err(Failure::Usage(
                            "no server is known: start one with 'chancery up', or give --server and --token, or add a context".into(),
                        ));
                    }
                }
            }
        };
        let token = match (&self.token, chosen.token, &chosen.token_file) {
            (Some(token), _, _) => Some(token.reveal().to_owned()),
            (None, Some(token), _) => Some(token),
            (None, None, Some(file)) => Some(
                fs::read_to_string(file)
                    .map_err(|error| {
                        Failure::Usage(format!("cannot read the token in {}: {error}", file.display()))
                    })?
                    .trim()
                    .to_owned(),
            ),
            (None, None, None) => None,
        };
        Ok(Server {
            server: self.server.clone().unwrap_or(chosen.server).trim_end_matches('/').to_owned(),
            ca_file: self.ca_file.clone().or(chosen.ca_file),
            token,
            token_file: None,
        })
    }
}

/// A server as variables of a POSIX shell, under the names that this program reads.
fn environment(server: &Server) -> String {
    let ca_file = server.ca_file.as_ref().map(|file| file.display().to_string());
    let variables = [
        ("CHANCERY_SERVER", Some(&server.server)),
        ("CHANCERY_CA_FILE", ca_file.as_ref()),
        ("CHANCERY_TOKEN", server.token.as_ref()),
    ];
    let lines = variables
        .into_iter()
        .filter_map(|(name, value)| Some(format!("export {name}='{}'\n", value?.replace('\'', r"'\''"))));
    lines.collect()
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_quoted_for_a_shell() {
        let server = Server {
            server: "https://localhost:8443".into(),
            ca_file: Some("/srv/o'brien/ca.pem".into()),
            ..Server::default()
        };
        let text = environment(&server);
        assert_eq!(
            text,
            "export CHANCERY_SERVER='https://localhost:8443'\nexport CHANCERY_CA_FILE='/srv/o'\\''brien/ca.pem'\n"
        );
    }
}
