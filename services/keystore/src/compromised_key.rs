//! The aggregate: one entry of the list of compromised keys. It never goes away: what was known once stays known.

use contracts::{
    Code, Problem, Timestamp,
    keystore::{CompromisedKeyEvent, CompromisedKeyListed},
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

/// An entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CompromisedKey {
    /// Not listed.
    #[default]
    Unlisted,
    /// Refused from then on.
    Listed(Box<CompromisedKeyListed>),
}

/// Lists a key.
#[derive(Clone, Debug, PartialEq)]
pub struct List(pub CompromisedKeyListed);

/// Nothing is refused by the entry itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {}

impl From<Refusal> for Problem {
    fn from(_: Refusal) -> Self {
        Self::new(Code::Internal, "")
    }
}

impl Aggregate for CompromisedKey {
    type Command = List;
    type Event = CompromisedKeyEvent;
    type Refusal = Refusal;

    fn decide(&self, List(entry): List, _now: Timestamp) -> Result<Vec<CompromisedKeyEvent>, Refusal> {
        Ok(match self {
            // Listed already, and as far as this: nothing changes.
            Self::Listed(known) if known.everywhere || !entry.everywhere => vec![],
            Self::Unlisted | Self::Listed(_) => vec![entry.into()],
        })
    }

    fn evolve(self, event: CompromisedKeyEvent) -> Self {
        let CompromisedKeyEvent::Listed(entry) = event;
        Self::Listed(Box::new(entry))
    }

    fn describe(&self) -> Value {
        match self {
            Self::Unlisted => Value::Null,
            Self::Listed(entry) => json!({
                "spkiSha256": entry.spki_sha256,
                "everywhere": entry.everywhere,
                "reason": entry.reason,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::aggregate::test::given;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn listed(everywhere: bool) -> CompromisedKeyListed {
        CompromisedKeyListed {
            spki_sha256: "00".repeat(32),
            everywhere,
            reason: "found on a paste site".into(),
        }
    }

    #[test]
    fn a_key_is_listed_once_and_then_perhaps_everywhere() {
        let (here, everywhere) = (listed(false), listed(true));
        given::<CompromisedKey>([]).when(List(here.clone()), NOON).then([here.clone().into()]);
        given::<CompromisedKey>([here.clone().into()]).when(List(here.clone()), NOON).changes_nothing();
        given::<CompromisedKey>([here.clone().into()])
            .when(List(everywhere.clone()), NOON)
            .then([everywhere.clone().into()]);
        given::<CompromisedKey>([everywhere.into()]).when(List(here), NOON).changes_nothing();
    }
}
