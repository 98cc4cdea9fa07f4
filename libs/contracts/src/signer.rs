//! `signer`: certification authorities, profiles, policies, certificate requests (until lifecycle exists), issuance.
//!
//! Each kind has a module: its events, then the commands that bring them about, then what a reader is shown.

mod ca;
mod certificate_request;
mod csr;
mod guarded_act;
mod issuance;
mod manual;
mod policy;
mod profile;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use ca::{
    CaCreated, CaEvent, CaIntended, CaKind, CaResumed, CaStatus, CaSuspended, CaView, CreateCa, ResumeCa,
    SuspendCa, micro_ca_id,
};
pub use certificate_request::{
    ApprovalNeed, CertificateRequestApproved, CertificateRequestCancelled, CertificateRequestEvent,
    CertificateRequestFailed, CertificateRequestRejected, CertificateRequestSubmitted,
    CertificateRequestView, IssuedCertificate, RequestIdentity, RequestSource, RequestStatus,
    SubmitCertificateRequest,
};
pub use csr::{BuildCsr, BuiltCsr};
pub use guarded_act::{
    ActDone, ActDropped, ActFailed, ActHeld, GuardedActEvent, act_stream, approved_command,
};
pub use issuance::{
    IssuanceCompleted, IssuanceEvent, IssuanceIntended, IssuanceWithheld, intent_command, issuance_stream,
};
pub use manual::{
    CertificateReceived, CertificateRequestCompleted, CsrIntended, CsrMade, CsrMailWanted, MailCsr,
    MailedCsr, MissingIssuer, ReceiveCertificate, RequestAnswer,
};
pub use policy::{CreatePolicy, PolicyCreated, PolicyEvent, PolicyUpdated, PolicyView, UpdatePolicy};
pub use profile::{
    CaChoice, CreateProfile, ProfileCreated, ProfileEvent, ProfileUpdated, ProfileView, UpdateProfile,
};

use crate::{KeyId, directory::NameReserved, events, x509::KeyAlgorithm};

events! {
    /// Names of CAs, profiles and policies.
    SignerNameEvent in "signer_name" {
        Reserved(NameReserved) = "signer_name.reserved" v 1,
    }
}
crate::only_event!(SignerNameEvent::Reserved => NameReserved);

/// The key a managed thing gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyChoice {
    /// Kind and size.
    pub algorithm: KeyAlgorithm,
    /// The PKCS #11 token to make it in; missing: it is kept in the keystore's own table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// The managed key of a certificate request: a new one, unless `id` names one there is. Reusing a key takes the permission
/// `key.read` in its organization, a new one in a token `key.create`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestKey {
    /// Kind and size of a new key; ECDSA on P-256 if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<KeyAlgorithm>,
    /// A key of the keystore that is used again, in place of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<KeyId>,
    /// The PKCS #11 token to make a new key in; missing: it is kept in the keystore's own table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}
