//! For which types of certificates somebody speaks when domains and their delegations change: those of their grants.

use bus::Context;
use contracts::{Actor, Code, Command, DomainId, Problem, directory::Delegate, x509::CertificateType};
use runtime::authority::{Target, permitted};

use super::Handlers;

impl Handlers {
    /// The types that a delegation is wished for; where none are named, those of the domain that the sender's grants are
    /// for. Errors: `forbidden`, for a type that they are not for.
    pub(super) async fn types_wished<C: Command>(
        &self,
        context: &Context,
        domain: DomainId,
        delegate: Delegate,
        types: Option<Vec<CertificateType>>,
    ) -> Result<Option<Vec<CertificateType>>, Problem> {
        let place = Target::within(delegate.organization_id, delegate.department_id);
        let held = self.types_held::<C>(context, &place)?;
        if let Some(types) = types {
            only(&held, &types)?;
            return Ok(Some(types));
        }
        let of_domain = self.types_of(domain).await?;
        if of_domain.iter().all(|kind| held.contains(kind)) {
            return Ok(None);
        }
        let wished: Vec<_> = of_domain.iter().copied().filter(|kind| held.contains(kind)).collect();
        if wished.is_empty() { only(&held, &of_domain).map(|()| None) } else { Ok(Some(wished)) }
    }

    /// Whether the sender's grants are for all of these types. Errors: `forbidden`.
    pub(super) fn speaks_for<C: Command>(
        &self,
        context: &Context,
        place: &Target,
        types: &[CertificateType],
    ) -> Result<(), Problem> {
        only(&self.types_held::<C>(context, place)?, types)
    }

    /// The types of a domain.
    pub(super) async fn types_of(&self, domain: DomainId) -> Result<Vec<CertificateType>, Problem> {
        let known = self.domains.load(domain.uuid()).await?;
        Ok(known.state.0.as_ref().map(|domain| domain.types.clone()).unwrap_or_default())
    }

    fn types_held<C: Command>(
        &self,
        context: &Context,
        place: &Target,
    ) -> Result<Vec<CertificateType>, Problem> {
        let Actor::Administrator { .. } = context.actor else { return Ok(CertificateType::ALL.to_vec()) };
        let caller = self.authority.principal(&context.actor)?;
        let permission = C::PERMISSION.ok_or_else(Problem::internal)?;
        let holds = |kind: &CertificateType| {
            permitted(&caller, permission, &Target { certificate_type: Some(*kind), ..*place }).is_ok()
        };
        Ok(CertificateType::ALL.iter().copied().filter(holds).collect())
    }
}

fn only(held: &[CertificateType], types: &[CertificateType]) -> Result<(), Problem> {
    let Some(beyond) = types.iter().find(|kind| !held.contains(kind)) else { return Ok(()) };
    let words = format!("your rights there are not for certificates of the type '{}'", beyond.as_str());
    Err(Problem::new(Code::Forbidden, words))
}
