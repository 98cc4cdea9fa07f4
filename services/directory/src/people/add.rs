//! What is to be done about persons to be added: pure.

use std::collections::{HashMap, HashSet};

use contracts::{Code, DepartmentId, OrganizationId, PersonId, Problem, directory::ValidationType};
use runtime::repository::Executed;
use uuid::Uuid;

use super::{
    details::Details,
    person::Person,
    table::{Keep, Kept},
};

/// A person to be added, who may be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The command that adds them.
    pub command: Uuid,
    /// Of which organization.
    pub organization: OrganizationId,
    /// Of which department.
    pub department: Option<DepartmentId>,
    /// Names and addresses.
    pub details: Details,
    /// How the addresses are validated.
    pub validation: ValidationType,
    /// The kept form of the word by which they are recognized.
    pub secret_id: Option<String>,
}

/// What became of one.
#[derive(Clone, Debug)]
pub enum Added {
    /// They are known from here on.
    Now(Executed<Person>),
    /// The same import added them before.
    Before,
    /// Somebody with this address was there.
    Existing,
}

/// What is to be done about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// They are added with this id.
    Add(PersonId),
    /// The same import added them before.
    Before,
    /// Somebody with this address is there.
    Existing,
}

impl Wanted {
    /// As it is kept.
    pub fn keep(&self, id: PersonId, import: Option<Uuid>) -> Keep {
        Keep {
            id,
            organization: self.organization,
            details: self.details.clone(),
            secret_id: self.secret_id.clone(),
            import,
        }
    }
}

/// Somebody with this address exists.
pub fn taken() -> Problem {
    let words = "the organization has a person with this e-mail address";
    let violation = contracts::Violation::at("#/email", "email_taken", words);
    Problem::new(Code::AlreadyExists, words).with_errors(vec![violation])
}

/// What addresses are the same by.
pub fn key(organization: OrganizationId, email: &str) -> (OrganizationId, String) {
    (organization, email.to_lowercase())
}

/// Where to look for those who are there.
pub fn addresses(wanted: &[Wanted]) -> Vec<(OrganizationId, &str)> {
    wanted.iter().map(|wanted| (wanted.organization, wanted.details.email.as_str())).collect()
}

/// What is to be done about each. Who was kept but never heard of by the log, because whoever kept them was cut off, is
/// taken over.
pub fn plans(
    wanted: &[Wanted],
    known: &[Kept],
    logged: &HashSet<PersonId>,
    import: Option<Uuid>,
    new: impl Fn() -> PersonId,
) -> Vec<Plan> {
    let known: HashMap<_, _> =
        known.iter().map(|kept| (key(kept.organization, &kept.details.email), kept)).collect();
    let plan = |wanted: &Wanted| match known.get(&key(wanted.organization, &wanted.details.email)) {
        None => Plan::Add(new()),
        Some(kept) if !logged.contains(&kept.id) => Plan::Add(kept.id),
        Some(kept) if import.is_some() && kept.import == import => Plan::Before,
        Some(_) => Plan::Existing,
    };
    wanted.iter().map(plan).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HQ: OrganizationId = OrganizationId(Uuid::from_u128(1));

    fn wanted(email: &str) -> Wanted {
        Wanted {
            command: Uuid::nil(),
            organization: HQ,
            department: None,
            details: Details { email: email.into(), ..Details::default() },
            validation: ValidationType::Standard,
            secret_id: None,
        }
    }

    fn kept(id: u128, email: &str, import: Option<Uuid>) -> Kept {
        let details = Details { email: email.into(), ..Details::default() };
        Kept { id: PersonId(Uuid::from_u128(id)), organization: HQ, details, has_secret_id: false, import }
    }

    #[test]
    fn who_was_kept_and_never_told_of_is_taken_over() {
        let (this, other) = (Some(Uuid::from_u128(7)), Some(Uuid::from_u128(8)));
        let wanted = ["new@a.example", "Orphan@a.example", "mine@a.example", "theirs@a.example"].map(wanted);
        let known = [
            kept(2, "orphan@a.example", other),
            kept(3, "mine@a.example", this),
            kept(4, "theirs@a.example", other),
        ];
        let id = |id| PersonId(Uuid::from_u128(id));
        let logged = HashSet::from([id(3), id(4)]);
        let plans = |import| plans(&wanted, &known, &logged, import, || id(9));
        assert_eq!(plans(this), [Plan::Add(id(9)), Plan::Add(id(2)), Plan::Before, Plan::Existing]);
        assert_eq!(plans(None), [Plan::Add(id(9)), Plan::Add(id(2)), Plan::Existing, Plan::Existing]);
    }
}
