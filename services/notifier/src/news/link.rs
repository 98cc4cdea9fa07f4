//! A one-time link was asked for: it goes to whom it is for.

use contracts::{AdministratorId, directory::Recipient, notifier::NotificationKind};

use super::plan::Plan;
use crate::{
    letter::{Facts, MASK},
    messages::Message,
};

/// The mail with the link. Without an address it is planned all the same, so that it shows why nothing came.
pub fn plan(administrator: AdministratorId, sign_in_name: String, recipient: Option<Recipient>) -> Plan {
    let (name, address) =
        recipient.map_or((sign_in_name, None), |recipient| (recipient.name, Some(recipient.email)));
    let facts = Facts { name: Some(name.clone()), link: Some(MASK.to_owned()), ..Facts::default() };
    Plan {
        kind: NotificationKind::SetPassword,
        recipient: Some(administrator),
        message: Message { name: Some(name), address, facts },
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::letter::Template;

    #[test]
    fn what_is_kept_of_it_holds_no_link() {
        let administrator = AdministratorId(Uuid::from_u128(1));
        let recipient = Recipient { administrator, name: "Ann".into(), email: "ann@example.com".into() };
        let plan = plan(administrator, "ann".into(), Some(recipient));
        assert_eq!(plan.message.address.as_deref(), Some("ann@example.com"));
        let letter = Template::of(plan.kind).fill(&plan.message.facts).unwrap();
        assert!(letter.text.starts_with("Hello Ann,") && letter.text.contains(MASK), "{}", letter.text);
    }

    #[test]
    fn who_has_no_address_is_called_by_the_sign_in_name() {
        let plan = plan(AdministratorId(Uuid::from_u128(1)), "ann".into(), None);
        assert_eq!((plan.message.name.as_deref(), plan.message.address), (Some("ann"), None));
    }
}
