//! PostgreSQL: one pool per service role, every wait bounded, and reading transactions that see one scope.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use contracts::{OrganizationId, Service};
use deadpool_postgres::{
    ConfigConnectImpl, Connect, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction,
};
use tokio_postgres::{
    NoTls,
    config::{Host, SslMode},
    error::SqlState,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    roots::{self, RootsError},
    secrets::{SecretError, Secrets},
};

/// Longest wait for a connection, new or pooled.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where PostgreSQL is: host, port, name and TLS. It never holds a user or a password.
#[derive(Clone)]
pub struct Endpoint {
    config: tokio_postgres::Config,
    /// Roots that the server's certificate must lead to; none: no TLS.
    roots: Option<PathBuf>,
}

/// Why an address of a database was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It does not parse.
    #[error(
        "is not an address such as 'postgresql://db.example.com:5432/chancery?sslmode=verify-full&sslrootcert=/path': {0}"
    )]
    Malformed(String),
    /// It holds what belongs into files.
    #[error("names a user or password; each role's password is in server.secrets_dir")]
    Credentials,
    /// It names no database.
    #[error("names no database; expected '/<name>' after the host")]
    NoDatabase,
    /// TLS that checks nothing.
    #[error("has sslmode '{0}'; expected 'disable', or 'verify-full' with sslrootcert")]
    Mode(String),
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    /// Reads `postgresql://host[:port]/name[?sslmode=disable|verify-full][&sslrootcert=<path>]`; a folder given as
    /// `?host=/path` is a Unix socket.
    fn from_str(url: &str) -> Result<Self, EndpointError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = ("disable", None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = value,
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(value)),
                _ => rest.push(pair),
            }
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config: tokio_postgres::Config = plain
            .parse()
            .map_err(|error: tokio_postgres::Error| EndpointError::Malformed(error.to_string()))?;
        if config.get_user().is_some() || config.get_password().is_some() {
            return Err(EndpointError::Credentials);
        }
        if config.get_dbname().is_none() {
            return Err(EndpointError::NoDatabase);
        }
        let roots = match (mode, roots) {
            ("disable", None) => None,
            ("verify-full", Some(roots)) => Some(roots),
            (other, _) => return Err(EndpointError::Mode(other.into())),
        };
        // Explicit: the default, Prefer, falls back to plain text without a word.
        config.ssl_mode(if roots.is_some() { SslMode::Require } else { SslMode::Disable });
        config.connect_timeout(PATIENCE).keepalives_idle(Duration::from_secs(30));
        Ok(Self { config, roots })
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("hosts", &self.config.get_hosts())
            .field("name", &self.config.get_dbname())
            .field("roots", &self.roots)
            .finish()
    }
}

/// The place, as an operator looks for it: hosts with their ports, or folders of sockets.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.config.get_ports();
        for (at, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            match host {
                Host::Tcp(name) => {
                    let port = ports.get(at).or(ports.first()).unwrap_or(&5432);
                    write!(f, "{separator}{name}:{port}")?;
                }
                Host::Unix(folder) => write!(f, "{separator}{}", folder.display())?,
            }
        }
        Ok(())
    }
}

/// PostgreSQL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// A file of secrets.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The roots of TLS.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The pool could not be built.
    #[error("pool of connections")]
    Build(#[source] deadpool_postgres::BuildError),
    /// No connection in time.
    #[error("no connection to PostgreSQL")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// The server's answer.
    #[error("PostgreSQL: {}", reason(.0))]
    Server(#[from] tokio_postgres::Error),
}

impl DatabaseError {
    /// Whether nobody answers there, or not yet; what a server refuses it refuses for good.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let Self::Server(error) = self else { return false };
        error.code().is_none_or(|code| *code == SqlState::CANNOT_CONNECT_NOW)
    }
}

/// An error in words: the server's own message rather than `db error`.
fn reason(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |db| format!("{} ({})", db.message(), db.code().code()))
}

impl Endpoint {
    /// The private server's: a Unix socket in `folder`.
    #[must_use]
    pub fn socket(folder: &std::path::Path, database: &str) -> Self {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(folder)
            .port(5432)
            .dbname(database)
            .ssl_mode(SslMode::Disable)
            .connect_timeout(PATIENCE);
        Self { config, roots: None }
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    /// The place as PostgreSQL's own programs take it from their environment; a password is no part of it.
    #[must_use]
    pub fn libpq(&self) -> Vec<(&'static str, OsString)> {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => OsString::from(name),
            Host::Unix(folder) => folder.clone().into_os_string(),
        });
        let ports: Vec<String> = self.config.get_ports().iter().map(ToString::to_string).collect();
        let (mode, roots) = match &self.roots {
            None => ("disable", None),
            Some(roots) => ("verify-full", Some(("PGSSLROOTCERT", roots.clone().into_os_string()))),
        };
        let name = self.config.get_dbname().unwrap_or_default();
        let hosts = hosts.collect::<Vec<_>>().join(OsStr::new(","));
        [("PGHOST", hosts), ("PGDATABASE", name.into()), ("PGSSLMODE", mode.into())]
            .into_iter()
            .chain((!ports.is_empty()).then(|| ("PGPORT", ports.join(",").into())))
            .chain(roots)
            .collect()
    }

    /// Opens one connection outside any pool: for session locks, LISTEN and migrations.
    pub async fn connect(&self, role: &str, password: &str) -> Result<tokio_postgres::Client, DatabaseError> {
        let config = self.config_for(role, password);
        if let Some(tls) = self.tls()? {
            let (client, connection) = config.connect(tls).await?;
            tokio::spawn(connection);
            Ok(client)
        } else {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        }
    }

    /// The whole connection configuration of a role.
    #[must_use]
    pub fn config_for(&self, role: &str, password: &str) -> tokio_postgres::Config {
        let mut config = self.config.clone();
        config.user(role).password(password).application_name(role);
        config
    }

    /// A pool of at most `size` connections; no wait in it is unbounded.
    pub fn pool(&self, role: &str, password: &str, size: usize) -> Result<Pool, DatabaseError> {
        let config = self.config_for(role, password);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match self.tls()? {
            Some(tls) => Manager::from_config(config, tls, recycling),
            None => Manager::from_config(config, NoTls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(PATIENCE))
            .create_timeout(Some(PATIENCE))
            .recycle_timeout(Some(PATIENCE))
            .runtime(Runtime::Tokio1);
        pool.build().map_err(DatabaseError::Build)
    }

    /// What makes connections, for code that brings its own [`Endpoint::config_for`].
    pub fn connector(&self) -> Result<Box<dyn Connect>, DatabaseError> {
        Ok(match self.tls()? {
            Some(tls) => Box::new(ConfigConnectImpl { tls }),
            None => Box::new(ConfigConnectImpl { tls: NoTls }),
        })
    }

    /// TLS towards the server, when it is asked for.
    pub fn tls(&self) -> Result<Option<MakeRustlsConnect>, DatabaseError> {
        let Some(path) = &self.roots else { return Ok(None) };
        Ok(Some(MakeRustlsConnect::new(roots::client_config(Some(path))?)))
    }
}

/// The pool of one service: its role, its password, its size.
pub fn pool(
    endpoint: &Endpoint,
    secrets: &Secrets,
    service: Service,
    size: usize,
) -> Result<Pool, DatabaseError> {
    let role = service.role();
    endpoint.pool(&role, &secrets.database_password(&role)?, size)
}

/// Whose rows a reading transaction sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every organization.
    All,
    /// These only.
    Organizations(Vec<OrganizationId>),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Organizations(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| id.uuid().to_string()).collect();
                f.write_str(&ids.join(","))
            }
        }
    }
}

/// Begins a reading transaction in which the `api_` views show the scope's rows alone; it ends when dropped.
///
/// The setting is the transaction's own, so a pooled connection never carries it on.
pub async fn scoped_read<'a>(
    client: &'a mut deadpool_postgres::Object,
    scope: &Scope,
) -> Result<Transaction<'a>, DatabaseError> {
    let transaction = client.build_transaction().read_only(true).start().await?;
    // Planned with its values: how many rows a scope or a pattern has decides which index is the right one.
    let settings = "select set_config('chancery.scope', $1, true), set_config('plan_cache_mode', 'force_custom_plan', true)";
    let statement = transaction.prepare_cached(settings).await?;
    transaction.execute(&statement, &[&scope.to_string()]).await?;
    Ok(transaction)
}
