//! What a CA is going to be, judged before anything is made.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use contracts::{
    CaId, Code, KeyId, Lifetime, Problem, Timestamp, Violation,
    signer::{CaIntended, CaKind, CaStatus, CreateCa},
    x509::{KeyAlgorithm, SignatureAlgorithm, Subject},
};
use pki::{
    builder::{self, Addresses, CaTemplate},
    lint::Role,
    name,
    serial::Serial,
};

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
    /// Its subject, a Name in DER.
    pub subject: Vec<u8>,
    /// Its lifetime.
    pub ttl: Lifetime,
    /// Longest lifetime that it gives.
    pub max_ttl: Option<Lifetime>,
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
            key_algorithm: key.map_or(KeyAlgorithm::EcdsaP256, |key| key.algorithm),
            subject,
            ttl,
            max_ttl,
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
        draft::lint(&tbs, self.signature_algorithm(), role, throwaway)?;
        Ok(CaIntended {
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
