//! The aggregate: the mail settings of the installation.

use contracts::{
    Code, CredentialId, OrganizationId, Problem, Timestamp, Violation,
    notifier::{MailSettingsEvent, MailSettingsReplaced},
};
use runtime::{aggregate::Aggregate, roots};
use serde_json::{Value, json};

use crate::{address::MailAddress, shown};

/// Short for it.
pub const INSTALLATION: OrganizationId = OrganizationId::INSTALLATION;

/// The settings, once there are any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MailSettings(pub Option<MailSettingsReplaced>);

/// What may be asked of the settings.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take these. Without a credential the one before stays, if it fits.
    Replace(MailSettingsReplaced),
}

/// Why settings are refused: every violation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the mail settings are not acceptable")]
pub struct Refusal(pub Vec<Violation>);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(Code::ValidationFailed, refusal.to_string()).with_errors(refusal.0)
    }
}

impl Aggregate for MailSettings {
    type Command = Command;
    type Event = MailSettingsEvent;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> Result<Vec<MailSettingsEvent>, Refusal> {
        let Command::Replace(wanted) = command;
        let wanted = MailSettingsReplaced { credential: self.credential_for(&wanted), ..wanted };
        let wrong = violations(&wanted);
        if !wrong.is_empty() {
            return Err(Refusal(wrong));
        }
        Ok(if self.0.as_ref() == Some(&wanted) { vec![] } else { vec![wanted.into()] })
    }

    fn evolve(self, event: MailSettingsEvent) -> Self {
        let MailSettingsEvent::Replaced(settings) = event;
        Self(Some(settings))
    }

    fn describe(&self) -> Value {
        self.0.as_ref().map_or(Value::Null, |settings| {
            json!({
                "server": settings.server,
                "port": settings.port,
                "tls": settings.tls,
                "user": settings.user,
                "passwordSet": settings.credential.is_some(),
                "fromAddress": settings.from_address,
                "fromName": settings.from_name,
                "caBundle": settings.ca_bundle,
            })
        })
    }
}

impl MailSettings {
    /// The credential that settings have: a new one, or the one before if it is for the same user there. A password is
    /// never sent to another server than the one it was given for.
    fn credential_for(&self, wanted: &MailSettingsReplaced) -> Option<CredentialId> {
        let place = |settings: &MailSettingsReplaced| {
            (settings.server.clone(), settings.port, settings.tls, settings.user.clone())
        };
        let kept = self.0.as_ref().filter(|before| place(before) == place(wanted));
        wanted.credential.or_else(|| kept.and_then(|before| before.credential))
    }
}

fn violations(settings: &MailSettingsReplaced) -> Vec<Violation> {
    let mut wrong = vec![];
    let mut refuse = |at: &str, code: &'static str, words: String| wrong.push(Violation::at(at, code, words));
    if !is_host(&settings.server) {
        let words = format!("'{}' is neither a host's name nor an address", shown::line(&settings.server));
        refuse("#/server", "server_invalid", words);
    }
    if settings.port == 0 {
        refuse("#/port", "port_invalid", "is 0; expected 1 to 65535, usually 587".into());
    }
    if let Err(error) = settings.from_address.parse::<MailAddress>() {
        refuse("#/fromAddress", "address_invalid", error.to_string());
    }
    for (at, text) in [("#/user", &settings.user), ("#/fromName", &settings.from_name)] {
        let Some(text) = text else { continue };
        let length = text.chars().count();
        if !(1..=200).contains(&length) || text.chars().any(shown::is_hidden) {
            let words = "has to have 1 to 200 characters, none of them invisible".into();
            refuse(at, "text_invalid", words);
        }
    }
    if settings.user.is_some() != settings.credential.is_some() {
        let words =
            "a user and a password belong together; a password is given anew for another server or user";
        refuse("#/password", "password_missing", words.into());
    }
    if let Some(pem) = &settings.ca_bundle
        && (pem.len() > 256 * 1024 || roots::client_config_adding_text(Some(pem)).is_err())
    {
        let words = "is not at most 256 KiB of CA certificates in PEM".into();
        refuse("#/caBundle", "ca_bundle_invalid", words);
    }
    wrong
}

/// A host's name or an IP address.
fn is_host(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
        || ((1..=253).contains(&text.len())
            && text.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            }))
}

#[cfg(test)]
mod tests {
    use contracts::notifier::MailTls;
    use runtime::aggregate::test::given;

    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn settings() -> MailSettingsReplaced {
        MailSettingsReplaced {
            server: "mail.example.com".into(),
            port: 587,
            tls: MailTls::Starttls,
            user: None,
            credential: None,
            from_address: "pki@example.com".into(),
            from_name: Some("Chancery".into()),
            ca_bundle: None,
        }
    }

    fn with_user(credential: Option<u128>) -> MailSettingsReplaced {
        let credential = credential.map(|id| CredentialId(Uuid::from_u128(id)));
        MailSettingsReplaced { user: Some("pki".into()), credential, ..settings() }
    }

    #[test]
    fn the_same_settings_again_change_nothing() {
        given::<MailSettings>([]).when(Command::Replace(settings()), NOON).then([settings().into()]);
        given::<MailSettings>([settings().into()]).when(Command::Replace(settings()), NOON).changes_nothing();
    }

    #[test]
    fn a_password_stays_until_another_is_given_and_goes_to_no_other_server() {
        let before = || [with_user(Some(1)).into()];
        given::<MailSettings>(before()).when(Command::Replace(with_user(None)), NOON).changes_nothing();
        given::<MailSettings>(before())
            .when(Command::Replace(with_user(Some(2))), NOON)
            .then([with_user(Some(2)).into()]);
        let moved = MailSettingsReplaced { server: "evil.example".into(), ..with_user(None) };
        let refused = MailSettings(Some(with_user(Some(1)))).decide(Command::Replace(moved), NOON);
        assert_eq!(refused.unwrap_err().0[0].code, "password_missing");
    }

    #[test]
    fn every_violation_is_named() {
        let bad = MailSettingsReplaced {
            server: "mail example".into(),
            port: 0,
            from_address: "pki@example.com\r\nBcc: eve@example.com".into(),
            from_name: Some("Chan\ncery".into()),
            user: Some("pki".into()),
            ca_bundle: Some("no PEM".into()),
            ..settings()
        };
        let Err(Refusal(wrong)) = MailSettings::default().decide(Command::Replace(bad), NOON) else {
            panic!("taken")
        };
        let codes: Vec<_> = wrong.iter().map(|violation| violation.code.to_string()).collect();
        let expected = [
            "server_invalid",
            "port_invalid",
            "address_invalid",
            "text_invalid",
            "password_missing",
            "ca_bundle_invalid",
        ];
        assert_eq!(codes, expected);
    }
}
