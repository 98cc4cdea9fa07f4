//! `chancery domain …`: domains and whom they are delegated to.

use clap::Subcommand;
use http::Method;
use pki::hostname;
use serde_json::{Value, json};

use super::{
    api::Api,
    failure::Failure,
    issue::reference,
    listing::{self, List, change, confirm},
    output::{self, Column},
};

const PATH: &str = "/api/v1/domains";

const COLUMNS: &[Column] = &[
    Column("NAME", "/displayName", false),
    Column("STATUS", "/status", false),
    Column("TYPES", "/types", false),
    Column("DESCRIPTION", "/description", false),
    Column("ID", "/id", false),
    Column("A-LABELS", "/name", true),
    Column("CREATED", "/createdAt", true),
];

const DELEGATION: &[Column] = &[
    Column("DOMAIN", "/domainName", false),
    Column("TO", "/id", false),
    Column("STATUS", "/status", false),
    Column("TYPES", "/types", false),
    Column("REQUESTED", "/requestedTypes", false),
    Column("REASON", "/reason", false),
    Column("SINCE", "/createdAt", true),
];

const VALIDATION: &[Column] = &[
    Column("DOMAIN", "/domainName", false),
    Column("METHOD", "/method", false),
    Column("STATUS", "/status", false),
    Column("UNTIL", "/validUntil", false),
    Column("REASON", "/reason", false),
    Column("NEXT", "/nextAttemptAt", false),
    Column("ID", "/id", false),
    Column("CHALLENGE", "/challenge", true),
    Column("ATTEMPTS", "/attempts", true),
    Column("SINCE", "/createdAt", true),
];

/// `chancery domain …`
#[derive(Subcommand, Debug)]
pub enum Domain {
    /// List domains
    List(List),
    /// Show a domain
    #[command(visible_alias = "get")]
    Show {
        /// Id or name
        domain: String,
    },
    /// Create a domain: certificates may carry its name and all below it
    Create {
        /// DNS name in any script, or '*' for every name
        name: String,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// Type of certificates it counts for: server, client, code_signing or device; may be repeated, all when not given
        #[arg(long = "type")]
        types: Vec<String>,
        /// Organization (id or name) or department (id) to delegate it to; may be repeated
        #[arg(long = "to")]
        delegate_to: Vec<String>,
    },
    /// Change a domain
    Update {
        /// Id or name
        domain: String,
        /// New description
        #[arg(long)]
        description: Option<String>,
        /// New type of certificates in place of those there are; may be repeated
        #[arg(long = "type")]
        types: Vec<String>,
    },
    /// Let names under a domain be certified again
    Activate {
        /// Id or name
        domain: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let no name under a domain be certified
    Deactivate {
        /// Id or name
        domain: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// List the delegations of a domain, or of all
    Delegations {
        /// Id or name
        domain: Option<String>,
        /// Only those of which something waits for a decision
        #[arg(long)]
        waiting: bool,
    },
    /// Delegate a domain; who is no master asks for it
    #[command(visible_alias = "request")]
    Delegate {
        /// Id or name
        domain: String,
        /// Organization (id or name) or department (id); your organization when not given
        #[arg(long = "to")]
        delegate_to: Option<String>,
        /// Type of certificates; may be repeated, every one that is possible when not given
        #[arg(long = "type")]
        types: Vec<String>,
    },
    /// Agree to a delegation that was asked for
    Approve {
        /// Id or name
        domain: String,
        /// Organization (id or name) or department (id)
        delegate: String,
    },
    /// Refuse a delegation that was asked for
    Reject {
        /// Id or name
        domain: String,
        /// Organization (id or name) or department (id)
        delegate: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Take a delegation back, or a request for one
    Withdraw {
        /// Id or name
        domain: String,
        /// Organization (id or name) or department (id)
        delegate: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Prove that an organization controls a domain; prints what has to be done
    Validate {
        /// Id or name
        domain: String,
        /// How: dns_txt, dns_cname, http or email
        #[arg(long, default_value = "dns_txt")]
        method: String,
        /// For which organization (id or name); yours when not given
        #[arg(long)]
        org: Option<String>,
    },
    /// Look for a proof now
    Check {
        /// Id or name
        domain: String,
        /// Id of the validation
        validation: String,
    },
    /// List the proofs of control of a domain, or of all
    Validations {
        /// Id or name
        domain: Option<String>,
    },
    /// What happened to a domain
    Timeline {
        /// Id or name
        domain: String,
    },
}

impl Domain {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(api, PATH, COLUMNS).await,
            Self::Show { domain } => listing::show(api, &one(&domain), COLUMNS).await,
            Self::Create { name, description, types, delegate_to } => {
                let mut body = fields(description, types);
                body["name"] = name.into();
                if !delegate_to.is_empty() {
                    let to: Vec<_> = delegate_to.iter().map(|to| reference("org", to)).collect();
                    body["delegateTo"] = json!(to);
                }
                change(api, Method::POST, PATH, Some(&body), COLUMNS).await
            }
            Self::Update { domain, description, types } => {
                change(api, Method::PATCH, &one(&domain), Some(&fields(description, types)), COLUMNS).await
            }
            Self::Activate { domain, reason } => {
                let path = format!("{}/activate", one(&domain));
                change(api, Method::POST, &path, Some(&because(reason)), COLUMNS).await
            }
            Self::Deactivate { domain, reason } => {
                confirm(api, &format!("Deactivate '{domain}'? No name under it will be certified."))?;
                let path = format!("{}/deactivate", one(&domain));
                change(api, Method::POST, &path, Some(&because(reason)), COLUMNS).await
            }
            Self::Delegations { domain, waiting } => {
                let path = domain
                    .map_or("/api/v1/delegations".into(), |domain| format!("{}/delegations", one(&domain)));
                let list = List::whole();
                let list = if waiting { list.only("requestedTypes[exists]=true") } else { list };
                list.run(api, &path, DELEGATION).await
            }
            Self::Delegate { domain, delegate_to, types } => {
                let mut body = fields(None, types);
                if let Some(to) = delegate_to {
                    body["delegateTo"] = reference("org", &to).into();
                }
                let path = format!("{}/delegations", one(&domain));
                change(api, Method::POST, &path, Some(&body), DELEGATION).await
            }
            Self::Approve { domain, delegate } => {
                let path = format!("{}/approve", delegation(&domain, &delegate));
                change(api, Method::POST, &path, None, DELEGATION).await
            }
            Self::Reject { domain, delegate, reason } => {
                let path = format!("{}/reject", delegation(&domain, &delegate));
                change(api, Method::POST, &path, Some(&because(Some(reason))), DELEGATION).await
            }
            Self::Withdraw { domain, delegate, reason } => {
                confirm(
                    api,
                    &format!("Take '{domain}' back from '{delegate}'? It gets no certificates for it."),
                )?;
                let path = delegation(&domain, &delegate);
                change(api, Method::DELETE, &path, Some(&because(reason)), COLUMNS).await
            }
            Self::Validate { domain, method, org } => {
                let mut body = json!({"method": method});
                if let Some(org) = org {
                    body["organization"] = reference("org", &org).into();
                }
                let path = format!("{}/validations", one(&domain));
                let answer = api.change(Method::POST, &path, Some(&body)).await?.json()?;
                challenge(&answer);
                listing::changed(api, &answer, VALIDATION)
            }
            Self::Check { domain, validation } => {
                let path = format!("{}/validations/{validation}/check", one(&domain));
                change(api, Method::POST, &path, None, VALIDATION).await
            }
            Self::Validations { domain } => {
                let path = domain.map_or("/api/v1/domain-validations".into(), |domain| {
                    format!("{}/validations", one(&domain))
                });
                List::whole().run(api, &path, VALIDATION).await
            }
            Self::Timeline { domain } => listing::timeline(api, &format!("{}/timeline", one(&domain))).await,
        }
    }
}

/// The path of a domain. A path has no other script, so a name is written in A-labels.
fn one(domain: &str) -> String {
    let reference = reference("dom", domain);
    let reference = match reference.strip_prefix("name:").map(hostname::to_a_labels) {
        Some(Ok(name)) => format!("name:{name}"),
        _ => reference,
    };
    format!("{PATH}/{reference}")
}

/// Says what has to be done, for people.
fn challenge(answer: &Value) {
    let challenge = &answer["challenge"];
    let text = |member: &str| challenge[member].as_str().unwrap_or_default().to_owned();
    let words = match challenge["type"].as_str() {
        Some("dns_txt") => format!("publish:  {}. IN TXT \"{}\"", text("name"), text("value")),
        Some("dns_cname") => format!("publish:  {}. IN CNAME {}.", text("name"), text("target")),
        Some("http") => format!("serve:  {}  with the content  {}", text("url"), text("content")),
        Some("email") => {
            let recipients = challenge["recipients"].as_array().into_iter().flatten();
            let recipients: Vec<_> = recipients.filter_map(Value::as_str).collect();
            format!("a mail with a link goes to:  {}", recipients.join(", "))
        }
        _ => return, // a dry run
    };
    output::note(&words);
}

fn delegation(domain: &str, delegate: &str) -> String {
    format!("{}/delegations/{}", one(domain), reference("org", delegate))
}

fn fields(description: Option<String>, types: Vec<String>) -> Value {
    let mut body = json!({});
    if let Some(description) = description {
        body["description"] = description.into();
    }
    if !types.is_empty() {
        body["types"] = json!(types);
    }
    body
}

fn because(reason: Option<String>) -> Value {
    reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}))
}
