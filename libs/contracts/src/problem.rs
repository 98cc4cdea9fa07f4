//! Problem documents (RFC 9457), as both wires carry them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Code;

/// One thing that is wrong, at one place of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Stable code of this violation, such as `san_not_allowed`.
    pub code: String,
    /// JSON pointer into the body, such as `#/csr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of the query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Name of the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What was found and what is allowed, for people.
    pub detail: String,
    /// The allowed values, where they can be listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// The rule that refuses, such as `keyAlgorithms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Violation {
    /// A violation at a place in the body.
    #[must_use]
    pub fn at(pointer: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            pointer: Some(pointer.into()),
            parameter: None,
            header: None,
            detail: detail.into(),
            allowed: vec![],
            rule: None,
        }
    }

    /// A violation in a query parameter.
    #[must_use]
    pub fn in_parameter(name: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), ..Self::at("", code, detail) }
    }

    /// A violation in a header.
    #[must_use]
    pub fn in_header(name: impl Into<String>, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, header: Some(name.into()), ..Self::at("", code, detail) }
    }

    /// Names the values that would be allowed.
    #[must_use]
    pub fn allowing(mut self, allowed: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.allowed = allowed.into_iter().map(Into::into).collect();
        self
    }

    /// Names the rule that refuses.
    #[must_use]
    pub fn by_rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }
}

/// A refusal or failure: what services answer with. The gateway adds `type`, `title`, `status`, `instance`, `help`
/// and `traceId` when it renders one for HTTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What happened here, for people.
    pub detail: String,
    /// Each thing that is wrong; all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Violation>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The version the thing has now (`version_mismatch`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<i32>,
    /// After how many seconds it is worth trying again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem with a code and words for people; retryable when its class says so.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retryable = matches!(code.class().number(), 429 | 503 | 504);
        Self {
            code,
            detail: detail.into(),
            errors: vec![],
            retryable,
            current_version: None,
            retry_after: None,
        }
    }

    /// Adds the single things that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<Violation>) -> Self {
        self.errors = errors;
        self
    }

    /// Says after how many seconds it is worth trying again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// `not_found` for a kind of thing and what was asked for.
    #[must_use]
    pub fn not_found(kind: &str, reference: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {kind} '{reference}', or it is not visible to you"))
    }

    /// A fault of ours. `cause` belongs into the log, never here.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Code::Internal, "an internal error; the log has the cause under the trace id")
    }

    /// A part that is away for now.
    #[must_use]
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::new(Code::ServiceUnavailable, what)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}
impl std::error::Error for Problem {}
