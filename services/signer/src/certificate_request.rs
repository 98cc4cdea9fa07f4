//! A certificate request: what is asked for is judged once, by profile and policy as they are at that moment (C-2), and
//! every reason for a refusal is told at once.

mod refusal;
mod waiting;

use std::{collections::BTreeMap, sync::Arc};

use contracts::{
    AdministratorId, ApprovalId, CertificateId, CertificateRequestId, KeyId, Lifetime, Problem, Timestamp,
    Violation,
    directory::Belonging,
    labels::{check_labels, check_text},
    signer::{
        ApprovalNeed, CaStatus, CertificateRequestApproved, CertificateRequestCancelled,
        CertificateRequestCompleted, CertificateRequestEvent, CertificateRequestFailed,
        CertificateRequestRejected, CertificateRequestSubmitted, CsrIntended, CsrMade, CsrMailWanted,
        issuance_stream,
    },
    x509::{Subject, SubjectChange},
};
use pki::serial::Serial;
use runtime::aggregate::Aggregate;
use serde_json::{Value, json};
use uuid::Uuid;

use pki::certificate::Certificate;

pub use self::{refusal::Refusal, waiting::Awaiting};
use crate::{
    answer::Known,
    applicant::Applicant,
    issuer::Issuer,
    rules::Rules,
    subject::{self, OrganizationValues},
};

/// One certificate request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CertificateRequest {
    /// Nothing has happened yet.
    #[default]
    Unsubmitted,
    /// It waits until enough administrators approved.
    Pending(Box<CertificateRequestSubmitted>),
    /// Enough did; what holds now is looked at once more, and its issuance follows.
    Approved(Box<CertificateRequestSubmitted>),
    /// Accepted; its issuance follows.
    Submitted(Box<CertificateRequestSubmitted>),
    /// Its CSR for a CA outside is being signed.
    MakingCsr(Box<CertificateRequestSubmitted>, Box<CsrIntended>),
    /// Its CSR is there, and what a CA outside answers is waited for.
    Awaiting(Box<Awaiting>),
    /// A CA outside issued its certificate.
    Completed(Box<CertificateRequestSubmitted>, Box<CertificateRequestCompleted>),
    /// There will be no certificate.
    Ended(Box<CertificateRequestSubmitted>),
}

/// What may be asked of a certificate request.
#[derive(Clone, Debug)]
pub enum RequestCommand {
    /// Ask for a certificate.
    Submit(Box<Submit>),
    /// Enough administrators approved.
    Approve {
        /// The approval.
        approval_id: ApprovalId,
        /// Who approved.
        by: Vec<AdministratorId>,
    },
    /// It was declined, or nobody decided in time.
    Reject {
        /// The approval.
        approval_id: ApprovalId,
        /// Who declined.
        by: Option<AdministratorId>,
        /// Why.
        reason: String,
    },
    /// It was taken back.
    Cancel {
        /// The approval.
        approval_id: ApprovalId,
        /// Who took it back.
        by: Option<AdministratorId>,
        /// Why.
        reason: Option<String>,
    },
    /// It does not satisfy what holds now.
    Fail {
        /// Why.
        problem: Box<Problem>,
        /// The version of the policy it was judged by.
        policy_version: Option<i32>,
    },
    /// Its CSR is going to be this.
    IntendCsr(Box<CsrIntended>),
    /// Its CSR is this: DER in base64.
    MakeCsr {
        /// The CSR.
        csr: String,
    },
    /// Mail its CSR to a CA outside.
    MailCsr {
        /// The CA's address.
        to: String,
        /// What to say to it.
        message: Option<String>,
    },
    /// Look at what a CA outside answered, or once more at what it answered earlier.
    Receive {
        /// What came.
        given: Arc<Vec<Certificate>>,
        /// What is known without it.
        known: Arc<Known>,
    },
}

impl From<Submit> for RequestCommand {
    fn from(submit: Submit) -> Self {
        Self::Submit(Box::new(submit))
    }
}

/// Asks for a certificate, with everything the decision stands on.
#[derive(Clone, Debug)]
pub struct Submit {
    /// Key, subject and names.
    pub applicant: Arc<Applicant>,
    /// Profile and policy.
    pub rules: Arc<Rules>,
    /// The CA of the profile; `None` for a self-signed certificate.
    pub issuer: Option<Arc<Issuer>>,
    /// Names that the organization may not have certified.
    pub refused_names: Vec<Violation>,
    /// Why its key is refused, if it is.
    pub refused_key: Option<Violation>,
    /// What the organization has for a subject.
    pub values: OrganizationValues,
    /// What the subscriber may choose.
    pub choice: Choice,
    /// Whose it will be.
    pub belongs: Belonging,
    /// The ids that are used if it is accepted.
    pub ids: NewIds,
}

/// What the subscriber chooses beside key, subject and names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// The lifetime.
    pub ttl: Option<Lifetime>,
    /// The last second of validity, in place of `ttl`.
    pub not_after: Option<Timestamp>,
    /// Labels for the certificate.
    pub labels: BTreeMap<String, String>,
    /// A note.
    pub note: Option<String>,
    /// The version of the terms that are accepted.
    pub accepted_terms: Option<String>,
}

/// Ids drawn for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewIds {
    /// The request's.
    pub request: CertificateRequestId,
    /// The certificate's.
    pub certificate: CertificateId,
    /// The certificate's serial number.
    pub serial: Serial,
    /// The managed key's; `None` for a CSR, and before the key is made.
    pub key: Option<KeyId>,
}

impl NewIds {
    /// The stream of the issuance: UUIDv5(CA, serial); a self-signed certificate's key stands for the CA.
    #[must_use]
    pub fn issuance(&self, issuer: Option<&Issuer>) -> Uuid {
        let own_key = self.key.map_or(Uuid::nil(), KeyId::uuid);
        issuance_stream(issuer.map_or(own_key, |issuer| issuer.id.uuid()), &serial_text(self.serial))
    }
}

/// A serial number as events have it: hexadecimal without leading zeros.
#[must_use]
pub fn serial_text(serial: Serial) -> String {
    serial.to_string().trim_start_matches('0').to_owned()
}

impl Aggregate for CertificateRequest {
    type Command = RequestCommand;
    type Event = CertificateRequestEvent;
    type Refusal = Refusal;

    fn decide(
        &self,
        command: RequestCommand,
        now: Timestamp,
    ) -> Result<Vec<CertificateRequestEvent>, Refusal> {
        match (self, command) {
            (Self::Unsubmitted, RequestCommand::Submit(submit)) => Ok(vec![submit.judge(now)?.into()]),
            (_, RequestCommand::Submit(_)) => Err(Refusal::AlreadySubmitted),
            (Self::Unsubmitted, _) => Err(Refusal::NotSubmitted),
            (Self::Pending(submitted), RequestCommand::Approve { approval_id, by }) => {
                Ok(vec![CertificateRequestApproved { of: submitted.identity(), approval_id, by }.into()])
            }
            (Self::Pending(submitted), RequestCommand::Reject { approval_id, by, reason }) => {
                let of = submitted.identity();
                Ok(vec![CertificateRequestRejected { of, approval_id, by, reason }.into()])
            }
            (Self::Pending(submitted), RequestCommand::Cancel { approval_id, by, reason }) => {
                let of = submitted.identity();
                Ok(vec![CertificateRequestCancelled { of, approval_id, by, reason }.into()])
            }
            (
                Self::Pending(submitted) | Self::Approved(submitted),
                RequestCommand::Fail { problem, policy_version },
            ) => {
                let of = submitted.identity();
                Ok(vec![CertificateRequestFailed { of, problem: *problem, policy_version }.into()])
            }
            (Self::Submitted(submitted) | Self::Approved(submitted), RequestCommand::IntendCsr(intended)) => {
                Ok(if submitted.manual { vec![(*intended).into()] } else { vec![] })
            }
            (
                Self::Submitted(submitted) | Self::Approved(submitted) | Self::MakingCsr(submitted, _),
                RequestCommand::MakeCsr { csr },
            ) => Ok(if submitted.manual {
                vec![CsrMade { of: submitted.identity(), csr }.into()]
            } else {
                vec![]
            }),
            (Self::Awaiting(waiting), RequestCommand::Receive { given, known }) => {
                waiting.receive(&given, &known, now)
            }
            (Self::Completed(_, done), RequestCommand::Receive { given, .. }) => {
                let same = given.iter().any(|one| one.sha256() == done.fingerprint_sha256);
                if same || given.is_empty() { Ok(vec![]) } else { Err(Refusal::Answered) }
            }
            (Self::Awaiting(waiting), RequestCommand::MailCsr { to, message }) => {
                let of = waiting.submitted().identity();
                Ok(vec![CsrMailWanted { of, to, message }.into()])
            }
            (state, RequestCommand::Receive { .. } | RequestCommand::MailCsr { .. }) => {
                Err(Refusal::NotWaiting(state.word()))
            }
            // What was decided stays so: whoever says it again, or too late, changes nothing.
            (
                Self::Pending(_)
                | Self::Approved(_)
                | Self::Submitted(_)
                | Self::MakingCsr(..)
                | Self::Awaiting(_)
                | Self::Completed(..)
                | Self::Ended(_),
                RequestCommand::Approve { .. }
                | RequestCommand::Reject { .. }
                | RequestCommand::Cancel { .. }
                | RequestCommand::Fail { .. }
                | RequestCommand::IntendCsr(_)
                | RequestCommand::MakeCsr { .. },
            ) => Ok(vec![]),
        }
    }

    fn evolve(self, event: CertificateRequestEvent) -> Self {
        match (self, event) {
            (_, CertificateRequestEvent::Submitted(submitted)) => {
                let waits = matches!(submitted.approval, Some(ApprovalNeed::Needed { .. }));
                let submitted = Box::new(submitted);
                if waits { Self::Pending(submitted) } else { Self::Submitted(submitted) }
            }
            (Self::Unsubmitted, _) => Self::Unsubmitted,
            (state, event) => {
                let key = state.key();
                let Some(submitted) = state.submitted().cloned().map(Box::new) else { return state };
                match event {
                    CertificateRequestEvent::Approved(_) => Self::Approved(submitted),
                    CertificateRequestEvent::CsrIntended(intended) => {
                        Self::MakingCsr(submitted, Box::new(intended))
                    }
                    CertificateRequestEvent::CsrMade(made) => {
                        Self::Awaiting(Box::new(Awaiting::new(*submitted, key, made.csr)))
                    }
                    CertificateRequestEvent::CertificateReceived(received) => match state {
                        Self::Awaiting(waiting) => Self::Awaiting(Box::new(waiting.with(received))),
                        other => other,
                    },
                    CertificateRequestEvent::CsrMailWanted(_) => state,
                    CertificateRequestEvent::Completed(done) => Self::Completed(submitted, Box::new(done)),
                    CertificateRequestEvent::Submitted(_)
                    | CertificateRequestEvent::Rejected(_)
                    | CertificateRequestEvent::Cancelled(_)
                    | CertificateRequestEvent::Failed(_) => Self::Ended(submitted),
                }
            }
        }
    }

    fn describe(&self) -> Value {
        let Some(submitted) = self.submitted() else { return Value::Null };
        let mut described = json!({
            "source": submitted.source,
            "profileId": submitted.profile_id,
            "commonName": submitted.common_name,
            "sans": submitted.sans,
            "keyAlgorithm": submitted.key_algorithm,
            "ttl": submitted.ttl,
            "labels": submitted.labels,
            "note": submitted.note,
        });
        match self {
            Self::Awaiting(waiting) => described["missing"] = json!(waiting.missing()),
            Self::Completed(_, done) => described["certificate"] = json!(done.fingerprint_sha256),
            _ => {}
        }
        described
    }
}

impl CertificateRequest {
    /// What was asked for.
    #[must_use]
    pub fn submitted(&self) -> Option<&CertificateRequestSubmitted> {
        match self {
            Self::Unsubmitted => None,
            Self::Pending(submitted)
            | Self::Approved(submitted)
            | Self::Submitted(submitted)
            | Self::MakingCsr(submitted, _)
            | Self::Completed(submitted, _)
            | Self::Ended(submitted) => Some(submitted),
            Self::Awaiting(waiting) => Some(waiting.submitted()),
        }
    }

    /// The managed key, as far as it is known.
    fn key(&self) -> Option<KeyId> {
        match self {
            Self::MakingCsr(_, intended) => Some(intended.key_id),
            other => other.submitted()?.key_id,
        }
    }

    /// Where it stands, in a word.
    const fn word(&self) -> &'static str {
        match self {
            Self::Unsubmitted => "not there",
            Self::Pending(_) => "waiting for its approval",
            Self::Approved(_) | Self::MakingCsr(..) => "waiting for its CSR",
            Self::Submitted(_) => "for a CA of ours",
            Self::Awaiting(_) => "waiting",
            Self::Completed(..) => "issued",
            Self::Ended(_) => "over",
        }
    }
}

impl Submit {
    /// The subject that is certified, and where it differs from what was asked for.
    #[must_use]
    pub fn subject(&self) -> (Subject, Vec<SubjectChange>) {
        subject::settled(self.applicant.subject(), self.rules.profile.subject, self.values.clone())
    }

    fn judge(self, now: Timestamp) -> Result<CertificateRequestSubmitted, Refusal> {
        let (subject, subject_changes) = self.subject();
        let Self { applicant, rules, issuer, refused_names, refused_key, choice, belongs, ids, .. } = self;
        if rules.is_self_signed() && applicant.csr().is_some() {
            return Err(Refusal::SelfSignedWithCsr);
        }
        if let Some(issuer) = &issuer {
            signs(issuer, now)?;
        }
        let limits = Limits { rules: &rules, issuer: issuer.as_deref() };
        let mut violations = check_labels("#/labels", &choice.labels);
        violations.extend(choice.note.as_deref().and_then(|note| check_text("#/note", note, 1_000)));
        violations.extend(unaccepted(&rules, choice.accepted_terms.as_deref()));
        violations.extend(applicant.violations());
        violations.extend(unfit(&subject, &subject_changes));
        let ttl = limits.lifetime(&choice, now).unwrap_or_else(|too_long| {
            violations.extend(too_long);
            rules.profile.ttl.default
        });
        violations.extend(applicant.policy_violations(&rules.policy, &subject));
        violations.extend(refused_names);
        violations.extend(refused_key);
        if !violations.is_empty() {
            return Err(Refusal::Rules { policy: rules.policy_name.clone(), violations });
        }
        Ok(CertificateRequestSubmitted {
            id: ids.request,
            source: applicant.source(),
            csr: applicant.csr_base64(),
            key_id: ids.key,
            profile_id: rules.profile_id,
            rules_sha256: rules.sha256.clone(),
            common_name: applicant.subject().common_name.clone(),
            subject_changes,
            sans: applicant.sans(),
            key_algorithm: applicant.key_algorithm(),
            ttl: limits.cut(ttl, now),
            issuance: (!rules.is_manual()).then(|| ids.issuance(issuer.as_deref())),
            certificate_id: ids.certificate,
            belongs,
            labels: choice.labels,
            note: choice.note,
            approval: None,
            manual: rules.is_manual(),
            accepted_terms: choice.accepted_terms.filter(|_| rules.profile.terms.is_some()),
        })
    }
}

/// Terms of the profile that are not accepted, or in another wording.
fn unaccepted(rules: &Rules, accepted: Option<&str>) -> Option<Violation> {
    let version = &rules.profile.terms.as_ref()?.version;
    let detail = match accepted {
        Some(accepted) if accepted == version => return None,
        Some(accepted) => format!("the terms of the profile are those of '{version}' now, not '{accepted}'"),
        None => format!("the terms '{version}' of the profile have to be accepted"),
    };
    Some(
        Violation::at("#/acceptTerms", "terms_not_accepted", detail)
            .by_rule("terms")
            .allowing([version.clone()]),
    )
}

/// What the organization put into a subject and no certificate can hold. What was asked for is judged by itself.
fn unfit(subject: &Subject, changes: &[SubjectChange]) -> Option<Violation> {
    if changes.is_empty() {
        return None;
    }
    let error = pki::name::subject_to_name(subject).err()?;
    let detail = format!("with the organization's values the subject cannot be certified: {error}");
    Some(Violation::at("#/profile", error.code(), detail))
}

/// Refuses a CA that may not sign now (D14).
fn signs(issuer: &Issuer, now: Timestamp) -> Result<(), Refusal> {
    let state = match issuer.status {
        CaStatus::Pending => "is pending: wait until its certificate is signed",
        CaStatus::Suspended => "is suspended: resume it first",
        CaStatus::Active if now < issuer.not_before => "is not valid yet",
        CaStatus::Active if now > issuer.not_after => "has expired: choose another one in the profile",
        CaStatus::Active => return Ok(()),
    };
    Err(Refusal::Issuer { name: issuer.name.clone(), state })
}

/// What bounds a lifetime.
struct Limits<'a> {
    rules: &'a Rules,
    issuer: Option<&'a Issuer>,
}

impl Limits<'_> {
    /// Each limit with the rule it comes from.
    fn each(&self) -> impl Iterator<Item = (&'static str, Lifetime)> {
        [
            ("ttl.max", Some(self.rules.profile.ttl.max)),
            ("maxTtl", self.rules.policy.max_ttl),
            ("ca.maxTtl", self.issuer.and_then(|issuer| issuer.max_ttl)),
        ]
        .into_iter()
        .filter_map(|(rule, limit)| Some((rule, limit?)))
    }

    /// The lifetime that is asked for, within every limit. The default gives way to a shorter limit; a choice is refused.
    fn lifetime(&self, choice: &Choice, now: Timestamp) -> Result<Lifetime, Vec<Violation>> {
        let (pointer, wanted) = match (choice.ttl, choice.not_after) {
            (None, None) => {
                let default = self.rules.profile.ttl.default;
                return Ok(self.each().map(|(_, limit)| limit).fold(default, Ord::min));
            }
            (Some(_), Some(_)) => {
                let detail = "ttl and notAfter exclude each other; send one of them";
                return Err(vec![Violation::at("#/notAfter", "contradictory_lifetime", detail)]);
            }
            (Some(ttl), None) => ("#/ttl", ttl),
            // notAfter is the last second of validity, so the length counts it too (C-8).
            (None, Some(end)) => ("#/notAfter", Lifetime::seconds(end.unix() - now.unix() + 1)),
        };
        if wanted.as_seconds() < 1 {
            let detail = format!("notAfter has passed; it is {}", now.whole_second());
            return Err(vec![Violation::at(pointer, "not_after_passed", detail)]);
        }
        let too_long: Vec<_> = self
            .each()
            .filter(|(_, limit)| wanted > *limit)
            .map(|(rule, limit)| {
                Violation::at(
                    pointer,
                    "ttl_not_allowed",
                    format!("{wanted} is too long; at most {limit} is allowed"),
                )
                .by_rule(rule)
                .allowing([limit.to_string()])
            })
            .collect();
        if too_long.is_empty() { Ok(wanted) } else { Err(too_long) }
    }

    /// A certificate ends with its CA at the latest (D14).
    fn cut(&self, ttl: Lifetime, now: Timestamp) -> Lifetime {
        self.issuer.map_or(ttl, |issuer| ttl.min(Lifetime::seconds(issuer.not_after.unix() - now.unix() + 1)))
    }
}

#[cfg(test)]
mod tests;
