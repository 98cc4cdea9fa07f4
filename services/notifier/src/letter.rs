//! What notifications say: a template per kind, and the facts that fill it.

use contracts::notifier::NotificationKind;
use serde::{Deserialize, Serialize};

use crate::{
    mail::HeaderText,
    template::{Place, TemplateError, Values, render},
};

/// What stands for a secret where a mail is kept.
pub const MASK: &str = "[not kept]";

/// What a mail is told of. Which of these a template needs it says itself.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Facts {
    /// The recipient's name.
    pub name: Option<String>,
    /// What it is about, in a few words.
    pub what: Option<String>,
    /// Who asked.
    pub requester: Option<String>,
    /// Who decided.
    pub approver: Option<String>,
    /// What they said.
    pub message: Option<String>,
    /// Why it was declined.
    pub reason: Option<String>,
    /// Until when something holds.
    pub until: Option<String>,
    /// Where to go.
    pub link: Option<String>,
    /// What to type to do so on the command line.
    pub command: Option<String>,
    /// A code to type.
    pub code: Option<String>,
    /// A domain.
    pub domain: Option<String>,
    /// An organization's name.
    pub organization: Option<String>,
    /// A CSR, PEM.
    pub csr: Option<String>,
}

/// One of them may be secret.
impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Facts([redacted])")
    }
}

impl Facts {
    fn values(&self) -> Values {
        [
            ("name", &self.name),
            ("what", &self.what),
            ("requester", &self.requester),
            ("approver", &self.approver),
            ("message", &self.message),
            ("reason", &self.reason),
            ("until", &self.until),
            ("link", &self.link),
            ("command", &self.command),
            ("code", &self.code),
            ("domain", &self.domain),
            ("organization", &self.organization),
            ("csr", &self.csr),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into()
    }
}

/// A filled template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The subject.
    pub subject: HeaderText,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
}

/// A template: the text with its subject, and the HTML.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    text: &'static str,
    html: &'static str,
}

macro_rules! template {
    ($name:literal) => {
        Template {
            text: include_str!(concat!("../templates/", $name, ".txt")),
            html: include_str!(concat!("../templates/", $name, ".html")),
        }
    };
}

/// The test mail.
pub const TEST: Template = template!("test");

impl Template {
    /// The template of a kind.
    #[must_use]
    pub const fn of(kind: NotificationKind) -> Self {
        match kind {
            NotificationKind::ApprovalRequested => template!("approval_requested"),
            NotificationKind::ApprovalGranted => template!("approval_granted"),
            NotificationKind::ApprovalDeclined => template!("approval_declined"),
            NotificationKind::ApprovalReminder => template!("approval_reminder"),
            NotificationKind::ApprovalEscalated => template!("approval_escalated"),
            NotificationKind::SetPassword => template!("set_password"),
            NotificationKind::DomainValidation => template!("domain_validation"),
            NotificationKind::CsrForCa => template!("csr_for_ca"),
        }
    }

    /// Fills it.
    pub fn fill(self, facts: &Facts) -> Result<Letter, TemplateError> {
        let values = facts.values();
        let (subject, text) = self.text.split_once("\n\n").unwrap_or((self.text, ""));
        let subject = subject.trim_start_matches("Subject: ");
        Ok(Letter {
            subject: HeaderText::of(&render(subject, Place::Line, &values)?),
            text: render(text, Place::Text, &values)?,
            html: render(self.html, Place::Html, &values)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fact there is.
    fn all() -> Facts {
        let some = |text: &str| Some(text.to_owned());
        Facts {
            name: some("Ann <b>"),
            what: some("certificate for shop.example.com\r\nBcc: eve@example.com"),
            requester: some("Bob"),
            approver: some("Carol"),
            message: some("fine\nby me"),
            reason: some("<script>alert(1)</script>"),
            until: some("2026-11-28 12:00 UTC"),
            link: some("https://pki.example.com/approvals/apr_1?a=1&b=2"),
            command: some("chancery approval show apr_1"),
            code: some("K7QZ"),
            domain: some("example.com"),
            organization: some("Example"),
            csr: some("-----BEGIN CERTIFICATE REQUEST-----"),
        }
    }

    fn templates() -> Vec<Template> {
        NotificationKind::ALL.iter().copied().map(Template::of).chain([TEST]).collect()
    }

    #[test]
    fn every_template_is_filled_and_nothing_in_it_is_markup() {
        for template in templates() {
            let letter = template.fill(&all()).unwrap();
            assert!(template.text.starts_with("Subject: "));
            let filled = [letter.subject.as_str(), &letter.text, &letter.html].concat();
            assert!(!filled.contains("{{") && !filled.contains("}}"), "{filled}");
            assert!(!letter.html.contains("<b>") && !letter.html.contains("<script"), "{}", letter.html);
            assert!(!letter.subject.as_str().contains('\n'));
            assert!(letter.text.ends_with('\n') && letter.text.len() > 40);
        }
    }

    #[test]
    fn optional_facts_may_be_missing() {
        for template in templates() {
            let facts = Facts { message: None, approver: None, until: None, ..all() };
            let letter = template.fill(&facts).unwrap();
            assert!(!letter.text.contains("\n\n\n"), "{}", letter.text);
        }
    }

    #[test]
    fn the_approvers_message_and_the_reason_are_in_the_mail() {
        let granted = Template::of(NotificationKind::ApprovalGranted).fill(&all()).unwrap();
        assert!(granted.text.contains("fine\nby me") && granted.html.contains("fine<br>\nby me"));
        let declined = Template::of(NotificationKind::ApprovalDeclined).fill(&all()).unwrap();
        assert!(declined.text.contains("<script>alert(1)</script>"));
        assert!(declined.html.contains("&lt;script&gt;"));
    }
}
