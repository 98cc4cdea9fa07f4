//! From what a caller may read to the rows they see (Z-1): organizations by the scope of the views, everything finer by a
//! condition. What is not reached does not exist for the caller.

use contracts::{Permission, x509::CertificateType};
use runtime::{
    authority::{Part, Principal},
    database::Scope,
};

use crate::{
    select::Value,
    view::{Rights, View},
};

/// The rows that somebody sees.
#[derive(Debug)]
pub struct Reach {
    /// The organizations.
    pub scope: Scope,
    /// What else must be so, with `$::<type>` where each value stands.
    pub condition: Option<(String, Vec<Value>)>,
}

impl Reach {
    /// Every row.
    pub const EVERYTHING: Self = Self { scope: Scope::All, condition: None };

    /// The rows of a view that a caller may read.
    #[must_use]
    pub fn of(caller: &Principal, permission: Permission, view: &View) -> Self {
        let parts: Vec<Part> = caller.parts(permission).collect();
        let organizations: Option<Vec<_>> = parts.iter().map(|part| part.organization).collect();
        let scope = organizations.map_or(Scope::All, |mut organizations| {
            organizations.sort();
            organizations.dedup();
            Scope::Organizations(organizations)
        });
        let mut conditions = vec![];
        if view.rights != Rights::Shared {
            conditions.extend(within_grants(caller, &parts, view.rights));
            conditions.extend(within_token(caller, view.rights));
        }
        let condition = conditions.into_iter().reduce(|(text, mut values), (further, more)| {
            values.extend(more);
            (format!("({text}) and ({further})"), values)
        });
        Self { scope, condition }
    }

    /// Those of them whose column holds this id.
    #[must_use]
    pub fn of_one(self, column: &str, id: uuid::Uuid) -> Self {
        self.where_also(&format!("{column} = $::uuid"), Value::Id(id))
    }

    /// Those of them of which this is true, too, with the value where `$::` stands.
    #[must_use]
    pub fn where_also(self, text: &str, value: Value) -> Self {
        self.also(text, vec![value])
    }

    /// The same, with several values in their order.
    #[must_use]
    pub fn also(self, text: &str, mut values: Vec<Value>) -> Self {
        let mut text = text.to_owned();
        if let Some((condition, more)) = self.condition {
            text = format!("{text} and ({condition})");
            values.extend(more);
        }
        Self { condition: Some((text, values)), ..self }
    }

    /// Those of them that are in one organization.
    #[must_use]
    pub fn within(self, organization: contracts::OrganizationId) -> Self {
        let reached = match &self.scope {
            Scope::All => true,
            Scope::Organizations(reached) => reached.contains(&organization),
        };
        let organizations = if reached { vec![organization] } else { vec![] };
        Self { scope: Scope::Organizations(organizations), ..self }
    }
}

/// Any of these is enough; `None`: no row is left out.
type Condition = (String, Vec<Value>);

fn within_grants(caller: &Principal, parts: &[Part], rights: Rights) -> Option<Condition> {
    let mut any: Vec<String> = vec![];
    let mut values = vec![];
    for part in parts {
        let Some((all, more)) = within_part(caller, part, rights) else { continue };
        if all.is_empty() {
            return None;
        }
        any.push(all.join(" and "));
        values.extend(more);
    }
    if any.is_empty() {
        return Some(("false".to_owned(), vec![]));
    }
    Some((any.join(" or "), values))
}

/// What must be true of the rows that one part reaches; `None`: it reaches none.
fn within_part(caller: &Principal, part: &Part, rights: Rights) -> Option<(Vec<String>, Vec<Value>)> {
    let (mut all, mut values) = (vec![], vec![]);
    let mut add = |text: String, more: Vec<Value>| {
        all.push(text);
        values.extend(more);
    };
    let me = || Value::Id(caller.administrator.uuid());
    match rights {
        Rights::Shared => {}
        Rights::Organization => {
            if part.department.is_some() || part.own_only {
                return None;
            }
        }
        Rights::Administrators => {
            if part.own_only {
                return None;
            }
            if let Some(department) = part.department {
                add("$::uuid = any(departments)".into(), vec![Value::Id(department.uuid())]);
            }
        }
        Rights::Row { owner, personal, certificates } => {
            if let Some(department) = part.department {
                let mut text = "department = $::uuid".to_owned();
                let mut of = vec![Value::Id(department.uuid())];
                if personal {
                    text = format!("({text} or {owner} = $::uuid)");
                    of.push(me());
                }
                add(text, of);
            }
            if certificates && !part.types.are_all() {
                let types = CertificateType::ALL.iter().filter(|kind| part.types.contains(**kind));
                let types = types.map(|kind| kind.as_str().to_owned()).collect();
                add("certificate_type = any($::text[])".into(), vec![Value::Texts(types)]);
            }
            if part.own_only {
                add(format!("{owner} = $::uuid"), vec![me()]);
            }
        }
    }
    if let Some(organization) = part.organization {
        let id = Value::Id(organization.uuid());
        let text = match rights {
            Rights::Administrators => "$::uuid = any(organizations)",
            _ => "organization = $::uuid",
        };
        add(text.into(), vec![id]);
    }
    Some((all, values))
}

/// A token for some profiles or certificates is for nothing else.
fn within_token(caller: &Principal, rights: Rights) -> Vec<Condition> {
    let scope = &caller.scope;
    let profiles = scope.profiles.as_ref().map(|ids| ids.iter().map(|id| id.uuid()).collect::<Vec<_>>());
    let certificates = scope.certificates.as_ref().map(|ids| ids.iter().map(|id| id.uuid()).collect());
    let limits = [("profile_id", profiles), ("certificate_id", certificates)];
    let limits = limits.into_iter().filter_map(|(column, ids)| Some((column, ids?)));
    if !matches!(rights, Rights::Row { certificates: true, .. }) {
        return limits.map(|_| ("false".to_owned(), vec![])).collect();
    }
    limits.map(|(column, ids)| (format!("{column} = any($::uuid[])"), vec![Value::Ids(ids)])).collect()
}

#[cfg(test)]
pub(crate) mod tests;
