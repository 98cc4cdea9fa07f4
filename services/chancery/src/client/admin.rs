//! `chancery admin …`: administrators and their grants.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{
    admin_certificate::AdminCertificate,
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm},
    org::{because, given},
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("DISPLAY NAME", "/displayName", false),
    Column("STATUS", "/status", false),
    Column("KIND", "/kind", true),
    Column("E-MAIL", "/email", true),
    Column("GRANTS", "/grants", false),
    Column("CREATED", "/createdAt", true),
    Column("ID", "/id", false),
];

const LINK: &[Column] = &[
    Column("LINK", "/url", false),
    Column("VALID UNTIL", "/validUntil", false),
    Column("ADMINISTRATOR", "/administratorId", true),
];

const EXPLAINED: &[Column] = &[
    Column("ALLOWED", "/allowed", false),
    Column("PERMISSION", "/permission", false),
    Column("REASON", "/reason", false),
    Column("GRANT", "/grant", false),
    Column("REFUSALS", "/refusals", true),
];

/// `chancery admin …`
#[derive(Subcommand, Debug)]
pub enum Admin {
    /// List administrators
    List(List),
    /// Show an administrator
    Show {
        /// Id or name
        admin: String,
    },
    /// Appoint an administrator
    #[command(visible_alias = "create")]
    Appoint {
        /// Unique sign-in name
        name: String,
        /// What people call them
        #[arg(long)]
        display_name: Option<String>,
        /// Where mail reaches them
        #[arg(long)]
        email: Option<String>,
        /// A program rather than a person
        #[arg(long)]
        service: bool,
        #[command(flatten)]
        grants: Grants,
    },
    /// Change an administrator
    Update {
        /// Id or name
        admin: String,
        /// What people call them
        #[arg(long)]
        display_name: Option<String>,
        /// Where mail reaches them
        #[arg(long)]
        email: Option<String>,
        /// Take away every grant within your reach
        #[arg(long, conflicts_with = "grants")]
        no_grants: bool,
        #[command(flatten)]
        grants: Grants,
    },
    /// Disable an administrator: their tokens work nowhere within a second
    Disable(Change),
    /// Let a disabled administrator act again
    Enable(Change),
    /// Take the second factor away from an administrator who lost it
    ResetTotp(Change),
    /// Remove an administrator for good and erase who they were
    Remove(Change),
    /// Say why an administrator may or may not do something; yourself when none is named
    Explain {
        /// A permission such as certificate.read, or an operation such as submitCertificateRequest
        action: String,
        /// Administrator by id or name
        #[arg(long)]
        admin: Option<String>,
        /// In this organization (id); the installation itself when not given
        #[arg(long = "org")]
        organization: Option<String>,
        /// In this department of it (id)
        #[arg(long)]
        department: Option<String>,
        /// For this type of certificate: server, client, code_signing, device
        #[arg(long = "type")]
        certificate_type: Option<String>,
    },
    /// The TLS client certificates that administrators sign in with
    #[command(subcommand)]
    Certificate(AdminCertificate),
    /// Show a one-time link with which an administrator sets their password, or send it by mail
    Link {
        /// Id or name
        admin: String,
        /// Send it to their e-mail address instead
        #[arg(long)]
        mail: bool,
    },
    /// Show what happened to an administrator
    Timeline {
        /// Id or name
        admin: String,
    },
}

/// What an administrator may do, and where.
#[derive(Args, Debug)]
pub struct Grants {
    /// ROLE[@ORGANIZATION[/DEPARTMENT]][:TYPE,…]; the whole installation without organization; may be repeated. Roles:
    /// master, organization_officer, department_officer, auditor, requester, admin, user, or a custom one by name
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant)]
    grants: Vec<Value>,
}

/// Who, and why.
#[derive(Args, Debug)]
pub struct Change {
    /// Id or name
    admin: String,
    /// Why
    #[arg(long)]
    reason: Option<String>,
}

impl Admin {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/admins";
        let one = |admin: &str| format!("{path}/{}", reference("adm", admin));
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::Show { admin } => listing::show(api, &one(&admin), COLUMNS).await,
            Self::Appoint { name, display_name, email, service, grants } => {
                let mut body =
                    given(&[("name", Some(name)), ("displayName", display_name), ("email", email)]);
                body["kind"] = if service { "service" } else { "person" }.into();
                body["grants"] = grants.grants.into();
                change(api, Method::POST, path, Some(&body), COLUMNS).await
            }
            Self::Update { admin, display_name, email, no_grants, grants } => {
                let mut body = given(&[("displayName", display_name), ("email", email)]);
                if no_grants || !grants.grants.is_empty() {
                    body["grants"] = grants.grants.into();
                }
                change(api, Method::PATCH, &one(&admin), Some(&body), COLUMNS).await
            }
            Self::Disable(Change { admin, reason }) => {
                let path = format!("{}/disable", one(&admin));
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::Enable(Change { admin, reason }) => {
                let path = format!("{}/enable", one(&admin));
                change(api, Method::POST, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::ResetTotp(Change { admin, reason }) => {
                confirm(api, &format!("Take the second factor away from {admin}?"))?;
                let path = format!("{}/mfa/totp", one(&admin));
                change(api, Method::DELETE, &path, because(reason).as_ref(), COLUMNS).await
            }
            Self::Remove(Change { admin, reason }) => {
                confirm(api, &format!("Remove administrator {admin} for good?"))?;
                change(api, Method::DELETE, &one(&admin), because(reason).as_ref(), COLUMNS).await
            }
            Self::Explain { action, admin, organization, department, certificate_type } => {
                let body = given(&[
                    ("action", Some(action)),
                    ("organization", organization),
                    ("department", department),
                    ("certificateType", certificate_type),
                ]);
                let of = admin.map_or_else(|| "/api/v1/me".to_owned(), |admin| one(&admin));
                let answer = api.change(Method::POST, &format!("{of}/explain"), Some(&body)).await?.json()?;
                output::one(api.format(), &answer, EXPLAINED)
            }
            Self::Certificate(certificate) => certificate.run(api).await,
            Self::Link { admin, mail } => {
                let (path, body) = (format!("{}/link", one(&admin)), json!({"show": !mail}));
                change(api, Method::POST, &path, Some(&body), LINK).await
            }
            Self::Timeline { admin } => listing::timeline(api, &format!("{}/timeline", one(&admin))).await,
        }
    }
}

/// Reads `organization_officer@hq/web:server,client`.
fn grant(text: &str) -> Result<Value, String> {
    // A custom role by id has no colon in it, and types come after the last one.
    let (place, types) = text.rsplit_once(':').map_or((text, None), |(place, types)| (place, Some(types)));
    let (role, at) = place.split_once('@').map_or((place, None), |(role, at)| (role, Some(at)));
    if role.is_empty() {
        return Err("expected ROLE[@ORGANIZATION[/DEPARTMENT]][:TYPE,…]".into());
    }
    let mut grant = json!({"role": role_reference(role)});
    if let Some(at) = at {
        let (organization, department) = at
            .split_once('/')
            .map_or((at, None), |(organization, department)| (organization, Some(department)));
        grant["organization"] = reference("org", organization).into();
        if let Some(department) = department {
            grant["department"] = reference("dep", department).into();
        }
    }
    if let Some(types) = types {
        grant["certificateTypes"] = types.split(',').collect::<Vec<_>>().into();
    }
    Ok(grant)
}

/// A role as the API takes it: what is neither a word of the API nor an id is a custom role's name.
fn role_reference(role: &str) -> String {
    match role.parse::<contracts::directory::RoleChoice>() {
        Ok(choice) => choice.to_string(),
        Err(_) => format!("name:{role}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_written_in_one_word() {
        for (text, expected) in [
            ("master", json!({"role": "master"})),
            ("auditor@hq", json!({"role": "auditor", "organization": "name:hq"})),
            (
                "helpdesk@hq/web:server,client",
                json!({"role": "name:helpdesk", "organization": "name:hq", "department": "name:web",
                    "certificateTypes": ["server", "client"]}),
            ),
        ] {
            assert_eq!(grant(text), Ok(expected), "{text}");
        }
        assert!(grant("@hq").is_err());
    }
}
