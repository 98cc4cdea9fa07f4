//! `chancery department …`: departments of an organization.

use clap::Subcommand;
use http::Method;

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm},
    org::{COLUMNS, Details, because},
};

/// `chancery department …`
#[derive(Subcommand, Debug)]
pub enum Department {
    /// List departments
    List {
        /// Organization by id or name; the caller's when not given
        #[arg(long = "org")]
        organization: Option<String>,
        #[command(flatten)]
        list: List,
    },
    /// Show a department; without an address of its own it has its organization's
    Show {
        /// Id
        department: String,
        /// Organization by id or name; the caller's when not given
        #[arg(long = "org")]
        organization: Option<String>,
    },
    /// Create a department
    Create {
        /// Name, unique within the organization
        name: String,
        /// Organization by id or name; the caller's when not given
        #[arg(long = "org")]
        organization: Option<String>,
        #[command(flatten)]
        details: Details,
    },
    /// Change a department
    Update {
        /// Id
        department: String,
        /// New name
        #[arg(long)]
        name: Option<String>,
        /// Organization by id or name; the caller's when not given
        #[arg(long = "org")]
        organization: Option<String>,
        #[command(flatten)]
        details: Details,
    },
    /// Archive a department: nobody asks for certificates for it, what it has stays readable
    Archive {
        /// Id
        department: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Organization by id or name; the caller's when not given
        #[arg(long = "org")]
        organization: Option<String>,
    },
    /// Put an archived department into use again
    Restore {
        /// Id
        department: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Organization by id or name; the caller's when not given
        #[arg(long = "org")]
        organization: Option<String>,
    },
}

impl Department {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::List { organization, list } => list.run(api, &all(api, organization).await?, COLUMNS).await,
            Self::Show { department, organization } => {
                let path = format!("{}/{department}", all(api, organization).await?);
                listing::show(api, &path, COLUMNS).await
            }
            Self::Create { name, organization, details } => {
                let path = all(api, organization).await?;
                change(api, Method::POST, &path, Some(&details.with_name(Some(name))), COLUMNS).await
            }
            Self::Update { department, name, organization, details } => {
                let path = format!("{}/{department}", all(api, organization).await?);
                change(api, Method::PATCH, &path, Some(&details.with_name(name)), COLUMNS).await
            }
            Self::Archive { department, reason, organization } => {
                confirm(api, &format!("Archive department {department}?"))?;
                let path = format!("{}/{department}/archive", all(api, organization).await?);
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::Restore { department, reason, organization } => {
                let path = format!("{}/{department}/restore", all(api, organization).await?);
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
        }
    }
}

/// The departments of an organization; of the one that the token acts in, when none is named.
async fn all(api: &Api, organization: Option<String>) -> Result<String, Failure> {
    let organization = match organization {
        Some(organization) => reference("org", &organization),
        None => {
            let me = api.get("/api/v1/me", &[]).await?.json()?;
            me["organizationId"].as_str().unwrap_or_default().to_owned()
        }
    };
    Ok(format!("/api/v1/organizations/{organization}/departments"))
}
