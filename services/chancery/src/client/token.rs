//! `chancery token …`: API tokens.

use clap::Subcommand;
use contracts::{Lifetime, Permission};
use http::Method;
use serde_json::json;

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{List, change, confirm},
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("STATUS", "/status", false),
    Column("EXPIRES", "/expiresAt", false),
    Column("LAST USED", "/lastUsedAt", false),
    Column("ID", "/id", false),
    Column("SCOPE", "/scope", true),
    Column("ORGANIZATION", "/organizationId", true),
];

const ISSUED: &[Column] = &[
    Column("TOKEN", "/secret", false),
    Column("NAME", "/name", false),
    Column("EXPIRES", "/expiresAt", false),
    Column("ID", "/id", false),
];

/// `chancery token …`
#[derive(Subcommand, Debug)]
pub enum Token {
    /// List tokens
    List(List),
    /// Issue a token; its text is shown once
    #[command(visible_alias = "issue")]
    Create {
        /// What it is for
        name: String,
        /// How long it is valid, at most 365d
        #[arg(long, default_value = "90d")]
        ttl: Lifetime,
        /// Organization it acts in, by id or name
        #[arg(long = "org")]
        organization: Option<String>,
        /// Administrator whose rights it carries (id); yours when not given
        #[arg(long = "admin")]
        administrator: Option<String>,
        /// Only this permission, such as certificate_request.create; may be repeated
        #[arg(long = "permission")]
        permissions: Vec<Permission>,
        /// Only through grants of this role; may be repeated
        #[arg(long = "role")]
        roles: Vec<String>,
        /// Only in this department (id)
        #[arg(long)]
        department: Option<String>,
        /// Only requests for this profile (id); may be repeated
        #[arg(long = "for-profile")]
        profiles: Vec<String>,
        /// Only this certificate (id); may be repeated
        #[arg(long = "for-certificate")]
        certificates: Vec<String>,
    },
    /// Issue the next token in the place of another; the old one works until the overlap is over
    Rotate {
        /// Its id
        id: String,
        /// How long the new one is valid, at most 365d
        #[arg(long, default_value = "90d")]
        ttl: Lifetime,
        /// How long the old one still works
        #[arg(long, default_value = "7d")]
        overlap: Lifetime,
    },
    /// Revoke a token, within a second everywhere
    Revoke {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

impl Token {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/tokens";
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Create {
                name,
                ttl,
                organization,
                administrator,
                permissions,
                roles,
                department,
                profiles,
                certificates,
            } => {
                let mut scope = json!({});
                if !permissions.is_empty() {
                    scope["permissions"] = json!(permissions);
                }
                if let Some(department) = department {
                    scope["department"] = department.into();
                }
                for (limit, ids) in [("roles", roles), ("profiles", profiles), ("certificates", certificates)]
                {
                    if !ids.is_empty() {
                        scope[limit] = json!(ids);
                    }
                }
                let mut body = json!({"name": name, "ttl": ttl, "scope": scope});
                if let Some(organization) = organization {
                    body["organization"] = reference("org", &organization).into();
                }
                if let Some(administrator) = administrator {
                    body["administrator"] = administrator.into();
                }
                change(api, Method::POST, path, Some(&body), ISSUED).await
            }
            Self::Rotate { id, ttl, overlap } => {
                let body = json!({"ttl": ttl, "overlap": overlap});
                change(api, Method::POST, &format!("{path}/{id}/rotate"), Some(&body), ISSUED).await
            }
            Self::Revoke { id, reason } => {
                confirm(api, &format!("Revoke token {id}?"))?;
                let body = reason.map(|reason| json!({"reason": reason}));
                change(api, Method::DELETE, &format!("{path}/{id}"), body.as_ref(), COLUMNS).await
            }
        }
    }
}
