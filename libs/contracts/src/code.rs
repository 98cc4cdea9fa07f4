//! Stable problem codes, each of one class. A code never changes its meaning.

use serde::{Deserialize, Serialize};

/// What kind of failure a code is; fixes the number that both wires answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The request cannot be read.
    Malformed,
    /// Nobody is signed in.
    Unauthenticated,
    /// Signed in, but may not.
    Forbidden,
    /// No such thing, or not visible to the caller.
    NotFound,
    /// The thing's state does not allow it.
    Conflict,
    /// The thing changed since the caller looked.
    VersionMismatch,
    /// Larger than the limit.
    TooLarge,
    /// A content type that nobody reads.
    UnsupportedMedia,
    /// Readable, but a rule refuses it.
    Refused,
    /// Too many requests.
    RateLimited,
    /// A fault of ours.
    Internal,
    /// A part that is needed is away; trying again later helps.
    Unavailable,
    /// The deadline passed; begun or not is unknown.
    TimedOut,
}

impl Class {
    /// The number of this class: HTTP's status and NATS's `Nats-Service-Error-Code`.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::VersionMismatch => 412,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::Refused => 422,
            Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::TimedOut => 504,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $class:ident, $title:literal;)*) => {
        /// A stable problem code, as it stands in `code` of a problem document.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        pub enum Code { $( #[doc = $title] $(#[$doc])* #[serde(rename = $text)] $variant, )* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// Its text, as users see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text),* } }
            /// Its class.
            #[must_use]
            pub const fn class(self) -> Class { match self { $(Self::$variant => Class::$class),* } }
            /// The title of its problem documents.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title),* } }
        }
    };
}

codes! {
    MalformedRequest = "malformed_request", Malformed, "The request cannot be read";
    UnknownParameter = "unknown_parameter", Malformed, "The request has a parameter that does not exist";
    InvalidCursor = "invalid_cursor", Malformed, "The cursor does not belong to this list";
    WrongIdType = "wrong_id_type", Malformed, "The id belongs to another kind of thing";
    Unauthenticated = "unauthenticated", Unauthenticated, "The request carries no valid credential";
    TokenExpired = "token_expired", Unauthenticated, "The API token has expired";
    SessionExpired = "session_expired", Unauthenticated, "The session has ended";
    SecondFactorRequired = "second_factor_required", Unauthenticated, "Signing in needs a code of the second factor";
    StepUpRequired = "step_up_required", Forbidden, "This needs a proof of who is signed in that is a few minutes old at most";
    CrossSiteRequest = "cross_site_request", Forbidden, "The request may come from another site's page";
    Forbidden = "forbidden", Forbidden, "The caller lacks a permission";
    AddressDenied = "address_denied", Forbidden, "The access list does not let this address in";
    SeparationOfDuties = "separation_of_duties", Forbidden, "Nobody decides on their own request";
    NotFound = "not_found", NotFound, "There is no such thing";
    MethodNotAllowed = "method_not_allowed", Malformed, "The resource does not answer to this method";
    InvalidState = "invalid_state", Conflict, "The thing's state does not allow this";
    AlreadyExists = "already_exists", Conflict, "There is one already";
    InUse = "in_use", Conflict, "Something else needs it";
    VersionMismatch = "version_mismatch", VersionMismatch, "The thing has changed since it was read";
    PayloadTooLarge = "payload_too_large", TooLarge, "The request is too large";
    UnsupportedMediaType = "unsupported_media_type", UnsupportedMedia, "The content type is not one that is read here";
    SignInVoid = "sign_in_void", Conflict, "The sign-in was finished, has lapsed or was begun in another browser";
    IdentityRefused = "identity_refused", Unauthenticated, "The identity provider's answer is not believed";
    NotAdmitted = "not_admitted", Forbidden, "Whoever signed in at the identity provider is not let in here";
    ProviderUnavailable = "provider_unavailable", Unavailable, "The identity provider does not answer as it should";
    LinkVoid = "link_void", Conflict, "The link was used, has lapsed or was replaced";
    SignInLocked = "sign_in_locked", RateLimited, "Too many sign-ins failed";
    RateLimited = "rate_limited", RateLimited, "Too many requests";
    ValidationFailed = "validation_failed", Refused, "A value is not allowed";
    PolicyViolation = "policy_violation", Refused, "The request does not satisfy the policy";
    CsrInvalid = "csr_invalid", Refused, "The certificate signing request is not acceptable";
    CertificateInvalid = "certificate_invalid", Refused, "The certificate is not acceptable";
    KeyMismatch = "key_mismatch", Refused, "The key does not belong to this";
    LintFailed = "lint_failed", Refused, "The certificate would break a rule of its format";
    WrongPassphrase = "wrong_passphrase", Refused, "The passphrase does not open the file";
    WeakPassphrase = "weak_passphrase", Refused, "The passphrase is too easy to guess";
    IdempotencyKeyReused = "idempotency_key_reused", Refused, "The idempotency key was used for another request";
    Internal = "internal", Internal, "Something failed on our side";
    ServiceUnavailable = "service_unavailable", Unavailable, "A part of the service is not available";
    ProjectionBehind = "projection_behind", Unavailable, "The view has not caught up yet";
    KeyInToken = "key_in_token", Conflict, "The key is in a token, which gives no private keys out";
    TokenUnavailable = "token_unavailable", Unavailable, "The token that holds the key is not available";
    KeystoreSealed = "keystore_sealed", Unavailable, "The keystore is sealed";
    ClockGuard = "clock_guard", Unavailable, "The clock cannot be trusted, so nothing is signed";
    CommandTimeout = "command_timeout", TimedOut, "The answer did not come in time";
}

impl Code {
    /// The code whose text is `text`.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}
