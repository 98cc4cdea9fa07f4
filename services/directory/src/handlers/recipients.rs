//! Whom mail goes to.

use bus::{Answer, Context, Reply};
use contracts::{
    Problem,
    directory::{AdministratorStatus, FindRecipients, Recipient, WhoMay},
};
use runtime::authority::Target;

use super::Handlers;

impl Handlers {
    /// Finds those who are named and those who may do or decide something, as far as they are active and have an address.
    pub async fn find_recipients(
        &self,
        context: &Context,
        command: FindRecipients,
    ) -> Result<Answer<Vec<Recipient>>, Problem> {
        self.authority.admit::<FindRecipients>(context).await?;
        self.authority.catch_up_soon().await?;
        let mut wanted = command.administrators;
        if let Some(who_may) = &command.who_may {
            wanted.extend(self.authority.who_may(who_may.permission, &place(who_may)));
        }
        if let Some(approval) = command.approval {
            wanted.extend(self.deciders(approval).await?);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = vec![];
        for id in wanted {
            let known = self.authority.administrator(id);
            let Some(known) = known.filter(|known| known.status == AdministratorStatus::Active) else {
                continue;
            };
            let person = self.people.find(id).await?;
            if let Some(email) = person.email {
                let name = person.display_name.unwrap_or(known.name);
                found.push(Recipient { administrator: id, name, email });
            }
        }
        Ok(Answer::Done(Reply::nothing(found)))
    }
}

fn place(who_may: &WhoMay) -> Target {
    who_may
        .organization
        .map_or(Target::INSTALLATION, |organization| Target::within(organization, who_may.department))
}
