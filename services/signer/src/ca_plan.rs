//! What a CA is going to be, judged before anything is made.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    ApprovalId, CaId, Code, KeyId, Lifetime, Problem, Timestamp, Violation,
    signer::{CaIntended, CaKind, CaStatus, CreateCa},
    x509::{KeyAlgorithm, SignatureAlgorithm, Subject},
};
use pki::{
    builder::{self, Addresses, CaTemplate},
    lint::Role,
    name,
    serial::Serial,
};
use serde_json::{Value, json};

use crate::{draft, fields, issuer::Issuer, micro_ca, throwaway::ThrowawayKey};

/// Lifetime of a self-signed CA when none is named.
pub const ROOT_TTL: Lifetime = Lifetime::days(10 * 365);
/// Lifetime of a CA below another when none is named.
const ISSUING_TTL: Lifetime = Lifetime::days(5 * 365);

/// A CA to be made.
#[derive(Clone, Debug)]
pub struct CaPlan {
    /// Its id.
    pub id: CaId,
    /// Its unique name.
    pub name: String,
    /// What it is.
    pub kind: CaKind,
    /// Who signs it; `None` for a self-signed one.
    pub parent: Option<Arc<Issuer>>,
    /// Kind of its key.
    pub key_algorithm: KeyAlgorithm,
    /// The token that its key is made in.
    pub key_token: Option<String>,
    /// Its subject, a Name in DER.
    pub subject: Vec<u8>,
    /// Its lifetime.
    pub ttl: Lifetime,
    /// Longest lifetime that it gives.
    pub max_ttl: Option<Lifetime>,
    /// The approval that it waited for.
    pub approval_id: Option<ApprovalId>,
    /// Its serial number.
    pub serial: Serial,
    /// From when it is valid.
    pub not_before: Timestamp,
}

/// The parent that a command names.
#[derive(Clone, Debug)]
pub enum Parent {
    /// None is named.
    Unnamed,
    /// There is no such CA, or it has no certificate.
    Unknown,
    /// This one.
    Known(Arc<Issuer>),
}

impl CaPlan {
    /// Judges the command. Errors: `validation_failed`, with everything that is not allowed.
    pub fn new(
        command: CreateCa,
        parent: Parent,
        (id, serial): (CaId, Serial),
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let CreateCa { name, kind, key, subject, ttl, max_ttl, parent: _ } = command;
        let mut violations: Vec<Violation> = fields::name(&name).into_iter().collect();
        if name == micro_ca::NAME {
            let detail =
                format!("'{name}' is the name of the organization's own Micro CA; choose another one");
            violations.push(Violation::at("#/name", "name_reserved", detail));
        }
        let parent = match parent_of(kind, parent, now) {
            Ok(parent) => parent,
            Err((code, detail)) => {
                violations.push(Violation::at("#/parent", code, detail));
                None
            }
        };
        let longest =
            parent.as_ref().map(|parent| Lifetime::seconds(parent.not_after.unix() - now.unix() + 1));
        let default = if parent.is_some() { ISSUING_TTL } else { ROOT_TTL };
        // Never past the parent's end: the default gives way, a choice is refused.
        let ttl = ttl.unwrap_or_else(|| longest.map_or(default, |longest| default.min(longest)));
        if let Some(longest) = longest.filter(|longest| ttl > *longest) {
            let detail = format!("{ttl} is too long; the parent ends in {longest}");
            violations
                .push(Violation::at("#/ttl", "ttl_not_allowed", detail).allowing([longest.to_string()]));
        }
        let subject =
            subject.unwrap_or_else(|| Subject { common_name: Some(name.clone()), ..Subject::default() });
        if subject.common_name.is_none() {
            violations.push(Violation::at(
                "#/subject/commonName",
                "missing_common_name",
                "a CA needs a common name",
            ));
        }
        let subject = name::subject_to_name(&subject).unwrap_or_else(|error| {
            violations.push(Violation::at("#/subject", error.code(), error.to_string()));
            vec![]
        });
        if !violations.is_empty() {
            let detail = format!("{} of the values are not allowed", violations.len());
            return Err(Problem::new(Code::ValidationFailed, detail).with_errors(violations));
        }
        Ok(Self {
            id,
            name,
            kind,
            parent,
            key_algorithm: key.as_ref().map_or(KeyAlgorithm::EcdsaP256, |key| key.algorithm),
            key_token: key.and_then(|key| key.token),
            subject,
            ttl,
            max_ttl,
            approval_id: None,
            serial,
            not_before: now.whole_second(),
        })
    }

    /// The algorithm that its certificate is signed with.
    #[must_use]
    pub fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signing_key_algorithm().default_signature()
    }

    /// Kind of the key that signs its certificate.
    #[must_use]
    pub fn signing_key_algorithm(&self) -> KeyAlgorithm {
        self.parent.as_ref().map_or(self.key_algorithm, |parent| parent.key_algorithm)
    }

    /// The intent to make it with this key. Errors: `lint_failed`, when its certificate would break a rule.
    pub fn intent(
        &self,
        key_id: KeyId,
        spki: &[u8],
        throwaway: &ThrowawayKey,
    ) -> Result<CaIntended, Problem> {
        let tbs = self.tbs(spki)?;
        let role = self.parent.as_ref().map_or(Role::Root, |parent| Role::Subordinate(&parent.template));
        draft::judged(&tbs, self.signature_algorithm(), role, throwaway)?;
        Ok(CaIntended {
            approval_id: self.approval_id,
            id: self.id,
            name: self.name.clone(),
            kind: self.kind,
            parent_id: self.parent.as_ref().map(|parent| parent.id),
            key_id,
            signing_key_id: self.parent.as_ref().map_or(key_id, |parent| parent.key_id),
            key_algorithm: self.key_algorithm,
            signature_algorithm: self.signature_algorithm(),
            tbs: BASE64_STANDARD.encode(tbs),
            max_ttl: self.max_ttl,
        })
    }

    /// What it is going to be, as those who decide about it see it.
    #[must_use]
    pub fn describe(&self) -> Value {
        json!({
            "parentId": self.parent.as_ref().map(|parent| parent.id),
            "subject": name::to_text(&self.subject),
            "keyAlgorithm": self.key_algorithm,
            "ttl": self.ttl,
            "maxTtl": self.max_ttl,
        })
    }

    fn tbs(&self, spki: &[u8]) -> Result<Vec<u8>, Problem> {
        let addresses = Addresses::default();
        let template = CaTemplate {
            serial: self.serial,
            subject: &self.subject,
            spki,
            not_before: self.not_before,
            ttl: self.ttl,
            // Below a root there are issuing CAs, and below those none (C-8).
            path_length: Some(u32::from(self.kind == CaKind::Root)),
            digital_signature: false,
            addresses: &addresses,
        };
        let signature = self.signature_algorithm();
        let tbs = match &self.parent {
            Some(parent) => builder::build_subordinate_tbs(&template, &parent.template, signature),
            None => builder::build_root_tbs(&template, signature),
        };
        tbs.map_err(|error| draft::unbuildable(&error))
    }
}

/// The CA that signs, `None` for a self-signed one; or code and words of the violation.
fn parent_of(
    kind: CaKind,
    parent: Parent,
    now: Timestamp,
) -> Result<Option<Arc<Issuer>>, (&'static str, &'static str)> {
    match (kind, parent) {
        (CaKind::Root | CaKind::Micro, Parent::Unnamed) => Ok(None),
        (CaKind::Root | CaKind::Micro, _) => Err(("parent_not_allowed", "a CA of this kind signs itself")),
        (CaKind::Issuing, Parent::Unnamed) => {
            Err(("parent_missing", "an issuing CA needs a root that signs it"))
        }
        (CaKind::Issuing, Parent::Unknown) => {
            Err(("parent_not_found", "there is no such certification authority, or it is not visible to you"))
        }
        (CaKind::Issuing, Parent::Known(parent)) if parent.kind != CaKind::Root => {
            Err(("parent_not_root", "only a root signs issuing CAs"))
        }
        (CaKind::Issuing, Parent::Known(parent))
            if parent.status != CaStatus::Active || now > parent.not_after =>
        {
            Err(("parent_not_active", "the root is suspended or has expired"))
        }
        (CaKind::Issuing, Parent::Known(parent)) => Ok(Some(parent)),
    }
}

#[cfg(test)]
mod tests {
    use contracts::{signer::KeyChoice, x509::Subject};
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::issuer::test::issuer;

    const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));

    fn command(name: &str, kind: CaKind) -> CreateCa {
        CreateCa { name: name.into(), kind, parent: None, key: None, subject: None, ttl: None, max_ttl: None }
    }

    fn plan(command: CreateCa, parent: Parent) -> Result<CaPlan, Problem> {
        CaPlan::new(command, parent, (CaId(Uuid::from_u128(1)), Serial::new([1; 18])), NOON)
    }

    /// A root that ends after so many days.
    fn root(days: i64) -> Arc<Issuer> {
        Arc::new(issuer("root-1", CaKind::Root, NOON, Lifetime::days(days)))
    }

    fn codes(outcome: Result<CaPlan, Problem>) -> Vec<String> {
        outcome.unwrap_err().errors.into_iter().map(|violation| violation.code).collect()
    }

    #[test]
    fn what_is_not_named_has_a_default() {
        let plan = plan(command("root-1", CaKind::Root), Parent::Unnamed).unwrap();
        assert_eq!((plan.key_algorithm, plan.ttl), (KeyAlgorithm::EcdsaP256, Lifetime::days(3_650)));
        assert_eq!(name::common_name(&plan.subject).as_deref(), Some("root-1"));
    }

    #[test]
    fn an_issuing_ca_ends_with_its_root_at_the_latest() {
        let below = |days, ttl| {
            let command = CreateCa { ttl, ..command("issuing-1", CaKind::Issuing) };
            plan(command, Parent::Known(root(days)))
        };
        assert_eq!(below(3_650, None).unwrap().ttl, Lifetime::days(5 * 365));
        assert_eq!(below(30, None).unwrap().ttl, Lifetime::days(30));
        assert_eq!(below(30, Some(Lifetime::days(30))).unwrap().ttl, Lifetime::days(30));
        assert_eq!(codes(below(30, Some(Lifetime::days(31)))), ["ttl_not_allowed"]);
    }

    #[test]
    fn only_an_issuing_ca_has_a_parent_and_that_is_an_active_root() {
        let micro = issuer("micro-1", CaKind::Micro, NOON, Lifetime::days(30));
        let suspended = root(30).with_status(CaStatus::Suspended);
        for (kind, parent, code) in [
            (CaKind::Root, Parent::Known(root(30)), "parent_not_allowed"),
            (CaKind::Micro, Parent::Unknown, "parent_not_allowed"),
            (CaKind::Issuing, Parent::Unnamed, "parent_missing"),
            (CaKind::Issuing, Parent::Unknown, "parent_not_found"),
            (CaKind::Issuing, Parent::Known(Arc::new(micro)), "parent_not_root"),
            (CaKind::Issuing, Parent::Known(Arc::new(suspended)), "parent_not_active"),
        ] {
            assert_eq!(codes(plan(command("ca-1", kind), parent)), [code], "{kind:?}");
        }
    }

    #[test]
    fn everything_that_is_not_allowed_is_said_at_once() {
        let command = CreateCa {
            subject: Some(Subject { country: Some("Canada".into()), ..Subject::default() }),
            ..command("Root 1", CaKind::Issuing)
        };
        assert_eq!(codes(plan(command, Parent::Unnamed)).len(), 4, "name, parent, common name and country");
        let reserved = command_named(micro_ca::NAME);
        assert_eq!(codes(plan(reserved, Parent::Unnamed)), ["name_reserved"]);
    }

    fn command_named(name: &str) -> CreateCa {
        command(name, CaKind::Micro)
    }

    #[test]
    fn each_kind_makes_a_certificate_that_keeps_the_rules() {
        for (kind, parent) in [
            (CaKind::Root, Parent::Unnamed),
            (CaKind::Micro, Parent::Unnamed),
            (CaKind::Issuing, Parent::Known(root(3_650))),
        ] {
            let key = Some(KeyChoice { algorithm: KeyAlgorithm::EcdsaP384, token: None });
            let plan = plan(CreateCa { key, ..command("ca-1", kind) }, parent).unwrap();
            let own = ThrowawayKey::generate(plan.key_algorithm).unwrap();
            let signing = ThrowawayKey::generate(plan.signing_key_algorithm()).unwrap();
            let intent = plan.intent(KeyId(Uuid::from_u128(2)), own.spki(), &signing).unwrap();
            assert_eq!(intent.signature_algorithm, plan.signing_key_algorithm().default_signature());
            assert_eq!(intent.signing_key_id == intent.key_id, kind != CaKind::Issuing);
        }
    }
}
