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
    /// Any of these words, separated by commas.
    AnyOf(Vec<String>),
}

impl Kind {
    /// The words to choose from, where there are such.
    #[must_use]
    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::OneOf(words) => words.to_vec(),
            Self::SomeOf(words) | Self::AnyOf(words) => words.iter().map(String::as_str).collect(),
            Self::Text | Self::Integer { .. } | Self::Boolean | Self::Time => vec![],
        }
    }
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

    /// As OpenAPI describes it.
    #[must_use]
    pub fn described(&self) -> Value {
        let mut described = json!({"name": self.name, "in": "query", "required": false, "schema": self.schema(),
            "description": self.description});
        if matches!(self.kind, Kind::AnyOf(_)) {
            // The words stand in one value, separated by commas.
            described["style"] = json!("form");
            described["explode"] = json!(false);
        }
        described
    }

    /// Its JSON Schema.
    fn schema(&self) -> Value {
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
            Kind::AnyOf(words) => {
                json!({"type": "array", "items": {"type": "string", "enum": words}, "minItems": 1})
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
