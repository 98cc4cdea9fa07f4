//! Parameters of operations: in the query and in headers.

use std::borrow::Cow;

use serde_json::{Value, json};

/// What a query parameter may hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number within bounds.
    Integer {
        /// At least.
        least: i64,
        /// At most.
        most: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// An RFC 3339 time.
    Time,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these names, separated by commas.
    SomeOf(Vec<String>),
}

/// A query parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, with an operator in brackets if it has one.
    pub name: Cow<'static, str>,
    /// What it does.
    pub description: Cow<'static, str>,
    /// What it may hold.
    pub kind: Kind,
}

impl Parameter {
    /// A parameter of any kind.
    #[must_use]
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { name: name.into(), description: description.into(), kind }
    }

    /// A text.
    #[must_use]
    pub fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Text, description)
    }

    /// `true` or `false`.
    #[must_use]
    pub fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Boolean, description)
    }

    /// Its JSON Schema.
    #[must_use]
    pub fn schema(&self) -> Value {
        match &self.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Integer { least, most } => json!({"type": "integer", "minimum": least, "maximum": most}),
            Kind::Boolean => json!({"type": "boolean"}),
            Kind::Time => json!({"type": "string", "format": "date-time"}),
            Kind::OneOf(words) => json!({"type": "string", "enum": words}),
            Kind::SomeOf(names) => {
                let name = format!("({})", names.join("|"));
                json!({"type": "string", "pattern": format!("^{name}(,{name})*$")})
            }
        }
    }
}

/// Query parameters that share the beginning of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The beginning, such as `labels.`.
    pub prefix: &'static str,
    /// How one is written, such as `labels.<key>`.
    pub form: &'static str,
    /// What they do.
    pub description: &'static str,
}

/// A request header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// An example.
    pub example: &'static str,
}

impl Header {
    /// `Idempotency-Key`.
    pub const IDEMPOTENCY_KEY: Self = Self {
        name: "Idempotency-Key",
        description: "Makes a repeat have one effect: the same key and body give the first answer again.",
        example: "7c0e8f9a-change-1042",
    };
    /// `If-Match`.
    pub const IF_MATCH: Self = Self {
        name: "If-Match",
        description: "The version the thing must have, as its `ETag` told.",
        example: "\"17\"",
    };
    /// `Prefer`.
    pub const PREFER: Self = Self {
        name: "Prefer",
        description: "`wait=N`: answer 202 when it takes longer than N seconds (default 5, at most 60).",
        example: "wait=20",
    };
    /// `Chancery-Min-Position`.
    pub const MIN_POSITION: Self = Self {
        name: "Chancery-Min-Position",
        description: "Wait up to 2 s until the view has reached this log position.",
        example: "184467",
    };
    /// `Last-Event-ID`.
    pub const LAST_EVENT_ID: Self = Self {
        name: "Last-Event-ID",
        description: "The position of the last event received: go on after it.",
        example: "184467",
    };
    /// `Accept`.
    pub const ACCEPT: Self = Self {
        name: "Accept",
        description: "Which form to answer in.",
        example: "application/pem-certificate-chain",
    };
}
