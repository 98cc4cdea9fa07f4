//! An administrator: a person or program that may act.

use contracts::{
    Code, CredentialId, Problem, SessionId, Timestamp,
    directory::{
        AdministratorAppointed, AdministratorCertificateBound, AdministratorCertificateUnbound,
        AdministratorDescribed, AdministratorDisabled, AdministratorEnabled, AdministratorEvent,
        AdministratorGrantsChanged, AdministratorLinkDrawn, AdministratorLinkWanted,
        AdministratorPasswordSet, AdministratorRecoveryCodeUsed, AdministratorRemoved,
        AdministratorSecondFactorConfirmed, AdministratorSecondFactorEnrolled,
        AdministratorSecondFactorRemoved, AdministratorStatus, CertificateMark, Grant, PasswordOrigin,
        ShownCertificate,
    },
};
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use crate::client_certificate::{self, ClientCertificates};

/// One administrator. Whether the caller may ask for what they ask is judged before ([`crate::handlers`]).
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(clippy::large_enum_variant)] // nearly all there are were appointed
pub enum Administrator {
    /// Nothing has happened yet.
    #[default]
    Unappointed,
    /// May act as far as the grants reach, unless disabled or removed.
    Appointed {
        /// As appointed, with the grants as they are now.
        appointed: AdministratorAppointed,
        /// Whether they may act.
        status: AdministratorStatus,
        /// What they may sign in with.
        certificates: ClientCertificates,
        /// How they come in.
        door: Door,
    },
}

/// How somebody comes in with a password, as far as the log knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Door {
    /// The one-time link that counts.
    pub link: Option<AdministratorLinkDrawn>,
    /// Until when a link may be drawn for a mail, while one was asked for.
    pub link_wanted: Option<Timestamp>,
    /// Whether they have a password.
    pub password: bool,
    /// Where the seed of their second factor is.
    pub second_factor: Option<CredentialId>,
    /// Where the seed is that they have not proved to hold yet.
    pub enrolling: Option<CredentialId>,
}

/// What may be asked of an administrator.
#[derive(Clone, Debug)]
pub enum AdministratorCommand {
    /// Let them act.
    Appoint(AdministratorAppointed),
    /// Change what they may do, and record which fields beside the log changed.
    Update {
        /// All their grants from now on; `None` = as they are.
        grants: Option<Vec<Grant>>,
        /// Fields beside the log that change.
        described: Vec<String>,
    },
    /// Let them do nothing.
    Disable(AdministratorDisabled),
    /// Let them act again.
    Enable(AdministratorEnabled),
    /// Let them never act again.
    Remove(AdministratorRemoved),
    /// Let them sign in with a certificate.
    BindCertificate(AdministratorCertificateBound),
    /// Let them no longer sign in with one.
    UnbindCertificate(AdministratorCertificateUnbound),
    /// They signed in with this one.
    UseCertificate(ShownCertificate),
    /// Send them a one-time link.
    WantLink(AdministratorLinkWanted),
    /// Let a link that was asked for count, and none before it.
    DrawLink(AdministratorLinkDrawn),
    /// The same with one that is shown to who may appoint them.
    ShowLink(AdministratorLinkDrawn),
    /// Let the password be set by whoever has the code with this hash.
    UseLink(String),
    /// Let the password be set by whoever knew the old one.
    ChangePassword {
        /// The session that it is changed in, which goes on.
        kept_session: Option<SessionId>,
    },
    /// Let a seed be shown.
    EnrolSecondFactor(CredentialId),
    /// Let the seed that was shown count.
    ConfirmSecondFactor,
    /// Let no seed count.
    RemoveSecondFactor(AdministratorSecondFactorRemoved),
    /// Let a recovery code be used up.
    UseRecoveryCode(AdministratorRecoveryCodeUsed),
}

/// Why an administrator refuses.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AdministratorRefusal {
    /// There is none with this id.
    #[error("the administrator does not exist")]
    NotAppointed,
    /// The id is taken.
    #[error("the administrator was appointed already")]
    AlreadyAppointed,
    /// They may not act now.
    #[error("the administrator '{0}' may not act: enable them first")]
    Disabled(String),
    /// The link was used, has lapsed, or another one was drawn.
    #[error("the link was used, has lapsed or was replaced by a later one: ask for another one")]
    LinkVoid,
    /// Nobody asked for a link, or a password was set since.
    #[error("no link was asked for, or none is wanted any more")]
    LinkNotWanted,
    /// No seed was shown that could be confirmed.
    #[error("no second factor is being set up: begin with POST /api/v1/me/mfa/totp")]
    NotEnrolling,
    /// They sign in at an identity provider.
    #[error(
        "'{0}' signs in at an identity provider: there is no password, link or second factor of theirs here"
    )]
    OfProvider(String),
    /// They were removed for good.
    #[error("the administrator '{0}' was removed")]
    Removed(String),
    /// There is no room for another certificate.
    #[error("the administrator '{0}' has {most} certificates already: take one away first", most = client_certificate::MOST)]
    TooManyCertificates(String),
    /// They do not sign in with this certificate.
    #[error("the certificate '{0}' is not bound to the administrator")]
    NotBound(CertificateMark),
}

impl From<AdministratorRefusal> for Problem {
    fn from(refusal: AdministratorRefusal) -> Self {
        let code = match refusal {
            AdministratorRefusal::NotAppointed | AdministratorRefusal::NotBound(_) => Code::NotFound,
            AdministratorRefusal::AlreadyAppointed => Code::AlreadyExists,
            AdministratorRefusal::LinkVoid => Code::LinkVoid,
            AdministratorRefusal::Removed(_)
            | AdministratorRefusal::TooManyCertificates(_)
            | AdministratorRefusal::Disabled(_)
            | AdministratorRefusal::LinkNotWanted
            | AdministratorRefusal::OfProvider(_)
            | AdministratorRefusal::NotEnrolling => Code::InvalidState,
        };
        Self::new(code, refusal.to_string())
    }
}

impl Aggregate for Administrator {
    type Command = AdministratorCommand;
    type Event = AdministratorEvent;
    type Refusal = AdministratorRefusal;

    fn decide(
        &self,
        command: AdministratorCommand,
        now: Timestamp,
    ) -> Result<Vec<AdministratorEvent>, AdministratorRefusal> {
        use AdministratorCommand as Command;
        use AdministratorStatus::{Active, Disabled, Removed};
        let (appointed, command, status, certificates, door) = match (self, command) {
            (Self::Unappointed, Command::Appoint(appointed)) => return Ok(vec![appointed.into()]),
            (Self::Appointed { .. }, Command::Appoint(_)) => {
                return Err(AdministratorRefusal::AlreadyAppointed);
            }
            (Self::Unappointed, _) => return Err(AdministratorRefusal::NotAppointed),
            (Self::Appointed { status: Removed, .. }, Command::Remove(_)) => return Ok(vec![]),
            // What a void link was for is nobody's business.
            (Self::Appointed { status: Removed | Disabled, .. }, Command::UseLink(_)) => {
                return Err(AdministratorRefusal::LinkVoid);
            }
            (Self::Appointed { appointed, status: Removed, .. }, _) => {
                return Err(AdministratorRefusal::Removed(appointed.name.clone()));
            }
            (Self::Appointed { appointed, status, certificates, door }, command) => {
                (appointed, command, *status, certificates, door)
            }
        };
        Ok(match (command, status) {
            (Command::Update { grants, described }, _) => {
                let changed = grants.filter(|grants| *grants != appointed.grants);
                let described =
                    (!described.is_empty()).then_some(AdministratorDescribed { fields: described });
                let grants = changed.map(|grants| AdministratorGrantsChanged { grants }.into());
                grants.into_iter().chain(described.map(Into::into)).collect()
            }
            (Command::Disable(disabled), Active) => vec![disabled.into()],
            (Command::Enable(enabled), Disabled) => vec![enabled.into()],
            (Command::Remove(removed), _) => vec![removed.into()],
            (Command::BindCertificate(bound), _) => certificates
                .bind(bound)
                .ok_or_else(|| AdministratorRefusal::TooManyCertificates(appointed.name.clone()))?,
            (Command::UnbindCertificate(unbound), _) => {
                let mark = unbound.certificate;
                certificates.unbind(unbound).ok_or(AdministratorRefusal::NotBound(mark))?
            }
            (Command::UseCertificate(shown), _) => certificates.used(shown),
            (Command::Disable(_) | Command::Enable(_) | Command::Appoint(_), _) => vec![],
            (command, Active)
                if appointed.identity_provider_id.is_some() && !matches!(command, Command::UseLink(_)) =>
            {
                return Err(AdministratorRefusal::OfProvider(appointed.name.clone()));
            }
            (command, Active) => return door.decide(command, now),
            (_, Disabled | Removed) => return Err(AdministratorRefusal::Disabled(appointed.name.clone())),
        })
    }

    fn evolve(self, event: AdministratorEvent) -> Self {
        let (mut appointed, mut status, mut certificates, mut door, event) = match (self, event) {
            (_, AdministratorEvent::Appointed(appointed)) => {
                let (status, certificates) = (AdministratorStatus::Active, ClientCertificates::default());
                return Self::Appointed { appointed, status, certificates, door: Door::default() };
            }
            (Self::Unappointed, _) => return Self::Unappointed,
            (Self::Appointed { appointed, status, certificates, door }, event) => {
                (appointed, status, certificates, door, event)
            }
        };
        match event {
            AdministratorEvent::Appointed(_)
            | AdministratorEvent::Described(_)
            | AdministratorEvent::RecoveryCodeUsed(_) => {}
            AdministratorEvent::LinkWanted(wanted) => door.link_wanted = wanted.until,
            AdministratorEvent::LinkDrawn(drawn) => door.link = Some(drawn),
            AdministratorEvent::PasswordSet(_) => {
                (door.link, door.link_wanted) = (None, None);
                door.password = true;
            }
            AdministratorEvent::SecondFactorEnrolled(enrolled) => door.enrolling = Some(enrolled.credential),
            AdministratorEvent::SecondFactorConfirmed(confirmed) => {
                door.enrolling = None;
                door.second_factor = Some(confirmed.credential);
            }
            AdministratorEvent::SecondFactorRemoved(_) => {
                door.enrolling = None;
                door.second_factor = None;
            }
            AdministratorEvent::GrantsChanged(changed) => {
                // A link that was drawn for who they were is none for who they are.
                (door.link, door.link_wanted) = (None, None);
                appointed.grants = changed.grants;
            }
            AdministratorEvent::Disabled(_) => status = AdministratorStatus::Disabled,
            AdministratorEvent::Enabled(_) => status = AdministratorStatus::Active,
            AdministratorEvent::Removed(_) => status = AdministratorStatus::Removed,
            AdministratorEvent::CertificateBound(bound) => certificates.bound(bound),
            AdministratorEvent::CertificateUnbound(unbound) => certificates.unbound(unbound.certificate),
        }
        Self::Appointed { appointed, status, certificates, door }
    }

    fn describe(&self) -> Value {
        match self {
            Self::Unappointed => Value::Null,
            Self::Appointed { appointed, status, certificates, .. } => {
                json!({"name": appointed.name, "kind": appointed.kind, "grants": appointed.grants, "status": status,
                    "certificates": certificates.marks().collect::<Vec<_>>()})
            }
        }
    }
}

impl Administrator {
    /// What they were appointed to, with the grants as they are now; and whether they may act.
    pub fn appointed(&self) -> Option<(&AdministratorAppointed, AdministratorStatus)> {
        match self {
            Self::Unappointed => None,
            Self::Appointed { appointed, status, .. } => Some((appointed, *status)),
        }
    }

    /// A certificate that they may sign in with.
    pub fn certificate(&self, certificate: CertificateMark) -> Option<&AdministratorCertificateBound> {
        match self {
            Self::Unappointed => None,
            Self::Appointed { certificates, .. } => certificates.find(certificate),
        }
    }

    /// How they come in; nobody who was never appointed does.
    pub fn door(&self) -> Option<&Door> {
        match self {
            Self::Unappointed => None,
            Self::Appointed { door, .. } => Some(door),
        }
    }
}

impl Door {
    fn decide(
        &self,
        command: AdministratorCommand,
        now: Timestamp,
    ) -> Result<Vec<AdministratorEvent>, AdministratorRefusal> {
        use AdministratorCommand as Command;
        Ok(match command {
            Command::WantLink(wanted) => vec![wanted.into()],
            Command::DrawLink(drawn) if self.link_wanted.is_some_and(|until| now <= until) => {
                vec![drawn.into()]
            }
            Command::DrawLink(_) => return Err(AdministratorRefusal::LinkNotWanted),
            Command::ShowLink(drawn) => vec![drawn.into()],
            Command::UseLink(hash) => {
                let counts = |link: &&AdministratorLinkDrawn| {
                    now <= link.valid_until && bool::from(link.hash.as_bytes().ct_eq(hash.as_bytes()))
                };
                self.link.as_ref().filter(counts).ok_or(AdministratorRefusal::LinkVoid)?;
                vec![AdministratorPasswordSet { by: PasswordOrigin::Link, kept_session: None }.into()]
            }
            Command::ChangePassword { kept_session } => {
                vec![AdministratorPasswordSet { by: PasswordOrigin::OldPassword, kept_session }.into()]
            }
            Command::EnrolSecondFactor(credential) => {
                vec![AdministratorSecondFactorEnrolled { credential }.into()]
            }
            Command::ConfirmSecondFactor => {
                let credential = self.enrolling.ok_or(AdministratorRefusal::NotEnrolling)?;
                vec![AdministratorSecondFactorConfirmed { credential }.into()]
            }
            Command::RemoveSecondFactor(_) if self.second_factor.or(self.enrolling).is_none() => vec![],
            Command::RemoveSecondFactor(removed) => vec![removed.into()],
            Command::UseRecoveryCode(used) => vec![used.into()],
            Command::Appoint(_)
            | Command::Update { .. }
            | Command::Disable(_)
            | Command::Enable(_)
            | Command::Remove(_)
            | Command::BindCertificate(..)
            | Command::UnbindCertificate(_)
            | Command::UseCertificate(_) => vec![],
        })
    }
}

#[cfg(test)]
mod tests;
