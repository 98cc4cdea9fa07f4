//! `chancery org …`: organizations and departments.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm},
    output::Column,
};

pub(super) const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("DISPLAY NAME", "/displayName", false),
    Column("STATUS", "/status", false),
    Column("COUNTRY", "/country", false),
    Column("CITY", "/city", true),
    Column("DESCRIPTION", "/description", true),
    Column("CREATED", "/createdAt", true),
    Column("ID", "/id", false),
];

/// `chancery org …`
#[derive(Subcommand, Debug)]
pub enum Org {
    /// List organizations
    List(List),
    /// Show an organization
    Show {
        /// Id or name
        organization: String,
    },
    /// Create an organization
    Create {
        /// Unique name
        name: String,
        #[command(flatten)]
        details: Details,
    },
    /// Change an organization
    Update {
        /// Id or name
        organization: String,
        /// New unique name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        details: Details,
    },
    /// Archive an organization: nobody asks for certificates in it, what it has stays readable
    Archive {
        /// Id or name
        organization: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Put an archived organization into use again
    Restore {
        /// Id or name
        organization: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// List the departments of an organization
    Departments {
        /// Id or name
        organization: String,
    },
    /// Create a department
    CreateDepartment {
        /// Organization by id or name
        organization: String,
        /// Name, unique within the organization
        name: String,
        /// What people call it
        #[arg(long)]
        display_name: Option<String>,
    },
}

impl Org {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/organizations";
        let one = |organization: &str| format!("{path}/{}", reference("org", organization));
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { organization } => listing::show(api, &one(&organization), COLUMNS).await,
            Self::Create { name, details } => {
                let body = details.with_name(Some(name));
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Update { organization, name, details } => {
                let body = details.with_name(name);
                change(api, Method::PATCH, &one(&organization), Some(&body), COLUMNS).await
            }
            Self::Archive { organization, reason } => {
                confirm(api, &format!("Archive organization {organization}?"))?;
                let path = format!("{}/archive", one(&organization));
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::Restore { organization, reason } => {
                let path = format!("{}/restore", one(&organization));
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::Departments { organization } => {
                List::whole().run(api, &format!("{}/departments", one(&organization)), COLUMNS).await
            }
            Self::CreateDepartment { organization, name, display_name } => {
                let body = given(&[("name", Some(name)), ("displayName", display_name)]);
                let path = format!("{}/departments", one(&organization));
                change(api, Method::POST, &path, Some(&body), COLUMNS).await
            }
        }
    }
}

/// Description and address of an organization or a department; an empty text takes a value away.
#[derive(Args, Debug)]
pub struct Details {
    /// What people call it
    #[arg(long)]
    display_name: Option<String>,
    /// What it is
    #[arg(long)]
    description: Option<String>,
    /// A line of the address; may be repeated
    #[arg(long = "address", value_name = "LINE")]
    address_lines: Vec<String>,
    /// City
    #[arg(long)]
    city: Option<String>,
    /// State or province
    #[arg(long)]
    state: Option<String>,
    /// Postal code
    #[arg(long)]
    postal_code: Option<String>,
    /// Two letters (ISO 3166-1)
    #[arg(long)]
    country: Option<String>,
    /// Where its people find help, on its sign-in page too: https: or mailto:
    #[arg(long, value_name = "URL")]
    support_url: Option<String>,
}

impl Details {
    /// The body that says so, with a name.
    pub fn with_name(self, name: Option<String>) -> Value {
        let mut body = given(&[
            ("name", name),
            ("displayName", self.display_name),
            ("description", self.description),
            ("city", self.city),
            ("state", self.state),
            ("postalCode", self.postal_code),
            ("country", self.country),
            ("supportUrl", self.support_url),
        ]);
        let lines: Vec<_> = self.address_lines.iter().filter(|line| !line.is_empty()).collect();
        if !self.address_lines.is_empty() {
            body["addressLines"] = json!(lines);
        }
        body
    }
}

/// The body that gives a reason.
pub fn because(reason: Option<String>) -> Option<Value> {
    reason.map(|reason| json!({"reason": reason}))
}

/// The fields that were given, as an object.
pub fn given(fields: &[(&str, Option<String>)]) -> Value {
    let mut body = json!({});
    for (field, value) in fields {
        if let Some(value) = value {
            body[*field] = value.clone().into();
        }
    }
    body
}
