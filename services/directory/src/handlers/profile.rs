//! What somebody sees and changes of themselves.

use bus::{Answer, Context, Reply};
use contracts::{
    Problem,
    directory::{ProfileView, ShowProfile, UpdateProfile},
};
use runtime::authority::Principal;

use super::{
    Handlers,
    administrators::{described, refuse},
    within,
};
use crate::{administrator::AdministratorCommand, person::Person};

impl Handlers {
    /// Who the sender is.
    pub async fn show_profile(
        &self,
        context: &Context,
        ShowProfile {}: ShowProfile,
    ) -> Result<Answer<ProfileView>, Problem> {
        let principal = self.authority.oneself(&context.actor).await?;
        let person = self.people.find(principal.administrator).await?;
        Ok(Answer::Done(Reply::nothing(self.profile(&principal, person).await?)))
    }

    /// Changes what the sender is called and where mail reaches them.
    pub async fn update_profile(
        &self,
        context: &Context,
        command: UpdateProfile,
    ) -> Result<Answer<ProfileView>, Problem> {
        let principal = self.authority.in_person(&context.actor).await?;
        let (id, claimant) = (principal.administrator, self.of_principal(&principal, None).await?);
        let now = self.people.find(id).await?;
        let person = now.changed(command.display_name, command.email);
        refuse(described(&person).collect())?;
        if now.email != person.email {
            // Whoever reads that mailbox can have a new password.
            self.sure_of_oneself(context).await?;
        }
        let described = now.differences(&person);
        let update = AdministratorCommand::Update { grants: None, described: described.clone() };
        let done = self.administrators.execute(&within(context, claimant.tenant), id.uuid(), update).await?;
        if done.dry_run.is_none() && !described.is_empty() {
            self.people.keep(id, &person).await?;
        }
        let profile = self.profile(&principal, person).await?;
        Ok(done.answer(|_| profile))
    }

    async fn profile(&self, principal: &Principal, person: Person) -> Result<ProfileView, Problem> {
        let claimant = self.of_principal(principal, None).await?;
        Ok(ProfileView {
            name: claimant.name,
            display_name: person.display_name,
            email: person.email,
            has_password: self.passwords.find(claimant.id).await?.is_some(),
            has_second_factor: claimant.door.second_factor.is_some(),
        })
    }
}
