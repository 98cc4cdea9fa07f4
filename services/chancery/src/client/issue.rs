//! `chancery issue`: one step to a certificate.

use clap::Args;
use contracts::{Lifetime, x509::KeyAlgorithm};
use http::Method;
use serde_json::{Value, json};

use super::{
    Format,
    api::Api,
    failure::Failure,
    listing::{changed, read_csr},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("COMMON NAME", "/commonName", false),
    Column("STATUS", "/status", false),
    Column("NAMES", "/sans", false),
    Column("EXPIRES", "/notAfter", false),
    Column("CERTIFICATE", "/id", false),
    Column("REQUEST", "/requestId", false),
];

/// Get a certificate: for a CSR, or for a key that the keystore makes
#[derive(Args, Debug)]
pub struct Issue {
    /// Profile by id or name; the one named `default` when not given
    #[arg(long)]
    profile: Option<String>,
    /// Department it is for, by id or name; the only one you may ask for, else the organization as a whole
    #[arg(long)]
    department: Option<String>,
    /// CSR file, `-` for standard input; without it the keystore makes a key
    #[arg(long, conflicts_with_all = ["common_name", "dns", "ip", "email", "uri", "key", "key_id"])]
    csr: Option<String>,
    /// Common name; the first DNS name when not given
    #[arg(long = "cn")]
    common_name: Option<String>,
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
    /// Key of the keystore to use again, by its id, in place of a new one
    #[arg(long, conflicts_with = "key")]
    key_id: Option<String>,
    /// PKCS #11 token to make the key in, by its name in the server's configuration
    #[arg(long, value_name = "NAME", conflicts_with_all = ["key_id", "csr"])]
    in_token: Option<String>,
    /// Lifetime, such as 90d
    #[arg(long)]
    ttl: Option<Lifetime>,
    /// Label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,
    /// Note
    #[arg(long)]
    note: Option<String>,
    /// Version of the profile's terms that you accept (`chancery profile show` has them)
    #[arg(long, value_name = "VERSION")]
    accept_terms: Option<String>,
}

impl Issue {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let body = self.body()?;
        let answer = api.change(Method::POST, "/api/v1/certificate-requests", Some(&body)).await?;
        let request = answer.json()?;
        let Some(certificate) = request["certificateId"].as_str() else {
            return changed(api, &request, COLUMNS);
        };
        if request["status"] == "awaiting_certificate" {
            return for_the_ca(api, &request).await;
        }
        let position = answer.position();
        let path = format!("/api/v1/certificates/{certificate}");
        if api.format() == Format::Pem {
            let chain = api.get_after(&format!("{path}/chain?format=pem"), position.as_deref()).await?;
            output::text(&String::from_utf8_lossy(&chain.body));
            return Ok(());
        }
        let certificate = api.get_after(&path, position.as_deref()).await?.json()?;
        output::one(api.format(), &certificate, COLUMNS)
    }

    fn body(&self) -> Result<Value, Failure> {
        let mut body = json!({});
        if let Some(file) = &self.csr {
            body["csr"] = read_csr(file)?.into();
        } else {
            let kinds = [("dns", &self.dns), ("ip", &self.ip), ("email", &self.email), ("uri", &self.uri)];
            let sans: Vec<_> = kinds
                .iter()
                .flat_map(|(kind, values)| {
                    values.iter().map(move |value| json!({"type": kind, "value": value}))
                })
                .collect();
            if sans.is_empty() && self.common_name.is_none() {
                return Err(Failure::Usage(
                    "CSR cannot be empty: give --csr FILE, or names: --dns, --ip, --email, --uri or --cn"
                        .into(),
                ));
            }
            if let Some(name) = self.common_name.as_ref().or(self.dns.first()) {
                body["subject"] = json!({"commonName": name});
            }
            body["sans"] = sans.into();
            body["key"] = match &self.key_id {
                Some(id) => json!({"id": id}),
                None => json!({"algorithm": self.key}),
            };
            if let Some(token) = &self.in_token {
                body["key"]["token"] = token.clone().into();
            }
        }
        if let Some(profile) = &self.profile {
            body["profile"] = reference("prf", profile).into();
        }
        if let Some(department) = &self.department {
            body["department"] = reference("dep", department).into();
        }
        if let Some(ttl) = self.ttl {
            body["ttl"] = ttl.to_string().into();
        }
        if let Some(note) = &self.note {
            body["note"] = note.clone().into();
        }
        if let Some(version) = &self.accept_terms {
            body["acceptTerms"] = version.clone().into();
        }
        if !self.labels.is_empty() {
            body["labels"] = labels(&self.labels)?;
        }
        Ok(body)
    }
}

/// A request whose CSR somebody has to take to a CA outside.
const WAITING: &[Column] = &[
    Column("COMMON NAME", "/commonName", false),
    Column("STATUS", "/status", false),
    Column("NAMES", "/sans", false),
    Column("REQUEST", "/id", false),
    Column("KEY", "/keyId", true),
];

/// Prints the request, or its CSR, and says what is to be done with it.
async fn for_the_ca(api: &Api, request: &Value) -> Result<(), Failure> {
    let id = request["id"].as_str().unwrap_or_default();
    if api.format() == Format::Pem {
        let csr = api.get(&format!("/api/v1/certificate-requests/{id}/csr"), &[]).await?;
        output::text(&String::from_utf8_lossy(&csr.body));
        return Ok(());
    }
    output::one(api.format(), request, WAITING)?;
    output::note(&format!(
        "the CSR: chancery request csr {id}; hand in what the CA answers: chancery request answer {id} FILE"
    ));
    Ok(())
}

/// `key=value` pairs as an object.
pub fn labels(pairs: &[String]) -> Result<Value, Failure> {
    let mut labels = serde_json::Map::new();
    for pair in pairs {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("'{pair}' is not a label: expected KEY=VALUE")))?;
        labels.insert(key.to_owned(), value.into());
    }
    Ok(labels.into())
}

/// What a person types for a thing: an id as it is, anything else as a name.
pub fn reference(prefix: &'static str, text: &str) -> String {
    let is_id = contracts::id::parse(prefix, text).is_ok()
        || contracts::id::PREFIXES.iter().any(|(known, _)| {
            text.strip_prefix(known).is_some_and(|rest| rest.starts_with('_') && rest.len() == 27)
        });
    if is_id || text.starts_with("name:") { text.to_owned() } else { format!("name:{text}") }
}
