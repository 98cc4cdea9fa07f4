//! The words that people read for what the API calls by its own (A18): the one table that maps them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CertificateStatus, Origin};
use crate::signer::RequestStatus;

/// The status of a certificate, or of the request for one, as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// Known, and issued elsewhere.
    External,
    /// Asked for.
    Requested,
    /// Asked for and granted.
    Approved,
    /// Asked for in vain.
    Declined,
    /// There, and within its validity.
    Issued,
    /// Past its end.
    Expired,
}

impl StatusWord {
    /// Its word in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Issued => "issued",
            Self::Expired => "expired",
        }
    }

    /// That of a certificate.
    #[must_use]
    pub const fn of_certificate(status: CertificateStatus, origin: Origin) -> Self {
        match (status, origin) {
            (CertificateStatus::Expired, _) => Self::Expired,
            (CertificateStatus::Active, Origin::Issued | Origin::SelfSigned | Origin::Manual) => Self::Issued,
            (CertificateStatus::Active, Origin::Imported) => Self::External,
        }
    }

    /// That of a certificate request.
    #[must_use]
    pub const fn of_request(status: RequestStatus) -> Self {
        match status {
            RequestStatus::PendingApproval => Self::Requested,
            RequestStatus::Approved | RequestStatus::AwaitingCertificate | RequestStatus::Issuing => {
                Self::Approved
            }
            RequestStatus::Issued => Self::Issued,
            RequestStatus::Rejected | RequestStatus::Cancelled | RequestStatus::Failed => Self::Declined,
        }
    }

    pub(super) const fn issued() -> Self {
        Self::Issued
    }
}

/// Where something that is done by plan stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// Nobody planned it.
    #[default]
    NotScheduled,
}
