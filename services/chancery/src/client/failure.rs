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
    #[error(
        "cannot reach {server}: {cause}; start it there: 'chancery up' (from the sources 'make up'), or name another with --server or --context"
    )]
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
    /// Somebody pressed Ctrl-C; what was asked of the server goes on there.
    #[error("interrupted{}", resume.as_ref().map_or(String::new(), |resume| format!("; the server goes on: {resume}")))]
    Interrupted {
        /// How to see what became of it, if something was asked.
        resume: Option<String>,
    },
    /// The answer to a question is "no", and it says why; the answer itself was printed.
    #[error("no")]
    No(Value),
    /// Somebody answered "no".
    #[error("not done")]
    Declined,
    /// An answer that no server of ours gives.
    #[error("unexpected answer from the server: {0}")]
    Unexpected(String),
}

impl Failure {
    /// The exit code; `docs/cli.md` lists them.
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
            Self::No(_) | Self::Declined => 10,
            Self::Interrupted { .. } => 130,
            Self::Unexpected(_) => 1,
        }
    }

    /// Prints it on stderr: the problem document for programs, sentences for people.
    #[allow(clippy::print_stderr)] // stderr is where a command line tells people things
    pub fn print(&self, format: Format) {
        if matches!(format, Format::Json | Format::Ndjson) {
            let document = match self {
                Self::No(_) => return, // it stands in what was printed
                Self::Problem(problem) => problem.clone(),
                other => json!({"code": "client", "detail": other.to_string()}),
            };
            eprintln!("{document}");
            return;
        }
        match self {
            Self::Problem(problem) => eprint!("{}", told(problem)),
            Self::No(answer) => eprint!("{}", violations(answer, "")),
            other => eprintln!("error: {other}"),
        }
    }
}

/// A problem document in sentences: what, where and why, what next.
fn told(problem: &Value) -> String {
    let text = |key: &str| problem[key].as_str();
    let detail = text("detail").unwrap_or_default();
    let mut told = format!("error[{}]: {detail}\n", text("code").unwrap_or("unknown"));
    told += &violations(problem, detail);
    if let Some(help) = text("help") {
        told += &format!("help: {help} on the server\n");
    }
    if let Some(trace) = text("traceId") {
        told += &format!("trace: {trace}\n");
    }
    told
}

/// A line for each violation, and one for what it allows. `known` was told already and is not repeated.
fn violations(problem: &Value, known: &str) -> String {
    let mut lines = String::new();
    for error in problem["errors"].as_array().into_iter().flatten() {
        let place = ["pointer", "parameter", "header"].iter().find_map(|key| error[*key].as_str());
        let place = place.unwrap_or_default();
        // A single violation is often the whole story: it is not told twice.
        lines += &match error["detail"].as_str().filter(|violation| *violation != known) {
            Some(violation) => format!("  {place}: {violation}\n"),
            None => format!("  at {place}\n"),
        };
        let allowed: Vec<_> =
            error["allowed"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !allowed.is_empty() {
            lines += &format!("  allowed: {}\n", allowed.join(", "));
        }
    }
    lines
}

fn class(problem: &Value) -> Option<Class> {
    problem["code"].as_str().and_then(Code::from_text).map(Code::class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_where_and_what_next() {
        let problem = json!({"code": "already_exists", "detail": "the name 'web' is taken", "traceId": "4bf9",
            "help": "/docs/problems/already_exists", "errors": [{"pointer": "#/name", "detail": "the name 'web' is taken"}]});
        assert_eq!(
            told(&problem),
            "error[already_exists]: the name 'web' is taken\n  at #/name\nhelp: /docs/problems/already_exists on the server\ntrace: 4bf9\n"
        );
    }

    #[test]
    fn each_of_several_violations_says_what_is_allowed() {
        let problem = json!({"code": "policy_violation", "detail": "2 rules refuse this request", "errors": [
            {"pointer": "#/csr", "detail": "Key algorithm is not allowed", "allowed": ["rsa_2048"]},
            {"pointer": "#/ttl", "detail": "900d is too long"}]});
        assert_eq!(
            told(&problem),
            "error[policy_violation]: 2 rules refuse this request\n  #/csr: Key algorithm is not allowed\n  allowed: rsa_2048\n  #/ttl: 900d is too long\n"
        );
    }

    #[test]
    fn exit_codes_follow_the_class_of_the_problem() {
        let problem = |code: &str| Failure::Problem(json!({"code": code})).exit_code();
        for (code, expected) in [
            ("not_found", 3),
            ("already_exists", 4),
            ("version_mismatch", 4),
            ("policy_violation", 5),
            ("forbidden", 6),
            ("command_timeout", 8),
            ("service_unavailable", 9),
            ("internal", 1),
            ("from_a_later_version", 1),
        ] {
            assert_eq!(problem(code), expected, "{code}");
        }
        assert_eq!(Failure::Interrupted { resume: None }.exit_code(), 130);
        assert_eq!(Failure::No(Value::Null).exit_code(), 10);
    }
}
