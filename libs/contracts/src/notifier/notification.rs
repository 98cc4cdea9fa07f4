//! One mail to one recipient, from what it is about to its delivery.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::MailStep;
use crate::{
    AdministratorId, EventId, NotificationId, OrganizationId, Permission, Timestamp, command, events,
};

/// What a notification is about: each kind has its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationKind {
    /// Something waits for the recipient's approval.
    ApprovalRequested,
    /// What the recipient asked for was approved.
    ApprovalGranted,
    /// What the recipient asked for was declined.
    ApprovalDeclined,
    /// Something still waits for the recipient's approval.
    ApprovalReminder,
    /// Nobody approved in time; it now waits for the recipient.
    ApprovalEscalated,
    /// A one-time link to set a password.
    SetPassword,
    /// The code that shows that the recipient controls a domain.
    DomainValidation,
    /// A CSR for the CA that the recipient is.
    CsrForCa,
}

impl NotificationKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::ApprovalRequested,
        Self::ApprovalGranted,
        Self::ApprovalDeclined,
        Self::ApprovalReminder,
        Self::ApprovalEscalated,
        Self::SetPassword,
        Self::DomainValidation,
        Self::CsrForCa,
    ];

    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApprovalRequested => "approval_requested",
            Self::ApprovalGranted => "approval_granted",
            Self::ApprovalDeclined => "approval_declined",
            Self::ApprovalReminder => "approval_reminder",
            Self::ApprovalEscalated => "approval_escalated",
            Self::SetPassword => "set_password",
            Self::DomainValidation => "domain_validation",
            Self::CsrForCa => "csr_for_ca",
        }
    }
}

/// Why a notification is not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GiveUpReason {
    /// The server refused it for good.
    Rejected,
    /// The server refused the recipient's address for good, which gets no mail until one is sent again on request.
    AddressRefused,
    /// The address was refused for good before.
    Suppressed,
    /// No server took it for three days.
    Expired,
    /// There is no address to send it to.
    NoAddress,
    /// What it is about is no longer so: the link or the validation is gone.
    Obsolete,
}

// ---------------------------------------------------------------- events

/// A notification is to be sent. To whom and what stands beside the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationQueued {
    /// Id: UUIDv5 of the event it is about, the recipient and the kind, so that there is one of each.
    pub id: NotificationId,
    /// What about.
    pub kind: NotificationKind,
    /// The event that called for it.
    pub about: EventId,
    /// What that event happened to, such as a validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Uuid>,
    /// The administrator it is for; none for an address that belongs to nobody known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<AdministratorId>,
}

/// It is about to be handed to the server. Recorded before the mail's last byte leaves: whoever comes back and finds no
/// outcome sends it again under the same `Message-ID`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationAttempted {
    /// 1 at first, and anew after each request to send it again.
    pub attempt: u32,
}

/// The server took it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationSent {
    /// At which attempt.
    pub attempt: u32,
}

/// The server did not take it, or was not there; it is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationDeferred {
    /// Which attempt failed.
    pub attempt: u32,
    /// At which step; none when it did not come to the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<MailStep>,
    /// The server's reply code, if it replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// When it is tried again.
    pub next_at: Timestamp,
}

/// It is not tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationGivenUp {
    /// Why.
    pub reason: GiveUpReason,
    /// At which step; none when it did not come to the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<MailStep>,
    /// The server's reply code, if it replied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
}

/// Somebody had it sent again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationRequeued {
    /// How often it was, this time included: part of the new `Message-ID`.
    pub round: u32,
}

events! {
    /// What happened to a notification.
    NotificationEvent in "notification" {
        Queued(NotificationQueued) = "notification.queued" v 1,
        Attempted(NotificationAttempted) = "notification.attempted" v 1,
        Sent(NotificationSent) = "notification.sent" v 1,
        Deferred(NotificationDeferred) = "notification.deferred" v 1,
        GivenUp(NotificationGivenUp) = "notification.given_up" v 1,
        Requeued(NotificationRequeued) = "notification.requeued" v 1,
    }
}

// ---------------------------------------------------------------- commands

/// Has a notification sent again, sent or given up before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResendNotification {
    /// Which.
    pub id: NotificationId,
}
command!(
    ResendNotification => NotificationResent, Notifier, "resend_notification", Some(Permission::NotificationResend)
);

// ---------------------------------------------------------------- answers

/// A notification that is on its way again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationResent {
    /// Which.
    pub id: NotificationId,
    /// `queued`.
    pub status: NotificationStatus,
}

/// How far a notification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotificationStatus {
    /// To be sent.
    Queued,
    /// Tried, and to be tried again.
    Deferred,
    /// Taken by the server.
    Sent,
    /// Given up.
    Dead,
}

impl NotificationStatus {
    /// Its text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Deferred => "deferred",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }
}

/// A notification. What is people's is `null` once it was erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView {
    /// Id.
    pub id: NotificationId,
    /// Whose event it is about.
    pub organization_id: OrganizationId,
    /// What about.
    pub kind: NotificationKind,
    /// How far it is.
    pub status: NotificationStatus,
    /// The event that called for it.
    pub about: EventId,
    /// The administrator it is for.
    pub administrator_id: Option<AdministratorId>,
    /// The recipient's name.
    pub name: Option<String>,
    /// The recipient's address.
    pub address: Option<String>,
    /// The mail's subject.
    pub subject: Option<String>,
    /// The mail's text; a secret link or code in it is masked.
    pub text: Option<String>,
    /// Each attempt, oldest first.
    pub attempts: Vec<NotificationAttempt>,
    /// Why it was given up.
    pub reason: Option<GiveUpReason>,
    /// When it is tried again.
    pub next_at: Option<Timestamp>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When the server took it.
    pub sent_at: Option<Timestamp>,
    /// Version of the aggregate.
    pub version: i32,
}

/// One attempt at sending.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationAttempt {
    /// When.
    pub at: Timestamp,
    /// Whether the server took it.
    pub ok: bool,
    /// The last step that was taken; none when it did not come to the first.
    pub step: Option<MailStep>,
    /// The server's reply code.
    pub code: Option<u16>,
    /// What the server said, or why it was not asked.
    pub answer: String,
}
