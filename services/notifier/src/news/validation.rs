//! Mail about a domain was asked for: to each of the addresses that whoever controls it has.

use contracts::{directory::DomainValidationMailWanted, notifier::NotificationKind};

use super::plan::Plan;
use crate::{
    letter::{Facts, MASK},
    messages::Message,
};

/// A mail to each recipient.
pub fn plans(wanted: DomainValidationMailWanted, organization: &str) -> Vec<Plan> {
    let DomainValidationMailWanted { domain_name, recipients } = wanted;
    let facts = Facts {
        domain: Some(domain_name),
        organization: Some(organization.to_owned()),
        link: Some(MASK.to_owned()),
        code: Some(MASK.to_owned()),
        ..Facts::default()
    };
    let plan = |address| Plan {
        kind: NotificationKind::DomainValidation,
        recipient: None,
        message: Message { name: None, address: Some(address), facts: facts.clone() },
    };
    recipients.into_iter().map(plan).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::Template;

    #[test]
    fn each_address_gets_its_own_mail_and_no_code_is_kept() {
        let recipients = ["admin", "webmaster"].map(|name| format!("{name}@example.com")).to_vec();
        let wanted = DomainValidationMailWanted { domain_name: "example.com".into(), recipients };
        let plans = plans(wanted, "Example");
        let addresses: Vec<_> = plans.iter().filter_map(|plan| plan.message.address.as_deref()).collect();
        assert_eq!(addresses, ["admin@example.com", "webmaster@example.com"]);
        let letter = Template::of(plans[0].kind).fill(&plans[0].message.facts).unwrap();
        assert_eq!(letter.subject.as_str(), "Who controls example.com? A code for Example");
        assert_eq!(letter.text.matches(MASK).count(), 2, "{}", letter.text);
    }
}
