//! `make bench`: measures what `docs/benchmarks.md` reports.
//!
//! `bench append [events]` measures the log alone (1,000,000 events for the replay when not given),
//! `bench issue [certificates]` the whole product (100,000 when not given), `bench authorize [administrators]` the
//! decision who may do what (10,000 when not given), `bench lists [certificates]` lists and searches among so many
//! certificates (1,000,000 when not given), `bench import [files]` a ZIP of certificates (10,000 when not given), `bench`
//! all of them.

use std::process::ExitCode;

use chancery_tests::bench::{self, Failure, line};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return ExitCode::FAILURE; // only a second call in one process fails
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            line(&format!("bench: {failure}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Failure> {
    let number = |at: usize, default: usize| match arguments.get(at) {
        Some(text) => text.parse().map_err(|_| Failure::from(format!("'{text}' is not a number"))),
        None => Ok(default),
    };
    match arguments.first().map(String::as_str) {
        Some("append") => bench::append::run(number(1, 1_000_000)?).await,
        Some("issue") => bench::issue::run(number(1, 100_000)?).await,
        Some("import") => bench::import::run(number(1, 10_000)?).await,
        Some("authorize") => bench::authorize::run(number(1, 10_000)?),
        Some("lists") => bench::lists::run(number(1, 1_000_000)?).await,
        None => {
            bench::authorize::run(10_000)?;
            bench::append::run(1_000_000).await?;
            bench::issue::run(100_000).await?;
            bench::import::run(10_000).await?;
            bench::lists::run(1_000_000).await
        }
        Some(other) => {
            let all = "append, issue, import, authorize or lists";
            Err(format!("there is no benchmark '{other}': expected {all}").into())
        }
    }
}
