//! What a token says of a person: their groups, what those give, and what people call them. A group that nobody mapped
//! gives nothing.

use std::collections::HashSet;

use contracts::{
    AdministratorId, IdentityProviderId,
    directory::{Grant, IdentityProviderCreated, ProviderSetup},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use uuid::Builder;

use super::id_token::Identity;
use crate::{fields, person::Person};

/// The most groups of one person that are looked at.
const GROUPS: usize = 2_000;
/// The longest part of a sign-in name that comes from a provider, in characters.
const NAME: usize = 60;

/// Who a provider's subject is here: the same for ever, and never by name or e-mail address.
pub fn administrator(provider: IdentityProviderId, issuer: &str, subject: &str) -> AdministratorId {
    let mut hash = Sha256::new();
    hash.update(b"chancery identity\0");
    hash.update(provider.uuid().as_bytes());
    // An issuer is an address, so it holds no NUL.
    hash.update(issuer.as_bytes());
    hash.update([0]);
    hash.update(subject.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    AdministratorId(Builder::from_custom_bytes(bytes).into_uuid())
}

/// What a person's groups give, in the order of the mapping.
pub fn grants(provider: &IdentityProviderCreated, claims: &Map<String, Value>) -> Vec<Grant> {
    let groups = groups(&provider.setup, claims);
    let mut grants: Vec<Grant> = vec![];
    for mapped in provider.setup.groups.iter().filter(|mapped| groups.contains(mapped.group.as_str())) {
        let grant = Grant { identity_provider_id: Some(provider.id), ..mapped.grant.clone() };
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    grants
}

fn groups<'a>(setup: &ProviderSetup, claims: &'a Map<String, Value>) -> HashSet<&'a str> {
    let name = setup.groups_claim.as_str();
    let claim = match name.strip_prefix('/') {
        None => claims.get(name),
        Some(path) => {
            let (first, rest) =
                path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
            let found = claims.get(&first.replace("~1", "/").replace("~0", "~"));
            found.and_then(|found| rest.map_or(Some(found), |rest| found.pointer(&format!("/{rest}"))))
        }
    };
    match claim {
        Some(Value::String(one)) => HashSet::from([one.as_str()]),
        Some(Value::Array(many)) => many.iter().take(GROUPS).filter_map(Value::as_str).collect(),
        _ => HashSet::new(),
    }
}

/// What people call them and where mail reaches them, as far as that can be kept.
pub fn person(claims: &Map<String, Value>) -> Person {
    let text =
        |name: &str| claims.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    // Some write it as a text; whatever is not a clear yes is a no.
    let unverified =
        claims.get("email_verified").is_some_and(|said| *said != Value::Bool(true) && said != "true");
    let display_name = text("name").filter(|name| fields::text("", name, 200).is_none());
    let email = text("email").filter(|email| !unverified && fields::email("", email).is_none());
    Person { display_name: display_name.map(str::to_owned), email: email.map(str::to_owned) }
}

/// A sign-in name: what the provider calls them, and where they come from, so that nobody is taken for somebody else.
/// From the second on with a number.
pub fn sign_in_name(identity: &Identity, provider: &str, number: usize) -> String {
    let named = ["preferred_username", "email"].iter().find_map(|name| identity.claims.get(*name)?.as_str());
    let folded = fields::sign_in_name(named.unwrap_or(&identity.subject));
    let local = folded.split('@').next().unwrap_or_default();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let local: String = local.chars().take(NAME).map(|c| if fits(c) { c } else { '-' }).collect();
    let local = if local.is_empty() { "somebody" } else { &local };
    match number {
        1 => format!("{local}@{provider}"),
        number => format!("{local}-{number}@{provider}"),
    }
}

#[cfg(test)]
mod tests {
    use contracts::{
        CredentialId,
        directory::{BuiltInRole, GroupGrant, Role},
    };
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const PROVIDER: IdentityProviderId = IdentityProviderId(Uuid::from_u128(1));

    fn provider(claim: &str, groups: &[(&str, BuiltInRole)]) -> IdentityProviderCreated {
        let gives = |(group, role): &(&str, BuiltInRole)| GroupGrant {
            group: (*group).into(),
            grant: Grant::installation(Role::BuiltIn(*role)),
        };
        let setup = ProviderSetup {
            display_name: None,
            issuer: "https://login.example.com".into(),
            client_id: "chancery".into(),
            credential: CredentialId(Uuid::from_u128(2)),
            scopes: vec![],
            groups_claim: claim.into(),
            groups: groups.iter().map(gives).collect(),
            active: true,
        };
        IdentityProviderCreated { id: PROVIDER, organization_id: None, name: "staff".into(), setup }
    }

    fn roles(provider: &IdentityProviderCreated, claims: &Value) -> Vec<String> {
        let grants = grants(provider, claims.as_object().unwrap());
        assert!(grants.iter().all(|grant| grant.identity_provider_id == Some(PROVIDER)));
        grants.iter().map(|grant| grant.role.to_string()).collect()
    }

    #[test]
    fn a_group_gives_what_it_is_mapped_to_and_nothing_else() {
        use BuiltInRole::{Auditor, Master, Requester};
        let staff =
            provider("groups", &[("pki", Master), ("web", Requester), ("mail", Requester), ("qa", Auditor)]);
        for (claims, expected) in [
            (json!({"groups": ["web", "pki"]}), vec!["master", "requester"]),
            (json!({"groups": ["web", "mail"]}), vec!["requester"]),
            (json!({"groups": "qa"}), vec!["auditor"]),
            (json!({"groups": ["PKI", "pki ", "/pki", "pki,web"]}), vec![]),
            (json!({"groups": [["pki"], {"name": "pki"}, 7, null]}), vec![]),
            (json!({"groups": {"pki": true}}), vec![]),
            (json!({"group": ["pki"]}), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(roles(&staff, &claims), expected, "{claims}");
        }
    }

    #[test]
    fn a_claim_may_lie_deeper() {
        let claims = json!({"realm_access": {"roles": ["pki"]}, "https://example.com/groups": ["pki"], "a/b": ["pki"]});
        for (claim, found) in [
            ("/realm_access/roles", true),
            ("/realm_access", false),
            ("realm_access/roles", false),
            ("https://example.com/groups", true),
            ("/a~1b", true),
            ("/", false),
        ] {
            let staff = provider(claim, &[("pki", BuiltInRole::Auditor)]);
            assert_eq!(!roles(&staff, &claims).is_empty(), found, "{claim}");
        }
    }

    #[test]
    fn an_identity_is_one_person_for_ever() {
        let (issuer, other) = ("https://login.example.com", IdentityProviderId(Uuid::from_u128(2)));
        let alice = administrator(PROVIDER, issuer, "1");
        assert_eq!(alice, administrator(PROVIDER, issuer, "1"));
        for another in [
            administrator(PROVIDER, issuer, "2"),
            administrator(PROVIDER, "https://login.example.com/1", ""),
            administrator(PROVIDER, "https://login.example.co", "m1"),
            administrator(other, issuer, "1"),
        ] {
            assert_ne!(alice, another);
        }
    }

    #[test]
    fn a_name_says_where_its_owner_comes_from() {
        let named = |claims: Value, number| {
            let claims = claims.as_object().cloned().unwrap();
            sign_in_name(&Identity { subject: "2482/897".into(), proved_at: None, claims }, "staff", number)
        };
        for (claims, expected) in [
            (json!({"preferred_username": "Alice"}), "alice@staff"),
            (json!({"preferred_username": "master@evil.example"}), "master@staff"),
            (json!({"email": "ann.b+c@example.com"}), "ann.b+c@staff"),
            (json!({"preferred_username": "a b\u{202e}c"}), "a-b-c@staff"),
            (json!({"preferred_username": "@x"}), "somebody@staff"),
            (json!({}), "2482-897@staff"),
        ] {
            let name = named(claims, 1);
            assert_eq!(name, expected);
            assert_eq!(fields::valid_sign_in_name("", &name), None);
        }
        assert_eq!(named(json!({"preferred_username": "alice"}), 2), "alice-2@staff");
    }

    #[test]
    fn what_cannot_be_kept_of_a_person_is_left_out() {
        let kept = |claims: Value| person(claims.as_object().unwrap());
        let alice = kept(json!({"name": " Alice ", "email": "alice@example.com"}));
        assert_eq!(
            (alice.display_name.as_deref(), alice.email.as_deref()),
            (Some("Alice"), Some("alice@example.com"))
        );
        let unverified = json!({"name": "\u{7}", "email": "alice@example.com", "email_verified": false});
        for claims in [unverified, json!({"name": 7, "email": "alice"}), json!({})] {
            assert_eq!(kept(claims), Person::default());
        }
    }
}
