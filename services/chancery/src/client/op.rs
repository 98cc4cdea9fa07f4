//! `chancery op …`: operations that were answered with 202.

use clap::Subcommand;

use super::{api::Api, failure::Failure, listing, output::Column};

const COLUMNS: &[Column] = &[
    Column("OPERATION", "/id", false),
    Column("KIND", "/kind", false),
    Column("STATUS", "/status", false),
    Column("RESOURCE", "/resource/id", false),
    Column("STARTED", "/startedAt", false),
];

/// `chancery op …`
#[derive(Subcommand, Debug)]
pub enum Op {
    /// Show an operation
    Show {
        /// Its id
        id: String,
    },
}

impl Op {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let Self::Show { id } = self;
        listing::show(api, &format!("/api/v1/operations/{id}"), COLUMNS).await
    }
}
