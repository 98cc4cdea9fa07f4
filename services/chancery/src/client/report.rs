//! `chancery report …`: reports, as JSON, CSV or XML.

use clap::{Args, Subcommand, ValueEnum};

use super::{
    api::Api,
    failure::Failure,
    output::{self, Column},
};

const PATH: &str = "/api/v1/reports";

const COLUMNS: &[Column] = &[
    Column("REPORT", "/kind", false),
    Column("TITLE", "/title", false),
    Column("FORMS", "/media", true),
    Column("TELLS", "/description", false),
];

/// `chancery report …`
#[derive(Subcommand, Debug)]
pub enum Report {
    /// List the reports there are
    List,
    /// Make a report and print it
    Run(Run),
}

/// A report to be made.
#[derive(Args, Debug)]
pub struct Run {
    /// Which, as `report list` tells
    kind: String,
    /// In which form
    #[arg(long, value_enum, default_value_t = Form::Json)]
    format: Form,
    /// Only this organization (id)
    #[arg(long = "org")]
    organization: Option<String>,
    /// Not before this instant, such as 2026-11-01T00:00:00Z
    #[arg(long)]
    from: Option<String>,
    /// Before this instant
    #[arg(long)]
    to: Option<String>,
    /// How many rows at most
    #[arg(long)]
    limit: Option<u32>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// JSON
    Json,
    /// Comma-separated values
    Csv,
    /// XML, where there is a schema for it
    Xml,
}

impl Report {
    pub(super) async fn run(self, api: &Api) -> Result<(), Failure> {
        let Run { kind, format, organization, from, to, limit } = match self {
            Self::List => {
                let reports = api.get(PATH, &[]).await?.json()?;
                let items = reports["items"].as_array().cloned().unwrap_or_default();
                return output::many(api.format(), &items, COLUMNS, None);
            }
            Self::Run(run) => run,
        };
        let format = match format {
            Form::Json => "json",
            Form::Csv => "csv",
            Form::Xml => "xml",
        };
        let limit = limit.map(|limit| limit.to_string());
        let given = [
            ("format", Some(format)),
            ("organizationId", organization.as_deref()),
            ("from", from.as_deref()),
            ("to", to.as_deref()),
            ("limit", limit.as_deref()),
        ];
        let query: Vec<_> = given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let answer = api.get(&format!("{PATH}/{kind}"), &query).await?;
        output::body(&answer.body);
        if answer.headers.contains_key("link") {
            output::note("there is more: ask for what comes after the last row's time, or narrow the report");
        }
        Ok(())
    }
}
