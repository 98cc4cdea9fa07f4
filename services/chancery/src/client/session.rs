//! `chancery session …`: who is signed in.

use clap::Subcommand;
use http::Method;

use super::{
    api::Api,
    failure::Failure,
    listing::{List, change, confirm},
    output::Column,
};

const COLUMNS: &[Column] = &[
    Column("ID", "/id", false),
    Column("ADMINISTRATOR", "/administratorId", false),
    Column("METHOD", "/method", false),
    Column("ADDRESS", "/address", false),
    Column("STATUS", "/status", false),
    Column("CREATED", "/createdAt", true),
    Column("LAST USED", "/lastUsedAt", false),
    Column("EXPIRES", "/expiresAt", true),
];

/// `chancery session …`
#[derive(Subcommand, Debug)]
pub enum Session {
    /// List your own sessions, and those of administrators whom you may read
    List(List),
    /// End a session: it works nowhere within a second
    End {
        /// Its id
        id: String,
    },
}

impl Session {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let path = "/api/v1/sessions";
        match self {
            Self::List(list) => list.run(api, path, COLUMNS).await,
            Self::End { id } => {
                confirm(api, &format!("End session {id}?"))?;
                change(api, Method::DELETE, &format!("{path}/{id}"), None, COLUMNS).await
            }
        }
    }
}
