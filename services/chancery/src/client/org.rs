//! `chancery org …`: organizations and departments.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change},
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("DISPLAY NAME", "/displayName", false),
    Column("COUNTRY", "/country", false),
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
        /// What people call it
        #[arg(long)]
        display_name: Option<String>,
        /// Two letters (ISO 3166-1)
        #[arg(long)]
        country: Option<String>,
    },
    /// Change an organization
    Update {
        /// Id or name
        organization: String,
        /// New unique name
        #[arg(long)]
        name: Option<String>,
        /// New display name
        #[arg(long)]
        display_name: Option<String>,
        /// New country
        #[arg(long)]
        country: Option<String>,
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
            Self::Create { name, display_name, country } => {
                let body =
                    given(&[("name", Some(name)), ("displayName", display_name), ("country", country)]);
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Update { organization, name, display_name, country } => {
                let body = given(&[("name", name), ("displayName", display_name), ("country", country)]);
                change(api, Method::PATCH, &one(&organization), Some(&body), COLUMNS).await
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

/// The fields that were given, as an object.
fn given(fields: &[(&str, Option<String>)]) -> Value {
    let mut body = json!({});
    for (field, value) in fields {
        if let Some(value) = value {
            body[*field] = value.clone().into();
        }
    }
    body
}
