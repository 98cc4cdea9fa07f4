//! Why a command failed, in words for people and as an exit code.

use contracts::{Class, Code};
use serde_json::{Value, json};

use super::Format;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server refused: a problem document.
    #[error("{}", .0["detail"].as_str().unwrap_or("the server refused"))]
    Problem(Value),
    /// The server cannot be reached.
    #[error("cannot reach {server}: {cause}")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why.
        cause: String,
    },
    /// The operation is not done in time; it goes on.
    #[error("operation {operation} is not done yet; it goes on: chancery op show {operation}")]
    StillRunning {
        /// Its id.
        operation: String,
    },
    /// A file or an argument is not what is needed.
    #[error("{0}")]
    Usage(String),
    /// Somebody answered "no".
    #[error("not done")]
    Declined,
    /// An answer that no server of ours gives.
    #[error("unexpected answer from the server: {0}")]
    Unexpected(String),
}

impl Failure {
    /// Exit codes as the README lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Problem(problem) => match class(problem) {
                Some(Class::NotFound) => 3,
                Some(Class::Conflict | Class::VersionMismatch) => 4,
                Some(Class::Malformed | Class::Refused | Class::TooLarge | Class::UnsupportedMedia) => 5,
                Some(Class::Unauthenticated | Class::Forbidden) => 6,
                Some(Class::TimedOut) => 8,
                Some(Class::Unavailable) => 9,
                Some(Class::RateLimited | Class::Internal) | None => 1,
            },
            Self::Unreachable { .. } => 9,
            Self::StillRunning { .. } => 8,
            Self::Usage(_) => 2,
            Self::Declined => 10,
            Self::Unexpected(_) => 1,
        }
    }

    /// Prints it on stderr: the problem document for programs, sentences for people.
    #[allow(clippy::print_stderr)] // stderr is where a command line tells people things
    pub fn print(&self, format: Format) {
        if matches!(format, Format::Json | Format::Ndjson) {
            let document = match self {
                Self::Problem(problem) => problem.clone(),
                other => json!({"code": "client", "detail": other.to_string()}),
            };
            eprintln!("{document}");
            return;
        }
        let Self::Problem(problem) = self else {
            eprintln!("error: {self}");
            return;
        };
        let text = |key: &str| problem[key].as_str();
        eprintln!("error[{}]: {}", text("code").unwrap_or("unknown"), text("detail").unwrap_or_default());
        for error in problem["errors"].as_array().into_iter().flatten() {
            let place =
                ["pointer", "parameter", "header"].iter().find_map(|key| error[*key].as_str()).unwrap_or("");
            eprintln!("  {place}: {}", error["detail"].as_str().unwrap_or_default());
            let allowed: Vec<_> =
                error["allowed"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if !allowed.is_empty() {
                eprintln!("  allowed: {}", allowed.join(", "));
            }
        }
        if let Some(trace) = text("traceId") {
            eprintln!("trace: {trace}");
        }
    }
}

fn class(problem: &Value) -> Option<Class> {
    problem["code"].as_str().and_then(Code::from_text).map(Code::class)
}
