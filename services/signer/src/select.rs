//! What a request is judged by: profile, policy and CA, from memory.

use std::time::Duration;

use bus::Context;
use contracts::{Code, Problem, ProfileId, id::Reference};
use runtime::command::read_problem;

use crate::{
    catalog::{Catalog, DEFAULT, Missing, Selection},
    micro_ca,
    signer::Signer,
};

/// How long a command waits for the catalog to be level with the log.
const PATIENCE: Duration = Duration::from_secs(5);

impl Signer {
    /// Profile, policy and CA of a request. What is not known is looked for in the log, and what a new organization
    /// starts with is made when it is first needed.
    ///
    /// Errors: `not_found`; `invalid_state` of a CA without certificate.
    pub(crate) async fn select(
        &self,
        context: &Context,
        profile: Option<&Reference<ProfileId>>,
    ) -> Result<Selection, Problem> {
        let select = || self.catalog.read(|catalog| catalog.select(context.tenant, profile));
        if let Ok(selection) = select() {
            return Ok(selection);
        }
        self.catch_up().await?;
        let missing = match select() {
            Ok(selection) => return Ok(selection),
            Err(missing) => missing,
        };
        let comes_by_itself = match missing {
            Missing::Profile => {
                profile.is_none_or(|reference| *reference == Reference::Name(DEFAULT.to_owned()))
            }
            Missing::Ca(ca) => ca == micro_ca::id(context.tenant),
        };
        if comes_by_itself && !context.dry_run {
            self.furnish(context.tenant).await?;
        }
        select().map_err(|missing| match missing {
            Missing::Profile => Problem::not_found("certificate profile", display(profile)),
            Missing::Ca(ca) => Problem::new(
                Code::InvalidState,
                format!("the certification authority '{ca}' of the profile has no certificate yet"),
            ),
        })
    }

    /// What the catalog holds; what is not known is looked for in the log.
    pub(crate) async fn find<T>(&self, look: impl Fn(&Catalog) -> Option<T>) -> Result<Option<T>, Problem> {
        if let Some(found) = self.catalog.read(&look) {
            return Ok(Some(found));
        }
        self.catch_up().await?;
        Ok(self.catalog.read(&look))
    }

    /// Waits until the catalog knows what is in the log now.
    pub(crate) async fn catch_up(&self) -> Result<(), Problem> {
        self.level(self.catalog.catch_up()).await
    }

    /// Waits until the catalog knows everything up to a position, so that the next command is judged by it.
    pub(crate) async fn known(&self, position: i64) -> Result<(), Problem> {
        self.level(self.catalog.reached(position)).await
    }

    pub(crate) async fn level(
        &self,
        wait: impl Future<Output = Result<(), eventlog::ReadError>>,
    ) -> Result<(), Problem> {
        tokio::time::timeout(PATIENCE, wait)
            .await
            .map_err(|_elapsed| Problem::unavailable("the signer has not caught up with the log; try again"))?
            .map_err(read_problem)
    }
}

fn display(profile: Option<&Reference<ProfileId>>) -> String {
    profile.map_or_else(|| format!("name:{DEFAULT}"), ToString::to_string)
}
