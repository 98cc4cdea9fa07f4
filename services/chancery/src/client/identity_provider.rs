//! `chancery identity-provider …`: OpenID providers at which people sign in.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm, read_input},
    org::given,
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("NAME", "/name", false),
    Column("STATUS", "/status", false),
    Column("ISSUER", "/issuer", false),
    Column("CLIENT ID", "/clientId", false),
    Column("REDIRECT PATH", "/redirectPath", true),
    Column("SCOPES", "/scopes", true),
    Column("GROUPS CLAIM", "/groupsClaim", true),
    Column("GROUPS", "/groups", true),
    Column("ORGANIZATION", "/organizationId", true),
    Column("ID", "/id", false),
];

const PATH: &str = "/api/v1/identity-providers";

/// `chancery identity-provider …`
#[derive(Subcommand, Debug)]
pub enum IdentityProvider {
    /// List identity providers
    List(List),
    /// Show an identity provider
    Show {
        /// Id or name
        provider: String,
    },
    /// Let people sign in at an OpenID provider
    Create(Box<Create>),
    /// Change an identity provider
    Update(Box<Update>),
    /// Archive an identity provider: nobody signs in there any more
    Archive {
        /// Id
        provider: String,
    },
}

/// A new identity provider.
#[derive(Args, Debug)]
pub struct Create {
    /// Unique name
    name: String,
    /// Organization whose people it knows, by id or name; the installation's when not given
    #[arg(long = "org")]
    organization: Option<String>,
    /// Whether people may sign in there only after `update --active true`
    #[arg(long)]
    inactive: bool,
    #[command(flatten)]
    setup: Setup,
}

/// What changes.
#[derive(Args, Debug)]
pub struct Update {
    /// Id
    provider: String,
    /// Whether people may sign in there
    #[arg(long)]
    active: Option<bool>,
    #[command(flatten)]
    setup: Setup,
}

/// How it is set up.
#[derive(Args, Debug)]
pub struct Setup {
    /// What people read on the button
    #[arg(long)]
    display_name: Option<String>,
    /// Who issues its tokens, such as https://login.example.com/realms/staff
    #[arg(long)]
    issuer: Option<String>,
    /// What this installation is called there
    #[arg(long)]
    client_id: Option<String>,
    /// File with the client secret, `-` for standard input
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<String>,
    /// Scope to ask for beside openid; may be repeated
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// Claim that names groups, or with / in front the JSON pointer to it
    #[arg(long)]
    groups_claim: Option<String>,
    /// What members of a group may do; may be repeated
    #[arg(long = "group", value_name = "GROUP=ROLE[@DEPARTMENT]")]
    groups: Vec<String>,
}

impl Setup {
    fn body(self) -> Result<Value, Failure> {
        let mut body = given(&[
            ("displayName", self.display_name),
            ("issuer", self.issuer),
            ("clientId", self.client_id),
            ("groupsClaim", self.groups_claim),
        ]);
        if let Some(file) = &self.client_secret_file {
            let secret = String::from_utf8(read_input(file)?)
                .map_err(|_| Failure::Usage(format!("{file} is not text in UTF-8")))?;
            body["clientSecret"] = secret.trim_end_matches(['\r', '\n']).into();
        }
        if !self.scopes.is_empty() {
            body["scopes"] = json!(self.scopes);
        }
        if !self.groups.is_empty() {
            let groups: Result<Vec<Value>, Failure> = self.groups.iter().map(|text| group(text)).collect();
            body["groups"] = groups?.into();
        }
        Ok(body)
    }
}

/// `pki-officers=admin`, `web-team=requester@web`: groups may have any character but roles have no `=`.
fn group(text: &str) -> Result<Value, Failure> {
    let wrong = || Failure::Usage(format!("'{text}' is not GROUP=ROLE or GROUP=ROLE@DEPARTMENT"));
    let (group, role) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (role, department) = role.split_once('@').map_or((role, None), |(role, at)| (role, Some(at)));
    if group.is_empty() || role.is_empty() {
        return Err(wrong());
    }
    let mut grant = json!({ "role": role });
    if let Some(department) = department {
        grant["department"] = reference("dep", department).into();
    }
    Ok(json!({"group": group, "grant": grant}))
}

impl IdentityProvider {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(api, PATH, COLUMNS).await,
            Self::Show { provider } => {
                listing::show(api, &format!("{PATH}/{}", reference("idp", &provider)), COLUMNS).await
            }
            Self::Create(create) => {
                let Create { name, organization, inactive, setup } = *create;
                let mut body = setup.body()?;
                body["name"] = name.into();
                body["active"] = (!inactive).into();
                if let Some(organization) = organization {
                    body["organization"] = reference("org", &organization).into();
                }
                change(api, Method::POST, PATH, Some(&body), COLUMNS).await
            }
            Self::Update(update) => {
                let Update { provider, active, setup } = *update;
                let mut body = setup.body()?;
                if let Some(active) = active {
                    body["active"] = active.into();
                }
                change(api, Method::PATCH, &format!("{PATH}/{provider}"), Some(&body), COLUMNS).await
            }
            Self::Archive { provider } => {
                confirm(api, &format!("Archive identity provider {provider}?"))?;
                change(api, Method::DELETE, &format!("{PATH}/{provider}"), None, COLUMNS).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_mapped_in_a_word() {
        let mapped = |text: &str| group(text).ok();
        let officers = json!({"group": "pki=officers", "grant": {"role": "admin"}});
        assert_eq!(mapped("pki=officers=admin"), Some(officers));
        let web = json!({"group": "web", "grant": {"role": "name:helpdesk", "department": "name:web"}});
        assert_eq!(mapped("web=name:helpdesk@web"), Some(web));
        for wrong in ["web", "=admin", "web="] {
            assert_eq!(mapped(wrong), None, "{wrong}");
        }
    }
}
