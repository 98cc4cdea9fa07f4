//! What all nouns share: list with filters, show one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use http::Method;
use pki::csr::{CertificationRequest, CsrError};
use serde_json::Value;

use super::{
    Format,
    api::Api,
    failure::Failure,
    output::{self, Column},
};

/// Flags of every `list`.
#[derive(Args, Debug)]
#[group(skip)] // a variant of its name may hold it beside more
pub struct List {
    /// Filter as in the API, such as status=active or 'notAfter[lt]=2027-01-01T00:00:00Z'; may be repeated
    #[arg(long = "filter", value_name = "FIELD=VALUE")]
    filters: Vec<String>,
    /// Text that names, serial number, fingerprint, issuer or note contain (certificates only)
    #[arg(short = 'q', long = "query")]
    text: Option<String>,
    /// Fields to sort by, such as -notAfter,commonName
    #[arg(long, allow_hyphen_values = true)]
    sort: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Everything, page after page
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

impl List {
    /// The whole list, as it is sorted by default.
    pub fn whole() -> Self {
        Self { filters: Vec::new(), text: None, sort: None, limit: 0, all: true }
    }

    /// The same, narrowed by a filter.
    pub fn only(mut self, filter: &str) -> Self {
        self.filters.push(filter.to_owned());
        self
    }

    /// The same, as a saved view shows it where nothing else is said.
    pub fn of_saved(mut self, view: &Value) -> Self {
        let filters = view["filter"].as_object().into_iter().flatten();
        for (name, value) in filters.filter_map(|(name, value)| Some((name, value.as_str()?))) {
            let given = self.filters.iter().any(|filter| filter.split('=').next() == Some(name));
            match name.as_str() {
                "q" => self.text = self.text.or_else(|| Some(value.to_owned())),
                _ if given => {}
                _ => self.filters.push(format!("{name}={value}")),
            }
        }
        self.sort = self.sort.or_else(|| view["sort"].as_str().map(str::to_owned));
        self
    }

    /// Prints the list at `path`.
    pub async fn run(self, api: &Api, path: &str, columns: &[Column]) -> Result<(), Failure> {
        let mut query = Vec::new();
        for filter in &self.filters {
            let pair = filter.split_once('=');
            query.push(pair.ok_or_else(|| {
                Failure::Usage(format!("'{filter}' is not a filter: expected FIELD=VALUE"))
            })?);
        }
        query.extend(self.text.as_deref().map(|text| ("q", text)));
        query.extend(self.sort.as_deref().map(|sort| ("sort", sort)));
        let wanted = if self.all { usize::MAX } else { self.limit };
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let limit = (wanted - items.len()).min(200).to_string();
            let mut page = query.clone();
            page.push(("limit", &limit));
            page.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let answer = api.get(path, &page).await?.json()?;
            items.extend(answer["items"].as_array().cloned().unwrap_or_default());
            cursor = answer["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() || items.len() >= wanted {
                break;
            }
        }
        output::many(api.format(), &items, columns, None)?;
        if items.is_empty() && matches!(api.format(), Format::Table | Format::Wide) {
            output::note("none");
        }
        if cursor.is_some() {
            output::note(&format!("{} shown, there are more: --all shows everything", items.len()));
        }
        Ok(())
    }
}

/// Prints the one thing at `path`.
pub async fn show(api: &Api, path: &str, columns: &[Column]) -> Result<(), Failure> {
    output::one(api.format(), &api.get(path, &[]).await?.json()?, columns)
}

/// Prints all that is at `path`, which knows no pages.
pub async fn every(api: &Api, path: &str, columns: &[Column]) -> Result<(), Failure> {
    let answer = api.get(path, &[]).await?.json()?;
    output::many(api.format(), &answer["items"].as_array().cloned().unwrap_or_default(), columns, None)
}

/// Prints what a change answered: the thing, or what a dry run would change.
pub fn changed(api: &Api, answer: &Value, columns: &[Column]) -> Result<(), Failure> {
    let dry = [Column("WOULD CHANGE", "/wouldChange", false), Column("CHANGES", "/changes", false)];
    let operation = [Column("OPERATION", "/id", false), Column("STATUS", "/status", false)];
    let columns = match answer {
        answer if answer.get("wouldChange").is_some() => &dry[..],
        answer if answer["id"].as_str().is_some_and(|id| id.starts_with("op_")) => &operation[..],
        _ => columns,
    };
    output::one(api.format(), answer, columns)
}

/// Makes a change and prints what it answered.
pub async fn change(
    api: &Api,
    method: Method,
    path: &str,
    body: Option<&Value>,
    columns: &[Column],
) -> Result<(), Failure> {
    changed(api, &api.change(method, path, body).await?.json()?, columns)
}

/// Prints a timeline: one line an event.
pub async fn timeline(api: &Api, path: &str) -> Result<(), Failure> {
    let answer = api.get(path, &[]).await?.json()?;
    let columns = [
        Column("TIME", "/time", false),
        Column("EVENT", "/type", false),
        Column("ACTOR", "/actor", false),
        Column("POSITION", "/position", true),
    ];
    output::many(
        api.format(),
        &answer["items"].as_array().cloned().unwrap_or_default(),
        &columns,
        Some(&answer),
    )
}

/// Asks before something is destroyed, unless the person agreed beforehand.
pub fn confirm(api: &Api, question: &str) -> Result<(), Failure> {
    use std::io::IsTerminal as _;
    if api.agreed() {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{question} Say yes with --yes.")));
    }
    output::note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Failure::Usage(error.to_string()))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(Failure::Declined) }
}

/// Reads a file, or standard input for `-`.
pub fn read_input(path: &str) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    // Far above every limit of the server, so that it is the server that explains.
    const MOST: u64 = 16 << 20;
    let mut bytes = Vec::new();
    let read = match path {
        "-" => std::io::stdin().take(MOST).read_to_end(&mut bytes),
        path => std::fs::File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::Usage(format!("cannot read {path}: {error}")))?;
    Ok(bytes)
}

/// Reads a CSR from a file as JSON can carry it: bytes that are no text are DER, and bare base64 is one of the forms
/// the server reads. What else is wrong the server explains; a private key must not get that far.
pub fn read_csr(path: &str) -> Result<String, Failure> {
    let bytes = read_input(path)?;
    refuse_private_key(path, &bytes)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|binary| STANDARD.encode(binary.as_bytes())))
}

/// Refuses what holds a private key, in any form, so that it is sent nowhere.
pub fn refuse_private_key(path: &str, bytes: &[u8]) -> Result<(), Failure> {
    const MARK: &[u8] = b"PRIVATE KEY-----"; // also within what cannot be read otherwise
    let holds_key = bytes.windows(MARK.len()).any(|window| window == MARK)
        || CertificationRequest::read(bytes) == Err(CsrError::PrivateKey);
    if !holds_key {
        return Ok(());
    }
    let shown = if path == "-" { "standard input" } else { path };
    Err(Failure::Usage(format!(
        "{shown} holds a private key, which never leaves this machine: nothing was sent. Give its CSR: \
         openssl req -new -key <the key> -out <the CSR>"
    )))
}

/// Reads a JSON or YAML document from a file.
pub fn read_document(path: &str) -> Result<Value, Failure> {
    let bytes = read_input(path)?;
    serde_yaml_ng::from_slice(&bytes)
        .map_err(|error| Failure::Usage(format!("{path} is neither JSON nor YAML: {error}")))
}
