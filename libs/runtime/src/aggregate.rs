//! Aggregates: one thing's state, what may be done to it, and what happened.

use std::fmt::Debug;

use contracts::{Event, Problem, Timestamp, command::Change};
use serde_json::Value;

/// One thing with a history of its own. The same state, command and time always give the same events; signing,
/// sending and drawing random numbers happen in a handler, after the intent is recorded.
pub trait Aggregate: Clone + Default + Debug + Send + Sync + 'static {
    /// What may be asked of it.
    type Command: Clone + Debug + Send + Sync;
    /// What happens to it.
    type Event: Event;
    /// Why a command is refused.
    type Refusal: Into<Problem> + Debug + Send;

    /// What follows from a command; no events = nothing changes.
    fn decide(&self, command: Self::Command, now: Timestamp) -> Result<Vec<Self::Event>, Self::Refusal>;

    /// The state after an event. Never refuses: each event says enough to stand alone.
    #[must_use]
    fn evolve(self, event: Self::Event) -> Self;

    /// What users see of it, for dry runs: they answer with the differences between two of these. `Null` = nothing
    /// to show, so a dry run says only whether something would change.
    fn describe(&self) -> Value {
        Value::Null
    }
}

/// The state that a history leads to.
pub fn replay<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> A {
    events.into_iter().fold(A::default(), A::evolve)
}

/// The differences of two values by JSON pointer (RFC 6901); arrays differ as a whole.
#[must_use]
pub fn differences(from: &Value, to: &Value) -> Vec<Change> {
    let mut changes = vec![];
    collect(String::new(), from, to, &mut changes);
    changes
}

fn collect(pointer: String, from: &Value, to: &Value, changes: &mut Vec<Change>) {
    let none = serde_json::Map::new();
    let (from_members, to_members) = match (from, to) {
        (Value::Object(from), Value::Object(to)) => (from, to),
        // A thing that begins or ends is shown member by member.
        (Value::Null, Value::Object(to)) => (&none, to),
        (Value::Object(from), Value::Null) => (from, &none),
        (from, to) if from == to => return,
        (from, to) => return changes.push(Change { pointer, from: from.clone(), to: to.clone() }),
    };
    let absent = from_members.keys().filter(|key| !to_members.contains_key(*key));
    for key in absent.chain(to_members.keys()) {
        let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        let member =
            |members: &serde_json::Map<String, Value>| members.get(key).cloned().unwrap_or(Value::Null);
        collect(pointer, &member(from_members), &member(to_members), changes);
    }
}

/// Tests of aggregates as sentences: `given([…]).when(command, NOON).refused(Refusal::Lapsed)`.
pub mod test {
    use std::fmt::Debug;

    use contracts::Timestamp;

    use super::Aggregate;

    /// A history.
    #[must_use]
    pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
        Given(super::replay(events))
    }

    /// A state to which something happened already.
    #[derive(Debug)]
    pub struct Given<A>(A);

    impl<A: Aggregate> Given<A> {
        /// Asks something of it.
        #[must_use]
        pub fn when(self, command: impl Into<A::Command>, now: Timestamp) -> When<A> {
            let decision = self.0.decide(command.into(), now);
            When { before: self.0, decision }
        }

        /// Looks at the state.
        #[track_caller]
        pub fn is(self, state: &A)
        where
            A: PartialEq,
        {
            assert_eq!(&self.0, state);
        }
    }

    /// What was decided.
    #[derive(Debug)]
    pub struct When<A: Aggregate> {
        before: A,
        decision: Result<Vec<A::Event>, A::Refusal>,
    }

    impl<A: Aggregate> When<A>
    where
        A::Event: PartialEq + Debug,
        A::Refusal: PartialEq + Debug,
    {
        /// These events happen.
        #[track_caller]
        pub fn then(self, events: impl IntoIterator<Item = A::Event>) -> Given<A> {
            let expected: Vec<A::Event> = events.into_iter().collect();
            assert_eq!(self.decision.as_ref(), Ok(&expected));
            Given(expected.into_iter().fold(self.before, A::evolve))
        }

        /// Nothing changes.
        #[track_caller]
        pub fn changes_nothing(self) {
            assert_eq!(self.decision, Ok(vec![]));
        }

        /// It is refused for this reason.
        #[track_caller]
        pub fn refused(self, refusal: A::Refusal) {
            assert_eq!(self.decision, Err(refusal));
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::Code;
    use serde_json::json;

    use super::{test::given, *};

    /// A light that may be switched on in the evening.
    #[derive(Clone, Debug, Default, PartialEq)]
    struct Lamp {
        lit: bool,
    }

    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Lit {}

    contracts::events! {
        /// What happens to a lamp.
        LampEvent in "lamp" { Lit(Lit) = "lamp.lit" v 1 }
    }

    #[derive(Clone, Debug)]
    struct Light;

    #[derive(Debug, PartialEq)]
    struct TooEarly;
    impl From<TooEarly> for Problem {
        fn from(_: TooEarly) -> Self {
            Self::new(Code::InvalidState, "it is too early")
        }
    }

    impl Aggregate for Lamp {
        type Command = Light;
        type Event = LampEvent;
        type Refusal = TooEarly;
        fn decide(&self, Light: Light, now: Timestamp) -> Result<Vec<LampEvent>, TooEarly> {
            if now < EVENING {
                return Err(TooEarly);
            }
            Ok(if self.lit { vec![] } else { vec![Lit {}.into()] })
        }
        fn evolve(self, LampEvent::Lit(_): LampEvent) -> Self {
            Self { lit: true }
        }
    }

    const EVENING: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 18:00 UTC));
    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    #[test]
    fn a_lamp_is_lit_once_and_only_in_the_evening() {
        given::<Lamp>([]).when(Light, NOON).refused(TooEarly);
        given::<Lamp>([]).when(Light, EVENING).then([Lit {}.into()]).is(&Lamp { lit: true });
        given::<Lamp>([Lit {}.into()]).when(Light, EVENING).changes_nothing();
    }

    #[test]
    fn differences_name_each_member_by_pointer() {
        let from = json!({"name": "a", "limits": {"max/day": 1, "same": true}, "old": 1});
        let to = json!({"name": "b", "limits": {"max/day": 2, "same": true}, "tags": ["x"]});
        let changes: Vec<_> =
            differences(&from, &to).into_iter().map(|c| (c.pointer, c.from, c.to)).collect();
        assert_eq!(
            changes,
            [
                ("/old".into(), json!(1), json!(null)),
                ("/limits/max~1day".into(), json!(1), json!(2)),
                ("/name".into(), json!("a"), json!("b")),
                ("/tags".into(), json!(null), json!(["x"])),
            ]
        );
        assert_eq!(differences(&from, &from), []);
        assert_eq!(differences(&Value::Null, &json!({"a": 1})).len(), 1);
    }
}
