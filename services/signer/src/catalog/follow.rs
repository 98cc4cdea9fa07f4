//! How the catalog follows the log.

use std::sync::Arc;

use contracts::{
    CaId, Event, OrganizationId, PolicyId, ProfileId,
    directory::{ApprovalPolicyEvent, DepartmentEvent, OrganizationEvent},
    event::EventError,
    signer::{CaEvent, CaStatus, PolicyEvent, ProfileEvent, SignerNameEvent},
};
use eventlog::Recorded;
use runtime::fold::Fold;
use serde::de::Error as _;

use super::{Catalog, KnownCa, KnownProfile};
use crate::{issuer::Issuer, rules::Rules, view};

impl Fold for Catalog {
    const CATEGORIES: &'static [&'static str] =
        &["organization", "department", "approval_policy", "ca", "policy", "profile", "signer_name"];

    fn apply(&mut self, recorded: &Recorded) -> Result<(), EventError> {
        match &*recorded.category {
            OrganizationEvent::CATEGORY => {
                self.first_organization.get_or_insert(OrganizationId(recorded.tenant));
                self.organizations.apply_organization(recorded.stream.into(), read(recorded)?);
            }
            DepartmentEvent::CATEGORY => {
                self.organizations.apply_department(recorded.stream.into(), read(recorded)?);
            }
            ApprovalPolicyEvent::CATEGORY => self.approval_policies.apply(read(recorded)?),
            CaEvent::CATEGORY => self.apply_ca(read(recorded)?, recorded)?,
            PolicyEvent::CATEGORY => self.apply_policy(read(recorded)?, recorded),
            ProfileEvent::CATEGORY => self.apply_profile(read(recorded)?, recorded),
            SignerNameEvent::CATEGORY => {
                let SignerNameEvent::Reserved(reserved) = read(recorded)?;
                self.owners.insert(recorded.stream, reserved.owner); // the last one has it: names may be taken over
            }
            _ => {}
        }
        Ok(())
    }
}

fn read<E: Event>(recorded: &Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}

impl Catalog {
    fn apply_ca(&mut self, event: CaEvent, recorded: &Recorded) -> Result<(), EventError> {
        let id = CaId(recorded.stream);
        let before = self.cas.remove(&id);
        let (before, known) = match before {
            Some(KnownCa { view, intent, issuer }) => (Some(view), Some((intent, issuer))),
            None => (None, None),
        };
        let Some(view) = view::ca(before, event.clone(), recorded) else { return Ok(()) };
        let known = match (event, known) {
            (CaEvent::Intended(intent), _) => Some((Arc::new(intent), None)),
            (CaEvent::Created(created), Some((intent, _))) => {
                let parent = intent.parent_id.and_then(|parent| self.cas.get(&parent)?.issuer.clone());
                let issuer = Issuer::read(&intent, &created, parent.as_deref()).map_err(|error| {
                    EventError::Payload { kind: "ca.created", source: serde_json::Error::custom(error) }
                })?;
                Some((intent, Some(Arc::new(issuer))))
            }
            (CaEvent::Suspended(_), Some((intent, issuer))) => {
                Some((intent, with_status(issuer, CaStatus::Suspended)))
            }
            (CaEvent::Resumed(_), Some((intent, issuer))) => {
                Some((intent, with_status(issuer, CaStatus::Active)))
            }
            (CaEvent::Created(_) | CaEvent::Suspended(_) | CaEvent::Resumed(_), None) => None,
        };
        if let Some((intent, issuer)) = known {
            self.cas.insert(id, KnownCa { view, intent, issuer });
        }
        Ok(())
    }

    fn apply_policy(&mut self, event: PolicyEvent, recorded: &Recorded) {
        let id = PolicyId(recorded.stream);
        let before = self.policies.remove(&id);
        let Some(policy) = view::policy(before, event, recorded) else { return };
        for known in self.profiles.values_mut().filter(|known| known.view.rules.policy == id) {
            known.rules = Some(Arc::new(Rules::capture(&known.view, &policy)));
        }
        self.policies.insert(id, policy);
    }

    fn apply_profile(&mut self, event: ProfileEvent, recorded: &Recorded) {
        let id = ProfileId(recorded.stream);
        let before = self.profiles.remove(&id).map(|known| known.view);
        let Some(view) = view::profile(before, event, recorded) else { return };
        let rules =
            self.policies.get(&view.rules.policy).map(|policy| Arc::new(Rules::capture(&view, policy)));
        self.profiles.insert(id, KnownProfile { view, rules });
    }
}

fn with_status(issuer: Option<Arc<Issuer>>, status: CaStatus) -> Option<Arc<Issuer>> {
    issuer.map(|issuer| Arc::new(issuer.with_status(status)))
}
