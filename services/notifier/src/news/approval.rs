//! Approvals: those who may decide are told that something waits for them, whoever asked what became of it.

use contracts::{
    AdministratorId, ApprovalId,
    directory::{
        ApprovalDeclined, ApprovalEvent, ApprovalGiven, ApprovalGranted, ApprovalRequested, Recipient,
    },
    notifier::NotificationKind,
};

use super::plan::Plan;
use crate::{letter::Facts, messages::Message, secret::moment};

/// Who is told of an event of an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Whoever may decide it now.
    Deciders(NotificationKind),
    /// Whoever asked.
    Requester(NotificationKind),
}

/// Whom an event is told to, if to anybody.
#[must_use]
pub const fn told(event: &ApprovalEvent) -> Option<Told> {
    match event {
        ApprovalEvent::Requested(_) => Some(Told::Deciders(NotificationKind::ApprovalRequested)),
        ApprovalEvent::Reminded(_) => Some(Told::Deciders(NotificationKind::ApprovalReminder)),
        ApprovalEvent::Escalated(_) => Some(Told::Deciders(NotificationKind::ApprovalEscalated)),
        ApprovalEvent::Granted(_) => Some(Told::Requester(NotificationKind::ApprovalGranted)),
        ApprovalEvent::Declined(_) => Some(Told::Requester(NotificationKind::ApprovalDeclined)),
        ApprovalEvent::Given(_) | ApprovalEvent::Expired(_) | ApprovalEvent::Withdrawn(_) => None,
    }
}

/// What all mails about an approval say. `name_of` gives what somebody is called.
#[must_use]
pub fn facts(
    id: ApprovalId,
    requested: &ApprovalRequested,
    event: &ApprovalEvent,
    public_url: &str,
    name_of: impl Fn(AdministratorId) -> String,
) -> Facts {
    let mut facts = Facts {
        what: Some(requested.summary.clone()),
        requester: Some(requested.matter.requested_by.map_or_else(|| "Chancery".to_owned(), &name_of)),
        until: Some(moment(requested.expires_at)),
        link: Some(format!("{public_url}/api/v1/approvals/{id}")),
        command: Some(format!("chancery approval show {id}")),
        ..Facts::default()
    };
    match event {
        ApprovalEvent::Granted(ApprovalGranted { by, message, .. }) => {
            let names: Vec<String> = by.iter().map(|who| name_of(*who)).collect();
            facts.approver = Some(names.join(", ")).filter(|names| !names.is_empty());
            facts.message.clone_from(message);
        }
        ApprovalEvent::Declined(ApprovalDeclined { by, reason, .. }) => {
            facts.approver = Some(name_of(*by));
            facts.reason = Some(reason.clone());
        }
        ApprovalEvent::Requested(_)
        | ApprovalEvent::Given(_)
        | ApprovalEvent::Expired(_)
        | ApprovalEvent::Reminded(_)
        | ApprovalEvent::Escalated(_)
        | ApprovalEvent::Withdrawn(_) => {}
    }
    facts
}

/// What those who approved say, each by name where there are several.
#[must_use]
pub fn said(
    granted: &ApprovalGranted,
    given: &[ApprovalGiven],
    name_of: impl Fn(AdministratorId) -> String,
) -> Option<String> {
    let earlier = given.iter().filter(|given| granted.by.contains(&given.by));
    let words = earlier.filter_map(|given| Some((given.by, given.message.as_deref()?)));
    let last = granted.by.last().copied().zip(granted.message.as_deref());
    let all: Vec<_> = words.filter(|(by, _)| last.is_none_or(|(who, _)| who != *by)).chain(last).collect();
    match all.as_slice() {
        [] => None,
        [(_, words)] => Some((*words).to_owned()),
        several => {
            let each = several.iter().map(|(by, words)| format!("{}: {words}", name_of(*by)));
            Some(each.collect::<Vec<_>>().join("; "))
        }
    }
}

/// A mail to each recipient.
pub fn plans(kind: NotificationKind, facts: &Facts, recipients: Vec<Recipient>) -> Vec<Plan> {
    let plan = |Recipient { administrator, name, email }| Plan {
        kind,
        recipient: Some(administrator),
        message: Message {
            facts: Facts { name: Some(name.clone()), ..facts.clone() },
            name: Some(name),
            address: Some(email),
        },
    };
    recipients.into_iter().map(plan).collect()
}

impl Told {
    /// Which mail it is.
    #[must_use]
    pub const fn kind(self) -> NotificationKind {
        match self {
            Self::Deciders(kind) | Self::Requester(kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::{
        AdministratorId, Timestamp,
        directory::{ApprovalKind, ApprovalMatter, ApprovalPlace, Approvers},
    };
    use uuid::Uuid;

    use super::*;
    use crate::letter::Template;

    const ANN: AdministratorId = AdministratorId(Uuid::from_u128(1));
    const BEN: AdministratorId = AdministratorId(Uuid::from_u128(2));

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn matter() -> ApprovalMatter {
        ApprovalMatter {
            kind: ApprovalKind::Delegation,
            subject_id: "dom_1/org_1".into(),
            requested_by: Some(ANN),
            place: ApprovalPlace::default(),
        }
    }

    fn requested() -> ApprovalRequested {
        ApprovalRequested {
            id: ApprovalId(Uuid::from_u128(9)),
            matter: matter(),
            summary: "delegate shop.example to Example".into(),
            changes: vec![],
            required: 1,
            approvers: Approvers::default(),
            four_eyes: true,
            expires_at: at("2026-12-05T09:00:00Z"),
            remind_at: vec![],
            escalate: None,
            unmatched: vec![],
        }
    }

    /// The subject and text of the mail about an event, to Carol.
    fn mail(event: &ApprovalEvent) -> (String, String) {
        let name_of = |who| if who == ANN { "ann".to_owned() } else { "ben".to_owned() };
        let facts = facts(requested().id, &requested(), event, "https://pki.example.com", name_of);
        let carol = AdministratorId(Uuid::from_u128(3));
        let carol =
            Recipient { administrator: carol, name: "Carol".into(), email: "carol@example.com".into() };
        let plan = plans(told(event).unwrap().kind(), &facts, vec![carol]).remove(0);
        assert_eq!(plan.message.address.as_deref(), Some("carol@example.com"));
        let letter = Template::of(plan.kind).fill(&plan.message.facts).unwrap();
        (letter.subject.as_str().to_owned(), letter.text)
    }

    #[test]
    fn those_who_may_decide_read_what_waits_until_when_and_where() {
        let reminded = contracts::directory::ApprovalReminded {
            matter: matter(),
            remaining: 1,
            expires_at: at("2026-12-05T09:00:00Z"),
            next: None,
        };
        let escalated =
            contracts::directory::ApprovalEscalated { matter: matter(), approvers: Approvers::default() };
        for event in [requested().into(), reminded.into(), escalated.into()] {
            let (subject, text) = mail(&event);
            assert!(subject.ends_with(": delegate shop.example to Example"), "{subject}");
            assert!(text.starts_with("Hello Carol,") && text.contains("ann ask"), "{text}");
            assert!(text.contains("2026-12-05 09:00 UTC"), "{text}");
            let link = format!("https://pki.example.com/api/v1/approvals/{}", requested().id);
            assert!(text.contains(&link), "{text}");
            assert!(text.contains(&format!("chancery approval show {}", requested().id)), "{text}");
            assert!(matches!(told(&event), Some(Told::Deciders(_))));
        }
    }

    #[test]
    fn who_asked_reads_who_decided_and_what_they_say() {
        let message = Some("welcome".to_owned());
        let granted = ApprovalGranted { matter: matter(), by: vec![BEN], message };
        let (subject, text) = mail(&granted.into());
        assert_eq!(subject, "Approved: delegate shop.example to Example");
        assert!(text.contains("by ben") && text.contains("welcome"), "{text}");
        let given = |by, message: Option<&str>| ApprovalGiven {
            matter: matter(),
            by,
            message: message.map(str::to_owned),
            lapsed: vec![],
            remaining: 1,
        };
        let granted = |message: Option<&str>| ApprovalGranted {
            matter: matter(),
            by: vec![ANN, BEN],
            message: message.map(str::to_owned),
        };
        let name = |who| if who == BEN { "ben".to_owned() } else { "ann".to_owned() };
        let all = [given(ANN, Some("fine")), given(BEN, Some("welcome"))];
        let table = [
            (Some("welcome"), &all[..], Some("ann: fine; ben: welcome")),
            (Some("welcome"), &[], Some("welcome")),
            (None, &all[..1], Some("fine")),
            (None, &[], None),
        ];
        for (last, given, expected) in table {
            assert_eq!(said(&granted(last), given, name).as_deref(), expected);
        }
        let declined = ApprovalDeclined { matter: matter(), by: BEN, reason: "not ours".into() };
        let (subject, text) = mail(&declined.into());
        assert_eq!(subject, "Declined: delegate shop.example to Example");
        assert!(text.contains("by ben") && text.contains("not ours"), "{text}");
    }
}
