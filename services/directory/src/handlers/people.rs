//! Persons: added, changed, archived, restored, erased.

use std::sync::Arc;

use bus::{Answer, Context};
use contracts::{
    Code, Command, DepartmentId, OrganizationId, PersonId, Problem, SecretText, Violation,
    directory::{
        AddPerson, ArchivePerson, Delegate, ErasePerson, PersonArchived, PersonRestored, PersonUpdated,
        PersonView, RestorePerson, UpdatePerson,
    },
    id::Reference,
    x509::CertificateType,
};
use runtime::{
    authority::{Authority, Caller, Target},
    command::read_problem,
    repository::{Executed, Snapshot},
};

use super::{Handlers, hidden, within};
use crate::people::{
    add::{Added, Wanted, taken},
    details::Details,
    person::{Person, PersonCommand},
    secret_id,
    table::{Kept, SecretChange},
};

/// A person whom the caller may change.
struct Reached {
    caller: Caller,
    context: Context,
    before: Arc<Snapshot<Person>>,
}

impl Handlers {
    /// Adds a person.
    pub async fn add_person(
        &self,
        context: &Context,
        command: AddPerson,
    ) -> Result<Answer<PersonView>, Problem> {
        let caller = self.authority.caller::<AddPerson>(context).await?;
        if let Some(first) = self.added_before(context).await? {
            let kept = self.details.find(first.stream.into()).await?;
            return self.person_answer(first, kept).await;
        }
        let (organization, department) = self.place_of_person(&caller, context, &command).await?;
        let details = Details::of(&command);
        let delegate = Delegate { organization_id: organization, department_id: department };
        self.acceptable(&details, delegate).await?;
        let secret_id = match &command.secret_id {
            Some(word) => self.secret_id_kept(word).await?,
            None => None,
        };
        let (command, validation) = (context.command_id, command.validation_type);
        let wanted = Wanted { command, organization, department, details, validation, secret_id };
        if context.dry_run {
            if !self.people_existing(std::slice::from_ref(&wanted)).await?.is_empty() {
                return Err(taken());
            }
            let id = self.ids.id::<PersonId>();
            let add = PersonCommand::Add(contracts::directory::PersonAdded {
                id,
                department_id: department,
                validation_type: validation,
            });
            let done = self.persons.create(&within(context, organization), id.uuid(), add).await?;
            return self.person_answer(done, None).await;
        }
        match self.add_people(context, &[wanted], None).await?.pop() {
            Some(Added::Now(done)) => {
                let kept = self.details.find(done.stream.into()).await?;
                self.person_answer(done, kept).await
            }
            _ => Err(taken()),
        }
    }

    /// Changes a person.
    pub async fn update_person(
        &self,
        context: &Context,
        command: UpdatePerson,
    ) -> Result<Answer<PersonView>, Problem> {
        let id = command.person;
        let _turn = self.people_turn().await?;
        let reached = self.person_reached::<UpdatePerson>(context, id).await?;
        let Some(known) = reached.before.state.0 else { return Err(Problem::not_found("person", id)) };
        let organization = reached.context.tenant;
        let department = match &command.department {
            None => known.department,
            Some(text) => self.new_department(&reached.caller, organization, text).await?,
        };
        let now = self.details.find(id).await?.map(|kept| kept.details).unwrap_or_default();
        let details = changed(&now, &command);
        let mut fields = now.differences(&details);
        let moved = department != known.department;
        if !fields.is_empty() || moved {
            let delegate = Delegate { organization_id: organization, department_id: department };
            let addresses = |details: &Details| (details.email.clone(), details.alternative_emails.clone());
            refuse(details.violations())?;
            if moved || addresses(&now) != addresses(&details) {
                self.within_domains(&details, delegate).await?;
            }
        }
        if !now.email.eq_ignore_ascii_case(&details.email) {
            let known = self.details.with_emails(&[(organization, details.email.as_str())]).await?;
            if known.iter().any(|kept| kept.id != id) {
                return Err(taken());
            }
        }
        let secret = match &command.secret_id {
            None => SecretChange::Stays,
            Some(word) if word.reveal().is_empty() => SecretChange::Becomes(None),
            Some(word) => SecretChange::Becomes(self.secret_id_kept(word).await?),
        };
        if secret != SecretChange::Stays {
            fields.push("secretId".into());
        }
        let update = PersonCommand::Update(PersonUpdated {
            department_id: department,
            validation_type: command.validation_type.unwrap_or(known.validation),
            fields: fields.clone(),
        });
        let done = self.persons.execute(&reached.context, id.uuid(), update).await?;
        // A repeat finishes what its first time may have left undone, unless others changed the person since.
        let is_last = self.persons.reload(id.uuid()).await?.version == done.version;
        if done.dry_run.is_none() && !fields.is_empty() && is_last {
            self.details.change(id, &details, &secret).await?;
        }
        let kept = self.details.find(id).await?;
        self.person_answer(done, kept).await
    }

    /// Archives a person.
    pub async fn archive_person(
        &self,
        context: &Context,
        command: ArchivePerson,
    ) -> Result<Answer<PersonView>, Problem> {
        let archive = PersonCommand::Archive(PersonArchived { reason: command.reason });
        self.change_person::<ArchivePerson>(context, command.person, archive).await
    }

    /// Restores an archived person.
    pub async fn restore_person(
        &self,
        context: &Context,
        command: RestorePerson,
    ) -> Result<Answer<PersonView>, Problem> {
        let restore = PersonCommand::Restore(PersonRestored { reason: command.reason });
        self.change_person::<RestorePerson>(context, command.person, restore).await
    }

    /// Erases who a person was.
    pub async fn erase_person(
        &self,
        context: &Context,
        command: ErasePerson,
    ) -> Result<Answer<PersonView>, Problem> {
        self.change_person::<ErasePerson>(context, command.person, PersonCommand::Erase).await
    }

    async fn change_person<C: Command>(
        &self,
        context: &Context,
        id: PersonId,
        command: PersonCommand,
    ) -> Result<Answer<PersonView>, Problem> {
        let erases = matches!(command, PersonCommand::Erase);
        let _turn = self.people_turn().await?;
        let Reached { context, .. } = self.person_reached::<C>(context, id).await?;
        let done = self.persons.execute(&context, id.uuid(), command).await?;
        if erases && done.dry_run.is_none() {
            self.details.erase(id).await?;
        }
        let kept = self.details.find(id).await?;
        self.person_answer(done, kept).await
    }

    /// A person whom the caller may do a command to. Errors: `not_found`.
    async fn person_reached<C: Command>(&self, context: &Context, id: PersonId) -> Result<Reached, Problem> {
        let caller = self.authority.caller::<C>(context).await?;
        let missing = || Problem::not_found("person", id);
        let before = self.persons.reload(id.uuid()).await?;
        let (Some(known), Some(organization)) = (before.state.0, before.tenant) else {
            return Err(missing());
        };
        let target = target(organization, known.department);
        caller.permit(&target).map_err(|denied| hidden(denied, "person", &id))?;
        Ok(Reached { caller, context: within(context, organization), before })
    }

    /// Where a new person is to be, if the caller may add them there. What is not the caller's does not exist for them.
    pub async fn place_of_person(
        &self,
        caller: &Caller,
        context: &Context,
        person: &AddPerson,
    ) -> Result<(OrganizationId, Option<DepartmentId>), Problem> {
        let organization = match &person.organization {
            None => context.tenant,
            Some(reference) => {
                let look = |authority: &Authority| match reference {
                    Reference::Id(id) => authority.has_organization(*id).then_some(*id),
                    Reference::Name(name) => authority.organization_named(name),
                };
                let look = |authority: &Authority| look(authority).filter(|id| reaches(caller, *id));
                let missing = || Problem::not_found("organization", reference);
                self.authority.find(look).await?.ok_or_else(missing)?
            }
        };
        let department = match &person.department {
            Some(reference) => Some(self.department_meant(caller, organization, reference).await?),
            None => caller.principal().and_then(|principal| principal.only_department(WRITE, organization)),
        };
        caller.permit(&target(organization, department))?;
        self.authority.in_use(organization, department)?;
        Ok((organization, department))
    }

    async fn department_meant(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        reference: &Reference<DepartmentId>,
    ) -> Result<DepartmentId, Problem> {
        let look = |authority: &Authority| {
            let (id, _) = authority.department(organization, reference)?;
            caller.permit(&target(organization, Some(id))).is_ok().then_some(id)
        };
        self.authority.find(look).await?.ok_or_else(|| Problem::not_found("department", reference))
    }

    async fn new_department(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        text: &str,
    ) -> Result<Option<DepartmentId>, Problem> {
        let department = if text.is_empty() {
            None
        } else {
            let reference = text.parse().map_err(|error: contracts::IdError| {
                let violation = Violation::at("#/department", "invalid_value", error.to_string());
                Problem::new(Code::ValidationFailed, error.to_string()).with_errors(vec![violation])
            })?;
            Some(self.department_meant(caller, organization, &reference).await?)
        };
        caller.permit(&target(organization, department))?;
        self.authority.in_use(organization, department)?;
        Ok(department)
    }

    /// Whether a person may be called so and have these addresses. Errors: `validation_failed`.
    async fn acceptable(&self, details: &Details, delegate: Delegate) -> Result<(), Problem> {
        refuse(details.violations())?;
        self.within_domains(details, delegate).await
    }

    /// A refusal is looked up in the log first, so that what was delegated a moment ago counts at once.
    async fn within_domains(&self, details: &Details, delegate: Delegate) -> Result<(), Problem> {
        if self.domains_known()
            && self.delegated.read(|domains| details.outside(domains, delegate)).is_empty()
        {
            return Ok(());
        }
        self.domains_level().await?;
        refuse(self.delegated.read(|domains| details.outside(domains, delegate)))
    }

    fn domains_known(&self) -> bool {
        self.delegated.has_caught_up() && !self.delegated.is_halted()
    }

    /// Waits until the domains of now are known. Errors: `service_unavailable`.
    pub async fn domains_level(&self) -> Result<(), Problem> {
        let unknown =
            || Problem::unavailable("which domains are delegated is not known at the moment; try again");
        let level = tokio::time::timeout(super::PATIENCE, self.delegated.catch_up());
        level.await.map_err(|_elapsed| unknown())?.map_err(read_problem)?;
        if self.domains_known() { Ok(()) } else { Err(unknown()) }
    }

    /// The kept form of the word by which a person is recognized; an empty one is none.
    pub async fn secret_id_kept(&self, word: &SecretText) -> Result<Option<String>, Problem> {
        if word.reveal().is_empty() {
            return Ok(None);
        }
        let (word, entropy) = (SecretText::new(word.reveal().to_owned()), self.entropy.clone());
        let hashing = tokio::task::spawn_blocking(move || secret_id::hashed(&word, &*entropy));
        hashing.await.map_err(|_| Problem::internal())?.map(Some)
    }

    /// What this command added, if it did before.
    async fn added_before(&self, context: &Context) -> Result<Option<Executed<Person>>, Problem> {
        let outcome = self.reader.outcome(context.command_id).await.map_err(read_problem)?;
        let Some(outcome) = outcome else { return Ok(None) };
        let first = self.reader.read(outcome.first - 1, Some(&["person"]), 1).await.map_err(read_problem)?;
        let Some(first) = first.first().filter(|first| first.command_id == context.command_id) else {
            return Ok(None);
        };
        self.persons.repeated(context, first.stream).await
    }

    async fn person_answer(
        &self,
        done: Executed<Person>,
        kept: Option<Kept>,
    ) -> Result<Answer<PersonView>, Problem> {
        let events = self.reader.read_stream(done.stream, 0).await.map_err(read_problem)?;
        let organization = events.first().map_or(super::INSTALLATION, |first| OrganizationId(first.tenant));
        let created_at = events.first().map_or_else(|| self.clock.now(), |first| first.recorded_at);
        let known = done.state.0.ok_or_else(Problem::internal)?;
        let has_secret_id = kept.as_ref().is_some_and(|kept| kept.has_secret_id);
        let details = kept.map(|kept| kept.details);
        Ok(done.answer(|done| {
            let (email, first, last) = match &details {
                Some(of) => (Some(&of.email), Some(&of.first_name), Some(&of.last_name)),
                None => (None, None, None),
            };
            PersonView {
                id: done.stream.into(),
                organization_id: organization,
                department_id: known.department,
                email: email.cloned(),
                first_name: first.cloned(),
                middle_name: details.as_ref().and_then(|details| details.middle_name.clone()),
                last_name: last.cloned(),
                alternative_emails: details.map(|details| details.alternative_emails).unwrap_or_default(),
                validation_type: known.validation,
                has_secret_id,
                status: known.status,
                created_at,
                version: done.version,
            }
        }))
    }
}

const WRITE: contracts::Permission = contracts::Permission::PersonWrite;

/// What a person is, for those who judge rights: somebody with client certificates.
pub const fn target(organization: OrganizationId, department: Option<DepartmentId>) -> Target {
    Target { certificate_type: Some(CertificateType::Client), ..Target::within(organization, department) }
}

/// Whether somebody may change people anywhere in an organization.
fn reaches(caller: &Caller, organization: OrganizationId) -> bool {
    caller.principal().is_none_or(|principal| {
        principal.parts(WRITE).any(|part| part.organization.is_none_or(|reached| reached == organization))
    })
}

fn changed(now: &Details, command: &UpdatePerson) -> Details {
    let or = |now: &String, new: &Option<String>| new.clone().unwrap_or_else(|| now.clone());
    Details {
        email: or(&now.email, &command.email),
        first_name: or(&now.first_name, &command.first_name),
        middle_name: command.middle_name.clone().or_else(|| now.middle_name.clone()),
        last_name: or(&now.last_name, &command.last_name),
        alternative_emails: command
            .alternative_emails
            .clone()
            .unwrap_or_else(|| now.alternative_emails.clone()),
    }
    .normal()
}

fn refuse(errors: Vec<Violation>) -> Result<(), Problem> {
    let Some(first) = errors.first() else { return Ok(()) };
    let words = match errors.len() {
        1 => first.detail.clone(),
        many => format!("{many} fields of the person are not allowed"),
    };
    Err(Problem::new(Code::ValidationFailed, words).with_errors(errors))
}
