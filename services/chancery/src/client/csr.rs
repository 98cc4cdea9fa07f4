//! `chancery csr …`: CSRs without a certificate request.

use clap::{Args, Subcommand};
use contracts::x509::KeyAlgorithm;
use http::Method;
use serde_json::{Map, Value, json};

use super::{
    Format,
    api::Api,
    failure::Failure,
    key::passphrase,
    listing,
    output::{self, Column},
};

const COLUMNS: &[Column] = &[Column("KEY", "/keyId", false), Column("NAMES", "/sans", false)];

/// `chancery csr …`
#[derive(Subcommand, Debug)]
pub enum Csr {
    /// Make a CSR for a new key of the keystore, or one that is there; prints it
    Create(Box<Create>),
}

/// What a CSR is to say.
#[derive(Args, Debug)]
pub struct Create {
    /// Common name; a host's is added to the names
    #[arg(long = "cn")]
    common_name: Option<String>,
    /// Organization (O)
    #[arg(long)]
    organization: Option<String>,
    /// Organizational unit (OU); may be repeated
    #[arg(long)]
    organizational_unit: Vec<String>,
    /// Locality (L)
    #[arg(long)]
    locality: Option<String>,
    /// State or province (ST)
    #[arg(long)]
    state: Option<String>,
    /// Country (C), two letters
    #[arg(long)]
    country: Option<String>,
    /// DNS name; may be repeated
    #[arg(long)]
    dns: Vec<String>,
    /// IP address; may be repeated
    #[arg(long)]
    ip: Vec<String>,
    /// E-mail address; may be repeated
    #[arg(long)]
    email: Vec<String>,
    /// URI; may be repeated
    #[arg(long)]
    uri: Vec<String>,
    /// Key to make
    #[arg(long, default_value = "ecdsa_p256")]
    key: KeyAlgorithm,
    /// Key of the keystore to use, by its id, in place of a new one
    #[arg(long, conflicts_with_all = ["key", "label", "exportable"])]
    key_id: Option<String>,
    /// What you call the new key
    #[arg(long)]
    label: Option<String>,
    /// Let the new key be exported later
    #[arg(long)]
    exportable: bool,
    /// File with the challenge password that some CAs ask for; `-` for standard input. Everybody who sees the CSR can read it
    #[arg(long, value_name = "FILE")]
    challenge_password_file: Option<String>,
}

impl Csr {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let Self::Create(create) = self;
        let answer = api.change(Method::POST, "/api/v1/csrs", Some(&create.body()?)).await?.json()?;
        let Some(pem) = answer["csr"].as_str() else { return listing::changed(api, &answer, COLUMNS) };
        match api.format() {
            Format::Table | Format::Wide | Format::Pem => {
                output::text(pem);
                let key = answer["keyId"].as_str().unwrap_or_default();
                output::note(&format!("its key: {key}; the CSR is kept nowhere else"));
                Ok(())
            }
            _ => output::one(api.format(), &answer, COLUMNS),
        }
    }
}

impl Create {
    fn body(&self) -> Result<Value, Failure> {
        let mut subject = Map::new();
        for (member, value) in [
            ("commonName", &self.common_name),
            ("organization", &self.organization),
            ("locality", &self.locality),
            ("state", &self.state),
            ("country", &self.country),
        ] {
            if let Some(value) = value {
                subject.insert(member.into(), value.clone().into());
            }
        }
        if !self.organizational_unit.is_empty() {
            subject.insert("organizationalUnit".into(), self.organizational_unit.clone().into());
        }
        let kinds = [("dns", &self.dns), ("ip", &self.ip), ("email", &self.email), ("uri", &self.uri)];
        let sans = kinds
            .iter()
            .flat_map(|(kind, values)| values.iter().map(move |value| json!({"type": kind, "value": value})));
        let mut body = json!({"subject": subject, "sans": sans.collect::<Vec<_>>()});
        match &self.key_id {
            Some(id) => body["key"] = json!({"id": id}),
            None => {
                body["key"] = json!({"algorithm": self.key});
                body["exportable"] = self.exportable.into();
            }
        }
        if let Some(label) = &self.label {
            body["label"] = label.clone().into();
        }
        if let Some(file) = &self.challenge_password_file {
            body["challengePassword"] = passphrase(file)?.into();
        }
        Ok(body)
    }
}
