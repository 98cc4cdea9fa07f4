//! `chancery settings mail …`: through which server mail leaves.

use bytes::Bytes;
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::{Value, json};

use super::{
    Format,
    api::Api,
    failure::Failure,
    listing::{self, change, read_input},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("CONFIGURED", "/configured", false),
    Column("SERVER", "/server", false),
    Column("PORT", "/port", false),
    Column("TLS", "/tls", false),
    Column("USER", "/user", false),
    Column("PASSWORD", "/passwordSet", false),
    Column("FROM", "/fromAddress", false),
    Column("NAME", "/fromName", true),
];

const STEPS: &[Column] = &[
    Column("STEP", "/step", false),
    Column("OK", "/ok", false),
    Column("MS", "/milliseconds", false),
    Column("DETAIL", "/detail", false),
];

const PATH: &str = "/api/v1/settings/mail";

/// `chancery settings …`
#[derive(Subcommand, Debug)]
pub enum Settings {
    /// Through which server mail leaves
    #[command(subcommand)]
    Mail(Mail),
}

/// `chancery settings mail …`
#[derive(Subcommand, Debug)]
pub enum Mail {
    /// Show the settings
    Show,
    /// Replace the settings
    Set(Box<Set>),
    /// Send a test mail and print how each step went
    Test {
        /// Address to send it to
        to: String,
    },
}

/// The settings.
#[derive(Args, Debug)]
pub struct Set {
    /// Name or address of the mail server
    host: String,
    /// Its port
    #[arg(long, default_value_t = 587)]
    port: u16,
    /// How the connection is protected
    #[arg(long, value_enum, default_value_t = Tls::Starttls)]
    tls: Tls,
    /// Who signs in there
    #[arg(long)]
    user: Option<String>,
    /// File with the password, `-` for standard input; without it the one before stays
    #[arg(long, requires = "user", value_name = "FILE")]
    password_file: Option<String>,
    /// Address that mail comes from
    #[arg(long)]
    from: String,
    /// Name that mail comes from
    #[arg(long)]
    from_name: Option<String>,
    /// PEM file of CAs that the server's certificate may come from, beside those of the system
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<String>,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Tls {
    /// Not at all: for a server on the same machine
    None,
    /// By STARTTLS, which is required
    Starttls,
    /// From the first byte, usually on port 465
    Implicit,
}

impl Set {
    fn body(self) -> Result<Value, Failure> {
        let text = |file: &str| {
            String::from_utf8(read_input(file)?)
                .map_err(|_| Failure::Usage(format!("{file} is not text in UTF-8")))
        };
        let tls = self.tls.to_possible_value().map(|value| value.get_name().to_owned());
        let mut body = json!({"server": self.host, "port": self.port, "tls": tls, "fromAddress": self.from});
        if let Some(user) = self.user {
            body["user"] = user.into();
        }
        if let Some(file) = &self.password_file {
            body["password"] = text(file)?.trim_end_matches(['\r', '\n']).into();
        }
        if let Some(name) = self.from_name {
            body["fromName"] = name.into();
        }
        if let Some(file) = &self.ca_bundle {
            body["caBundle"] = text(file)?.into();
        }
        Ok(body)
    }
}

impl Settings {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let Self::Mail(mail) = self;
        match mail {
            Mail::Show => listing::show(api, PATH, COLUMNS).await,
            Mail::Set(set) => change(api, Method::PUT, PATH, Some(&set.body()?), COLUMNS).await,
            Mail::Test { to } => test(api, &to).await,
        }
    }
}

/// Ends well only if the server took the mail.
async fn test(api: &Api, to: &str) -> Result<(), Failure> {
    let body = Bytes::from(json!({"to": to}).to_string());
    let body = Some((body, "application/json"));
    let answer = api.send(Method::POST, "/api/v1/settings/mail/test", &[], body).await?.json()?;
    if api.format() == Format::Table {
        let steps = answer["steps"].as_array().cloned().unwrap_or_default();
        output::many(api.format(), &steps, STEPS, None)?;
        output::note(answer["summary"].as_str().unwrap_or_default());
    } else {
        output::one(api.format(), &answer, STEPS)?;
    }
    if answer["ok"] == true { Ok(()) } else { Err(Failure::No(answer)) }
}
