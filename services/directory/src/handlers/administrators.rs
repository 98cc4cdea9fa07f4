//! Administrators: appointed, changed, disabled, enabled, removed.

use bus::{Answer, Context};
use contracts::{
    AdministratorId, Code, Command, Problem, Violation,
    directory::{
        AdministratorAppointed, AdministratorDisabled, AdministratorEnabled, AdministratorRemoved,
        AdministratorSecondFactorRemoved, AdministratorStatus, AdministratorView, AppointAdministrator,
        DisableAdministrator, EnableAdministrator, Grant, RemoveAdministrator, ResetSecondFactor, SessionEnd,
        UpdateAdministrator,
    },
};
use runtime::{
    authority::{Caller, Principal, Target},
    repository::Executed,
};
use serde::Deserialize;
use serde_json::Value;

use super::{Handlers, INSTALLATION, within};
use crate::{
    administrator::{Administrator, AdministratorCommand},
    fields,
    person::Person,
};

/// An administrator whom the caller sees, and the caller.
pub(super) struct Seen {
    pub(super) caller: Caller,
    pub(super) principal: Principal,
    pub(super) context: Context,
    pub(super) grants: Vec<Grant>,
}

impl Handlers {
    /// Appoints an administrator.
    pub async fn appoint_administrator(
        &self,
        context: &Context,
        command: AppointAdministrator,
    ) -> Result<Answer<AdministratorView>, Problem> {
        let caller = self.authority.caller::<AppointAdministrator>(context).await?;
        let principal = self.authority.principal(&context.actor)?;
        let name = fields::sign_in_name(&command.name);
        let person = Person::default().changed(command.display_name, command.email);
        let mut errors: Vec<Violation> = fields::valid_sign_in_name("#/name", &name).into_iter().collect();
        errors.extend(described(&person));
        if command.grants.is_empty() {
            errors.push(Violation::at(
                "#/grants",
                "empty",
                "an administrator is appointed with at least one grant",
            ));
        }
        refuse(errors)?;
        let _turn = self.one_at_a_time().await?;
        let grants = self.resolved(&principal, &command.grants)?;
        self.may_give(&caller, &principal, grants.clone())?;
        let organization = grants.first().and_then(|grant| grant.organization_id).unwrap_or(INSTALLATION);
        let (installation, new) = (within(context, INSTALLATION), self.ids.uuid());
        let owner = self.names.reserve(&installation, "administrator", &name, new).await?;
        // The first administrators of an installation were appointed before names were reserved.
        if self.authority.administrator_named(&name).is_some_and(|known| known.uuid() != owner) {
            let words = format!("the administrator name '{name}' is taken");
            let taken = Violation::at("#/name", "name_taken", words.clone());
            return Err(Problem::new(Code::AlreadyExists, words).with_errors(vec![taken]));
        }
        let id = AdministratorId(owner);
        let appointed =
            AdministratorAppointed { id, name, kind: command.kind, grants, identity_provider_id: None };
        let appoint = AdministratorCommand::Appoint(appointed);
        let done = self.administrators.create(&within(context, organization), owner, appoint).await?;
        if done.dry_run.is_none() && person != Person::default() {
            self.people.keep(id, &person).await?;
        }
        self.administrator_answer(&caller, done, person).await
    }

    /// Changes what an administrator is called and what they may do.
    pub async fn update_administrator(
        &self,
        context: &Context,
        command: UpdateAdministrator,
    ) -> Result<Answer<AdministratorView>, Problem> {
        let _turn = self.one_at_a_time().await?;
        let id = command.administrator;
        let seen = self.seen::<UpdateAdministrator>(context, id).await?;
        let now = self.people.find(id).await?;
        let person = now.changed(command.display_name, command.email);
        refuse(described(&person).collect())?;
        let described = now.differences(&person);
        let oneself = seen.principal.administrator == id;
        if !described.is_empty() && !oneself {
            // Whoever changes where mail goes could become that person, so all of them must be within reach.
            self.may_give(&seen.caller, &seen.principal, seen.grants.clone())?;
        }
        let grants = match command.grants {
            None => None,
            Some(wanted) => {
                not_oneself(&seen.principal, id)?;
                let wanted = self.resolved(&seen.principal, &wanted)?;
                let all = self.replaced(&seen, wanted)?;
                self.not_the_last_master(id, Some(&all))?;
                Some(all)
            }
        };
        let update = AdministratorCommand::Update { grants, described: described.clone() };
        let done = self.administrators.execute(&seen.context, id.uuid(), update).await?;
        if done.dry_run.is_none() && !described.is_empty() {
            self.people.keep(id, &person).await?;
        }
        self.administrator_answer(&seen.caller, done, person).await
    }

    /// Lets an administrator do nothing.
    pub async fn disable_administrator(
        &self,
        context: &Context,
        command: DisableAdministrator,
    ) -> Result<Answer<AdministratorView>, Problem> {
        let disable = AdministratorCommand::Disable(AdministratorDisabled { reason: command.reason });
        self.change_standing::<DisableAdministrator>(context, command.administrator, disable, true).await
    }

    /// Lets a disabled administrator act again.
    pub async fn enable_administrator(
        &self,
        context: &Context,
        command: EnableAdministrator,
    ) -> Result<Answer<AdministratorView>, Problem> {
        let enable = AdministratorCommand::Enable(AdministratorEnabled { reason: command.reason });
        self.change_standing::<EnableAdministrator>(context, command.administrator, enable, false).await
    }

    /// Removes an administrator and erases who they were.
    pub async fn remove_administrator(
        &self,
        context: &Context,
        command: RemoveAdministrator,
    ) -> Result<Answer<AdministratorView>, Problem> {
        let remove = AdministratorCommand::Remove(AdministratorRemoved { reason: command.reason });
        self.change_standing::<RemoveAdministrator>(context, command.administrator, remove, true).await
    }

    /// Takes the second factor away from somebody who lost it.
    pub async fn reset_second_factor(
        &self,
        context: &Context,
        command: ResetSecondFactor,
    ) -> Result<Answer<AdministratorView>, Problem> {
        let ResetSecondFactor { administrator: id, reason } = command;
        let seen = self.seen::<ResetSecondFactor>(context, id).await?;
        if seen.principal.administrator == id {
            let words = "this is for the second factor of others: take your own away in your profile";
            return Err(Problem::new(Code::Forbidden, words));
        }
        self.may_give(&seen.caller, &seen.principal, seen.grants.clone())?;
        let door = self.administrators.reload(id.uuid()).await?.state.door().cloned().unwrap_or_default();
        let removed = AdministratorSecondFactorRemoved { reason };
        let remove = AdministratorCommand::RemoveSecondFactor(removed);
        let done = self.administrators.execute(&seen.context, id.uuid(), remove).await?;
        if done.dry_run.is_none() {
            self.forget_second_factor(&seen.context, id, &door).await?;
        }
        let person = self.people.find(id).await?;
        self.administrator_answer(&seen.caller, done, person).await
    }

    async fn change_standing<C: Command>(
        &self,
        context: &Context,
        id: AdministratorId,
        command: AdministratorCommand,
        takes_away: bool,
    ) -> Result<Answer<AdministratorView>, Problem> {
        let _turn = self.one_at_a_time().await?;
        let seen = self.seen::<C>(context, id).await?;
        not_oneself(&seen.principal, id)?;
        self.may_give(&seen.caller, &seen.principal, seen.grants.clone())?;
        if takes_away {
            self.not_the_last_master(id, None)?;
        }
        let removes = matches!(command, AdministratorCommand::Remove(_));
        // Those that are there now: once it is known that their owner is stopped they are forgotten.
        let sessions = if takes_away { self.authority.sessions_of(id) } else { vec![] };
        let door = self.administrators.reload(id.uuid()).await?.state.door().cloned().unwrap_or_default();
        let done = self.administrators.execute(&seen.context, id.uuid(), command).await?;
        if done.dry_run.is_none() {
            self.end_these(&seen.context, sessions, None, SessionEnd::OwnerStopped).await?;
        }
        if removes && done.dry_run.is_none() {
            self.people.erase(id).await?;
            self.passwords.erase(id).await?;
            self.forget_second_factor(&seen.context, id, &door).await?;
        }
        let person = self.people.find(id).await?;
        self.administrator_answer(&seen.caller, done, person).await
    }

    /// An administrator of whose grants one is within the caller's reach; oneself is, too. Errors: `not_found`.
    pub(super) async fn seen<C: Command>(
        &self,
        context: &Context,
        id: AdministratorId,
    ) -> Result<Seen, Problem> {
        let caller = self.authority.caller::<C>(context).await?;
        let principal = self.authority.principal(&context.actor)?;
        let missing = || Problem::not_found("administrator", id);
        let snapshot = self.administrators.reload(id.uuid()).await?;
        let (appointed, _) = snapshot.state.appointed().ok_or_else(missing)?;
        let grants = appointed.grants.clone();
        let reached = grants.iter().any(|grant| caller.permit(&Target::of_grant(grant)).is_ok());
        if !reached && principal.administrator != id {
            return Err(missing());
        }
        let tenant = snapshot.tenant.ok_or_else(missing)?;
        Ok(Seen { caller, principal, context: within(context, tenant), grants })
    }

    /// All grants once those within the caller's reach that people gave are replaced. What is given and what is taken must
    /// be within what the caller holds; what stays need not be. Errors: `forbidden`.
    fn replaced(&self, seen: &Seen, wanted: Vec<Grant>) -> Result<Vec<Grant>, Problem> {
        // What an identity provider gave is its groups' to take.
        let within_reach = |grant: &Grant| {
            grant.identity_provider_id.is_none() && seen.caller.permit(&Target::of_grant(grant)).is_ok()
        };
        let (reached, beyond): (Vec<_>, Vec<_>) = seen.grants.iter().cloned().partition(within_reach);
        let given = wanted.iter().filter(|grant| !reached.contains(grant));
        let taken = reached.iter().filter(|grant| !wanted.contains(grant));
        self.may_give(&seen.caller, &seen.principal, given.chain(taken).cloned().collect())?;
        Ok(beyond.into_iter().chain(wanted).collect())
    }

    /// Whether somebody may do everything after an administrator has no more than these grants, or may do nothing.
    fn not_the_last_master(&self, id: AdministratorId, grants: Option<&[Grant]>) -> Result<(), Problem> {
        let stays = grants.is_some_and(|grants| {
            self.authority.held(grants.to_vec()).iter().any(runtime::authority::Held::is_master)
        });
        let is_master = self.authority.administrator(id).is_some_and(|known| known.is_active_master());
        if stays || !is_master || self.authority.has_master_beside(id) {
            return Ok(());
        }
        let words = "this is the last active master administrator: appoint or enable another one first";
        Err(Problem::new(Code::InvalidState, words))
    }

    async fn administrator_answer(
        &self,
        caller: &Caller,
        mut done: Executed<Administrator>,
        person: Person,
    ) -> Result<Answer<AdministratorView>, Problem> {
        // Grants beyond the caller's reach are not shown, also not as what stays.
        for change in done.dry_run.iter_mut().flat_map(|found| &mut found.changes) {
            for grants in [&mut change.from, &mut change.to].into_iter().filter_map(Value::as_array_mut) {
                grants.retain(|grant| {
                    Grant::deserialize(grant)
                        .is_ok_and(|grant| caller.permit(&Target::of_grant(&grant)).is_ok())
                });
            }
        }
        let created_at = self.created_at(done.stream).await?;
        let missing = || Problem::not_found("administrator", AdministratorId(done.stream));
        let (appointed, status) = done.state.appointed().ok_or_else(missing)?;
        let door = done.state.door().cloned().unwrap_or_default();
        let (appointed, gone) = (appointed.clone(), status == AdministratorStatus::Removed);
        let Person { display_name, email } = if gone { Person::default() } else { person };
        let grants =
            appointed.grants.into_iter().filter(|grant| caller.permit(&Target::of_grant(grant)).is_ok());
        let view = AdministratorView {
            id: appointed.id,
            name: appointed.name,
            kind: appointed.kind,
            display_name,
            email,
            status,
            has_password: door.password,
            has_second_factor: door.second_factor.is_some(),
            identity_provider_id: appointed.identity_provider_id,
            grants: grants.collect(),
            created_at,
            version: done.version,
        };
        Ok(done.answer(|_| view))
    }
}

/// Nobody changes their own rights.
fn not_oneself(principal: &Principal, id: AdministratorId) -> Result<(), Problem> {
    if principal.administrator != id {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "nobody changes their own rights: ask another administrator"))
}

pub(super) fn described(person: &Person) -> impl Iterator<Item = Violation> {
    let name = person.display_name.as_deref().and_then(|name| fields::text("#/displayName", name, 200));
    name.into_iter().chain(person.email.as_deref().and_then(|email| fields::email("#/email", email)))
}

pub(super) fn refuse(errors: Vec<Violation>) -> Result<(), Problem> {
    if errors.is_empty() {
        return Ok(());
    }
    let words = format!("{} field(s) of the administrator are not allowed", errors.len());
    Err(Problem::new(Code::ValidationFailed, words).with_errors(errors))
}
