//! A trusted CA set: the certificates that chains may end at, as somebody chose them (L6).

mod certificates;
mod handlers;
mod mozilla;
mod projection;

use std::collections::BTreeSet;

use contracts::{
    Code, Problem, Timestamp, Violation,
    directory::RecordStatus,
    id::is_name,
    inventory::{
        MOST_TRUSTED, TRUSTED_PER_EVENT, TrustSetArchived, TrustSetCertificatesAdded,
        TrustSetCertificatesRemoved, TrustSetCreated, TrustSetDefaultEnded, TrustSetEdited, TrustSetEvent,
        TrustSetMadeDefault, TrustSetUpdated, TrustSource, TrustedCertificate,
    },
    labels::check_text,
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};

pub use self::{handlers::TrustSets, mozilla::ship, projection::TrustSetProjection};

/// One trust set; `None`: nothing has happened yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrustSet(Option<Set>);

/// What there is to know of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Whose it is, what it is called, where it comes from.
    pub about: TrustSetCreated,
    /// SHA-256 of each of its certificates, hexadecimal.
    pub fingerprints: BTreeSet<String>,
    /// Whether anything is judged by it.
    pub status: RecordStatus,
}

/// What may be asked of a trust set.
#[derive(Clone, Debug)]
pub enum TrustSetCommand {
    /// Let it exist, with its first certificates.
    Create {
        /// What it is.
        created: Box<TrustSetCreated>,
        /// What is in it.
        certificates: Vec<TrustedCertificate>,
        /// Whether it is the default at once.
        default: bool,
    },
    /// Change the fields that are given.
    Update {
        /// Another name.
        name: Option<String>,
        /// What it is for; empty takes it away.
        description: Option<String>,
        /// Whether it is to be the default.
        default: Option<bool>,
        /// Whether it is now.
        is_default: bool,
    },
    /// Let chains end at these, too.
    Add(Vec<TrustedCertificate>),
    /// Let chains no longer end at this one.
    Remove(String),
    /// Let nothing be judged by it any more.
    Archive {
        /// Whether it is the default now.
        is_default: bool,
    },
    /// Let a system-defined set hold what a newer edition of its source does.
    Edit {
        /// The edition.
        source: Box<TrustSource>,
        /// All of its certificates.
        certificates: Vec<TrustedCertificate>,
    },
}

/// Why a trust set refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrustSetRefusal {
    /// There is none with this id.
    #[error("the trust set does not exist")]
    NotCreated,
    /// The id is taken.
    #[error("the trust set exists already")]
    AlreadyCreated,
    /// It is archived.
    #[error("the trust set '{0}' is archived")]
    Archived(String),
    /// It is shipped with the program.
    #[error("the trust set '{0}' is system-defined; copy it into one of your own to change what is trusted")]
    System(String),
    /// It counts where none is named.
    #[error("the trust set '{0}' is the default; make another one the default first")]
    Default(String),
    /// Too many certificates.
    #[error("the trust set would hold {0} certificates; at most {MOST_TRUSTED} are allowed")]
    Full(usize),
    /// Some fields hold what they may not.
    #[error("{} field(s) of the trust set are not allowed", .0.len())]
    Invalid(Vec<Violation>),
}

impl From<TrustSetRefusal> for Problem {
    fn from(refusal: TrustSetRefusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            TrustSetRefusal::NotCreated => Self::new(Code::NotFound, detail),
            TrustSetRefusal::AlreadyCreated => Self::new(Code::AlreadyExists, detail),
            TrustSetRefusal::Archived(_) | TrustSetRefusal::System(_) => {
                Self::new(Code::InvalidState, detail)
            }
            TrustSetRefusal::Default(_) => Self::new(Code::InUse, detail),
            TrustSetRefusal::Full(_) => Self::new(Code::ValidationFailed, detail.clone())
                .with_errors(vec![Violation::at("#/certificates", "too_many_certificates", detail)]),
            TrustSetRefusal::Invalid(errors) => Self::new(Code::ValidationFailed, detail).with_errors(errors),
        }
    }
}

impl Aggregate for TrustSet {
    type Command = TrustSetCommand;
    type Event = TrustSetEvent;
    type Refusal = TrustSetRefusal;

    fn decide(
        &self,
        command: TrustSetCommand,
        _now: Timestamp,
    ) -> Result<Vec<TrustSetEvent>, TrustSetRefusal> {
        use TrustSetCommand as Command;
        match (&self.0, command) {
            (None, Command::Create { created, certificates, default }) => {
                check(&created.name, created.description.as_deref())?;
                let more = added(&BTreeSet::new(), certificates)?;
                let chosen = default.then(|| TrustSetMadeDefault {}.into());
                Ok([(*created).into()].into_iter().chain(more).chain(chosen).collect())
            }
            (Some(_), Command::Create { .. }) => Err(TrustSetRefusal::AlreadyCreated),
            (None, _) => Err(TrustSetRefusal::NotCreated),
            (Some(set), command) => set.decide(command),
        }
    }

    fn evolve(self, event: TrustSetEvent) -> Self {
        if let TrustSetEvent::Created(about) = event {
            return Self(Some(Set { about, fingerprints: BTreeSet::new(), status: RecordStatus::Active }));
        }
        let Some(mut set) = self.0 else { return self };
        match event {
            TrustSetEvent::Created(_) | TrustSetEvent::MadeDefault(_) | TrustSetEvent::DefaultEnded(_) => {}
            TrustSetEvent::Updated(TrustSetUpdated { name, description }) => {
                set.about = TrustSetCreated { name, description, ..set.about };
            }
            TrustSetEvent::Edited(edited) => set.about.source = Some(edited.source),
            TrustSetEvent::CertificatesAdded(added) => {
                set.fingerprints.extend(added.certificates.into_iter().map(|one| one.fingerprint_sha256));
            }
            TrustSetEvent::CertificatesRemoved(removed) => {
                set.fingerprints.retain(|known| !removed.fingerprints.contains(known));
            }
            TrustSetEvent::Archived(_) => set.status = RecordStatus::Archived,
        }
        Self(Some(set))
    }

    fn describe(&self) -> Value {
        self.set().map_or(Value::Null, |set| {
            json!({"name": set.about.name, "description": set.about.description, "status": set.status,
                "certificates": set.fingerprints})
        })
    }
}

impl TrustSet {
    /// What there is to know of it, once it exists.
    pub fn set(&self) -> Option<&Set> {
        self.0.as_ref()
    }
}

impl Set {
    fn decide(&self, command: TrustSetCommand) -> Result<Vec<TrustSetEvent>, TrustSetRefusal> {
        use TrustSetCommand as Command;
        if self.status == RecordStatus::Archived {
            return match command {
                Command::Archive { .. } | Command::Edit { .. } => Ok(vec![]),
                _ => Err(TrustSetRefusal::Archived(self.about.name.clone())),
            };
        }
        match command {
            Command::Create { .. } => Err(TrustSetRefusal::AlreadyCreated),
            Command::Update { name, description, default, is_default } => {
                self.update(name, description, default.filter(|wanted| *wanted != is_default))
            }
            Command::Add(certificates) => {
                self.is_ours()?;
                added(&self.fingerprints, certificates)
            }
            Command::Remove(fingerprint) => {
                self.is_ours()?;
                if !is_fingerprint(&fingerprint) {
                    let words = "a certificate is named by its SHA-256: 64 hexadecimal digits, lower case";
                    let wrong = Violation::in_parameter("fingerprint", "invalid_fingerprint", words);
                    return Err(TrustSetRefusal::Invalid(vec![wrong]));
                }
                let known = self.fingerprints.contains(&fingerprint);
                let removed = TrustSetCertificatesRemoved { fingerprints: vec![fingerprint] };
                Ok(known.then(|| removed.into()).into_iter().collect())
            }
            Command::Archive { .. } if self.about.source.is_some() => self.is_ours().map(|()| vec![]),
            Command::Archive { is_default: true } => Err(TrustSetRefusal::Default(self.about.name.clone())),
            Command::Archive { .. } => Ok(vec![TrustSetArchived {}.into()]),
            Command::Edit { source, certificates } => Ok(self.edit(*source, certificates)?),
        }
    }

    fn update(
        &self,
        name: Option<String>,
        description: Option<String>,
        default: Option<bool>,
    ) -> Result<Vec<TrustSetEvent>, TrustSetRefusal> {
        let description = description.or_else(|| self.about.description.clone());
        let next = TrustSetUpdated {
            name: name.unwrap_or_else(|| self.about.name.clone()),
            description: description.filter(|text| !text.is_empty()),
        };
        let mut events = vec![];
        if (&next.name, &next.description) != (&self.about.name, &self.about.description) {
            self.is_ours()?;
            check(&next.name, next.description.as_deref())?;
            events.push(next.into());
        }
        events.extend(default.map(|default| match default {
            true => TrustSetMadeDefault {}.into(),
            false => TrustSetDefaultEnded {}.into(),
        }));
        Ok(events)
    }

    /// What a newer edition changes. An older one, as another instance may still have it, changes nothing.
    fn edit(
        &self,
        source: TrustSource,
        certificates: Vec<TrustedCertificate>,
    ) -> Result<Vec<TrustSetEvent>, TrustSetRefusal> {
        let newer = self.about.source.as_ref().is_some_and(|known| known.date < source.date);
        if !newer {
            return Ok(vec![]);
        }
        let kept: BTreeSet<&str> = certificates.iter().map(|one| one.fingerprint_sha256.as_str()).collect();
        let gone = self.fingerprints.iter().filter(|known| !kept.contains(known.as_str()));
        let gone: Vec<String> = gone.cloned().collect();
        let mut events = vec![TrustSetEdited { source }.into()];
        if !gone.is_empty() {
            events.push(TrustSetCertificatesRemoved { fingerprints: gone }.into());
        }
        events.extend(added(&self.fingerprints, certificates)?);
        Ok(events)
    }

    fn is_ours(&self) -> Result<(), TrustSetRefusal> {
        match self.about.source {
            None => Ok(()),
            Some(_) => Err(TrustSetRefusal::System(self.about.name.clone())),
        }
    }
}

/// The certificates that are not known yet, each once, in events of a size that the log takes.
fn added(
    known: &BTreeSet<String>,
    certificates: Vec<TrustedCertificate>,
) -> Result<Vec<TrustSetEvent>, TrustSetRefusal> {
    let mut all = known.clone();
    let new = certificates.into_iter().filter(|one| all.insert(one.fingerprint_sha256.clone()));
    let (mut parts, mut bytes) = (vec![TrustSetCertificatesAdded { certificates: vec![] }], 0);
    for one in new {
        bytes += one.certificate.len();
        if bytes > TRUSTED_PER_EVENT {
            bytes = one.certificate.len();
            parts.push(TrustSetCertificatesAdded { certificates: vec![] });
        }
        if let Some(part) = parts.last_mut() {
            part.certificates.push(one);
        }
    }
    if all.len() > MOST_TRUSTED {
        return Err(TrustSetRefusal::Full(all.len()));
    }
    Ok(parts.into_iter().filter(|part| !part.certificates.is_empty()).map(Into::into).collect())
}

fn check(name: &str, description: Option<&str>) -> Result<(), TrustSetRefusal> {
    let words =
        "a name has 1 to 63 lower-case letters, digits, '-', '_' or '.', and begins with a letter or digit";
    let name = (!is_name(name)).then(|| Violation::at("#/name", "invalid_name", words));
    let description = description.and_then(|text| check_text("#/description", text, 1_000));
    let errors: Vec<_> = name.into_iter().chain(description).collect();
    if errors.is_empty() { Ok(()) } else { Err(TrustSetRefusal::Invalid(errors)) }
}

fn is_fingerprint(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests;
