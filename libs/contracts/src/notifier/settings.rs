//! Through which server mail leaves, and how that is tried.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{CredentialId, Permission, SecretText, Timestamp, command, events};

/// The stream of the settings: there is one in the installation.
#[must_use]
pub fn mail_settings_stream() -> Uuid {
    Uuid::new_v5(&Uuid::nil(), b"mail_settings")
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// Not at all: for a server on the same machine.
    None,
    /// By STARTTLS, which is required: a server that does not offer it gets no mail (RFC 3207).
    #[default]
    Starttls,
    /// From the first byte (RFC 8314), usually on port 465.
    Implicit,
}

/// Mail settings took the place of what was before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailSettingsReplaced {
    /// The server's name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// Who signs in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With which password, which keystore has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// From which address mail comes.
    pub from_address: String,
    /// Under which name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// CA certificates (PEM) that the server's certificate may come from, beside those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

events! {
    /// What happened to the mail settings.
    MailSettingsEvent in "mail_settings" {
        Replaced(MailSettingsReplaced) = "mail_settings.replaced" v 1,
    }
}

/// Replaces the mail settings of the installation.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplaceMailSettings {
    /// The server's name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: MailTls,
    /// Who signs in there; nobody when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With which password. Left out, the one before stays, as long as server, port and user stay the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretText>,
    /// From which address mail comes.
    pub from_address: String,
    /// Under which name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_name: Option<String>,
    /// CA certificates (PEM) that the server's certificate may come from, beside those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}
command!(
    ReplaceMailSettings => MailSettingsView, Notifier, "replace_mail_settings", Some(Permission::SettingsWrite),
    STEP_UP = true, SECRET_FIELDS = &["password"]
);

/// Sends a test mail now and says how each step of it went. Nothing is kept of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TestMail {
    /// To which address.
    pub to: String,
}
command!(TestMail => MailDiagnosis, Notifier, "test_mail", Some(Permission::SettingsWrite));

/// The mail settings. The password is never shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailSettingsView {
    /// Whether mail was ever set up; everything else is `null` before.
    pub configured: bool,
    /// The server's name or address.
    pub server: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub tls: Option<MailTls>,
    /// Who signs in there.
    pub user: Option<String>,
    /// Whether a password is kept.
    pub password_set: bool,
    /// From which address mail comes.
    pub from_address: Option<String>,
    /// Under which name.
    pub from_name: Option<String>,
    /// CA certificates beside those of the system.
    pub ca_bundle: Option<String>,
    /// When they were replaced last.
    pub changed_at: Option<Timestamp>,
    /// Version of the aggregate.
    pub version: i32,
}

/// A step of handing a mail to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailStep {
    /// The server's name to addresses.
    Resolve,
    /// The TCP connection, and the server's greeting.
    Connect,
    /// What the server offers (EHLO).
    Hello,
    /// STARTTLS or the TLS handshake, with the server's certificate.
    Tls,
    /// Signing in.
    Auth,
    /// The sender (MAIL FROM).
    Sender,
    /// The recipient (RCPT TO).
    Recipient,
    /// The mail itself (DATA).
    Data,
}

/// How one step went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailStepReport {
    /// Which.
    pub step: MailStep,
    /// Whether it went well.
    pub ok: bool,
    /// What was found, or what the server said.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// How a test mail went: the steps that were taken; the last one is the one that failed, if any did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailDiagnosis {
    /// Whether the server took the mail.
    pub ok: bool,
    /// One sentence: what happened and, if it failed, what to look at.
    pub summary: String,
    /// Each step.
    pub steps: Vec<MailStepReport>,
}
