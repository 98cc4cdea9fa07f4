//! `chancery role …`: roles, built-in and custom ones.

use clap::Subcommand;
use contracts::{Permission, directory::Role as Named};
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm},
    org::given,
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("STATUS", "/status", false),
    Column("BUILT IN", "/builtIn", false),
    Column("DESCRIPTION", "/description", false),
    Column("OWN ONLY", "/ownOnly", true),
    Column("PERMISSIONS", "/permissions", true),
    Column("ORGANIZATION", "/organizationId", true),
    Column("ID", "/id", false),
];

/// `chancery role …`
#[derive(Subcommand, Debug)]
pub enum Role {
    /// List roles
    List(List),
    /// Show a role and what it may do
    Show {
        /// Id or name
        role: String,
    },
    /// Create a custom role
    Create {
        /// Unique name
        name: String,
        /// Organization whose role it is, by id or name; the installation's when not given
        #[arg(long = "org")]
        organization: Option<String>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// What it may do, such as certificate.read; may be repeated
        #[arg(long = "permission", required = true)]
        permissions: Vec<Permission>,
        /// Only with what its holder asked for or owns
        #[arg(long)]
        own_only: bool,
    },
    /// Change a custom role, for whoever holds it
    Update {
        /// Id
        role: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// What it may do from now on; may be repeated
        #[arg(long = "permission")]
        permissions: Vec<Permission>,
        /// Whether it reaches only what its holder asked for or owns
        #[arg(long)]
        own_only: Option<bool>,
    },
    /// Archive a custom role: it allows nothing any more
    Archive {
        /// Id
        role: String,
    },
}

impl Role {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/roles";
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { role } => {
                let id = match role.parse() {
                    Ok(Named::BuiltIn(_)) => role,
                    _ => reference("rol", &role),
                };
                listing::show(api, &format!("{path}/{id}"), COLUMNS).await
            }
            Self::Create { name, organization, description, permissions, own_only } => {
                let organization = organization.map(|organization| reference("org", &organization));
                let mut body = given(&[
                    ("name", Some(name)),
                    ("organization", organization),
                    ("description", description),
                ]);
                body["permissions"] = json!(permissions);
                body["ownOnly"] = own_only.into();
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Update { role, description, permissions, own_only } => {
                let mut body = given(&[("description", description)]);
                if !permissions.is_empty() {
                    body["permissions"] = json!(permissions);
                }
                if let Some(own_only) = own_only {
                    body["ownOnly"] = own_only.into();
                }
                change(api, Method::PATCH, &format!("{path}/{role}"), Some(&body), COLUMNS).await
            }
            Self::Archive { role } => {
                confirm(api, &format!("Archive role {role}?"))?;
                change(api, Method::DELETE, &format!("{path}/{role}"), None, COLUMNS).await
            }
        }
    }
}
