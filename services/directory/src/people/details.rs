//! Who a person is: what may stand in each field, and what their addresses are under. No refusal repeats a value that
//! says who somebody is.

use contracts::{
    Violation,
    directory::{AddPerson, Delegate},
    x509::CertificateType,
};
use pki::hostname;
use runtime::domains::{DomainRefusal, Domains};

/// The longest name, in characters.
const LONGEST: usize = 100;
/// The longest part of an address before its `@` (RFC 5321 §4.5.3.1.1), and the longest address.
const LONGEST_LOCAL: usize = 64;
const LONGEST_EMAIL: usize = 254;
/// Most further addresses.
const MOST: usize = 20;

/// What is known of a person beside the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The address; its host in A-labels and lower case.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Middle name.
    pub middle_name: Option<String>,
    /// Last name.
    pub last_name: String,
    /// Further addresses, in the same form.
    pub alternative_emails: Vec<String>,
}

impl Details {
    /// What a new person is given as, in the form in which it is kept.
    pub fn of(person: &AddPerson) -> Self {
        Self {
            email: person.email.clone(),
            first_name: person.first_name.clone(),
            middle_name: person.middle_name.clone(),
            last_name: person.last_name.clone(),
            alternative_emails: person.alternative_emails.clone(),
        }
        .normal()
    }

    /// The same without blanks around, hosts in A-labels and lower case, and each further address once.
    pub fn normal(self) -> Self {
        let trimmed = |text: String| text.trim().to_owned();
        let email = normal_email(&self.email);
        let mut others: Vec<String> = vec![];
        for other in self.alternative_emails.iter().map(|other| normal_email(other)) {
            if ![&email].into_iter().chain(&others).any(|known| known.eq_ignore_ascii_case(&other)) {
                others.push(other);
            }
        }
        Self {
            email,
            first_name: trimmed(self.first_name),
            middle_name: self.middle_name.map(trimmed).filter(|name| !name.is_empty()),
            last_name: trimmed(self.last_name),
            alternative_emails: others,
        }
    }

    /// Everything that may not stand where it stands.
    pub fn violations(&self) -> Vec<Violation> {
        let middle = self.middle_name.as_deref().and_then(|middle| name("#/middleName", middle));
        let names = [name("#/firstName", &self.first_name), middle, name("#/lastName", &self.last_name)];
        let many = (self.alternative_emails.len() > MOST).then(|| {
            let words = format!("{} further addresses: at most {MOST}", self.alternative_emails.len());
            Violation::at("#/alternativeEmails", "too_many", words)
        });
        let addresses = self.addresses().filter_map(|(pointer, address)| {
            let words = "not an e-mail address such as 'alice@example.com'";
            host(address).is_none().then(|| Violation::at(pointer, "invalid_email", words))
        });
        names.into_iter().flatten().chain(many).chain(addresses).collect()
    }

    /// Every address that no client certificate of these may carry, by the domain that decides.
    pub fn outside(&self, domains: &Domains, delegate: Delegate) -> Vec<Violation> {
        self.addresses()
            .filter_map(|(pointer, address)| {
                let refusal = domains.may_name(delegate, CertificateType::Client, host(address)?).err()?;
                Some(told(pointer, &refusal))
            })
            .collect()
    }

    /// The names of the fields in which another differs.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let fields = [
            ("email", self.email == other.email),
            ("firstName", self.first_name == other.first_name),
            ("middleName", self.middle_name == other.middle_name),
            ("lastName", self.last_name == other.last_name),
            ("alternativeEmails", self.alternative_emails == other.alternative_emails),
        ];
        fields.iter().filter(|(_, same)| !same).map(|(field, _)| (*field).to_owned()).collect()
    }

    fn addresses(&self) -> impl Iterator<Item = (String, &str)> {
        let others = self.alternative_emails.iter().enumerate();
        let others = others.map(|(at, other)| (format!("#/alternativeEmails/{at}"), other.as_str()));
        [("#/email".to_owned(), self.email.as_str())].into_iter().chain(others)
    }
}

fn told(pointer: String, refusal: &DomainRefusal) -> Violation {
    let allowed = match refusal {
        DomainRefusal::NotDelegated { allowed, .. } => allowed.clone(),
        DomainRefusal::Type { allowed, .. } => allowed.iter().map(|kind| kind.as_str().to_owned()).collect(),
        DomainRefusal::NoDomain | DomainRefusal::Inactive { .. } | DomainRefusal::Covers { .. } => vec![],
    };
    Violation::at(pointer, refusal.code(), refusal.to_string()).by_rule("domains").allowing(allowed)
}

fn name(pointer: &str, value: &str) -> Option<Violation> {
    let length = value.chars().count();
    (length == 0 || length > LONGEST || value.chars().any(char::is_control)).then(|| {
        let words =
            format!("{length} characters: 1 to {LONGEST} are allowed, none of them a control character");
        Violation::at(pointer, "invalid_text", words)
    })
}

/// An address with its host in A-labels and lower case; what has no such host stays as it is.
fn normal_email(text: &str) -> String {
    let text = text.trim();
    match text.rsplit_once('@').map(|(local, host)| (local, hostname::to_a_labels(host))) {
        Some((local, Ok(host))) => format!("{local}@{host}"),
        _ => text.to_owned(),
    }
}

/// The host of an address, if it is one.
fn host(address: &str) -> Option<&str> {
    let (local, host) = address.rsplit_once('@')?;
    let strange = |c: char| {
        c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"' | '@' | '\\')
    };
    let fits = (1..=LONGEST_LOCAL).contains(&local.len()) && !local.chars().any(strange);
    let is_host = host.contains('.') && !host.contains('*') && hostname::to_a_labels(host).is_ok();
    (fits && is_host && address.len() <= LONGEST_EMAIL).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(email: &str, others: &[&str]) -> Details {
        Details {
            email: email.into(),
            first_name: " Ada ".into(),
            middle_name: Some(String::new()),
            last_name: "Lovelace".into(),
            alternative_emails: others.iter().map(ToString::to_string).collect(),
        }
        .normal()
    }

    #[test]
    fn addresses_are_kept_in_one_form() {
        let kept =
            details(" Ada@Bücher.Example", &["ada@XN--BCHER-kva.example", "a@b.example", "A@b.example"]);
        assert_eq!(kept.email, "Ada@xn--bcher-kva.example");
        assert_eq!(kept.alternative_emails, ["a@b.example"]);
        assert_eq!((kept.first_name.as_str(), &kept.middle_name), ("Ada", &None));
        assert_eq!(kept.violations(), []);
    }

    #[test]
    fn every_wrong_field_is_named_and_no_value_repeated() {
        let mut wrong = details("secret@", &["x@y z.example", "ok@example.com"]);
        wrong.first_name = "\u{7}secret".into();
        wrong.last_name = "x".repeat(LONGEST + 1);
        let found = wrong.violations();
        let pointers: Vec<_> = found.iter().filter_map(|one| one.pointer.as_deref()).collect();
        assert_eq!(pointers, ["#/firstName", "#/lastName", "#/email", "#/alternativeEmails/0"]);
        assert!(found.iter().all(|one| !one.detail.contains("secret")), "{found:?}");
    }

    #[test]
    fn what_is_no_mailbox_is_refused() {
        for refused in [
            "ada",
            "@example.com",
            "ada@example",
            "a@b@example.com",
            "<ada@example.com>",
            "ada@*.example.com",
        ] {
            assert_eq!(host(refused), None, "{refused}");
        }
        assert_eq!(host("o'hara+ca@mail.example.com"), Some("mail.example.com"));
    }
}
