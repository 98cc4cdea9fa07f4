//! Access lists: replaced as a whole.

use bus::{Answer, Context};
use contracts::{
    Problem,
    directory::{AccessListView, ReplaceAccessList},
};
use runtime::authority::Target;

use super::{Handlers, INSTALLATION, hidden, within};
use crate::access_list::{Replace, stream};

impl Handlers {
    /// Replaces the installation's list, or an organization's.
    pub async fn replace_access_list(
        &self,
        context: &Context,
        command: ReplaceAccessList,
    ) -> Result<Answer<AccessListView>, Problem> {
        let ReplaceAccessList { organization, text, force, address } = command;
        let owner = match &organization {
            None => {
                self.authority.admit_to::<ReplaceAccessList>(context, &Target::INSTALLATION).await?;
                INSTALLATION
            }
            Some(reference) => {
                let owner = self.organization(reference).await?;
                self.authority
                    .admit::<ReplaceAccessList>(&within(context, owner))
                    .await
                    .map_err(|denied| hidden(denied, "organization", reference))?;
                if self.organizations.load(owner.uuid()).await?.version == 0 {
                    return Err(Problem::not_found("organization", reference));
                }
                owner
            }
        };
        let organization_id = organization.map(|_| owner);
        let replace = Replace { organization: organization_id, text, force, address };
        let done = self.access_lists.execute(&within(context, owner), stream(owner), replace).await?;
        Ok(done.answer(|done| AccessListView {
            organization_id,
            text: done.state.text.clone(),
            networks: done.state.networks.clone(),
            version: done.version,
        }))
    }
}
