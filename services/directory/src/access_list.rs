//! An access list: from which addresses people may come, to the installation or to one organization.

mod text;

use std::net::IpAddr;

use contracts::{
    Code, Network, OrganizationId, Problem, Timestamp, Violation,
    directory::{AccessListEvent, AccessListReplaced},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};
use uuid::Uuid;

/// One access list. There is one of the installation and one of each organization, empty at first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessList {
    /// As it was written.
    pub text: String,
    /// What of it is active.
    pub networks: Vec<Network>,
}

/// Replace the list.
#[derive(Clone, Debug)]
pub struct Replace {
    /// Whose it is; `None` = the installation's.
    pub organization: Option<OrganizationId>,
    /// What it says from now on.
    pub text: String,
    /// Save it although it does not let in `address`.
    pub force: bool,
    /// Where it is saved from, if that is known.
    pub address: Option<IpAddr>,
}

/// Why a list is not saved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AccessListRefusal {
    /// Some lines cannot be read.
    #[error("{} line(s) of the list cannot be read", .0.len())]
    Invalid(Vec<Violation>),
    /// Whoever saves it could not come back.
    #[error("the list does not let in the address that it is saved from: add '{0}', or save it with 'force'")]
    ShutsOut(IpAddr),
    /// Whether they could come back is not known.
    #[error("the address that the list is saved from is not known: save it with 'force'")]
    Unknown,
}

impl From<AccessListRefusal> for Problem {
    fn from(refusal: AccessListRefusal) -> Self {
        let detail = refusal.to_string();
        let errors = match refusal {
            AccessListRefusal::Invalid(errors) => errors,
            AccessListRefusal::ShutsOut(address) => {
                vec![
                    Violation::at("#/text", "shuts_out_caller", detail.clone())
                        .allowing([address.to_string()]),
                ]
            }
            AccessListRefusal::Unknown => {
                vec![Violation::at("#/text", "shuts_out_caller", detail.clone())]
            }
        };
        Self::new(Code::ValidationFailed, detail).with_errors(errors)
    }
}

impl Aggregate for AccessList {
    type Command = Replace;
    type Event = AccessListEvent;
    type Refusal = AccessListRefusal;

    fn decide(&self, replace: Replace, _now: Timestamp) -> Result<Vec<AccessListEvent>, AccessListRefusal> {
        let Replace { organization, text, force, address } = replace;
        let networks = text::networks(&text).map_err(AccessListRefusal::Invalid)?;
        if text == self.text {
            return Ok(vec![]);
        }
        let lets_in =
            |address| networks.is_empty() || networks.iter().any(|network| network.contains(address));
        let shut_out = match address.map(|address| address.to_canonical()) {
            Some(address) if lets_in(address) => None,
            None if networks.is_empty() => None,
            Some(address) => Some(AccessListRefusal::ShutsOut(address)),
            None => Some(AccessListRefusal::Unknown),
        };
        let forced = shut_out.is_some();
        match shut_out {
            Some(refusal) if !force => Err(refusal),
            _ => {
                Ok(vec![AccessListReplaced { organization_id: organization, text, networks, forced }.into()])
            }
        }
    }

    fn evolve(self, event: AccessListEvent) -> Self {
        let AccessListEvent::Replaced(AccessListReplaced { text, networks, .. }) = event;
        Self { text, networks }
    }

    fn describe(&self) -> Value {
        json!({"text": self.text, "networks": self.networks})
    }
}

/// The stream of a list: derived, so that there is one of each.
#[must_use]
pub fn stream(owner: OrganizationId) -> Uuid {
    Uuid::new_v5(&owner.uuid(), b"access_list")
}

#[cfg(test)]
mod tests {
    use runtime::aggregate::test::given;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn replace(text: &str, from: &str) -> Replace {
        Replace { organization: None, text: text.into(), force: false, address: from.parse().ok() }
    }

    fn replaced(text: &str, networks: &[&str], forced: bool) -> AccessListEvent {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        AccessListReplaced { organization_id: None, text: text.into(), networks, forced }.into()
    }

    #[test]
    fn whoever_saves_a_list_is_let_in_by_it() {
        let text = "192.168.0.0/16\n#0.0.0.0/0\n";
        given::<AccessList>([]).when(replace(text, "192.168.3.4"), NOON).then([replaced(
            text,
            &["192.168.0.0/16"],
            false,
        )]);
        given::<AccessList>([]).when(replace(text, "::ffff:192.168.3.4"), NOON).then([replaced(
            text,
            &["192.168.0.0/16"],
            false,
        )]);
        given::<AccessList>([])
            .when(replace(text, "192.0.2.1"), NOON)
            .refused(AccessListRefusal::ShutsOut("192.0.2.1".parse().unwrap()));
        given::<AccessList>([]).when(replace(text, "unknown"), NOON).refused(AccessListRefusal::Unknown);
    }

    #[test]
    fn forcing_saves_it_and_is_remembered_where_it_was_needed() {
        let force = |from| Replace { force: true, ..replace("192.168.0.0/16", from) };
        given::<AccessList>([]).when(force("192.0.2.1"), NOON).then([replaced(
            "192.168.0.0/16",
            &["192.168.0.0/16"],
            true,
        )]);
        given::<AccessList>([]).when(force("192.168.0.1"), NOON).then([replaced(
            "192.168.0.0/16",
            &["192.168.0.0/16"],
            false,
        )]);
    }

    #[test]
    fn a_list_of_comments_lets_everybody_in() {
        given::<AccessList>([replaced("10.0.0.0/8", &["10.0.0.0/8"], false)])
            .when(replace("# 10.0.0.0/8\n", "192.0.2.1"), NOON)
            .then([replaced("# 10.0.0.0/8\n", &[], false)]);
    }

    #[test]
    fn the_same_list_again_changes_nothing() {
        given::<AccessList>([replaced("10.0.0.0/8", &["10.0.0.0/8"], true)])
            .when(replace("10.0.0.0/8", "192.0.2.1"), NOON)
            .changes_nothing();
        given::<AccessList>([]).when(replace("", "192.0.2.1"), NOON).changes_nothing();
    }

    #[test]
    fn every_line_that_cannot_be_read_is_named() {
        let Err(AccessListRefusal::Invalid(errors)) =
            AccessList::default().decide(replace("10.0.0.1/8\nok\n", "10.0.0.1"), NOON)
        else {
            panic!("saved")
        };
        assert_eq!(errors.len(), 2);
    }
}
