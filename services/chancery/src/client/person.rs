//! `chancery person …`: persons who may hold client certificates.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::{
    Format,
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm},
    org::{because, given},
    output::{self, Column},
};

const PATH: &str = "/api/v1/people";

const COLUMNS: &[Column] = &[
    Column("LAST NAME", "/lastName", false),
    Column("FIRST NAME", "/firstName", false),
    Column("MIDDLE NAME", "/middleName", true),
    Column("E-MAIL", "/email", false),
    Column("OTHER E-MAIL", "/alternativeEmails", true),
    Column("STATUS", "/status", false),
    Column("DEPARTMENT", "/departmentId", true),
    Column("VALIDATION", "/validationType", true),
    Column("CREATED", "/createdAt", true),
    Column("ID", "/id", false),
];

const CERTIFICATES: &[Column] = &[
    Column("CERTIFICATE", "/id", false),
    Column("COMMON NAME", "/commonName", false),
    Column("NAMES", "/sans", false),
    Column("STATUS", "/status", false),
    Column("EXPIRES", "/notAfter", false),
];

const IMPORT: &[Column] = &[
    Column("IMPORT", "/id", false),
    Column("STATUS", "/status", false),
    Column("LINES", "/lines", false),
    Column("ADDED", "/added", false),
    Column("EXISTING", "/existing", false),
    Column("REFUSED", "/refused", false),
];

const ERRORS: &[Column] = &[
    Column("LINE", "/line", false),
    Column("COLUMN", "/column", false),
    Column("CODE", "/code", false),
    Column("WHAT IS WRONG", "/detail", false),
];

/// `chancery person …`
#[derive(Subcommand, Debug)]
pub enum Person {
    /// List persons
    List(List),
    /// Show a person
    Show {
        /// Id
        person: String,
    },
    /// Add a person
    #[command(visible_alias = "create")]
    Add {
        /// The e-mail address, within a domain that is delegated for client certificates
        email: String,
        /// First name
        #[arg(long)]
        first_name: String,
        /// Last name
        #[arg(long)]
        last_name: String,
        /// Organization (id or name); yours when not given
        #[arg(long = "org")]
        organization: Option<String>,
        #[command(flatten)]
        more: More,
    },
    /// Add persons from a CSV file; --dry-run says line by line what would become of it
    Import {
        /// File, `-` for standard input. Its first line names the columns: email, firstName, lastName, and if wanted
        /// middleName, alternativeEmails, organization, department, validationType, secretId
        file: String,
    },
    /// Change a person
    Update {
        /// Id
        person: String,
        /// New e-mail address
        #[arg(long)]
        email: Option<String>,
        /// New first name
        #[arg(long)]
        first_name: Option<String>,
        /// New last name
        #[arg(long)]
        last_name: Option<String>,
        #[command(flatten)]
        more: More,
    },
    /// Archive a person: what they have stays, nothing is added
    Archive(Change),
    /// Put an archived person into use again
    Restore(Change),
    /// Erase who a person was, for good
    Erase {
        /// Id
        person: String,
    },
    /// List the client certificates that carry an address of a person
    Certificates {
        /// Id
        person: String,
    },
    /// Show what happened to a person
    Timeline {
        /// Id
        person: String,
    },
}

/// What may be said of a person beside.
#[derive(Args, Debug)]
pub struct More {
    /// Department, by id or name
    #[arg(long)]
    department: Option<String>,
    /// Middle name
    #[arg(long)]
    middle_name: Option<String>,
    /// Further e-mail address; may be repeated
    #[arg(long = "alternative-email")]
    alternative_emails: Vec<String>,
    /// File with a word by which the person is recognized later, `-` for standard input
    #[arg(long)]
    secret_id_file: Option<String>,
}

/// Who, and why.
#[derive(Args, Debug)]
pub struct Change {
    /// Id
    person: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
}

impl Person {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let one = |person: &str| format!("{PATH}/{person}");
        match self {
            Self::List(list) => list.run(api, PATH, COLUMNS).await,
            Self::Show { person } => listing::show(api, &one(&person), COLUMNS).await,
            Self::Add { email, first_name, last_name, organization, more } => {
                let body = given(&[
                    ("email", Some(email)),
                    ("firstName", Some(first_name)),
                    ("lastName", Some(last_name)),
                    ("organization", organization.map(|organization| reference("org", &organization))),
                ]);
                change(api, Method::POST, PATH, Some(&more.said(body)?), COLUMNS).await
            }
            Self::Import { file } => import(api, listing::read_input(&file)?).await,
            Self::Update { person, email, first_name, last_name, more } => {
                let body = given(&[("email", email), ("firstName", first_name), ("lastName", last_name)]);
                change(api, Method::PATCH, &one(&person), Some(&more.said(body)?), COLUMNS).await
            }
            Self::Archive(Change { person, reason }) => {
                let path = format!("{}/archive", one(&person));
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::Restore(Change { person, reason }) => {
                let path = format!("{}/restore", one(&person));
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::Erase { person } => {
                confirm(api, &format!("Erase who {person} was, for good?"))?;
                change(api, Method::POST, &format!("{}/erase", one(&person)), None, COLUMNS).await
            }
            Self::Certificates { person } => {
                List::whole().run(api, &format!("{}/certificates", one(&person)), CERTIFICATES).await
            }
            Self::Timeline { person } => listing::timeline(api, &format!("{}/timeline", one(&person))).await,
        }
    }
}

async fn import(api: &Api, file: Vec<u8>) -> Result<(), Failure> {
    let answer = api.upload(&format!("{PATH}/import"), file, "text/csv").await?.json()?;
    if answer.get("lines").is_none() {
        return listing::changed(api, &answer, IMPORT);
    }
    output::one(api.format(), &answer, IMPORT)?;
    let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    if matches!(api.format(), Format::Table | Format::Wide) && !errors.is_empty() {
        output::many(api.format(), errors, ERRORS, None)?;
    }
    Ok(())
}

impl More {
    /// Adds what is given.
    fn said(self, mut body: Value) -> Result<Value, Failure> {
        if let Some(department) = self.department {
            let named = if department.is_empty() { department } else { reference("dep", &department) };
            body["department"] = named.into();
        }
        if let Some(middle) = self.middle_name {
            body["middleName"] = middle.into();
        }
        if !self.alternative_emails.is_empty() {
            body["alternativeEmails"] = self.alternative_emails.into();
        }
        if let Some(file) = self.secret_id_file {
            let word = String::from_utf8(listing::read_input(&file)?)
                .map_err(|_| Failure::Usage(format!("{file} is not text")))?;
            body["secretId"] = word.trim_end_matches(['\r', '\n']).into();
        }
        Ok(body)
    }
}
