//! The commands about domains and their delegations. Domains belong to the installation, so their streams stand outside
//! every organization; who is no master sees those that are delegated to them, or that they asked for.

use bus::{Answer, Context};
use contracts::{
    Actor, Code, Command, DomainId, Permission, Problem, Timestamp, Violation,
    directory::{
        ActivateDomain, ApprovalKind, ApprovalStatus, ApproveDelegation, CreateDomain, DeactivateDomain,
        DeclineApproval, Delegate, DelegateDomain, DelegateReference, DelegationView, DomainActivated,
        DomainDeactivated, DomainDelegationRefused, DomainDelegationWithdrawn, DomainEvent, DomainView,
        GiveApproval, RejectDelegation, UpdateDomain, WithdrawDelegation,
    },
    id::Reference,
    x509::CertificateType,
};
use eventlog::Recorded;
use runtime::{
    authority::{Decision, Target, decide},
    command::{event, read_problem},
    repository::Executed,
};

use super::{Handlers, INSTALLATION, hidden, within};
use crate::{
    domain::{Domain, DomainCommand, certified_name},
    domain_view,
};

/// The kind under which the names of domains are reserved.
pub const KIND: &str = "domain";

impl Handlers {
    /// Creates a domain, delegated as it is wished.
    pub async fn create_domain(
        &self,
        context: &Context,
        command: CreateDomain,
    ) -> Result<Answer<DomainView>, Problem> {
        let context = &within(context, INSTALLATION);
        self.authority.admit_to::<CreateDomain>(context, &Target::INSTALLATION).await?;
        let types = command.types.as_deref().unwrap_or(CertificateType::ALL);
        self.speaks_for::<CreateDomain>(context, &Target::INSTALLATION, types)?;
        let mut delegate_to = Vec::with_capacity(command.delegate_to.len());
        for (index, reference) in command.delegate_to.iter().enumerate() {
            let refused = |code: &str, detail: String| {
                let at = Violation::at(format!("#/delegateTo/{index}"), code, &detail);
                Problem::new(Code::ValidationFailed, detail).with_errors(vec![at])
            };
            let delegate = self.delegate_named(reference).await;
            let delegate = delegate.map_err(|missing| refused("delegate_not_found", missing.detail))?;
            let rule = self.approval_rule(delegate.organization_id, ApprovalKind::Delegation).await?;
            if rule.is_some() && !is_service(context) {
                let words = "delegating needs approval here: create the domain, then ask for the delegation";
                return Err(refused("approval_required", words.to_owned()));
            }
            delegate_to.push(delegate);
        }
        let create = |id| DomainCommand::Create {
            id,
            name: command.name.clone(),
            description: command.description.clone(),
            types: command.types.clone(),
            delegate_to: delegate_to.clone(),
        };
        let new = self.ids.uuid();
        // Fields are checked before the name is taken, so that a refusal leaves nothing.
        let check = Context { dry_run: true, ..context.clone() };
        self.domains.create(&check, new, create(new.into())).await?;
        let name = certified_name(&command.name).map_err(|_| Problem::internal())?;
        let id = self.names.reserve(context, KIND, &name, new).await?;
        let done = self.domains.create(context, id, create(id.into())).await?;
        self.domain_answer(done).await
    }

    /// Changes a domain.
    pub async fn update_domain(
        &self,
        context: &Context,
        command: UpdateDomain,
    ) -> Result<Answer<DomainView>, Problem> {
        let UpdateDomain { domain, description, types } = command;
        let id = self.domain_reached::<UpdateDomain>(context, &domain).await?;
        let wanted = types.as_deref().unwrap_or_default();
        self.speaks_for::<UpdateDomain>(context, &Target::INSTALLATION, wanted)?;
        let update = DomainCommand::Update { description, types };
        let done = self.domains.execute(&within(context, INSTALLATION), id.uuid(), update).await?;
        self.domain_answer(done).await
    }

    /// Lets names under a domain be certified again.
    pub async fn activate_domain(
        &self,
        context: &Context,
        command: ActivateDomain,
    ) -> Result<Answer<DomainView>, Problem> {
        let ActivateDomain { domain, reason } = command;
        let activate = DomainCommand::Activate(DomainActivated { reason });
        self.change_domain::<ActivateDomain>(context, &domain, activate).await
    }

    /// Lets no name under a domain be certified.
    pub async fn deactivate_domain(
        &self,
        context: &Context,
        command: DeactivateDomain,
    ) -> Result<Answer<DomainView>, Problem> {
        let DeactivateDomain { domain, reason } = command;
        let deactivate = DomainCommand::Deactivate(DomainDeactivated { reason });
        self.change_domain::<DeactivateDomain>(context, &domain, deactivate).await
    }

    /// Delegates a domain at once for a master, and asks for it for anybody else: by name any domain, by id one they
    /// see already.
    pub async fn delegate_domain(
        &self,
        context: &Context,
        command: DelegateDomain,
    ) -> Result<Answer<DelegationView>, Problem> {
        let DelegateDomain { domain: reference, delegate_to, types } = command;
        let delegate = self.delegate_of::<DelegateDomain>(context, &delegate_to).await?;
        let id = self.domain_named(&reference).await?;
        let rule = self.approval_rule(delegate.organization_id, ApprovalKind::Delegation).await?;
        // Where a rule asks for approval, a master's word is a request, too.
        let is_at_once = self.delegates_at_once(context)? && (rule.is_none() || is_service(context));
        if !is_at_once && let Reference::Id(_) = reference {
            self.domain_visible(context, id, &reference).await?;
        }
        let types = self.types_wished::<DelegateDomain>(context, id, delegate, types).await?;
        let wish = if is_at_once {
            DomainCommand::Delegate { delegate, types }
        } else {
            DomainCommand::Request { delegate, types }
        };
        let done = self.domains.execute(&within(context, INSTALLATION), id.uuid(), wish).await?;
        self.delegation_answer(done, delegate).await
    }

    /// Agrees to a delegation that was asked for.
    pub async fn approve_delegation(
        &self,
        context: &Context,
        command: ApproveDelegation,
    ) -> Result<Answer<DelegationView>, Problem> {
        let id = self.domain_reached::<ApproveDelegation>(context, &command.domain).await?;
        let delegate = self.delegate_named(&command.delegate).await?;
        if !self.agreed(context, id, delegate).await? {
            let known = self.domains.reload(id.uuid()).await?;
            let waits = Executed {
                stream: id.uuid(),
                version: known.version,
                position: self.reader.head().await.map_err(read_problem)?,
                replayed: false,
                state: known.state.clone(),
                dry_run: None,
            };
            return self.delegation_answer(waits, delegate).await;
        }
        let approve = DomainCommand::Approve { delegate, shown: None };
        let done = self.domains.execute(&within(context, INSTALLATION), id.uuid(), approve).await?;
        self.delegation_answer(done, delegate).await
    }

    /// Refuses a delegation that was asked for.
    pub async fn reject_delegation(
        &self,
        context: &Context,
        command: RejectDelegation,
    ) -> Result<Answer<DelegationView>, Problem> {
        let id = self.domain_reached::<RejectDelegation>(context, &command.domain).await?;
        let delegate = self.delegate_named(&command.delegate).await?;
        if !context.dry_run {
            for approval in self.open_delegation(id, delegate).await? {
                let decline = DeclineApproval { approval, reason: command.reason.clone() };
                self.decline_approval(&context.step("decline"), decline).await?;
            }
        }
        let reject = DomainCommand::Reject(DomainDelegationRefused { delegate, reason: command.reason });
        let done = self.domains.execute(&within(context, INSTALLATION), id.uuid(), reject).await?;
        self.delegation_answer(done, delegate).await
    }

    /// Takes a delegation back, or a request for one: a master anybody's, others their own.
    pub async fn withdraw_delegation(
        &self,
        context: &Context,
        command: WithdrawDelegation,
    ) -> Result<Answer<DomainView>, Problem> {
        let WithdrawDelegation { domain: reference, delegate, reason } = command;
        let delegate = self.delegate_of::<WithdrawDelegation>(context, &delegate).await?;
        let id = self.domain_named(&reference).await?;
        self.domain_visible(context, id, &reference).await?;
        let known = self.domains.reload(id.uuid()).await?;
        if let Some(delegation) = known.state.0.as_ref().and_then(|domain| domain.delegations.get(&delegate))
        {
            let place = Target::within(delegate.organization_id, delegate.department_id);
            let types = [&delegation.types[..], &delegation.requested].concat();
            self.speaks_for::<WithdrawDelegation>(context, &place, &types)?;
        }
        let withdraw = DomainCommand::Withdraw(DomainDelegationWithdrawn { delegate, reason });
        let done = self.domains.execute(&within(context, INSTALLATION), id.uuid(), withdraw).await?;
        self.domain_answer(done).await
    }

    /// Approves what waits for approval of a delegation, as the caller; whether that is enough for it to count.
    ///
    /// Errors: those of [`Handlers::give_approval`]; `service_unavailable` while an approval that a rule asks for is not
    /// recorded yet.
    async fn agreed(&self, context: &Context, domain: DomainId, delegate: Delegate) -> Result<bool, Problem> {
        if context.dry_run {
            return Ok(true);
        }
        let open = self.open_delegation(domain, delegate).await?;
        let Some(approval) = open.last().copied() else {
            let rule = self.approval_rule(delegate.organization_id, ApprovalKind::Delegation).await?;
            let known = self.domains.reload(domain.uuid()).await?;
            let delegation = known.state.0.as_ref().and_then(|domain| domain.delegations.get(&delegate));
            let waits = delegation.is_some_and(|delegation| !delegation.requested.is_empty());
            if rule.is_some() && waits {
                return Err(Problem::unavailable("the approval is being recorded; try again"));
            }
            return Ok(true);
        };
        let give = GiveApproval { approval, message: None };
        let given = self.give_approval(&context.step("approve"), give).await?;
        Ok(matches!(given, Answer::Done(reply) if reply.result.status == ApprovalStatus::Granted))
    }

    async fn change_domain<C: Command>(
        &self,
        context: &Context,
        reference: &Reference<DomainId>,
        command: DomainCommand,
    ) -> Result<Answer<DomainView>, Problem> {
        let id = self.domain_reached::<C>(context, reference).await?;
        let done = self.domains.execute(&within(context, INSTALLATION), id.uuid(), command).await?;
        self.domain_answer(done).await
    }

    /// The domain that is named, for a command that only who reaches every organization may send.
    async fn domain_reached<C: Command>(
        &self,
        context: &Context,
        reference: &Reference<DomainId>,
    ) -> Result<DomainId, Problem> {
        let context = &within(context, INSTALLATION);
        let admitted = self.authority.admit_to::<C>(context, &Target::INSTALLATION).await;
        let Err(denied) = admitted else {
            let id = self.domain_named(reference).await?;
            self.speaks_for::<C>(context, &Target::INSTALLATION, &self.types_of(id).await?)?;
            return Ok(id);
        };
        if denied.code == Code::Forbidden {
            let id = self.domain_named(reference).await?;
            self.domain_visible(context, id, reference).await?;
        }
        Err(denied)
    }

    /// The domain that is named, if there is one.
    pub(super) async fn domain_named(&self, reference: &Reference<DomainId>) -> Result<DomainId, Problem> {
        let missing = || Problem::not_found(KIND, reference);
        match reference {
            Reference::Id(id) if self.domains.load(id.uuid()).await?.state.0.is_some() => Ok(*id),
            Reference::Id(_) => Err(missing()),
            Reference::Name(name) => {
                let name = certified_name(name).map_err(|_| missing())?;
                let owner = self.names.owner(INSTALLATION.uuid(), KIND, &name).await?;
                owner.map(Into::into).ok_or_else(missing)
            }
        }
    }

    /// What is not delegated to the caller, nor asked for by them, does not exist for them (Z-1).
    pub(super) async fn domain_visible(
        &self,
        context: &Context,
        id: DomainId,
        reference: &Reference<DomainId>,
    ) -> Result<(), Problem> {
        let Actor::Administrator { .. } = context.actor else { return Ok(()) };
        let caller = self.authority.principal(&context.actor)?;
        let known = self.domains.reload(id.uuid()).await?;
        let mut delegates = known.state.0.iter().flat_map(|domain| domain.delegations.keys());
        let sees_all = caller.parts(Permission::DomainRead).any(|part| part.organization.is_none());
        if sees_all || delegates.any(|delegate| caller.reaches(delegate.organization_id)) {
            return Ok(());
        }
        Err(Problem::not_found(KIND, reference))
    }

    /// Whether the caller's word is a delegation, and not a request for one.
    fn delegates_at_once(&self, context: &Context) -> Result<bool, Problem> {
        let Actor::Administrator { .. } = context.actor else { return Ok(true) };
        let caller = self.authority.principal(&context.actor)?;
        let decision = decide(&caller, Permission::DomainDelegate, &Target::INSTALLATION);
        Ok(matches!(decision, Decision::Allowed { .. }))
    }

    /// Whom a command is about, if the caller may send it about them.
    async fn delegate_of<C: Command>(
        &self,
        context: &Context,
        reference: &DelegateReference,
    ) -> Result<Delegate, Problem> {
        let delegate = self.delegate_named(reference).await?;
        let target = Target::within(delegate.organization_id, delegate.department_id);
        let context = &within(context, delegate.organization_id);
        let admitted = self.authority.admit_to::<C>(context, &target).await;
        admitted.map_err(|denied| hidden(denied, kind(reference), reference))?;
        Ok(delegate)
    }

    /// The organization or department that is named, if there is one.
    async fn delegate_named(&self, reference: &DelegateReference) -> Result<Delegate, Problem> {
        let missing = || Problem::not_found(kind(reference), reference);
        match reference {
            DelegateReference::Organization(Reference::Id(id)) => {
                let known = self.organizations.load(id.uuid()).await?;
                known.tenant.map(|_| Delegate::from(*id)).ok_or_else(missing)
            }
            DelegateReference::Organization(named) => Ok(self.organization(named).await?.into()),
            DelegateReference::Department(id) => {
                let organization_id = self.departments.load(id.uuid()).await?.tenant.ok_or_else(missing)?;
                Ok(Delegate { organization_id, department_id: Some(*id) })
            }
        }
    }

    async fn domain_answer(&self, done: Executed<Domain>) -> Result<Answer<DomainView>, Problem> {
        let history = self.domain_history(&done).await?;
        let created_at = history.first().map_or_else(|| self.clock.now(), |first| first.recorded_at);
        let domain = done.state.0.clone().ok_or_else(Problem::internal)?;
        Ok(done.answer(|done| domain_view::domain(&domain, created_at, done.version)))
    }

    async fn delegation_answer(
        &self,
        done: Executed<Domain>,
        delegate: Delegate,
    ) -> Result<Answer<DelegationView>, Problem> {
        let history = self.domain_history(&done).await?;
        let began = began(&history, delegate)?.unwrap_or_else(|| self.clock.now());
        let domain = done.state.0.clone().ok_or_else(Problem::internal)?;
        Ok(done.answer(|done| domain_view::delegation(&domain, delegate, began, done.version)))
    }

    async fn domain_history(&self, done: &Executed<Domain>) -> Result<Vec<Recorded>, Problem> {
        self.reader.read_stream(done.stream, 0).await.map_err(read_problem)
    }
}

/// When a delegation was first asked for or given, since it was last taken back.
fn began(history: &[Recorded], delegate: Delegate) -> Result<Option<Timestamp>, Problem> {
    let mut began = None;
    for recorded in history {
        match event::<DomainEvent>(recorded)? {
            DomainEvent::DelegationWithdrawn(ended)
                if [delegate, delegate.organization_id.into()].contains(&ended.delegate) =>
            {
                began = None;
            }
            event if event.delegate() == Some(delegate) => _ = began.get_or_insert(recorded.recorded_at),
            _ => {}
        }
    }
    Ok(began)
}

const fn is_service(context: &Context) -> bool {
    matches!(context.actor, Actor::Service(_))
}

const fn kind(reference: &DelegateReference) -> &'static str {
    match reference {
        DelegateReference::Organization(_) => "organization",
        DelegateReference::Department(_) => "department",
    }
}
