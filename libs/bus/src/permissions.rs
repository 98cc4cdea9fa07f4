//! nats-server's configuration: one nkey user per service, allow-lists only (N-3, N-4), generated from the one table.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use contracts::{
    Service,
    service::{Row, Stream},
};

use crate::User;

/// What one user may do; everything else is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects it may publish to.
    pub publish: Vec<String>,
    /// Subjects it may subscribe to.
    pub subscribe: Vec<String>,
    /// Whether it may answer requests it received.
    pub responds: bool,
}

impl Permissions {
    /// The rights of a user.
    #[must_use]
    pub fn of(user: User) -> Self {
        match user {
            User::Service(service) => Self::of_service(service),
            User::Subscriber => Self {
                publish: [
                    consumer_calls(Stream::PublicEvents),
                    vec![
                        // Both forms of the reply subject of a delivered message: with and without domain and account.
                        "$JS.ACK.CHANCERY_EVENTS.>".into(),
                        "$JS.ACK.*.*.CHANCERY_EVENTS.>".into(),
                    ],
                ]
                .concat(),
                subscribe: vec![inbox(user)],
                responds: false,
            },
        }
    }

    fn of_service(service: Service) -> Self {
        let row: &Row = service.row();
        let mut publish: Vec<String> =
            row.commands.iter().map(|(answerer, name)| format!("cmd.{answerer}.v1.{name}")).collect();
        publish.extend(row.publishes.iter().map(|subject| (*subject).to_owned()));
        publish.push("wake.log.*".into());
        publish.push(format!("$JS.API.STREAM.INFO.{}", Stream::Log.name()));
        publish.extend(consumer_calls(Stream::Log));
        publish.extend(row.owns_streams.iter().flat_map(|stream| writer_calls(*stream)));
        let mut subscribe = vec![inbox(User::Service(service)), "wake.log.*".into(), "$SRV.>".into()];
        if row.answers {
            subscribe.push(format!("cmd.{service}.>"));
        }
        Self { publish, subscribe, responds: true }
    }
}

fn inbox(user: User) -> String {
    format!("_INBOX.{user}.>")
}

/// The calls with which a reader makes and reads a consumer of its own.
fn consumer_calls(stream: Stream) -> Vec<String> {
    ["CREATE", "INFO", "MSG.NEXT", "DELETE"]
        .iter()
        .map(|call| format!("$JS.API.CONSUMER.{call}.{}.>", stream.name()))
        .collect()
}

/// The calls with which a stream's one writer makes, compares and rebuilds it.
fn writer_calls(stream: Stream) -> Vec<String> {
    let name = stream.name();
    let mut calls: Vec<String> = ["CREATE", "UPDATE", "DELETE", "PURGE", "INFO", "MSG.GET"]
        .iter()
        .map(|call| format!("$JS.API.STREAM.{call}.{name}"))
        .collect();
    calls.push(format!("$JS.API.DIRECT.GET.{name}"));
    calls.push(format!("$JS.API.DIRECT.GET.{name}.>"));
    calls.push("$JS.API.INFO".into());
    calls
}

/// Where and how a server is to run.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The server's name.
    pub name: String,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where `/healthz` and `/varz` are served; on loopback (N-3).
    pub monitor: Option<SocketAddr>,
    /// Where JetStream keeps its files.
    pub store_dir: PathBuf,
    /// Whether each message is synced to disk before it is acknowledged (`server.production`).
    pub sync_always: bool,
    /// Where the server writes its process id.
    pub pid_file: Option<PathBuf>,
    /// Where the server logs; `None`: standard error.
    pub log_file: Option<PathBuf>,
}

/// The configuration of a server that knows exactly these users, each by the public half of its nkey.
#[must_use]
pub fn nats_server_conf(options: &ServerOptions, users: &[(User, String)]) -> String {
    let mut conf = String::from("# Generated from the table of services; changes are overwritten.\n");
    let mut line = |text: String| {
        conf.push_str(&text);
        conf.push('\n');
    };
    line(format!("server_name: {}", quoted(&options.name)));
    line(format!("listen: {}", quoted(&options.listen.to_string())));
    if let Some(monitor) = options.monitor {
        line(format!("http: {}", quoted(&monitor.to_string())));
    }
    if let Some(path) = &options.pid_file {
        line(format!("pid_file: {}", quoted_path(path)));
    }
    if let Some(path) = &options.log_file {
        line(format!("log_file: {}", quoted_path(path)));
    }
    line("max_payload: 1MB".into());
    line("max_control_line: 4KB".into());
    let sync = if options.sync_always { ", sync_interval: always" } else { "" };
    line(format!("jetstream {{ store_dir: {}{sync} }}", quoted_path(&options.store_dir)));
    line("system_account: SYS".into());
    line("accounts {".into());
    line("  SYS { users: [] }".into());
    line("  CHANCERY {".into());
    line("    jetstream: enabled".into());
    line("    users: [".into());
    for (user, public) in users {
        line(user_block(*user, public));
    }
    line("    ]".into());
    line("  }".into());
    line("}".into());
    conf
}

fn user_block(user: User, public: &str) -> String {
    let permissions = Permissions::of(user);
    let mut block = format!("      # {user}\n      {{ nkey: {public}, permissions: {{\n");
    for (verb, subjects) in [("publish", &permissions.publish), ("subscribe", &permissions.subscribe)] {
        let list: Vec<String> = subjects.iter().map(|subject| quoted(subject)).collect();
        // Writing to a String cannot fail.
        _ = writeln!(block, "        {verb}: {{ allow: [{}] }}", list.join(", "));
    }
    if permissions.responds {
        // One answer per request; a command's deadline is far below the expiry.
        block.push_str("        allow_responses: { max: 1, expires: \"5m\" }\n");
    }
    block.push_str("      } }");
    block
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// Makes the seed of a user's nkey from 32 random bytes.
pub fn seed_from(random: [u8; 32]) -> Result<String, nkeys::error::Error> {
    nkeys::KeyPair::new_from_raw(nkeys::KeyPairType::User, random)?.seed()
}

/// The public half of a seed, as the server's configuration names it.
pub fn public_key(seed: &str) -> Result<String, nkeys::error::Error> {
    Ok(nkeys::KeyPair::from_seed(seed)?.public_key())
}
