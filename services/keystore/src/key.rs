//! The aggregate: one key, from generation to destruction.

use contracts::{
    Code, Problem, Timestamp,
    keystore::{
        KeyCompromised, KeyCsrSigned, KeyDestroyed, KeyEvent, KeyExported, KeyGenerated, KeyImported,
        KeyPurpose, KeyStatus,
    },
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

/// A key. Its private half is no part of this: that stands, wrapped, in `keystore.wrapped_key`, or in a token, until the key
/// is destroyed, and nowhere afterwards.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Key {
    /// Not made yet.
    #[default]
    Absent,
    /// Usable.
    Active(Box<KeyGenerated>),
    /// Known to others, or perhaps: it signs nothing.
    Compromised(Box<KeyGenerated>),
    /// Shredded: what it was stays known.
    Destroyed(Box<KeyGenerated>),
}

/// What may be asked of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Record a key that was made.
    Generate(Box<KeyGenerated>),
    /// Record a key that was brought; one that was destroyed here comes back.
    Import(Box<KeyGenerated>),
    /// Record that it goes out.
    Export(KeyExported),
    /// Record that it signed a CSR.
    SignCsr(KeyCsrSigned),
    /// Let it sign nothing any more: others know it.
    Compromise(KeyCompromised),
    /// Destroy it.
    Destroy {
        /// Why.
        reason: Option<String>,
        /// Whether a CA that is not suspended signs with it.
        signs_for_a_ca: bool,
    },
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is a key with this id.
    #[error("there is a key with this id already")]
    AlreadyGenerated,
    /// There is none.
    #[error("there is no such key, or it is not visible to you")]
    NotGenerated,
    /// It stays here for good.
    #[error("the key was not made or imported as exportable: it never leaves the keystore")]
    NotExportable,
    /// It was made where nothing gets it out.
    #[error("the key is in the token '{0}', which gives no private key out")]
    InToken(String),
    /// Nothing is left of it, or others know it.
    #[error("the key is compromised or destroyed")]
    Ended,
    /// The log is sealed with it.
    #[error("this key signs the checkpoints of the log; it cannot be destroyed")]
    SealsTheLog,
    /// A CA needs it.
    #[error("a CA signs with this key; suspend the CA before its key is destroyed")]
    SignsForACa,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::AlreadyGenerated => Code::AlreadyExists,
            Refusal::NotGenerated => Code::NotFound,
            Refusal::NotExportable => Code::Forbidden,
            Refusal::InToken(_) => Code::KeyInToken,
            Refusal::Ended => Code::InvalidState,
            Refusal::SealsTheLog | Refusal::SignsForACa => Code::InUse,
        };
        Self::new(code, refusal.to_string())
    }
}

impl Aggregate for Key {
    type Command = Command;
    type Event = KeyEvent;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> Result<Vec<KeyEvent>, Refusal> {
        Ok(match (self, command) {
            (Self::Absent, Command::Generate(key)) => vec![(*key).into()],
            (_, Command::Generate(_)) => return Err(Refusal::AlreadyGenerated),
            (Self::Absent | Self::Destroyed(_), Command::Import(key)) => {
                vec![KeyImported { key: *key }.into()]
            }
            (Self::Active(_), Command::Import(_)) => return Err(Refusal::AlreadyGenerated),
            (Self::Compromised(_), Command::Import(_)) => return Err(Refusal::Ended),
            (Self::Absent, Command::Export(_) | Command::SignCsr(_)) => return Err(Refusal::NotGenerated),
            (Self::Active(_), Command::SignCsr(signed)) => vec![signed.into()],
            (Self::Active(key), Command::Export(export)) => match &key.token {
                Some(token) => return Err(Refusal::InToken(token.clone())),
                None if key.exportable && key.purpose == KeyPurpose::EndEntity => vec![export.into()],
                None => return Err(Refusal::NotExportable),
            },
            (Self::Compromised(_) | Self::Destroyed(_), Command::Export(_) | Command::SignCsr(_)) => {
                return Err(Refusal::Ended);
            }
            (Self::Absent, Command::Destroy { .. }) => return Err(Refusal::NotGenerated),
            (Self::Absent, Command::Compromise(_)) => return Err(Refusal::NotGenerated),
            (Self::Active(_), Command::Compromise(why)) => vec![why.into()],
            (Self::Compromised(_) | Self::Destroyed(_), Command::Compromise(_)) => vec![], // it signs nothing already
            (Self::Active(key), Command::Destroy { .. }) if key.purpose == KeyPurpose::Checkpoint => {
                return Err(Refusal::SealsTheLog);
            }
            (Self::Active(_), Command::Destroy { signs_for_a_ca: true, .. }) => {
                return Err(Refusal::SignsForACa);
            }
            (Self::Active(_) | Self::Compromised(_), Command::Destroy { reason, .. }) => {
                vec![KeyDestroyed { reason }.into()]
            }
            (Self::Destroyed(_), Command::Destroy { .. }) => vec![], // gone already: nothing changes
        })
    }

    fn evolve(self, event: KeyEvent) -> Self {
        match event {
            KeyEvent::Generated(key) => Self::Active(Box::new(key)),
            KeyEvent::Imported(imported) => Self::Active(Box::new(imported.key)),
            KeyEvent::Exported(_) | KeyEvent::CsrSigned(_) => self,
            KeyEvent::Compromised(_) => match self {
                Self::Active(key) | Self::Compromised(key) => Self::Compromised(key),
                other @ (Self::Absent | Self::Destroyed(_)) => other, // never recorded: `decide` refuses
            },
            KeyEvent::Destroyed(_) => match self {
                Self::Active(key) | Self::Compromised(key) | Self::Destroyed(key) => Self::Destroyed(key),
                Self::Absent => Self::Absent, // never recorded: `decide` refuses
            },
        }
    }

    fn describe(&self) -> Value {
        let (key, status) = match self {
            Self::Absent => return Value::Null,
            Self::Active(key) => (key, KeyStatus::Active),
            Self::Compromised(key) => (key, KeyStatus::Compromised),
            Self::Destroyed(key) => (key, KeyStatus::Destroyed),
        };
        json!({
            "algorithm": key.algorithm,
            "purpose": key.purpose,
            "exportable": key.exportable,
            "label": key.label,
            "token": key.token,
            "status": status,
        })
    }
}

impl Key {
    /// What was recorded when it was made.
    #[must_use]
    pub fn description(&self) -> Option<&KeyGenerated> {
        match self {
            Self::Absent => None,
            Self::Active(key) | Self::Compromised(key) | Self::Destroyed(key) => Some(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::{KeyId, x509::KeyAlgorithm};
    use runtime::aggregate::test::given;
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

    fn made(purpose: KeyPurpose) -> KeyGenerated {
        KeyGenerated {
            id: KeyId(Uuid::from_u128(1)),
            algorithm: KeyAlgorithm::EcdsaP256,
            purpose,
            exportable: false,
            label: None,
            token: None,
            spki: "MFkw".into(),
            spki_sha256: "00".repeat(32),
        }
    }

    fn destroy(signs_for_a_ca: bool) -> Command {
        Command::Destroy { reason: Some("left the company".into()), signs_for_a_ca }
    }

    fn destroyed() -> KeyEvent {
        KeyDestroyed { reason: Some("left the company".into()) }.into()
    }

    #[test]
    fn a_key_is_generated_once() {
        let key = made(KeyPurpose::EndEntity);
        let generate = || Command::Generate(Box::new(key.clone()));
        given::<Key>([])
            .when(generate(), NOON)
            .then([key.clone().into()])
            .is(&Key::Active(Box::new(key.clone())));
        given::<Key>([key.clone().into()]).when(generate(), NOON).refused(Refusal::AlreadyGenerated);
    }

    #[test]
    fn a_destroyed_key_stays_known_and_destroyed() {
        let key = made(KeyPurpose::EndEntity);
        given::<Key>([key.clone().into()])
            .when(destroy(false), NOON)
            .then([destroyed()])
            .is(&Key::Destroyed(Box::new(key.clone())));
        given::<Key>([key.clone().into(), destroyed()]).when(destroy(false), NOON).changes_nothing();
        let again = Command::Generate(Box::new(key.clone()));
        given::<Key>([key.into(), destroyed()]).when(again, NOON).refused(Refusal::AlreadyGenerated);
    }

    #[test]
    fn a_key_goes_out_only_if_it_is_marked() {
        let export =
            KeyExported { format: contracts::keystore::KeyFormat::Pkcs8, reason: "migration".into() };
        let wish = || Command::Export(export.clone());
        let kept = made(KeyPurpose::EndEntity);
        let free = KeyGenerated { exportable: true, ..kept.clone() };
        let ca = KeyGenerated { exportable: true, ..made(KeyPurpose::Ca) };
        given::<Key>([free.clone().into()]).when(wish(), NOON).then([export.clone().into()]);
        let in_token = KeyGenerated { token: Some("hsm".into()), ..kept.clone() };
        given::<Key>([in_token.into()]).when(wish(), NOON).refused(Refusal::InToken("hsm".into()));
        for never in [kept, ca] {
            given::<Key>([never.into()]).when(wish(), NOON).refused(Refusal::NotExportable);
        }
        given::<Key>([free.into(), destroyed()]).when(wish(), NOON).refused(Refusal::Ended);
        given::<Key>([]).when(wish(), NOON).refused(Refusal::NotGenerated);
    }

    #[test]
    fn a_key_is_brought_once_and_again_after_its_end() {
        let key = made(KeyPurpose::EndEntity);
        let import = || Command::Import(Box::new(key.clone()));
        let imported: KeyEvent = KeyImported { key: key.clone() }.into();
        given::<Key>([]).when(import(), NOON).then([imported.clone()]);
        given::<Key>([imported.clone()]).when(import(), NOON).refused(Refusal::AlreadyGenerated);
        given::<Key>([imported.clone(), destroyed()])
            .when(import(), NOON)
            .then([imported])
            .is(&Key::Active(Box::new(key.clone())));
    }

    #[test]
    fn a_compromised_key_can_only_be_destroyed() {
        let key = made(KeyPurpose::EndEntity);
        let why = KeyCompromised { spki_sha256: "00".repeat(32), reason: "on a paste site".into() };
        let compromise = || Command::Compromise(why.clone());
        let compromised: KeyEvent = why.clone().into();
        given::<Key>([key.clone().into()])
            .when(compromise(), NOON)
            .then([compromised.clone()])
            .is(&Key::Compromised(Box::new(key.clone())));
        given::<Key>([key.clone().into(), compromised.clone()]).when(compromise(), NOON).changes_nothing();
        given::<Key>([key.clone().into(), destroyed()]).when(compromise(), NOON).changes_nothing();
        given::<Key>([key.into(), compromised]).when(destroy(false), NOON).then([destroyed()]);
        given::<Key>([]).when(compromise(), NOON).refused(Refusal::NotGenerated);
    }

    #[test]
    fn a_key_that_was_never_made_cannot_be_destroyed() {
        given::<Key>([]).when(destroy(false), NOON).refused(Refusal::NotGenerated);
    }

    #[test]
    fn a_key_in_use_cannot_be_destroyed() {
        given::<Key>([made(KeyPurpose::Ca).into()]).when(destroy(true), NOON).refused(Refusal::SignsForACa);
        given::<Key>([made(KeyPurpose::Ca).into()]).when(destroy(false), NOON).then([destroyed()]);
        let checkpoint = made(KeyPurpose::Checkpoint);
        given::<Key>([checkpoint.into()]).when(destroy(false), NOON).refused(Refusal::SealsTheLog);
    }
}
