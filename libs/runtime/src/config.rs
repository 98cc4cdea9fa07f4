//! Configuration: one TOML file, environment variables, flags; read raw, then validated into the types that code uses.
//!
//! Flag > environment > file > default. Every key is also `CHANCERY_<SECTION>__<KEY>`, every secret also `<key>_file`.
//! [`KEYS`] is the one table of keys; [`Settings`] is what was given and where; [`Config`] is what remains to use,
//! with nothing left to check.

mod environment;
mod error;
mod keys;
mod settings;
mod token;
mod value;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use contracts::{Lifetime, Network};

use crate::outbound::address;

pub use self::{
    environment::Environment,
    error::{ConfigError, Mistake, Source},
    keys::{KEYS, Key},
    settings::{Settings, Sources},
    token::{TokenAddress, TokenMarks},
    value::{Kind, Secret, Value},
};

/// The configuration of a process.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses and places.
    pub server: Server,
    /// How people and programs prove who they are.
    pub auth: Auth,
    /// PostgreSQL.
    pub database: Database,
    /// NATS.
    pub bus: Bus,
    /// The master key.
    pub keystore: Keystore,
    /// Connections to what users and peers name (M-1).
    pub outbound: Outbound,
    /// Mail.
    pub mail: Mail,
    /// Sizes and times (L-1).
    pub limits: Limits,
    /// Logs, traces, metrics.
    pub telemetry: Telemetry,
}

/// Addresses and places.
#[derive(Clone, Debug)]
pub struct Server {
    /// How clients reach the gateway; without a trailing slash.
    pub public_url: String,
    /// HTTPS.
    pub listen: SocketAddr,
    /// Operations.
    pub ops_listen: SocketAddr,
    /// Everything on disk.
    pub data_dir: PathBuf,
    /// Passwords, seeds, keys.
    pub secrets_dir: PathBuf,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<Network>,
    /// Whom no access list keeps out.
    pub always_allowed: Vec<Network>,
    /// The strict profile.
    pub production: bool,
}

impl Server {
    /// The host of `public_url`, without brackets around an IPv6 address.
    #[must_use]
    pub fn public_host(&self) -> String {
        let uri = self.public_url.parse::<http::Uri>().ok();
        let host = uri.as_ref().and_then(http::Uri::host).unwrap_or("localhost");
        host.trim_start_matches('[').trim_end_matches(']').to_owned()
    }
}

/// What a TLS client certificate is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Nobody is asked for one.
    Off,
    /// One is enough to sign in.
    Optional,
    /// People need one beside what else they sign in with.
    Required,
}

/// PostgreSQL.
#[derive(Clone, Debug)]
pub struct Database {
    /// Host, port, name, TLS; none means a private server.
    pub url: Option<String>,
    /// Connections per service.
    pub pool_size: usize,
}

/// NATS.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Its address; none means a private server.
    pub url: Option<String>,
}

/// The master key (K-2).
#[derive(Clone, Debug)]
pub struct Keystore {
    /// Where it comes from.
    pub provider: MasterKeyProvider,
    /// Whether the strict profile takes environment and passphrase.
    pub allow_weak_master_key: bool,
    /// Whether the strict profile runs where memory cannot be locked (K-4).
    pub allow_unlocked_memory: bool,
    /// PKCS #11 tokens that keys may be in.
    pub tokens: Vec<Token>,
    /// Most calls at once into each.
    pub token_sessions: usize,
}

/// A PKCS #11 token that keys may be in.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its name, module and marks.
    pub address: TokenAddress,
    /// The file that holds its PIN.
    pub pin_file: PathBuf,
}

/// Where the master key comes from.
#[derive(Clone, Debug)]
pub enum MasterKeyProvider {
    /// A file, 0600, made at first start.
    File(PathBuf),
    /// 64 hexadecimal digits from the environment.
    Environment(Secret),
    /// Derived by argon2id; one that is not given here is waited for.
    Passphrase(Option<Secret>),
    /// Given back by shares that people enter.
    Shares {
        /// So many of them.
        needed: u8,
        /// Of so many.
        of: u8,
    },
}

/// Connections to what users and peers name (M-1).
#[derive(Clone, Debug)]
pub struct Outbound {
    /// Whom to ask about names; none: the system's resolvers.
    pub resolver: Option<SocketAddr>,
    /// Reachable although not public.
    pub allow: Vec<Network>,
    /// CA certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Mail; how it is sent is set by administrators.
#[derive(Clone, Debug)]
pub struct Mail {
    /// How long what mails say, and to whom, is kept.
    pub kept: Lifetime,
}

/// How people sign in.
#[derive(Clone, Debug)]
pub struct Auth {
    /// How long a session may rest.
    pub session_idle: Lifetime,
    /// How long a session may last.
    pub session_max: Lifetime,
    /// How long a proof of who is signed in counts.
    pub step_up: Lifetime,
    /// Passwords that nobody may choose.
    pub breached_passwords: Option<PathBuf>,
    /// Where people who cannot sign in find help.
    pub support_url: Option<String>,
    /// What a TLS client certificate is worth.
    pub client_certificates: ClientCertificates,
    /// The CAs whose client certificates count.
    pub client_ca_file: Option<PathBuf>,
    /// What those CAs revoked.
    pub client_crl_file: Option<PathBuf>,
}

/// Sizes and times (L-1).
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest request body.
    pub body_bytes: usize,
    /// Largest CSR.
    pub csr_bytes: usize,
    /// Largest request head.
    pub header_bytes: usize,
    /// Deepest nesting of JSON.
    pub json_depth: usize,
    /// Most names in one certificate.
    pub sans: usize,
    /// Most requests of one address, and of one administrator; 0 = any number (L-2).
    pub requests_per_minute: u32,
    /// Most requests of one organization; 0 = any number.
    pub organization_requests_per_minute: u32,
    /// Most costly requests of one administrator; 0 = any number.
    pub costly_requests_per_minute: u32,
    /// Most invalid credentials from one address.
    pub failed_sign_ins_per_minute: u32,
    /// Most attempts to sign in from one address.
    pub sign_ins_per_minute: u32,
    /// Longest time for a request.
    pub request_time: Lifetime,
    /// Longest time for a request's head.
    pub header_time: Lifetime,
    /// Requests at once on one HTTP/2 connection.
    pub http2_streams: u32,
}

/// Logs, traces, metrics.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Base address of the OTLP receiver, such as `http://127.0.0.1:4318`.
    pub otlp_endpoint: Option<String>,
    /// A level, or directives.
    pub log: String,
    /// How a line of the log looks.
    pub log_format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Config {
    /// Reads and validates. The settings come back too, for `config print`, with derived defaults filled in.
    pub fn load(sources: &Sources) -> Result<(Self, Settings), ConfigError> {
        let mut settings = Settings::read(sources)?;
        let config = Validation::new(&settings, &sources.environment).config()?;
        settings.derive_if_empty("server.data_dir", &config.server.data_dir);
        settings.derive_if_empty("server.secrets_dir", &config.server.secrets_dir);
        if settings.source("server.public_url") == Source::Default {
            settings.derive("server.public_url", config.server.public_url.clone());
        }
        if let MasterKeyProvider::File(path) = &config.keystore.provider {
            settings.derive_if_empty("keystore.master_key_file", path);
        }
        Ok((config, settings))
    }
}

impl Settings {
    fn derive_if_empty(&mut self, path: &'static str, derived: &Path) {
        if matches!(self.value(path), Some(Value::Text(text)) if text.is_empty()) {
            self.derive(path, derived.display().to_string());
        }
    }
}

/// The file to read when none is named: in the user's configuration directory, as root in `/etc/chancery`.
#[must_use]
pub fn default_file(environment: &Environment) -> Option<PathBuf> {
    let folder = match (environment.get("XDG_CONFIG_HOME"), environment.get("HOME")) {
        _ if nix::unistd::geteuid().is_root() => PathBuf::from("/etc"),
        (Some(folder), _) => folder.into(),
        (None, Some(home)) => Path::new(home).join(".config"),
        (None, None) => return None,
    };
    Some(folder.join("chancery/chancery.toml")).filter(|file| file.exists())
}

/// Turns settings into the types that code uses, collecting what does not fit together.
struct Validation<'a> {
    settings: &'a Settings,
    environment: &'a Environment,
    mistakes: Vec<Mistake>,
}

impl<'a> Validation<'a> {
    const fn new(settings: &'a Settings, environment: &'a Environment) -> Self {
        Self { settings, environment, mistakes: Vec::new() }
    }

    fn config(mut self) -> Result<Config, ConfigError> {
        let data_dir = self.data_dir();
        let secrets_dir = self.path("server.secrets_dir").unwrap_or_else(|| data_dir.join("secrets"));
        let listen = self.address("server.listen");
        let server = Server {
            public_url: self.public_url(listen),
            listen,
            ops_listen: self.address("server.ops_listen"),
            trusted_proxies: self.networks("server.trusted_proxies"),
            always_allowed: self.networks("server.always_allowed"),
            production: self.boolean("server.production"),
            data_dir,
            secrets_dir,
        };
        let config = Config {
            keystore: self.keystore(&server),
            auth: self.auth(),
            database: Database { url: self.database_url(), pool_size: self.integer("database.pool_size") },
            bus: Bus { url: self.given("bus.url") },
            outbound: self.outbound(server.production),
            mail: Mail { kept: self.lifetime("mail.kept") },
            limits: self.limits(),
            telemetry: self.telemetry(),
            server,
        };
        if self.mistakes.is_empty() { Ok(config) } else { Err(ConfigError(self.mistakes)) }
    }

    /// Unless it is said, this machine at the port where the gateway listens.
    fn public_url(&self, listen: SocketAddr) -> String {
        match self.settings.source("server.public_url") {
            Source::Default => format!("https://localhost:{}", listen.port()),
            _ => self.text("server.public_url"),
        }
    }

    fn data_dir(&mut self) -> PathBuf {
        if let Some(path) = self.path("server.data_dir") {
            return path;
        }
        match (self.environment.get("XDG_STATE_HOME"), self.environment.get("HOME")) {
            _ if nix::unistd::geteuid().is_root() => "/var/lib/chancery".into(),
            (Some(folder), _) => Path::new(folder).join("chancery"),
            (None, Some(home)) => Path::new(home).join(".local/state/chancery"),
            (None, None) => {
                self.refuse("server.data_dir", "there is no HOME to derive it from; give a path");
                PathBuf::new()
            }
        }
    }

    fn database_url(&mut self) -> Option<String> {
        let url = self.given("database.url")?;
        if let Err(error) = url.parse::<crate::database::Endpoint>() {
            self.refuse("database.url", &error.to_string());
        }
        Some(url)
    }

    fn keystore(&mut self, server: &Server) -> Keystore {
        let allow_weak = self.boolean("keystore.allow_weak_master_key");
        let provider = match self.text("keystore.provider").as_str() {
            "environment" => MasterKeyProvider::Environment(self.secret("keystore.master_key")),
            "passphrase" => MasterKeyProvider::Passphrase(self.perhaps_secret("keystore.passphrase")),
            "shares" => self.shares(),
            _ => {
                let file = self.path("keystore.master_key_file");
                MasterKeyProvider::File(
                    file.unwrap_or_else(|| server.secrets_dir.join("keystore-master.key")),
                )
            }
        };
        let weak = matches!(provider, MasterKeyProvider::Environment(_) | MasterKeyProvider::Passphrase(_));
        if server.production && !allow_weak && weak {
            let words = "the strict profile (server.production) refuses this provider; \
                         use 'file' or 'shares', or set keystore.allow_weak_master_key";
            self.refuse("keystore.provider", words);
        }
        let allow_unlocked_memory = self.boolean("keystore.allow_unlocked_memory");
        Keystore {
            provider,
            allow_weak_master_key: allow_weak,
            allow_unlocked_memory,
            tokens: self.tokens(server),
            token_sessions: self.integer("keystore.token_sessions"),
        }
    }

    fn tokens(&mut self, server: &Server) -> Vec<Token> {
        let addresses = match self.settings.value("keystore.tokens") {
            Some(Value::Tokens(addresses)) => addresses.clone(),
            _ => vec![],
        };
        let mut names: Vec<&str> = addresses.iter().map(|address| &*address.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            self.refuse("keystore.tokens", &format!("two tokens are named '{}'", twice[0]));
        }
        let token = |address: TokenAddress| {
            let usual = || server.secrets_dir.join(format!("token-{}.pin", address.name));
            Token { pin_file: address.pin_file.clone().unwrap_or_else(usual), address }
        };
        addresses.into_iter().map(token).collect()
    }

    fn shares(&mut self) -> MasterKeyProvider {
        let [needed, of]: [u8; 2] =
            ["keystore.shares_needed", "keystore.shares"].map(|path| self.integer(path));
        if needed > of {
            self.refuse("keystore.shares_needed", "more shares are needed than there are: keystore.shares");
        }
        MasterKeyProvider::Shares { needed, of }
    }

    fn outbound(&mut self, strict: bool) -> Outbound {
        let resolver = self.given("outbound.resolver").and_then(|text| {
            let address = text.parse().map(|address| SocketAddr::new(address, 53)).or_else(|_| text.parse());
            if address.is_err() {
                self.refuse(
                    "outbound.resolver",
                    "expected an IP address such as '192.0.2.53' or '192.0.2.53:5353'",
                );
            }
            address.ok()
        });
        let allow = self.networks("outbound.allow");
        for network in allow.iter().filter(|_| strict) {
            if let Some(purpose) = address::never_allowed(network) {
                let words = format!(
                    "the strict profile (server.production) never connects to '{network}': some of it is {purpose}"
                );
                self.refuse("outbound.allow", &words);
            }
        }
        Outbound { resolver, allow, ca_file: self.path("outbound.ca_file") }
    }

    fn auth(&mut self) -> Auth {
        let support_url = self.given("auth.support_url");
        if support_url.as_ref().is_some_and(|url| !is_support_address(url)) {
            let words = "expected an address such as 'https://help.example.com' or 'mailto:help@example.com'";
            self.refuse("auth.support_url", words);
        }
        Auth {
            session_idle: self.lifetime("auth.session_idle"),
            session_max: self.lifetime("auth.session_max"),
            step_up: self.lifetime("auth.step_up"),
            breached_passwords: self.path("auth.breached_passwords"),
            support_url,
            client_certificates: match self.text("auth.client_certificates").as_str() {
                "optional" => ClientCertificates::Optional,
                "required" => ClientCertificates::Required,
                _ => ClientCertificates::Off,
            },
            client_ca_file: self.path("auth.client_ca_file"),
            client_crl_file: self.path("auth.client_crl_file"),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            body_bytes: self.integer("limits.body_bytes"),
            csr_bytes: self.integer("limits.csr_bytes"),
            header_bytes: self.integer("limits.header_bytes"),
            json_depth: self.integer("limits.json_depth"),
            sans: self.integer("limits.sans"),
            requests_per_minute: self.integer("limits.requests_per_minute"),
            organization_requests_per_minute: self.integer("limits.organization_requests_per_minute"),
            costly_requests_per_minute: self.integer("limits.costly_requests_per_minute"),
            failed_sign_ins_per_minute: self.integer("limits.failed_sign_ins_per_minute"),
            sign_ins_per_minute: self.integer("limits.sign_ins_per_minute"),
            request_time: self.lifetime("limits.request_time"),
            header_time: self.lifetime("limits.header_time"),
            http2_streams: self.integer("limits.http2_streams"),
        }
    }

    fn telemetry(&mut self) -> Telemetry {
        let log = self.text("telemetry.log");
        if let Err(error) = log.parse::<tracing_subscriber::filter::Targets>() {
            self.refuse("telemetry.log", &error.to_string());
        }
        let otlp_endpoint = self
            .given("telemetry.otlp_endpoint")
            .or_else(|| self.environment.get("OTEL_EXPORTER_OTLP_ENDPOINT").map(str::to_owned));
        if otlp_endpoint.as_ref().is_some_and(|endpoint| !is_http(endpoint)) {
            let words = "expected the address of a collector, such as 'http://127.0.0.1:4318' or 'https://otlp.example.com'";
            self.refuse("telemetry.otlp_endpoint", words);
        }
        let log_format = match self.text("telemetry.log_format").as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => LogFormat::Auto,
        };
        Telemetry { otlp_endpoint, log, log_format }
    }

    fn refuse(&mut self, path: &str, words: &str) {
        self.mistakes.push(Mistake::about(&self.settings.source(path), path, words));
    }

    // Each value passed its kind's check, so the fallbacks of these seven are never taken.

    fn text(&self, path: &str) -> String {
        match self.settings.value(path) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }

    fn boolean(&self, path: &str) -> bool {
        self.settings.value(path) == Some(&Value::Boolean(true))
    }

    fn integer<T: TryFrom<i64> + Default>(&self, path: &str) -> T {
        match self.settings.value(path) {
            Some(Value::Integer(number)) => T::try_from(*number).unwrap_or_default(),
            _ => T::default(),
        }
    }

    fn lifetime(&self, path: &str) -> Lifetime {
        match self.settings.value(path) {
            Some(Value::Lifetime(length)) => *length,
            _ => Lifetime::seconds(1),
        }
    }

    fn address(&self, path: &str) -> SocketAddr {
        self.text(path).parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn networks(&self, path: &str) -> Vec<Network> {
        match self.settings.value(path) {
            Some(Value::Networks(networks)) => networks.clone(),
            _ => Vec::new(),
        }
    }

    fn given(&self, path: &str) -> Option<String> {
        Some(self.text(path)).filter(|text| !text.is_empty())
    }

    /// A path, absolute: a process may change its folder, its children start elsewhere.
    fn path(&self, path: &str) -> Option<PathBuf> {
        self.given(path).map(|text| std::path::absolute(&text).unwrap_or_else(|_| text.into()))
    }

    /// A secret that may be missing.
    fn perhaps_secret(&self, path: &str) -> Option<Secret> {
        match self.settings.value(path) {
            Some(Value::Secret(secret)) if !secret.reveal().is_empty() => Some(secret.clone()),
            _ => None,
        }
    }

    fn secret(&mut self, path: &str) -> Secret {
        match self.settings.value(path) {
            Some(Value::Secret(secret)) if !secret.reveal().is_empty() => secret.clone(),
            _ => {
                self.refuse(
                    path,
                    &format!("this provider needs it; give {} or {path}_file", keys::variable_of(path)),
                );
                Secret::new(String::new())
            }
        }
    }
}

/// Whether a browser may be sent there for help.
/// Whether people may be sent there for help: a page over HTTPS, or a mail.
#[must_use]
pub fn is_support_address(url: &str) -> bool {
    let plain = url.len() <= 500 && url.chars().all(|character| character.is_ascii_graphic());
    let mail = url.strip_prefix("mailto:").is_some_and(|address| address.trim_matches('@').contains('@'));
    plain && (mail || (url.starts_with("https://") && is_http(url)))
}

fn is_http(endpoint: &str) -> bool {
    endpoint
        .parse::<http::Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

#[cfg(test)]
mod tests;
