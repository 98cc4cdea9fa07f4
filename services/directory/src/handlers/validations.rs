//! The commands about domain validations. Each belongs to the organization that it counts for.

use bus::{Answer, Context};
use contracts::{
    Code, Command, Problem, SecretText, ValidationId,
    directory::{
        CheckDomainValidation, ConfirmDomainValidation, ConfirmedDomainValidation, DomainValidationView,
        DrawValidationCode, DrawnValidationCode, StartDomainValidation,
    },
    id::Reference,
};
use runtime::{authority::Target, entropy::bytes, repository::Executed};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Handlers, hidden, within};
use crate::{
    domain_validation::{DomainValidation, Record, ValidationCommand, check::check},
    validation_view,
};

const KIND: &str = "domain validation";

impl Handlers {
    /// Begins a validation for an organization to which the domain is delegated, or that asked for it.
    pub async fn start_domain_validation(
        &self,
        context: &Context,
        command: StartDomainValidation,
    ) -> Result<Answer<DomainValidationView>, Problem> {
        let StartDomainValidation { domain: reference, organization, method } = command;
        let organization = organization.unwrap_or(Reference::Id(context.tenant));
        let organization_id = self.organization(&organization).await?;
        let is_own = organization_id == context.tenant;
        let context = &within(context, organization_id);
        self.admit_here::<StartDomainValidation>(context)
            .await
            .map_err(|denied| if is_own { denied } else { hidden(denied, "organization", &organization) })?;
        let domain_id = self.domain_named(&reference).await?;
        self.domain_visible(context, domain_id, &reference).await?;
        let known = self.domains.reload(domain_id.uuid()).await?;
        let domain = known.state.0.as_ref().ok_or_else(Problem::internal)?;
        if !domain.delegations.keys().any(|delegate| delegate.organization_id == organization_id) {
            let words = format!("the domain '{}' is not delegated to '{organization}'", domain.name);
            return Err(Problem::new(Code::InvalidState, words));
        }
        // A repeat finds what the first began.
        let stream = Uuid::new_v5(&context.command_id, b"validation");
        let start = ValidationCommand::Start {
            id: stream.into(),
            domain_id,
            domain_name: domain.name.clone(),
            organization_id,
            method,
            expected: hex::encode(bytes::<20>(&*self.entropy)),
        };
        let done = self.validations.create(context, stream, start).await?;
        self.validation_answer(done).await
    }

    /// Looks for the proof now.
    pub async fn check_domain_validation(
        &self,
        context: &Context,
        command: CheckDomainValidation,
    ) -> Result<Answer<DomainValidationView>, Problem> {
        let CheckDomainValidation { domain, validation } = command;
        let missing = || Problem::not_found(KIND, validation);
        let stream = validation.uuid();
        let record = self.validation(validation).await?;
        let is_own = record.organization_id == context.tenant;
        let context = &within(context, record.organization_id);
        self.admit_here::<CheckDomainValidation>(context)
            .await
            .map_err(|denied| if is_own { denied } else { hidden(denied, KIND, &validation) })?;
        if self.domain_named(&domain).await? != record.domain_id {
            return Err(missing());
        }
        if !context.dry_run
            && let Some(first) = self.validations.repeated(context, stream).await?
        {
            return self.validation_answer(first).await;
        }
        let found = if context.dry_run || record.is_over() || record.is_by_mail() {
            ValidationCommand::Missing { reason: "it was not looked for".to_owned(), by_hand: true }
        } else {
            check(&self.outbound, &record, true).await
        };
        let done = self.validations.execute(context, stream, found).await?;
        self.validation_answer(done).await
    }

    /// Draws the code of a mail that is about to be sent. It is never stored, so a repeat cannot tell it again.
    pub async fn draw_validation_code(
        &self,
        context: &Context,
        command: DrawValidationCode,
    ) -> Result<Answer<DrawnValidationCode>, Problem> {
        _ = self.authority.caller::<DrawValidationCode>(context).await?;
        let record = self.validation(command.validation).await?;
        let context = &within(context, record.organization_id);
        let code = format!("{}.{}", record.id, hex::encode(bytes::<32>(&*self.entropy)));
        let draw = ValidationCommand::DrawCode { recipient: command.recipient.clone(), hash: hash(&code) };
        let done = self.validations.execute(context, record.id.uuid(), draw).await?;
        if done.replayed {
            return Err(Problem::new(Code::AlreadyExists, "the code was drawn already; draw another one"));
        }
        let known = done.state.0.clone().ok_or_else(Problem::internal)?;
        let (_, valid_until) = known.codes.get(&command.recipient).ok_or_else(Problem::internal)?;
        let valid_until = *valid_until;
        Ok(done.answer(|_| DrawnValidationCode { code: SecretText::new(code), valid_until }))
    }

    /// Takes a code that was sent by mail as proof.
    pub async fn confirm_domain_validation(
        &self,
        context: &Context,
        command: ConfirmDomainValidation,
    ) -> Result<Answer<ConfirmedDomainValidation>, Problem> {
        _ = self.authority.caller::<ConfirmDomainValidation>(context).await?;
        let code = command.code.reveal();
        // Whose code it might be is answered like a wrong one: nothing can be learnt by guessing.
        let void = || Problem::from(crate::domain_validation::ValidationRefusal::CodeVoid);
        let id = code.split_once('.').and_then(|(id, _)| id.parse::<ValidationId>().ok()).ok_or_else(void)?;
        let record = self.validation(id).await.map_err(|problem| match problem.code {
            Code::NotFound => void(),
            _ => problem,
        })?;
        let confirm = ValidationCommand::Confirm(hash(code));
        let context = &within(context, record.organization_id);
        let done = self.validations.execute(context, id.uuid(), confirm).await?;
        let known = done.state.0.clone().ok_or_else(Problem::internal)?;
        let valid_until = known.valid_until.unwrap_or(known.expires_at);
        let domain_name = known.domain_name;
        Ok(done.answer(|_| ConfirmedDomainValidation { domain_name, valid_until }))
    }

    async fn admit_here<C: Command>(&self, context: &Context) -> Result<(), Problem> {
        self.authority.admit_to::<C>(context, &Target::organization(context.tenant)).await
    }

    /// The validation as it is now, if there is one.
    async fn validation(&self, id: ValidationId) -> Result<Record, Problem> {
        let known = self.validations.reload(id.uuid()).await?;
        known.state.0.clone().ok_or_else(|| Problem::not_found(KIND, id))
    }

    async fn validation_answer(
        &self,
        done: Executed<DomainValidation>,
    ) -> Result<Answer<DomainValidationView>, Problem> {
        let created_at = self.created_at(done.stream).await?;
        let record = done.state.0.clone().ok_or_else(Problem::internal)?;
        Ok(done.answer(|done| validation_view::validation(&record, created_at, done.version)))
    }
}

fn hash(code: &str) -> String {
    hex::encode(Sha256::digest(code))
}
