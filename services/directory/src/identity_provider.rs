//! An identity provider: an OpenID provider at which people of an organization sign in.

use std::collections::HashSet;

use contracts::{
    Code, IdentityProviderId, Problem, Timestamp, Violation,
    directory::{
        GroupGrant, IdentityProviderArchived, IdentityProviderCreated, IdentityProviderEvent,
        IdentityProviderStatus, IdentityProviderUpdated, IdentityProviderView, ProviderSetup,
    },
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};
use url::{Host, Url};

use crate::fields;

/// The most groups of one provider that give something.
const GROUPS: usize = 200;
/// The most scopes that are asked for.
const SCOPES: usize = 20;

/// One identity provider. It is never deleted, because administrators are known through it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum IdentityProvider {
    /// Nothing has happened yet.
    #[default]
    Uncreated,
    /// People sign in there, while it is active.
    InUse(IdentityProviderCreated),
    /// Nobody does any more.
    Archived(IdentityProviderCreated),
}

/// What may be asked of an identity provider.
#[derive(Clone, Debug)]
pub enum IdentityProviderCommand {
    /// Let it exist.
    Create(Box<IdentityProviderCreated>),
    /// Set it up like this.
    Update(Box<ProviderSetup>),
    /// Let nobody sign in there any more.
    Archive,
}

/// Why an identity provider refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum IdentityProviderRefusal {
    /// There is none with this id.
    #[error("the identity provider does not exist")]
    NotCreated,
    /// The id is taken.
    #[error("the identity provider exists already")]
    AlreadyCreated,
    /// It is archived.
    #[error("the identity provider '{0}' is archived")]
    Archived(String),
    /// Some fields hold what they may not.
    #[error("{} field(s) of the identity provider are not allowed", .0.len())]
    Invalid(Vec<Violation>),
}

impl From<IdentityProviderRefusal> for Problem {
    fn from(refusal: IdentityProviderRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            IdentityProviderRefusal::NotCreated => Self::new(Code::NotFound, detail),
            IdentityProviderRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            IdentityProviderRefusal::Archived(_) => Self::new(Code::InvalidState, detail),
            IdentityProviderRefusal::Invalid(errors) => {
                Self::new(Code::ValidationFailed, detail).with_errors(errors)
            }
        }
    }
}

impl Aggregate for IdentityProvider {
    type Command = IdentityProviderCommand;
    type Event = IdentityProviderEvent;
    type Refusal = IdentityProviderRefusal;

    fn decide(
        &self,
        command: IdentityProviderCommand,
        _now: Timestamp,
    ) -> Result<Vec<IdentityProviderEvent>, IdentityProviderRefusal> {
        use IdentityProviderCommand as Command;
        match (self, command) {
            (Self::Uncreated, Command::Create(created)) => {
                let name = fields::name("#/name", &created.name);
                check(name.into_iter().chain(violations(&created.setup)).collect())?;
                Ok(vec![(*created).into()])
            }
            (_, Command::Create(_)) => Err(IdentityProviderRefusal::AlreadyCreated),
            (Self::Uncreated, _) => Err(IdentityProviderRefusal::NotCreated),
            (Self::InUse(now), Command::Update(setup)) if now.setup == *setup => Ok(vec![]),
            (Self::InUse(_), Command::Update(setup)) => {
                check(violations(&setup))?;
                Ok(vec![IdentityProviderUpdated { setup: *setup }.into()])
            }
            (Self::Archived(now), Command::Update(_)) => {
                Err(IdentityProviderRefusal::Archived(now.name.clone()))
            }
            (Self::InUse(_), Command::Archive) => Ok(vec![IdentityProviderArchived {}.into()]),
            (Self::Archived(_), Command::Archive) => Ok(vec![]),
        }
    }

    fn evolve(self, event: IdentityProviderEvent) -> Self {
        match (self, event) {
            (_, IdentityProviderEvent::Created(created)) => Self::InUse(created),
            (Self::InUse(now), IdentityProviderEvent::Updated(IdentityProviderUpdated { setup })) => {
                Self::InUse(IdentityProviderCreated { setup, ..now })
            }
            (Self::InUse(now), IdentityProviderEvent::Archived(_)) => Self::Archived(now),
            (unchanged, IdentityProviderEvent::Updated(_) | IdentityProviderEvent::Archived(_)) => unchanged,
        }
    }

    fn describe(&self) -> Value {
        let Some(now) = self.fields() else { return Value::Null };
        let ProviderSetup { display_name, issuer, client_id, scopes, groups_claim, groups, .. } = &now.setup;
        json!({"name": now.name, "displayName": display_name, "issuer": issuer, "clientId": client_id,
            "scopes": scopes, "groupsClaim": groups_claim, "groups": groups, "status": self.status()})
    }
}

impl IdentityProvider {
    /// As it is now, once it exists.
    pub fn fields(&self) -> Option<&IdentityProviderCreated> {
        match self {
            Self::Uncreated => None,
            Self::InUse(now) | Self::Archived(now) => Some(now),
        }
    }

    /// As it is now, if people may sign in there.
    pub fn open(&self) -> Option<&IdentityProviderCreated> {
        self.fields().filter(|_| self.status() == IdentityProviderStatus::Active)
    }

    /// Whether people may sign in there.
    pub fn status(&self) -> IdentityProviderStatus {
        match self {
            Self::InUse(now) => standing(&now.setup),
            Self::Uncreated | Self::Archived(_) => IdentityProviderStatus::Archived,
        }
    }
}

/// Whether people may sign in at a provider that is not archived.
pub const fn standing(setup: &ProviderSetup) -> IdentityProviderStatus {
    if setup.active { IdentityProviderStatus::Active } else { IdentityProviderStatus::Inactive }
}

/// A provider as readers are shown it.
pub fn view(
    provider: IdentityProviderCreated,
    status: IdentityProviderStatus,
    created_at: Timestamp,
    version: i32,
) -> IdentityProviderView {
    let IdentityProviderCreated { id, organization_id, name, setup } = provider;
    IdentityProviderView {
        id,
        name,
        display_name: setup.display_name,
        organization_id,
        issuer: setup.issuer,
        client_id: setup.client_id,
        scopes: setup.scopes,
        groups_claim: setup.groups_claim,
        groups: setup.groups,
        redirect_path: IdentityProviderId::redirect_path(id),
        status,
        created_at,
        version,
    }
}

fn check(errors: Vec<Violation>) -> Result<(), IdentityProviderRefusal> {
    if errors.is_empty() { Ok(()) } else { Err(IdentityProviderRefusal::Invalid(errors)) }
}

fn violations(setup: &ProviderSetup) -> Vec<Violation> {
    let ProviderSetup { display_name, issuer, client_id, scopes, groups_claim, groups, .. } = setup;
    let mut errors: Vec<Violation> = vec![];
    errors.extend(display_name.as_deref().and_then(|name| fields::text("#/displayName", name, 100)));
    errors.extend(invalid_issuer(issuer));
    errors.extend(fields::text("#/clientId", client_id, 255));
    errors.extend(fields::text("#/groupsClaim", groups_claim, 200));
    errors.extend(too_many("#/scopes", scopes.len(), SCOPES));
    errors.extend(too_many("#/groups", groups.len(), GROUPS));
    for (at, scope) in scopes.iter().enumerate().filter(|(_, scope)| !is_scope(scope)) {
        let words = format!("'{}' is not a scope (RFC 6749 section 3.3)", fields::shown(scope));
        errors.push(Violation::at(format!("#/scopes/{at}"), "invalid_scope", words));
    }
    let mut known = HashSet::new();
    for (at, GroupGrant { group, grant }) in groups.iter().enumerate() {
        let pointer = format!("#/groups/{at}");
        errors.extend(fields::text(&format!("{pointer}/group"), group, 255));
        if !known.insert((group, json!(grant).to_string())) {
            errors.push(Violation::at(pointer, "repeated", "the same group gives the same grant above"));
        }
    }
    errors
}

fn too_many(pointer: &str, found: usize, most: usize) -> Option<Violation> {
    let words = || format!("{found} entries: at most {most}");
    (found > most).then(|| Violation::at(pointer, "too_many", words()))
}

fn is_scope(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=100).contains(&text.len()) && text.bytes().all(fits)
}

/// An issuer is an address without query and fragment (OpenID Connect Discovery 1.0 section 3) at a name of DNS.
fn invalid_issuer(issuer: &str) -> Option<Violation> {
    let fits = issuer.len() <= 255
        && issuer.bytes().all(|byte| byte.is_ascii_graphic())
        && Url::parse(issuer).is_ok_and(|url| {
            let plain = url.username().is_empty() && url.password().is_none();
            let bare = !issuer.contains(['?', '#', '\\', '@']);
            url.scheme() == "https" && plain && bare && matches!(url.host(), Some(Host::Domain(_)))
        });
    (!fits).then(|| {
        let words = format!(
            "'{}' is not an issuer: expected an address such as 'https://login.example.com/realms/staff'",
            fields::shown(issuer)
        );
        Violation::at("#/issuer", "invalid_issuer", words)
    })
}

#[cfg(test)]
mod tests {
    use contracts::{
        CredentialId,
        directory::{BuiltInRole, Grant, Role},
    };
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn setup() -> ProviderSetup {
        ProviderSetup {
            display_name: None,
            issuer: "https://login.example.com/realms/staff".into(),
            client_id: "chancery".into(),
            credential: CredentialId(Uuid::from_u128(2)),
            scopes: vec!["profile".into(), "groups".into()],
            groups_claim: "groups".into(),
            groups: vec![gives("pki")],
            active: true,
        }
    }

    fn gives(group: &str) -> GroupGrant {
        let grant = Grant::installation(Role::BuiltIn(BuiltInRole::Auditor));
        GroupGrant { group: group.into(), grant }
    }

    fn created() -> IdentityProviderCreated {
        IdentityProviderCreated {
            id: IdentityProviderId(Uuid::from_u128(1)),
            organization_id: None,
            name: "staff".into(),
            setup: setup(),
        }
    }

    fn refused(setup: ProviderSetup) -> Vec<String> {
        let update = IdentityProviderCommand::Update(Box::new(setup));
        match IdentityProvider::InUse(created()).decide(update, NOON) {
            Err(IdentityProviderRefusal::Invalid(errors)) => {
                errors.into_iter().filter_map(|error| error.pointer).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_issuer_is_an_https_address_at_a_name() {
        for issuer in [
            "",
            "login.example.com",
            "http://login.example.com",
            "https://192.0.2.1",
            "https://[2001:db8::1]/",
            "https://login.example.com?x=1",
            "https://login.example.com/#x",
            "https://a@login.example.com",
            "https://login.example.com/a b",
            "javascript:alert(1)",
        ] {
            assert_eq!(refused(ProviderSetup { issuer: issuer.into(), ..setup() }), ["#/issuer"], "{issuer}");
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        let wrong = ProviderSetup {
            display_name: Some("\u{7}".into()),
            client_id: String::new(),
            scopes: vec!["two words".into()],
            groups_claim: String::new(),
            groups: vec![gives("pki"), gives(""), gives("pki")],
            ..setup()
        };
        let pointers =
            ["#/displayName", "#/clientId", "#/groupsClaim", "#/scopes/0", "#/groups/1/group", "#/groups/2"];
        assert_eq!(refused(wrong), pointers);
        let many = (0..=GROUPS).map(|number| gives(&number.to_string())).collect();
        assert_eq!(refused(ProviderSetup { groups: many, ..setup() }), ["#/groups"]);
    }

    #[test]
    fn an_archived_provider_stays_archived() {
        let same = IdentityProviderCommand::Update(Box::new(setup()));
        let inactive = ProviderSetup { active: false, ..setup() };
        given::<IdentityProvider>([created().into()]).when(same, NOON).changes_nothing();
        given::<IdentityProvider>([created().into()])
            .when(IdentityProviderCommand::Update(Box::new(inactive.clone())), NOON)
            .then([IdentityProviderUpdated { setup: inactive.clone() }.into()])
            .when(IdentityProviderCommand::Archive, NOON)
            .then([IdentityProviderArchived {}.into()])
            .when(IdentityProviderCommand::Archive, NOON)
            .changes_nothing();
        given::<IdentityProvider>([created().into(), IdentityProviderArchived {}.into()])
            .when(IdentityProviderCommand::Update(Box::new(inactive)), NOON)
            .refused(IdentityProviderRefusal::Archived("staff".into()));
    }

    #[test]
    fn people_sign_in_at_one_that_is_active_alone() {
        let inactive = ProviderSetup { active: false, ..setup() };
        let inactive = IdentityProviderCreated { setup: inactive, ..created() };
        assert!(IdentityProvider::InUse(created()).open().is_some());
        for shut in [IdentityProvider::InUse(inactive), IdentityProvider::Archived(created())] {
            assert_eq!(shut.open(), None);
        }
    }
}
