//! Domain control validations: proofs that an organization controls a domain. Public CAs ask for one that is fresh; a
//! private CA needs none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DomainId, OrganizationId, Permission, SecretText, Timestamp, ValidationId, command, events, id::Reference,
};

/// How control of a domain is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValidationMethod {
    /// A TXT record below the domain.
    DnsTxt,
    /// A CNAME record below the domain.
    DnsCname,
    /// A file on the domain's web server.
    Http,
    /// A link in a mail to one of the five addresses that a domain's administrators have.
    Email,
}

impl ValidationMethod {
    /// Whether it proves control of every name below the domain too, and so of wildcards.
    #[must_use]
    pub const fn covers_names_below(self) -> bool {
        matches!(self, Self::DnsTxt | Self::DnsCname)
    }
}

/// A validation begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationStarted {
    /// Which.
    pub id: ValidationId,
    /// Of which domain.
    pub domain_id: DomainId,
    /// The domain's name in A-labels.
    pub domain_name: String,
    /// For whom; it counts for nobody else.
    pub organization_id: OrganizationId,
    /// How.
    pub method: ValidationMethod,
    /// What has to be found, 160 random bits; absent where a code is sent instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// When it is first looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// When it lapses unless it succeeds.
    pub expires_at: Timestamp,
}

/// A mail with a link is to be sent; its code is drawn with `draw_validation_code` when it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationMailWanted {
    /// The domain's name in A-labels.
    pub domain_name: String,
    /// To whom.
    pub recipients: Vec<String>,
}

/// A code was drawn; those drawn before for the same recipient are void.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationCodeDrawn {
    /// Whose mail it stands in: each has its own (Baseline Requirements, 3.2.2.4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// SHA-256 of the code, hexadecimal.
    pub hash: String,
    /// When it lapses.
    pub valid_until: Timestamp,
}

/// It was looked for and not found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationTried {
    /// Why not, in words.
    pub reason: String,
    /// Whether somebody asked for this attempt; such attempts do not count towards giving up.
    pub by_hand: bool,
    /// When it is looked for again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
}

/// Control of the domain was proved, for the first time or again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidated {
    /// Of which domain.
    pub domain_id: DomainId,
    /// The domain's name in A-labels.
    pub domain_name: String,
    /// How.
    pub method: ValidationMethod,
    /// Where the proof was found, or who confirmed.
    pub evidence: String,
    /// When.
    pub validated_at: Timestamp,
    /// How long it may be relied on, by the rule of the day.
    pub valid_until: Timestamp,
    /// When it is proved again.
    pub renew_at: Timestamp,
}

/// It did not succeed and is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationFailed {
    /// Why, in words.
    pub reason: String,
}

/// It was to be proved again before it ends, and that did not succeed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationExpiring {
    /// Of which domain.
    pub domain_id: DomainId,
    /// The domain's name in A-labels.
    pub domain_name: String,
    /// Why, in words.
    pub reason: String,
    /// How long it may still be relied on.
    pub valid_until: Timestamp,
}

/// It may be relied on no more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationExpired {}

events! {
    /// What happened to a validation.
    DomainValidationEvent in "domain_validation" {
        Started(DomainValidationStarted) = "domain_validation.started" v 1,
        MailWanted(DomainValidationMailWanted) = "domain_validation.mail_wanted" v 1,
        CodeDrawn(DomainValidationCodeDrawn) = "domain_validation.code_drawn" v 1,
        Tried(DomainValidationTried) = "domain_validation.tried" v 1,
        Validated(DomainValidated) = "domain_validation.validated" v 1,
        Failed(DomainValidationFailed) = "domain_validation.failed" v 1,
        Expiring(DomainValidationExpiring) = "domain_validation.expiring" v 1,
        Expired(DomainValidationExpired) = "domain_validation.expired" v 1,
    }
}

/// Begins a validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartDomainValidation {
    /// Of which domain.
    pub domain: Reference<DomainId>,
    /// For whom; missing: the caller's organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Reference<OrganizationId>>,
    /// How.
    pub method: ValidationMethod,
}
command!(StartDomainValidation => DomainValidationView, Directory, "start_domain_validation", Some(Permission::DomainRequest));

/// Looks for the proof now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckDomainValidation {
    /// Of which domain.
    pub domain: Reference<DomainId>,
    /// Which.
    pub validation: ValidationId,
}
command!(CheckDomainValidation => DomainValidationView, Directory, "check_domain_validation", Some(Permission::DomainRequest));

/// Draws the code of a mail that was asked for and is about to be sent; older ones of the same recipient are void. A repeat
/// is refused: codes are not kept, so that it could not tell the one that was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrawValidationCode {
    /// Which.
    pub validation: ValidationId,
    /// To whom the mail goes.
    pub recipient: String,
}
command!(DrawValidationCode => DrawnValidationCode, Directory, "draw_validation_code", None);

/// A code.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrawnValidationCode {
    /// It confirms once, with `POST /api/v1/domain-validations/confirm` or on the page `/domain-validation/{code}`.
    pub code: SecretText,
    /// When it lapses.
    pub valid_until: Timestamp,
}

/// Proves control by a code that was sent by mail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmDomainValidation {
    /// The code.
    pub code: SecretText,
}
command!(ConfirmDomainValidation => ConfirmedDomainValidation, Directory, "confirm_domain_validation", None, SECRET_FIELDS = &["code"]);

/// What whoever confirms is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmedDomainValidation {
    /// The domain's name in A-labels.
    pub domain_name: String,
    /// How long it may be relied on.
    pub valid_until: Timestamp,
}

/// Where a validation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DomainValidationStatus {
    /// The proof is still looked for.
    Pending,
    /// Control is proved.
    Validated,
    /// It was not proved in time.
    Failed,
    /// It was proved once, too long ago.
    Expired,
}

/// What has to be done so that control is proved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ValidationChallenge {
    /// Publish a TXT record.
    DnsTxt {
        /// At this name.
        name: String,
        /// With this text.
        value: String,
    },
    /// Publish a CNAME record.
    DnsCname {
        /// At this name.
        name: String,
        /// That points there; nothing has to answer there.
        target: String,
    },
    /// Serve a file.
    Http {
        /// At this address; redirects are followed.
        url: String,
        /// With this content, and a line end at most.
        content: String,
    },
    /// Follow the link in a mail.
    Email {
        /// To one of these.
        recipients: Vec<String>,
    },
}

/// A validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainValidationView {
    /// Id.
    pub id: ValidationId,
    /// The domain.
    pub domain_id: DomainId,
    /// Its name in A-labels.
    pub domain_name: String,
    /// For whom it counts.
    pub organization_id: OrganizationId,
    /// How control is proved.
    pub method: ValidationMethod,
    /// Where it stands.
    pub status: DomainValidationStatus,
    /// What has to be done.
    pub challenge: ValidationChallenge,
    /// Whether it counts for names below the domain and wildcards too.
    pub covers_names_below: bool,
    /// How often the proof was looked for in vain since it was last found.
    pub attempts: u32,
    /// Why it was not found last.
    pub reason: Option<String>,
    /// When it is looked for next.
    pub next_attempt_at: Option<Timestamp>,
    /// When control was last proved.
    pub validated_at: Option<Timestamp>,
    /// How long that may be relied on.
    pub valid_until: Option<Timestamp>,
    /// When a pending one lapses.
    pub expires_at: Timestamp,
    /// When it began.
    pub created_at: Timestamp,
    /// Version of the aggregate.
    pub version: i32,
}
