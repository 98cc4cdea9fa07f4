//! A proof that an organization controls a domain: looked for, found, repeated before it may be relied on no more.

pub mod challenge;
pub mod check;
mod refusal;
pub mod reuse;

use std::collections::BTreeMap;

use contracts::{
    DomainId, OrganizationId, Timestamp, ValidationId,
    directory::{
        DomainValidated, DomainValidationCodeDrawn, DomainValidationEvent, DomainValidationExpired,
        DomainValidationExpiring, DomainValidationFailed, DomainValidationMailWanted,
        DomainValidationStarted, DomainValidationStatus, DomainValidationTried, EVERY_NAME, ValidationMethod,
    },
};
use runtime::aggregate::Aggregate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use time::Duration;

pub use self::refusal::ValidationRefusal;

/// How long a random value may be used (Baseline Requirements, 3.2.2.4.4 and 3.2.2.4.7), and so how long a pending one is
/// looked for.
const PENDING: Duration = Duration::days(30);
/// Pauses before each look; after the last one it is given up.
const PAUSES: [Duration; 9] = [
    Duration::seconds(10),
    Duration::minutes(1),
    Duration::minutes(5),
    Duration::minutes(30),
    Duration::hours(2),
    Duration::hours(8),
    Duration::DAY,
    Duration::days(2),
    Duration::days(4),
];
/// Pause between two looks while a proof that still counts cannot be repeated.
const AGAIN: Duration = Duration::hours(12);

/// One validation; none until it is started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DomainValidation(pub Option<Record>);

/// What is known of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: ValidationId,
    /// Of which domain.
    pub domain_id: DomainId,
    /// The domain's name in A-labels.
    pub domain_name: String,
    /// For whom.
    pub organization_id: OrganizationId,
    /// How.
    pub method: ValidationMethod,
    /// What has to be found; empty where a code is sent.
    pub expected: String,
    /// Where it stands.
    pub status: DomainValidationStatus,
    /// Looks in vain since it was last found.
    pub attempts: u32,
    /// Those among them that nobody asked for.
    pub own_attempts: u32,
    /// Why it was not found last.
    pub reason: Option<String>,
    /// When it is looked for next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was last found.
    pub validated_at: Option<Timestamp>,
    /// Until when that may be relied on.
    pub valid_until: Option<Timestamp>,
    /// When a pending one lapses.
    pub expires_at: Timestamp,
    /// By recipient: SHA-256 of the code that was sent last, and until when that counts.
    pub codes: BTreeMap<String, (String, Timestamp)>,
    /// Whether it was told that it cannot be repeated.
    pub is_expiring: bool,
}

/// What may be asked of a validation.
#[derive(Clone, Debug)]
pub enum ValidationCommand {
    /// Let one begin.
    Start {
        /// Its id.
        id: ValidationId,
        /// Of which domain.
        domain_id: DomainId,
        /// The domain's name in A-labels.
        domain_name: String,
        /// For whom.
        organization_id: OrganizationId,
        /// How.
        method: ValidationMethod,
        /// What has to be found.
        expected: String,
    },
    /// Take down that the proof was found there.
    Found(String),
    /// Take down that it was not.
    Missing {
        /// Why not.
        reason: String,
        /// Whether somebody asked for the look.
        by_hand: bool,
    },
    /// Take down the hash of a code.
    DrawCode {
        /// To whom it goes.
        recipient: String,
        /// The hash.
        hash: String,
    },
    /// Take the code with this hash as proof.
    Confirm(String),
    /// Send another mail, because the last proof ends soon.
    AskAgain,
    /// Take down that its time is over.
    Lapse,
}

impl Aggregate for DomainValidation {
    type Command = ValidationCommand;
    type Event = DomainValidationEvent;
    type Refusal = ValidationRefusal;

    fn decide(
        &self,
        command: ValidationCommand,
        now: Timestamp,
    ) -> Result<Vec<DomainValidationEvent>, ValidationRefusal> {
        use ValidationCommand as C;
        let now = now.whole_second();
        match (&self.0, command) {
            (None, C::Start { id, domain_id, domain_name, organization_id, method, expected }) => {
                let is_mail = method == ValidationMethod::Email;
                let started = DomainValidationStarted {
                    id,
                    domain_id,
                    domain_name,
                    organization_id,
                    method,
                    expected: (!is_mail).then_some(expected),
                    next_attempt_at: (!is_mail).then(|| now.plus(PAUSES[0])),
                    expires_at: now.plus(PENDING),
                };
                start(started, now)
            }
            (Some(_), C::Start { .. }) => Err(ValidationRefusal::AlreadyStarted),
            (None, _) => Err(ValidationRefusal::NotStarted),
            (Some(record), C::Lapse) => Ok(record.lapse(now)),
            (Some(record), _) if record.is_over() => Err(ValidationRefusal::Over),
            (Some(record), C::Found(_) | C::Missing { .. }) if record.is_by_mail() => {
                Err(ValidationRefusal::NothingToLookFor)
            }
            (Some(record), C::Found(evidence)) => Ok(vec![record.validated(evidence, now)]),
            (Some(record), C::Missing { reason, by_hand }) => Ok(record.missing(reason, by_hand, now)),
            (Some(record), C::DrawCode { .. } | C::AskAgain) if !record.is_by_mail() => {
                Err(ValidationRefusal::NotByMail)
            }
            (Some(record), C::DrawCode { recipient, hash }) => record.draw(recipient, hash, now),
            (Some(record), C::Confirm(hash)) => record.confirm(&hash, now),
            (Some(record), C::AskAgain) => Ok(record.ask_again(now)),
        }
    }

    fn evolve(self, event: DomainValidationEvent) -> Self {
        use DomainValidationEvent as E;
        if let E::Started(started) = event {
            return Self(Some(Record::new(started)));
        }
        let Some(mut known) = self.0 else { return Self(None) };
        match event {
            E::Started(_) | E::MailWanted(_) => {}
            E::CodeDrawn(DomainValidationCodeDrawn { recipient, hash, valid_until }) => {
                _ = known.codes.insert(recipient.unwrap_or_default(), (hash, valid_until));
            }
            E::Tried(tried) => {
                known.attempts += 1;
                known.own_attempts += u32::from(!tried.by_hand);
                (known.reason, known.next_attempt_at) = (Some(tried.reason), tried.next_attempt_at);
            }
            E::Validated(validated) => {
                known.status = DomainValidationStatus::Validated;
                (known.attempts, known.own_attempts) = (0, 0);
                (known.reason, known.is_expiring) = (None, false);
                known.codes.clear();
                known.next_attempt_at = (!known.is_by_mail()).then_some(validated.renew_at);
                known.validated_at = Some(validated.validated_at);
                known.valid_until = Some(validated.valid_until);
            }
            E::Failed(failed) => {
                known.status = DomainValidationStatus::Failed;
                (known.reason, known.next_attempt_at) = (Some(failed.reason), None);
                known.codes.clear();
            }
            E::Expiring(expiring) => {
                known.is_expiring = true;
                known.reason = Some(expiring.reason);
            }
            E::Expired(DomainValidationExpired {}) => {
                known.status = DomainValidationStatus::Expired;
                known.next_attempt_at = None;
                known.codes.clear();
            }
        }
        Self(Some(known))
    }

    fn describe(&self) -> Value {
        let Some(record) = &self.0 else { return Value::Null };
        json!({
            "domainName": record.domain_name, "method": record.method, "status": record.status,
            "attempts": record.attempts, "reason": record.reason, "nextAttemptAt": record.next_attempt_at,
            "validUntil": record.valid_until,
        })
    }
}

fn start(
    started: DomainValidationStarted,
    now: Timestamp,
) -> Result<Vec<DomainValidationEvent>, ValidationRefusal> {
    if started.domain_name == EVERY_NAME {
        return Err(ValidationRefusal::EveryName);
    }
    if !reuse::is_taken(started.method, now) {
        return Err(ValidationRefusal::MethodNotTaken);
    }
    let mail = (started.method == ValidationMethod::Email).then(|| mail_wanted(&started.domain_name));
    Ok([DomainValidationEvent::from(started)].into_iter().chain(mail).collect())
}

fn mail_wanted(domain: &str) -> DomainValidationEvent {
    let recipients = challenge::recipients(domain);
    DomainValidationMailWanted { domain_name: domain.to_owned(), recipients }.into()
}

impl Record {
    fn new(started: DomainValidationStarted) -> Self {
        Self {
            id: started.id,
            domain_id: started.domain_id,
            domain_name: started.domain_name,
            organization_id: started.organization_id,
            method: started.method,
            expected: started.expected.unwrap_or_default(),
            status: DomainValidationStatus::Pending,
            attempts: 0,
            own_attempts: 0,
            reason: None,
            next_attempt_at: started.next_attempt_at,
            validated_at: None,
            valid_until: None,
            expires_at: started.expires_at,
            codes: BTreeMap::new(),
            is_expiring: false,
        }
    }

    /// Whether it succeeded too long ago, or never.
    pub fn is_over(&self) -> bool {
        matches!(self.status, DomainValidationStatus::Failed | DomainValidationStatus::Expired)
    }

    /// Whether somebody has to follow a link.
    pub fn is_by_mail(&self) -> bool {
        self.method == ValidationMethod::Email
    }

    fn validated(&self, evidence: String, now: Timestamp) -> DomainValidationEvent {
        DomainValidated {
            domain_id: self.domain_id,
            domain_name: self.domain_name.clone(),
            method: self.method,
            evidence,
            validated_at: now,
            valid_until: reuse::valid_until(now),
            renew_at: reuse::renew_at(now),
        }
        .into()
    }

    /// It was looked for in vain: when next, and what that means by now.
    fn missing(&self, reason: String, by_hand: bool, now: Timestamp) -> Vec<DomainValidationEvent> {
        let tried = |reason, next_attempt_at| {
            DomainValidationEvent::from(DomainValidationTried { reason, by_hand, next_attempt_at })
        };
        if by_hand {
            return vec![tried(reason, self.next_attempt_at)];
        }
        if let Some(valid_until) = self.valid_until {
            let next = Some(now.plus(AGAIN)).filter(|next| *next < valid_until);
            let told = self.expiring(reason.clone(), valid_until);
            return told.into_iter().chain([tried(reason, next)]).collect();
        }
        let pause = PAUSES.get(self.own_attempts as usize + 1).copied();
        match pause.map(|pause| now.plus(pause)).filter(|next| *next < self.expires_at) {
            Some(next) => vec![tried(reason, Some(next))],
            None => vec![DomainValidationFailed { reason }.into()],
        }
    }

    /// That it cannot be repeated, told once.
    fn expiring(&self, reason: String, valid_until: Timestamp) -> Option<DomainValidationEvent> {
        let (domain_id, domain_name) = (self.domain_id, self.domain_name.clone());
        let expiring = DomainValidationExpiring { domain_id, domain_name, reason, valid_until };
        (!self.is_expiring).then(|| expiring.into())
    }

    /// A code for a mail that is wanted: for a first proof, or for another one because the last ends soon.
    fn draw(
        &self,
        recipient: String,
        hash: String,
        now: Timestamp,
    ) -> Result<Vec<DomainValidationEvent>, ValidationRefusal> {
        let is_wanted = self.valid_until.is_none() || self.is_expiring;
        if !is_wanted || !challenge::recipients(&self.domain_name).contains(&recipient) {
            return Err(ValidationRefusal::MailNotWanted);
        }
        if !reuse::is_taken(self.method, now) {
            return Err(ValidationRefusal::MethodNotTaken);
        }
        let valid_until = self.valid_until.unwrap_or(self.expires_at).min(now.plus(PENDING));
        Ok(vec![DomainValidationCodeDrawn { recipient: Some(recipient), hash, valid_until }.into()])
    }

    fn confirm(&self, hash: &str, now: Timestamp) -> Result<Vec<DomainValidationEvent>, ValidationRefusal> {
        let is_it = |(known, until): &(String, Timestamp)| {
            bool::from(known.as_bytes().ct_eq(hash.as_bytes())) && now < *until
        };
        if !self.codes.values().any(is_it) {
            return Err(ValidationRefusal::CodeVoid);
        }
        if !reuse::is_taken(self.method, now) {
            return Err(ValidationRefusal::MethodNotTaken);
        }
        let evidence = format!("the link in a mail to the administrators of {}", self.domain_name);
        Ok(vec![self.validated(evidence, now)])
    }

    /// Another mail for a proof that ends soon, where the rules still take it.
    fn ask_again(&self, now: Timestamp) -> Vec<DomainValidationEvent> {
        let Some(valid_until) = self.valid_until.filter(|_| !self.is_expiring) else { return vec![] };
        let (reason, mail) = if reuse::is_taken(self.method, now) {
            let reason = "the link in another mail has to be followed".to_owned();
            (reason, Some(mail_wanted(&self.domain_name)))
        } else {
            (ValidationRefusal::MethodNotTaken.to_string(), None)
        };
        self.expiring(reason, valid_until).into_iter().chain(mail).collect()
    }

    fn lapse(&self, now: Timestamp) -> Vec<DomainValidationEvent> {
        match self.status {
            DomainValidationStatus::Pending if now >= self.expires_at => {
                let reason = self.reason.clone();
                let reason = reason.unwrap_or_else(|| "nobody confirmed in time".to_owned());
                vec![DomainValidationFailed { reason }.into()]
            }
            DomainValidationStatus::Validated if self.valid_until.is_some_and(|end| now >= end) => {
                vec![DomainValidationExpired {}.into()]
            }
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests;
