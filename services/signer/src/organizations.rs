//! What organizations and departments have for the subjects of their certificates, in memory with the catalog.

use std::collections::HashMap;

use contracts::{
    DepartmentId, OrganizationId,
    directory::{Delegate, DepartmentEvent, Details, OrganizationEvent},
};

use crate::subject::OrganizationValues;

/// Every organization and department, as far as subjects are concerned.
#[derive(Debug, Default)]
pub struct Organizations {
    organizations: HashMap<OrganizationId, OrganizationValues>,
    departments: HashMap<DepartmentId, String>,
}

impl Organizations {
    /// What there is for a certificate of an organization, or of one of its departments.
    #[must_use]
    pub fn values(&self, of: Delegate) -> OrganizationValues {
        let department = of.department_id.and_then(|department| self.departments.get(&department));
        let values = self.organizations.get(&of.organization_id).cloned().unwrap_or_default();
        OrganizationValues { organizational_unit: department.cloned(), ..values }
    }

    /// Takes in what happened to an organization.
    pub(crate) fn apply_organization(&mut self, id: OrganizationId, event: OrganizationEvent) {
        let (name, details) = match event {
            OrganizationEvent::Created(created) => (created.name.clone(), created.details()),
            OrganizationEvent::Updated(updated) => (updated.name.clone(), updated.details()),
            OrganizationEvent::Archived(_) | OrganizationEvent::Restored(_) => return,
        };
        let Details { display_name, city, state, country, .. } = details;
        let values = OrganizationValues {
            organization: Some(display_name.unwrap_or(name)),
            organizational_unit: None,
            locality: city,
            state,
            country,
        };
        self.organizations.insert(id, values);
    }

    /// Takes in what happened to a department.
    pub(crate) fn apply_department(&mut self, id: DepartmentId, event: DepartmentEvent) {
        let called = match event {
            DepartmentEvent::Created(created) => created.display_name.unwrap_or(created.name),
            DepartmentEvent::Updated(updated) => updated.display_name.unwrap_or(updated.name),
            DepartmentEvent::Archived(_) | DepartmentEvent::Restored(_) => return,
        };
        self.departments.insert(id, called);
    }
}

#[cfg(test)]
mod tests {
    use contracts::directory::{
        DepartmentCreated, OrganizationArchived, OrganizationCreated, OrganizationUpdated,
    };
    use uuid::Uuid;

    use super::*;

    const HQ: OrganizationId = OrganizationId(Uuid::from_u128(1));
    const WEB: DepartmentId = DepartmentId(Uuid::from_u128(2));

    fn created() -> OrganizationEvent {
        OrganizationCreated::new(HQ, "hq".into(), Details::default()).into()
    }

    #[test]
    fn a_name_stands_in_for_the_one_that_people_use() {
        let mut organizations = Organizations::default();
        organizations.apply_organization(HQ, created());
        assert_eq!(organizations.values(HQ.into()).organization.as_deref(), Some("hq"));
        let details = Details {
            display_name: Some("Example".into()),
            city: Some("Kanata".into()),
            country: Some("CA".into()),
            ..Details::default()
        };
        organizations.apply_organization(HQ, OrganizationUpdated::new("hq".into(), details).into());
        organizations.apply_organization(HQ, OrganizationArchived::default().into());
        let expected = OrganizationValues {
            organization: Some("Example".into()),
            locality: Some("Kanata".into()),
            country: Some("CA".into()),
            ..OrganizationValues::default()
        };
        assert_eq!(organizations.values(HQ.into()), expected);
    }

    #[test]
    fn a_department_is_the_unit() {
        let mut organizations = Organizations::default();
        organizations.apply_organization(HQ, created());
        let details = Details { display_name: Some("Web".into()), ..Details::default() };
        organizations.apply_department(WEB, DepartmentCreated::new(WEB, HQ, "web".into(), details).into());
        let web = Delegate { organization_id: HQ, department_id: Some(WEB) };
        assert_eq!(organizations.values(web).organizational_unit.as_deref(), Some("Web"));
        assert_eq!(organizations.values(HQ.into()).organizational_unit, None);
    }
}
