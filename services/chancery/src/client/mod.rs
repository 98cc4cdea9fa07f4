//! The client side of the command line: each command is one or two calls of the HTTP API, nothing else.
//!
//! `api.rs` speaks HTTP, `context.rs` knows where the server is, `output.rs` prints, `failure.rs` names the exit
//! codes; every other file is a noun or a daily verb.

use clap::{Args, Subcommand, ValueEnum};
use runtime::config::Secret;

use self::{api::Api, failure::Failure};

mod access_list;
mod admin;
mod admin_certificate;
mod api;
mod approval;
mod approval_policy;
mod ca;
mod cert;
pub mod context;
mod csr;
mod department;
mod domain;
mod failure;
mod identity_provider;
mod import;
mod inspect;
mod issue;
mod key;
mod keystore;
mod listing;
mod mail;
mod me;
mod notification;
mod op;
mod org;
mod output;
mod person;
mod policy;
mod profile;
mod raw;
mod report;
mod request;
mod role;
mod session;
mod token;
mod trust_set;
mod view;
mod watch;

/// What every client command understands.
#[derive(Args, Clone, Debug)]
pub struct ClientOptions {
    /// Context to use in place of the current one
    #[arg(long, global = true, env = "CHANCERY_CONTEXT", help_heading = "Connection")]
    context: Option<String>,
    /// Address of the server, such as https://localhost:8443
    #[arg(long, global = true, env = "CHANCERY_SERVER", help_heading = "Connection")]
    server: Option<String>,
    /// API token
    #[arg(long, global = true, env = "CHANCERY_TOKEN", hide_env_values = true, value_parser = secret, help_heading = "Connection")]
    token: Option<Secret>,
    /// PEM file of the CA that issued the server's certificate
    #[arg(long, global = true, env = "CHANCERY_CA_FILE", help_heading = "Connection")]
    ca_file: Option<std::path::PathBuf>,
    /// How to print
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    output: Format,
    /// Print the call as a curl command and do not make it
    #[arg(long, global = true, help_heading = "Output")]
    print_curl: bool,
    /// Check everything, change nothing, and say what would change
    #[arg(long, global = true, help_heading = "Changes")]
    dry_run: bool,
    /// Key that makes a repeat of this command harmless; drawn when not given
    #[arg(long, global = true, help_heading = "Changes")]
    idempotency_key: Option<String>,
    /// Do not ask before destroying something
    #[arg(long, short = 'y', global = true, help_heading = "Changes")]
    yes: bool,
    /// Do not wait for slow work: print the operation's id
    #[arg(long, global = true, help_heading = "Changes")]
    no_wait: bool,
    /// How long to wait for slow work
    #[arg(long, global = true, default_value = "5m", help_heading = "Changes")]
    timeout: contracts::Lifetime,
    #[arg(long, global = true, env = "XDG_CONFIG_HOME", hide = true)]
    xdg_config_home: Option<std::path::PathBuf>,
    #[arg(long, global = true, env = "HOME", hide = true)]
    home: Option<std::path::PathBuf>,
    #[arg(long, global = true, env = "NO_COLOR", hide = true, num_args = 0..=1, default_missing_value = "1")]
    no_color: Option<String>,
}

fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    Table,
    /// More columns
    Wide,
    /// JSON as the API answers it
    Json,
    /// The same as YAML
    Yaml,
    /// One JSON object a line
    Ndjson,
    /// Ids or names only
    Name,
    /// Certificates as PEM
    Pem,
}

/// Commands that talk to a server, or work on files.
#[derive(Subcommand, Debug)]
pub enum ClientCommand {
    /// Get a certificate: for a CSR, or for a key that the keystore makes
    Issue(issue::Issue),
    /// Certificate requests
    #[command(subcommand)]
    Request(request::Request),
    /// CSRs without a certificate request
    #[command(subcommand)]
    Csr(csr::Csr),
    /// Show what a file holds: CSR or certificates (offline)
    Inspect(inspect::Inspect),
    /// Certification authorities
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Certificate profiles
    #[command(subcommand)]
    Profile(profile::Profile),
    /// Certificate policies
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Certificates
    #[command(subcommand)]
    Cert(cert::Cert),
    /// Import certificates from files: PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS, or a ZIP of such files
    Import(import::Import),
    /// Keys
    #[command(subcommand)]
    Key(key::Key),
    /// The keystore's master key
    #[command(subcommand)]
    Keystore(keystore::Keystore),
    /// What waits for approval
    #[command(subcommand)]
    Approval(approval::Approval),
    /// API tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Organizations and departments
    #[command(subcommand)]
    Org(org::Org),
    /// Departments of an organization
    #[command(subcommand)]
    Department(department::Department),
    /// Administrators: who may do what
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Persons: who may hold client certificates
    #[command(subcommand)]
    Person(person::Person),
    /// Your profile and password
    #[command(subcommand)]
    Me(me::Me),
    /// Sessions: who is signed in
    #[command(subcommand)]
    Session(session::Session),
    /// Reports: who did what, who may do what, what there is
    #[command(subcommand)]
    Report(report::Report),
    /// Roles: what may be granted
    #[command(subcommand)]
    Role(role::Role),
    /// Identity providers: where people sign in
    #[command(subcommand)]
    IdentityProvider(identity_provider::IdentityProvider),
    /// Trusted CA sets: the certificates that chains may end at
    #[command(subcommand)]
    TrustSet(trust_set::TrustSet),
    /// Saved views: lists under a name
    #[command(subcommand)]
    View(view::View),
    /// Domains, and whom they are delegated to
    #[command(subcommand)]
    Domain(domain::Domain),
    /// From which addresses people may come
    #[command(subcommand)]
    AccessList(access_list::AccessList),
    /// Which acts need how many approvals, and by whom
    #[command(subcommand)]
    ApprovalPolicy(approval_policy::ApprovalPolicy),
    /// Settings of the installation
    #[command(subcommand)]
    Settings(mail::Settings),
    /// Mails: what was sent to whom
    #[command(subcommand)]
    Notification(notification::Notification),
    /// Operations that take longer
    #[command(subcommand)]
    Op(op::Op),
    /// Follow events as they happen
    Watch(watch::Watch),
    /// Make any call of the HTTP API
    Api(raw::Raw),
    /// Where the server is and with which token
    #[command(subcommand)]
    Context(context::Context),
}

/// Runs a client command; the number is the exit code.
pub async fn run(command: ClientCommand, options: ClientOptions) -> u8 {
    let done = tokio::select! {
        biased; // whoever waits for a change says how to resume it
        done = dispatch(command, &options) => done,
        Ok(()) = tokio::signal::ctrl_c() => Err(Failure::Interrupted { resume: None }),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            failure.print(options.output);
            failure.exit_code()
        }
    }
}

async fn dispatch(command: ClientCommand, options: &ClientOptions) -> Result<u8, Failure> {
    match command {
        ClientCommand::Inspect(inspect) => return inspect.run(options.output).map(|()| 0),
        ClientCommand::Context(context) => return context.run(options).map(|()| 0),
        _ => {}
    }
    let api = Api::open(options)?;
    match command {
        ClientCommand::Issue(issue) => issue.run(&api).await,
        ClientCommand::Request(request) => request.run(&api).await,
        ClientCommand::Csr(csr) => csr.run(&api).await,
        ClientCommand::Ca(ca) => ca.run(&api).await,
        ClientCommand::Profile(profile) => profile.run(&api).await,
        ClientCommand::Policy(policy) => policy.run(&api).await,
        ClientCommand::Cert(cert) => cert.run(&api).await,
        ClientCommand::Import(import) => import.run(&api).await,
        ClientCommand::Key(key) => key.run(&api).await,
        ClientCommand::Keystore(keystore) => keystore.run(&api).await,
        ClientCommand::Token(token) => token.run(&api).await,
        ClientCommand::Org(org) => org.run(&api).await,
        ClientCommand::Department(department) => department.run(&api).await,
        ClientCommand::Admin(admin) => admin.run(&api).await,
        ClientCommand::Person(person) => person.run(&api).await,
        ClientCommand::Me(me) => me.run(&api).await,
        ClientCommand::Session(session) => session.run(&api).await,
        ClientCommand::Report(report) => report.run(&api).await,
        ClientCommand::Role(role) => role.run(&api).await,
        ClientCommand::IdentityProvider(provider) => provider.run(&api).await,
        ClientCommand::View(view) => view.run(&api).await,
        ClientCommand::TrustSet(set) => set.run(&api).await,
        ClientCommand::Domain(domain) => domain.run(&api).await,
        ClientCommand::AccessList(list) => list.run(&api).await,
        ClientCommand::ApprovalPolicy(policy) => policy.run(&api).await,
        ClientCommand::Settings(settings) => settings.run(&api).await,
        ClientCommand::Notification(notification) => notification.run(&api).await,
        ClientCommand::Approval(approval) => approval.run(&api).await,
        ClientCommand::Op(op) => op.run(&api).await,
        ClientCommand::Watch(watch) => watch.run(&api).await,
        ClientCommand::Api(raw) => raw.run(&api).await,
        ClientCommand::Inspect(_) | ClientCommand::Context(_) => Ok(()), // done above, without a server
    }
    .map(|()| 0)
}
