//! `chancery config init`: secrets and a configuration file; with `--compose` what docker-compose.yml mounts.

use std::{
    fmt::Write as _,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use bus::permissions::{ServerOptions as NatsOptions, nats_server_conf};
use clap::Args;
use nix::unistd::{getegid, geteuid};
use runtime::{
    config::{KEYS, Kind},
    entropy::SystemEntropy,
    secrets::Secrets,
};

use crate::server::{failure::Failure, options::ServerOptions, private_servers::make_data_folder, terminal};

/// The user of the containers where root must not be it.
const NOBODY: u32 = 65_532;

/// Make the secrets and a configuration file with every key explained; what exists is kept
#[derive(Args, Debug)]
pub struct Init {
    #[command(flatten)]
    options: ServerOptions,
    /// Make ./compose and .env for docker-compose.yml instead
    #[arg(long)]
    compose: bool,
    /// Folder to write to: of docker-compose.yml with --compose, else of the configuration file
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,
}

impl Init {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.compose { compose(&self.folder) } else { self.machine() }
    }

    fn machine(&self) -> Result<(), Failure> {
        let (config, _, _) = self.options.load()?;
        make_data_folder(&config.server.data_dir)?;
        Secrets::at(&config.server.secrets_dir).make_missing(&SystemEntropy)?;
        let file = self.folder.join("chancery.toml");
        write_new(&file, &example(&self.options.flags()?))?;
        terminal::line(&format!("Configuration: {}", file.display()));
        terminal::line(&format!("Secrets:       {}", config.server.secrets_dir.display()));
        Ok(())
    }
}

/// Every key, explained: as a comment with its default, or with the value that a flag gives it.
fn example(flags: &[(String, String, String)]) -> String {
    let mut text =
        String::from("# Chancery's configuration. Each line shows a default; remove the # to change it.\n");
    let mut section = "";
    for key in KEYS {
        let (its, name) = key.parts();
        if its != section {
            section = its;
            _ = write!(text, "\n[{section}]\n"); // writing to a string cannot fail
        }
        let file = format!("{name}_file");
        let (name, default) = match key.kind {
            // The master key's file is a key of its own and stands there.
            Kind::Secret if KEYS.iter().any(|other| other.parts() == (its, &file)) => continue,
            Kind::Secret => (file, "\"\""),
            _ => (name.to_owned(), key.default),
        };
        let (its, name_here) = key.parts();
        let given = flags.iter().rev().find(|(_, key, _)| key.split_once('.') == Some((its, name_here)));
        _ = match given {
            Some((_, _, value)) => writeln!(text, "# {}\n{name} = {}", key.about, written(key.kind, value)),
            None => writeln!(text, "# {}\n# {name} = {default}", key.about),
        };
    }
    text
}

/// A flag's value as TOML has it: a JSON string is a basic string of TOML, too.
fn written(kind: Kind, value: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text.trim()).to_string();
    match kind {
        Kind::Boolean | Kind::Integer { .. } => value.to_owned(),
        Kind::Networks => format!("[{}]", value.split(',').map(quoted).collect::<Vec<_>>().join(", ")),
        _ => quoted(value),
    }
}

/// `compose/secrets`, `compose/nats.conf` (public halves only) and `.env` with the owner of the secrets.
fn compose(folder: &Path) -> Result<(), Failure> {
    let place = folder.join("compose");
    make_folder(&place)?;
    let secrets = Secrets::at(place.join("secrets"));
    secrets.make_missing(&SystemEntropy)?;
    let owner = if geteuid().is_root() {
        give(secrets.folder(), NOBODY)?;
        (NOBODY, NOBODY)
    } else {
        (geteuid().as_raw(), getegid().as_raw())
    };
    let options = NatsOptions {
        name: "chancery".into(),
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 4222),
        monitor: Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8222)),
        store_dir: "/data".into(),
        sync_always: true,
        pid_file: None,
        log_file: None,
    };
    let nats = place.join("nats.conf");
    fs::write(&nats, nats_server_conf(&options, &secrets.nats_users()?)).map_err(Failure::file(&nats))?;
    fs::set_permissions(&nats, fs::Permissions::from_mode(0o644)).map_err(Failure::file(&nats))?;
    let environment = folder.join(".env");
    write_new(&environment, &format!("CHANCERY_USER={}:{}\n", owner.0, owner.1))?;
    for line in [
        format!("Secrets:    {}", secrets.folder().display()),
        format!("NATS:       {}", nats.display()),
        format!("First token in {}/first.token", secrets.folder().display()),
        "Next:       docker compose up --detach --wait".to_owned(),
    ] {
        terminal::line(&line);
    }
    Ok(())
}

fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(Failure::file(path))
}

fn give(folder: &Path, user: u32) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::file(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    for path in paths.map_err(Failure::file(folder))?.iter().map(PathBuf::as_path).chain([folder]) {
        chown(path, Some(user), Some(user)).map_err(Failure::file(path))?;
    }
    Ok(())
}

/// Writes a file unless it exists.
fn write_new(path: &Path, content: &str) -> Result<(), Failure> {
    match fs::File::create_new(path) {
        Ok(mut file) => io::Write::write_all(&mut file, content.as_bytes()).map_err(Failure::file(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Failure::file(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use runtime::config::{Config, Sources};

    use super::*;

    #[test]
    fn the_example_is_the_default_configuration_also_without_its_comments() {
        let folder = tempfile::tempdir().unwrap();
        let load = |text: &str| {
            let file = folder.path().join("chancery.toml");
            fs::write(&file, text).unwrap();
            let environment = [("HOME", "/home/alice")].into();
            let loaded = Config::load(&Sources { file: Some(file), environment, ..Sources::default() });
            format!("{:?}", loaded.map(|(config, _)| config).map_err(|error| error.to_string()).unwrap())
        };
        let uncommented: String = example(&[])
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(load(&uncommented), load(""));
    }

    #[test]
    fn what_flags_say_stands_in_the_file() {
        let flag = |key: &str, value: &str| ("--set".to_owned(), key.to_owned(), value.to_owned());
        let text = example(&[
            flag("server.data_dir", "/srv/ch\"ancery"),
            flag("database.pool_size", "7"),
            flag("server.production", "true"),
        ]);
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["server"]["data_dir"].as_str(), Some("/srv/ch\"ancery"));
        assert_eq!(table["database"]["pool_size"].as_integer(), Some(7));
        assert_eq!(table["server"]["production"].as_bool(), Some(true));
        assert!(!table["server"].as_table().unwrap().contains_key("listen"), "{text}");
    }
}
