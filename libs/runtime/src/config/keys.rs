//! Every key of the configuration, in the order in which it is printed.
//!
//! This table is the one place that knows a key: files, environment variables, flags, `config print` and the names
//! suggested for a slip of the pen all come from it.

use super::value::Kind;

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.key`.
    pub path: &'static str,
    /// What a value of it looks like.
    pub kind: Kind,
    /// Its value when nothing is given, written as TOML writes it. Empty for a secret: none.
    pub default: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
}

impl Key {
    /// The environment variable that sets it: `CHANCERY_<SECTION>__<KEY>`.
    #[must_use]
    pub fn variable(&self) -> String {
        variable_of(self.path)
    }

    /// Whether its value must not be shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret)
    }

    /// The section and the key within it.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.path.split_once('.').unwrap_or((self.path, ""))
    }
}

/// The environment variable of a path.
pub(super) fn variable_of(path: &str) -> String {
    format!("CHANCERY_{}", path.replacen('.', "__", 1).to_ascii_uppercase())
}

const fn key(path: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Key {
    Key { path, kind, default, about }
}

/// The table.
pub const KEYS: &[Key] = &[
    key(
        "server.public_url",
        Kind::Url,
        "\"https://localhost:8443\"",
        "address by which clients reach this server; unless set, its port is that of server.listen",
    ),
    key("server.listen", Kind::Address, "\"127.0.0.1:8443\"", "where the gateway listens for HTTPS"),
    key(
        "server.ops_listen",
        Kind::Address,
        "\"127.0.0.1:9464\"",
        "where /livez, /readyz and /metrics are served",
    ),
    key(
        "server.data_dir",
        Kind::Path,
        "\"\"",
        "everything on disk; empty: the user's state directory, as root /var/lib/chancery",
    ),
    key(
        "server.secrets_dir",
        Kind::Path,
        "\"\"",
        "passwords, seeds and keys; empty: 'secrets' under data_dir",
    ),
    key(
        "server.trusted_proxies",
        Kind::Networks,
        "[]",
        "proxies whose X-Forwarded-For says where a request comes from",
    ),
    key(
        "server.always_allowed",
        Kind::Networks,
        "[]",
        "addresses that no access list keeps out: the way back in for whoever locked themselves out",
    ),
    key("server.production", Kind::Boolean, "false", "the strict profile: weak set-ups refuse to start"),
    key("auth.session_idle", Kind::Lifetime, "\"15m\"", "how long a session may rest before it ends"),
    key("auth.session_max", Kind::Lifetime, "\"12h\"", "how long a session may last"),
    key(
        "auth.step_up",
        Kind::Lifetime,
        "\"5m\"",
        "how long a proof of who is signed in counts for sensitive acts",
    ),
    key(
        "auth.breached_passwords",
        Kind::Path,
        "\"\"",
        "a file of passwords nobody may choose, one a line, beside those that are built in; empty: none",
    ),
    key(
        "auth.support_url",
        Kind::Text,
        "\"\"",
        "where people who cannot sign in find help, https: or mailto:; empty: nowhere",
    ),
    key(
        "auth.client_certificates",
        Kind::OneOf(&["off", "optional", "required"]),
        "\"off\"",
        "TLS client certificates of administrators; optional: one is enough to sign in; required: people need one on top",
    ),
    key(
        "auth.client_ca_file",
        Kind::Path,
        "\"\"",
        "the CAs whose client certificates count, PEM; without them none does",
    ),
    key(
        "auth.client_crl_file",
        Kind::Path,
        "\"\"",
        "what those CAs revoked: their CRLs, PEM; empty: revocation is not looked at",
    ),
    key("database.url", Kind::Text, "\"\"", "host, port, name and TLS of PostgreSQL; empty: a private one"),
    key("database.pool_size", Kind::Integer { min: 1, max: 1_000 }, "4", "connections per service"),
    key("bus.url", Kind::Text, "\"\"", "address of NATS; empty: a private one"),
    key(
        "keystore.provider",
        Kind::OneOf(&["file", "passphrase", "environment", "shares"]),
        "\"file\"",
        "where the master key comes from",
    ),
    key(
        "keystore.master_key_file",
        Kind::Path,
        "\"\"",
        "the master key (provider file); empty: keystore-master.key in secrets_dir",
    ),
    key(
        "keystore.master_key",
        Kind::Secret,
        "",
        "the master key itself, 64 hexadecimal digits (provider environment)",
    ),
    key(
        "keystore.passphrase",
        Kind::Secret,
        "",
        "what the master key is derived from (provider passphrase); missing: the keystore is opened by people",
    ),
    key(
        "keystore.shares",
        Kind::Integer { min: 2, max: 16 },
        "5",
        "into how many shares a master key is split (provider shares)",
    ),
    key("keystore.shares_needed", Kind::Integer { min: 2, max: 16 }, "3", "how many of them give it back"),
    key(
        "keystore.allow_weak_master_key",
        Kind::Boolean,
        "false",
        "let the strict profile take environment and passphrase",
    ),
    key(
        "keystore.allow_unlocked_memory",
        Kind::Boolean,
        "false",
        "let the strict profile run where memory cannot be locked",
    ),
    key(
        "keystore.tokens",
        Kind::Tokens,
        "[]",
        "PKCS #11 tokens that keys can be made in, each a name and a URI (docs/keys.md); where there are no lists, with spaces",
    ),
    key(
        "keystore.token_sessions",
        Kind::Integer { min: 1, max: 64 },
        "4",
        "most calls at once into each token",
    ),
    key(
        "outbound.resolver",
        Kind::Text,
        "\"\"",
        "the DNS resolver that is asked about names outside, as address or address:port; empty: the system's",
    ),
    key(
        "outbound.allow",
        Kind::Networks,
        "[]",
        "private addresses and networks that connections to names outside may reach",
    ),
    key(
        "outbound.ca_file",
        Kind::Path,
        "\"\"",
        "CA certificates in PEM that are trusted outside beside the system's; empty: none",
    ),
    key(
        "mail.kept",
        Kind::Lifetime,
        "\"400d\"",
        "how long names, addresses and texts of mails are kept; that they were sent stays known",
    ),
    key("limits.body_bytes", Kind::Integer { min: 1_024, max: 1 << 30 }, "1048576", "largest request body"),
    key("limits.csr_bytes", Kind::Integer { min: 1_024, max: 1 << 20 }, "32768", "largest CSR"),
    key("limits.header_bytes", Kind::Integer { min: 1_024, max: 1 << 20 }, "32768", "largest request head"),
    key("limits.json_depth", Kind::Integer { min: 4, max: 127 }, "32", "deepest nesting of JSON"),
    key("limits.sans", Kind::Integer { min: 1, max: 10_000 }, "100", "most names in one certificate"),
    key(
        "limits.requests_per_minute",
        Kind::Integer { min: 0, max: 1_000_000 },
        "0",
        "most requests of one address, and of one administrator; 0: any number",
    ),
    key(
        "limits.organization_requests_per_minute",
        Kind::Integer { min: 0, max: 1_000_000 },
        "0",
        "most requests of one organization; 0: any number",
    ),
    key(
        "limits.costly_requests_per_minute",
        Kind::Integer { min: 0, max: 1_000_000 },
        "0",
        "most searches and other costly requests of one administrator; 0: any number",
    ),
    key(
        "limits.failed_sign_ins_per_minute",
        Kind::Integer { min: 1, max: 1_000_000 },
        "600",
        "most invalid credentials from one address",
    ),
    key(
        "limits.sign_ins_per_minute",
        Kind::Integer { min: 1, max: 1_000_000 },
        "120",
        "most attempts to sign in, and uses of one-time links, from one address",
    ),
    key("limits.request_time", Kind::Lifetime, "\"30s\"", "longest time for a request"),
    key("limits.header_time", Kind::Lifetime, "\"10s\"", "longest time for a request's head"),
    key(
        "limits.http2_streams",
        Kind::Integer { min: 1, max: 10_000 },
        "128",
        "requests at once on one HTTP/2 connection",
    ),
    key(
        "telemetry.otlp_endpoint",
        Kind::Text,
        "\"\"",
        "where traces and metrics go by OTLP over HTTP or HTTPS; empty: nowhere",
    ),
    key(
        "telemetry.log",
        Kind::Text,
        "\"info\"",
        "what is logged: a level, or directives such as 'info,chancery_signer=debug'",
    ),
    key(
        "telemetry.log_format",
        Kind::OneOf(&["auto", "text", "json"]),
        "\"auto\"",
        "auto: text on a terminal, JSON otherwise",
    ),
];

/// The key of that path.
#[must_use]
pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The known path most like `path`, if one is near enough to be meant. Secrets may be meant by `<key>_file`.
pub(super) fn nearest(path: &str) -> Option<String> {
    let files = KEYS.iter().filter(|key| key.is_secret()).map(|key| format!("{}_file", key.path));
    let sections = KEYS.iter().map(|key| key.parts().0.to_owned());
    let known = KEYS.iter().map(|key| key.path.to_owned()).chain(files);
    let candidates: Vec<String> = if path.contains('.') { known.collect() } else { sections.collect() };
    candidates
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(path, &known), known))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
