//! Grants as they are asked for: names become ids, and nobody gives away more than they hold (Z-1).

use contracts::{
    Code, DepartmentId, OrganizationId, Problem, Violation,
    directory::{Grant, NewGrant, Role, RoleChoice},
    id::Reference,
};
use runtime::authority::{Caller, Held, Principal, Target, covers};

use super::Handlers;

impl Handlers {
    /// The grants that are meant. Errors: `validation_failed`, naming everything that is not there or not visible.
    pub(super) fn resolved(&self, principal: &Principal, wanted: &[NewGrant]) -> Result<Vec<Grant>, Problem> {
        let (mut grants, mut errors) = (Vec::new(), Vec::new());
        for (at, wanted) in wanted.iter().enumerate() {
            match self.resolve(principal, wanted, &format!("#/grants/{at}")) {
                Ok(grant) if grants.contains(&grant) => {}
                Ok(grant) => grants.push(grant),
                Err(violation) => errors.push(*violation),
            }
        }
        if errors.is_empty() {
            return Ok(grants);
        }
        let words = format!("{} of the grants cannot be given", errors.len());
        Err(Problem::new(Code::ValidationFailed, words).with_errors(errors))
    }

    pub(super) fn resolve(
        &self,
        principal: &Principal,
        wanted: &NewGrant,
        pointer: &str,
    ) -> Result<Grant, Box<Violation>> {
        let at = |member: &str, code: &str, words: String| {
            Box::new(Violation::at(format!("{pointer}/{member}"), code, words))
        };
        let organization_id = match &wanted.organization {
            None => None,
            Some(reference) => Some(self.visible_organization(principal, reference).ok_or_else(|| {
                let words = format!("there is no organization '{reference}', or it is not visible to you");
                at("organization", "organization_not_found", words)
            })?),
        };
        let department_id = match (&wanted.department, organization_id) {
            (None, _) => None,
            (Some(_), None) => {
                let words = "a department is named together with its organization".to_owned();
                return Err(at("department", "organization_missing", words));
            }
            (Some(reference), Some(organization)) => {
                Some(self.department_of(organization, reference).ok_or_else(|| {
                    let words = format!("the organization has no department '{reference}'");
                    at("department", "department_not_found", words)
                })?)
            }
        };
        let role =
            self.role_meant(&wanted.role, organization_id, department_id.is_some()).ok_or_else(|| {
                let words = format!("there is no role '{}' that can be granted there", wanted.role);
                at("role", "role_not_found", words)
            })?;
        let certificate_types = wanted.certificate_types.clone();
        if certificate_types.as_ref().is_some_and(Vec::is_empty) {
            let words = "an empty list allows nothing: leave it out for all types".to_owned();
            return Err(at("certificateTypes", "empty", words));
        }
        Ok(Grant { role, organization_id, department_id, certificate_types, identity_provider_id: None })
    }

    fn visible_organization(
        &self,
        principal: &Principal,
        reference: &Reference<OrganizationId>,
    ) -> Option<OrganizationId> {
        let id = match reference {
            Reference::Id(id) => *id,
            Reference::Name(name) => self.authority.organization_named(name)?,
        };
        (self.authority.has_organization(id) && principal.reaches(id)).then_some(id)
    }

    fn department_of(
        &self,
        organization: OrganizationId,
        reference: &Reference<DepartmentId>,
    ) -> Option<DepartmentId> {
        self.authority.department(organization, reference).map(|(id, _)| id)
    }

    fn role_meant(
        &self,
        choice: &RoleChoice,
        organization: Option<OrganizationId>,
        department: bool,
    ) -> Option<Role> {
        let role = match choice {
            RoleChoice::Named(name) => Role::Custom(self.authority.role_named(organization, name)?),
            choice => choice.resolved(organization.is_some(), department)?,
        };
        match role {
            Role::BuiltIn(_) => Some(role),
            Role::Custom(id) => {
                let known = self.authority.role(id).filter(|known| !known.archived)?;
                (known.organization.is_none() || known.organization == organization).then_some(role)
            }
        }
    }

    /// Whether the caller may give or take these grants. Errors: `forbidden`.
    pub(super) fn may_give(
        &self,
        caller: &Caller,
        principal: &Principal,
        grants: Vec<Grant>,
    ) -> Result<(), Problem> {
        for held in self.authority.held(grants).iter() {
            caller.permit(&Target::of_grant(&held.grant))?;
            if !covers(principal, held) {
                return Err(too_much(held));
            }
        }
        Ok(())
    }
}

fn too_much(held: &Held) -> Problem {
    let words = format!(
        "nobody grants more than they hold: the role '{}' allows more than yours do there",
        held.grant.role
    );
    Problem::new(Code::Forbidden, words)
}
