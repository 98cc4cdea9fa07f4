//! The subject of a certificate, from what was asked for and what the organization has, as the profile says (C8).

use contracts::x509::{Subject, SubjectAttribute, SubjectChange, SubjectSource, SubjectSources};

/// What an organization, and the department a request is for, can put into a subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrganizationValues {
    /// O.
    pub organization: Option<String>,
    /// OU.
    pub organizational_unit: Option<String>,
    /// L.
    pub locality: Option<String>,
    /// ST.
    pub state: Option<String>,
    /// C.
    pub country: Option<String>,
}

/// The subject that is certified, and where it differs from the one that was asked for.
#[must_use]
pub fn settled(
    asked: &Subject,
    sources: SubjectSources,
    values: OrganizationValues,
) -> (Subject, Vec<SubjectChange>) {
    let SubjectSources { organization, organizational_unit, locality, state, country } = sources;
    let (mut subject, mut changes) = (asked.clone(), vec![]);
    for (attribute, place, source, value) in [
        (SubjectAttribute::Organization, &mut subject.organization, organization, values.organization),
        (SubjectAttribute::Locality, &mut subject.locality, locality, values.locality),
        (SubjectAttribute::State, &mut subject.state, state, values.state),
        (SubjectAttribute::Country, &mut subject.country, country, values.country),
    ] {
        let used = chosen(place.clone().into_iter().collect(), source, value.into_iter().collect());
        changes.extend(change(attribute, place.clone().into_iter().collect(), &used));
        *place = used.into_iter().next();
    }
    let found = std::mem::take(&mut subject.organizational_unit);
    let unit = values.organizational_unit.into_iter().collect();
    subject.organizational_unit = chosen(found.clone(), organizational_unit, unit);
    changes.extend(change(SubjectAttribute::OrganizationalUnit, found, &subject.organizational_unit));
    (subject, changes)
}

fn chosen(found: Vec<String>, source: SubjectSource, own: Vec<String>) -> Vec<String> {
    match source {
        SubjectSource::Request => found,
        SubjectSource::Fill if found.is_empty() => own,
        SubjectSource::Fill => found,
        SubjectSource::Replace => own,
    }
}

fn change(attribute: SubjectAttribute, found: Vec<String>, used: &[String]) -> Option<SubjectChange> {
    (found != used).then(|| SubjectChange { attribute, found, used: used.to_vec() })
}

#[cfg(test)]
mod tests {
    use SubjectSource::{Fill, Replace, Request};

    use super::*;

    fn values() -> OrganizationValues {
        OrganizationValues {
            organization: Some("Example".into()),
            organizational_unit: Some("Web".into()),
            locality: Some("Kanata".into()),
            state: None,
            country: Some("CA".into()),
        }
    }

    fn asked() -> Subject {
        Subject {
            common_name: Some("www.example.com".into()),
            organization: Some("Other".into()),
            organizational_unit: vec!["A".into(), "B".into()],
            state: Some("Quebec".into()),
            ..Subject::default()
        }
    }

    fn everything(source: SubjectSource) -> SubjectSources {
        SubjectSources {
            organization: source,
            organizational_unit: source,
            locality: source,
            state: source,
            country: source,
        }
    }

    fn changes(sources: SubjectSources) -> Vec<(SubjectAttribute, String, String)> {
        let changes = settled(&asked(), sources, values()).1.into_iter();
        changes.map(|change| (change.attribute, change.found.join("+"), change.used.join("+"))).collect()
    }

    #[test]
    fn what_was_asked_for_stays_unless_the_profile_says_otherwise() {
        assert_eq!(settled(&asked(), everything(Request), values()), (asked(), vec![]));
    }

    #[test]
    fn filling_leaves_what_is_there() {
        assert_eq!(
            changes(everything(Fill)),
            [
                (SubjectAttribute::Locality, "".into(), "Kanata".into()),
                (SubjectAttribute::Country, "".into(), "CA".into()),
            ]
        );
    }

    #[test]
    fn replacing_leaves_nothing_but_the_organizations_own() {
        let (subject, _) = settled(&asked(), everything(Replace), values());
        let expected = Subject {
            common_name: Some("www.example.com".into()),
            organization: Some("Example".into()),
            organizational_unit: vec!["Web".into()],
            country: Some("CA".into()),
            state: None,
            locality: Some("Kanata".into()),
        };
        assert_eq!(subject, expected);
        assert_eq!(
            changes(everything(Replace)),
            [
                (SubjectAttribute::Organization, "Other".into(), "Example".into()),
                (SubjectAttribute::Locality, "".into(), "Kanata".into()),
                (SubjectAttribute::State, "Quebec".into(), "".into()),
                (SubjectAttribute::Country, "".into(), "CA".into()),
                (SubjectAttribute::OrganizationalUnit, "A+B".into(), "Web".into()),
            ]
        );
        let again = settled(&expected, everything(Replace), values());
        assert_eq!(again, (expected, vec![]), "nothing differs from what is right already");
    }

    #[test]
    fn each_attribute_has_its_own_source() {
        let sources = SubjectSources { organization: Replace, locality: Fill, ..SubjectSources::default() };
        assert_eq!(
            changes(sources),
            [
                (SubjectAttribute::Organization, "Other".into(), "Example".into()),
                (SubjectAttribute::Locality, "".into(), "Kanata".into()),
            ]
        );
    }
}
