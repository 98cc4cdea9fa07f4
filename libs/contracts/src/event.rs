//! Log events: a category's events are one enum, each variant a documented struct with its own schema version.

use schemars::Schema;

/// Why a recorded event cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// No such type in this category; the reader halts rather than skip (O-6).
    #[error("unknown event type '{kind}' in category '{category}'")]
    UnknownType {
        /// The category asked.
        category: &'static str,
        /// The type found.
        kind: String,
    },
    /// A schema version newer than this program knows.
    #[error("event '{kind}' has schema version {found}, newest known is {known}")]
    UnknownVersion {
        /// The event type.
        kind: &'static str,
        /// The version found.
        found: i16,
        /// The newest version known.
        known: i16,
    },
    /// The payload does not fit its schema.
    #[error("payload of event '{kind}' does not fit its schema")]
    Payload {
        /// The event type.
        kind: &'static str,
        /// What serde found.
        #[source]
        source: serde_json::Error,
    },
}

/// One event type as it is described in `schemas/log`.
#[derive(Clone, Debug)]
pub struct EventDescription {
    /// `<category>.<past_tense>`.
    pub kind: &'static str,
    /// Schema version: the newest, or one that is still read.
    pub version: i16,
    /// JSON Schema of the payload.
    pub schema: Schema,
}

/// All events of one category. Implemented by the [`events!`](crate::events) macro.
pub trait Event: Sized + Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The category: the aggregate's type.
    const CATEGORY: &'static str;
    /// `<category>.<past_tense>`.
    fn kind(&self) -> &'static str;
    /// Schema version of this event as it is written now.
    fn schema_version(&self) -> i16;
    /// The payload's exact bytes.
    fn to_payload(&self) -> Result<String, serde_json::Error>;
    /// Reads a recorded event of any known version.
    fn from_payload(kind: &str, version: i16, payload: &str) -> Result<Self, EventError>;
    /// Every type of this category, for the schema files.
    fn descriptions() -> Vec<EventDescription>;
}

/// Declares a category's events:
/// `events! { /// doc  KeyEvent in "key" { Generated(KeyGenerated) = "key.generated" v 1, … } }`. A type that had other
/// shapes names them: `… = "administrator.appointed" v 2 before { 1: AdministratorAppointedV1 }`; each is read as what
/// it was and turned into what it is now (`Into`).
#[macro_export]
macro_rules! events {
    ($(#[$doc:meta])* $name:ident in $category:literal { $($variant:ident($payload:ty) = $kind:literal v $version:literal $(before { $($old_version:literal: $old:ty),+ })?),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)] // handled one at a time
        pub enum $name { $( #[doc = concat!("`", $kind, "`")] $variant($payload)),* }

        impl $crate::event::Event for $name {
            const CATEGORY: &'static str = $category;
            fn kind(&self) -> &'static str { match self { $(Self::$variant(_) => $kind),* } }
            fn schema_version(&self) -> i16 { match self { $(Self::$variant(_) => $version),* } }
            fn to_payload(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(payload) => serde_json::to_string(payload)),* }
            }
            fn from_payload(kind: &str, version: i16, payload: &str) -> Result<Self, $crate::event::EventError> {
                match kind {
                    $($kind => {
                        if version > $version {
                            return Err($crate::event::EventError::UnknownVersion { kind: $kind, found: version, known: $version });
                        }
                        let unreadable = |source| $crate::event::EventError::Payload { kind: $kind, source };
                        $($(if version == $old_version {
                            return serde_json::from_str::<$old>(payload).map(|old| Self::$variant(old.into())).map_err(unreadable);
                        })+)?
                        serde_json::from_str(payload).map(Self::$variant).map_err(unreadable)
                    })*
                    _ => Err($crate::event::EventError::UnknownType { category: $category, kind: kind.to_owned() }),
                }
            }
            fn descriptions() -> Vec<$crate::event::EventDescription> {
                vec![$(
                    $($($crate::event::EventDescription { kind: $kind, version: $old_version, schema: schemars::schema_for!($old) },)+)?
                    $crate::event::EventDescription { kind: $kind, version: $version, schema: schemars::schema_for!($payload) }
                ),*]
            }
        }
        $( impl From<$payload> for $name { fn from(payload: $payload) -> Self { Self::$variant(payload) } } )*
    };
}

/// Lets a category with one event be taken apart into it.
#[macro_export]
macro_rules! only_event {
    ($name:ident :: $variant:ident => $payload:ty) => {
        impl From<$name> for $payload {
            fn from($name::$variant(payload): $name) -> Self {
                payload
            }
        }
    };
}
