//! `create_policy` and `update_policy`.

use bus::{Answer, Context, Reply};
use contracts::{
    Event, PolicyId, Problem,
    id::Reference,
    signer::{CreatePolicy, PolicyCreated, PolicyEvent, PolicyView, UpdatePolicy},
};
use runtime::repository::Executed;

use crate::{
    fields, log,
    policy::{Policy, PolicyCommand},
    profiles::policy_change,
    signer::Signer,
};

impl Signer {
    /// Answers the command.
    pub async fn create_policy(
        &self,
        context: Context,
        command: CreatePolicy,
    ) -> Result<Answer<PolicyView>, Problem> {
        self.authority.admit::<CreatePolicy>(&context).await?;
        let summary = format!("make the certificate policy '{}'", command.name);
        let act = policy_change(None, None, summary, None);
        let dry = Context { dry_run: true, ..context.clone() };
        let tried = self.create_policy_admitted(dry, command.clone());
        if let Some(held) = self.hold(&context, &command, act, tried).await? {
            return Ok(held);
        }
        self.create_policy_admitted(context, command).await
    }

    /// Makes it, once it may be made.
    pub(crate) async fn create_policy_admitted(
        &self,
        context: Context,
        command: CreatePolicy,
    ) -> Result<Answer<PolicyView>, Problem> {
        if let Some(first) = log::first_event(&self.reader, &context).await? {
            let executed =
                self.policies.repeated(&context, first.stream).await?.ok_or_else(Problem::internal)?;
            return self.policy_answer(&context, executed).await;
        }
        let CreatePolicy { name, rules } = command;
        fields::valid_name(&name)?;
        let created =
            |id| PolicyCommand::Create(PolicyCreated { id, name: name.clone(), rules: rules.clone() });
        let id: PolicyId = self.ids.id();
        // Judged before the name is reserved, so that a refusal leaves nothing.
        let tried = Context { dry_run: true, ..context.clone() };
        let tried = self.policies.create(&tried, id.uuid(), created(id)).await?;
        let id = PolicyId(self.names.reserve(&context, PolicyEvent::CATEGORY, &name, id.uuid()).await?);
        if context.dry_run {
            return self.policy_answer(&context, tried).await;
        }
        let executed = self.policies.create(&context, id.uuid(), created(id)).await?;
        self.policy_answer(&context, executed).await
    }

    /// Answers the command.
    pub async fn update_policy(
        &self,
        context: Context,
        command: UpdatePolicy,
    ) -> Result<Answer<PolicyView>, Problem> {
        self.authority.admit::<UpdatePolicy>(&context).await?;
        let current = self.known_policy(&context, &command.policy).await?;
        let summary = format!("change the certificate policy '{}'", current.name);
        let act = policy_change(Some(current.id.to_string()), None, summary, Some(current.version));
        let dry = Context { dry_run: true, ..context.clone() };
        let tried = self.update_policy_admitted(dry, command.clone());
        if let Some(held) = self.hold(&context, &command, act, tried).await? {
            return Ok(held);
        }
        self.update_policy_admitted(context, command).await
    }

    /// Changes it, once it may be changed.
    pub(crate) async fn update_policy_admitted(
        &self,
        context: Context,
        command: UpdatePolicy,
    ) -> Result<Answer<PolicyView>, Problem> {
        let UpdatePolicy { policy, rules } = command;
        let id = self.find_policy(&context, &policy).await?;
        let executed = self.policies.execute(&context, id.uuid(), PolicyCommand::Update(rules)).await?;
        self.policy_answer(&context, executed).await
    }

    /// A policy of the organization. Errors: `not_found`.
    pub(crate) async fn find_policy(
        &self,
        context: &Context,
        reference: &Reference<PolicyId>,
    ) -> Result<PolicyId, Problem> {
        Ok(self.known_policy(context, reference).await?.id)
    }

    async fn known_policy(
        &self,
        context: &Context,
        reference: &Reference<PolicyId>,
    ) -> Result<PolicyView, Problem> {
        self.find(|catalog| catalog.policy(context.tenant, reference).cloned())
            .await?
            .ok_or_else(|| Problem::not_found("certificate policy", reference))
    }

    /// The answer, once requests are judged by what it says.
    async fn policy_answer(
        &self,
        context: &Context,
        executed: Executed<Policy>,
    ) -> Result<Answer<PolicyView>, Problem> {
        let Executed { stream, version, position, replayed, state, dry_run } = executed;
        if let Some(dry_run) = dry_run {
            return Ok(Answer::Dry(dry_run));
        }
        self.known(position).await?;
        let id = Reference::Id(PolicyId(stream));
        let now = self.catalog.read(|catalog| catalog.policy(context.tenant, &id).cloned());
        let mut result = now.ok_or_else(Problem::internal)?;
        result.version = version;
        if let Policy::Active(rules) = state {
            result.rules = *rules;
        }
        Ok(Reply { stream: Some(stream), version, position, replayed, result }.into())
    }
}
