//! What a command answers.

use contracts::command::DryRun;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A done command. On the wire: `{stream, version, position: {"0": n}, replayed, result}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply<T> {
    /// The stream that was written, if one was.
    pub stream: Option<Uuid>,
    /// The version it has now.
    pub version: i32,
    /// The last position written; 0 = nothing was appended.
    #[serde(with = "shards")]
    pub position: i64,
    /// Whether this is the answer of an earlier command with the same id.
    pub replayed: bool,
    /// The answer.
    pub result: T,
}

impl<T> Reply<T> {
    /// An answer of a command that appended nothing.
    pub const fn nothing(result: T) -> Self {
        Self { stream: None, version: 0, position: 0, replayed: false, result }
    }

    /// The same with another result.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Reply<U> {
        Reply {
            stream: self.stream,
            version: self.version,
            position: self.position,
            replayed: self.replayed,
            result: to(self.result),
        }
    }
}

/// A command that is recorded and waits for an approval; it goes on by itself. On the wire: `{waits: {position, replayed}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The last position written.
    pub position: i64,
    /// Whether an earlier command with the same id wrote it.
    pub replayed: bool,
}

/// What a handler gives back: a done command, one that waits, or what it would change.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    /// Done.
    Done(Reply<T>),
    /// Recorded, and waiting for an approval.
    Waits(Waits),
    /// Asked with `Dry-Run`: nothing was appended.
    Dry(DryRun),
}

impl<T> From<Reply<T>> for Answer<T> {
    fn from(reply: Reply<T>) -> Self {
        Self::Done(reply)
    }
}

impl<T> Answer<T> {
    /// The same with another result.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Done(reply) => Answer::Done(reply.map(to)),
            Self::Waits(waits) => Answer::Waits(waits),
            Self::Dry(dry) => Answer::Dry(dry),
        }
    }
}

/// What handlers may return. One that returns [`Reply`] cannot answer a dry run, so it is never asked for one.
pub trait IntoAnswer<T>: Send {
    /// Whether `Dry-Run` may reach the handler.
    const DRY_RUN: bool;
    /// The answer.
    fn into_answer(self) -> Answer<T>;
}

impl<T: Send> IntoAnswer<T> for Reply<T> {
    const DRY_RUN: bool = false;
    fn into_answer(self) -> Answer<T> {
        Answer::Done(self)
    }
}
impl<T: Send> IntoAnswer<T> for Answer<T> {
    const DRY_RUN: bool = true;
    fn into_answer(self) -> Self {
        self
    }
}

/// What the sender of a command reads: it is done, or waits for an approval.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// Done.
    Done(Reply<T>),
    /// Recorded, and waiting for an approval.
    Waits(Waits),
}

impl<T: serde::de::DeserializeOwned> Outcome<T> {
    /// Reads the wire form. Its beginning tells which it is, so that the usual answer is read once.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        if json.starts_with(br#"{"waits":"#) {
            return serde_json::from_slice(json).map(|WaitingReply { waits }| Self::Waits(waits));
        }
        serde_json::from_slice(json).map(Self::Done)
    }
}

/// The wire form of [`Answer::Waits`].
#[derive(Serialize, Deserialize)]
struct WaitingReply {
    waits: Waits,
}

/// The wire form of [`Answer::Dry`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DryReply {
    pub(crate) dry_run: DryRun,
}

impl<T: Serialize> Answer<T> {
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Self::Done(reply) => serde_json::to_vec(reply),
            Self::Waits(waits) => serde_json::to_vec(&WaitingReply { waits: *waits }),
            Self::Dry(dry_run) => serde_json::to_vec(&DryReply { dry_run: dry_run.clone() }),
        }
    }
}

/// `position` on the wire: one number per shard.
mod shards {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Positions {
        #[serde(rename = "0")]
        shard_0: i64,
    }

    pub(super) fn serialize<S: Serializer>(position: &i64, s: S) -> Result<S::Ok, S::Error> {
        Positions { shard_0: *position }.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
        Positions::deserialize(d).map(|positions| positions.shard_0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_written_as_the_wire_says() {
        let reply = Reply { stream: None, version: 2, position: 41, replayed: false, result: "x" };
        assert_eq!(
            serde_json::to_string(&reply).unwrap(),
            r#"{"stream":null,"version":2,"position":{"0":41},"replayed":false,"result":"x"}"#
        );
    }

    #[test]
    fn what_waits_is_told_from_what_is_done() {
        let waits = Waits { position: 7, replayed: false };
        let wire = Answer::<String>::Waits(waits).to_json().unwrap();
        assert_eq!(wire, br#"{"waits":{"position":7,"replayed":false}}"#);
        assert_eq!(Outcome::<String>::from_json(&wire).unwrap(), Outcome::Waits(waits));
        let reply = Reply { stream: None, version: 2, position: 41, replayed: false, result: "x".to_owned() };
        let wire = Answer::Done(reply.clone()).to_json().unwrap();
        assert_eq!(Outcome::from_json(&wire).unwrap(), Outcome::Done(reply));
    }
}
