//! Who is calling: the bearer token, answered from memory.

use std::{collections::HashMap, sync::Arc, time::Duration};

use contracts::{
    AdministratorId, Code, Credential, Problem, SessionId, Thumbprint, Timestamp, TokenId,
    directory::{AdministratorKind, BoundCertificateView, CertificateMark, Grant},
    session::SessionText,
    token::TokenText,
};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, Method, header};
use opentelemetry::{KeyValue, metrics::Counter};
use runtime::authority::{Authority, Denied, Held, Principal};
use tokio::time::timeout;

use crate::cookie;

/// Knows tokens.
pub trait Doorkeeper: Send + Sync + 'static {
    /// Who a token's text belongs to, now.
    fn authenticate(&self, token: &TokenText) -> Result<Principal, Denied>;
    /// Whose session a cookie's text is, now.
    fn authenticate_session(&self, session: &SessionText) -> Result<Principal, Denied>;
    /// The sign-in name of an administrator.
    fn name_of(&self, administrator: AdministratorId) -> Option<String>;
    /// Grants with what their roles allow now.
    fn held(&self, grants: Vec<Grant>) -> Arc<[Held]>;
    /// Who acts through a client certificate that was found valid, and whether they are a person or a program.
    fn authenticate_certificate(
        &self,
        thumbprint: Thumbprint,
    ) -> Result<(Principal, AdministratorKind), Denied>;
    /// The client certificate that a session began with.
    fn session_certificate(&self, session: SessionId) -> Option<Thumbprint>;
    /// Whom a client certificate is bound to.
    fn certificate_owner(&self, certificate: CertificateMark) -> Option<AdministratorId>;
    /// The client certificates of an administrator.
    fn certificates_of(&self, administrator: AdministratorId) -> Vec<BoundCertificateView>;
    /// Waits, though not for long, until what the directory wrote up to this position counts here.
    fn reached(&self, position: i64) -> BoxFuture<'_, ()>;
}

impl Doorkeeper for Authority {
    fn authenticate(&self, token: &TokenText) -> Result<Principal, Denied> {
        Authority::authenticate(self, token)
    }

    fn authenticate_session(&self, session: &SessionText) -> Result<Principal, Denied> {
        Authority::authenticate_session(self, session)
    }

    fn name_of(&self, administrator: AdministratorId) -> Option<String> {
        self.administrator(administrator).map(|known| known.name)
    }

    fn held(&self, grants: Vec<Grant>) -> Arc<[Held]> {
        Authority::held(self, grants)
    }

    fn authenticate_certificate(
        &self,
        thumbprint: Thumbprint,
    ) -> Result<(Principal, AdministratorKind), Denied> {
        let principal = Authority::authenticate_certificate(self, thumbprint)?;
        let known = self.administrator(principal.administrator).ok_or(Denied::Invalid)?;
        Ok((principal, known.kind))
    }

    fn session_certificate(&self, session: SessionId) -> Option<Thumbprint> {
        Authority::session_certificate(self, session)
    }

    fn certificate_owner(&self, certificate: CertificateMark) -> Option<AdministratorId> {
        Authority::certificate_owner(self, certificate)
    }

    fn certificates_of(&self, administrator: AdministratorId) -> Vec<BoundCertificateView> {
        Authority::certificates_of(self, administrator)
    }

    fn reached(&self, position: i64) -> BoxFuture<'_, ()> {
        // Late or not, what was written is answered.
        Box::pin(timeout(PATIENCE, Authority::reached(self, position)).map(drop))
    }
}

/// How long an answer waits for the change that it tells of to count at this gateway: no longer than it would at others.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts failed sign-ins.
#[derive(Clone, Debug)]
pub struct Failures(Counter<u64>);

impl Failures {
    /// The counter `chancery_auth_failures_total`.
    #[must_use]
    pub fn new() -> Self {
        let meter = opentelemetry::global::meter("chancery-gateway");
        Self(
            meter
                .u64_counter("chancery_auth_failures")
                .with_description("Requests without a valid credential")
                .build(),
        )
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self::new()
    }
}

/// The caller: by API token, or else by the cookie of a session. Missing, mistyped, unknown, wrong and revoked ones get one
/// and the same answer. Errors: `unauthenticated`; `token_expired`, `session_expired` for who holds the right text;
/// `cross_site_request`; `service_unavailable` while tokens and sessions are not known yet.
pub fn authenticate(
    method: &Method,
    headers: &HeaderMap,
    origin: &str,
    doorkeeper: &dyn Doorkeeper,
    failures: &Failures,
) -> Result<Principal, Problem> {
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(text) = cookie::session(headers)
    {
        return match doorkeeper.authenticate_session(&text) {
            Ok(principal) => cookie::check_own_page(method, headers, origin, &text).map(|()| principal),
            Err(denied) => Err(refuse(denied, "session", failures)),
        };
    }
    let found = bearer(headers).map_or(Err(Denied::Invalid), |token| doorkeeper.authenticate(&token));
    found.map_err(|denied| refuse(denied, "bearer", failures))
}

/// What somebody is told who is nobody: the same, whatever they showed.
pub fn refuse(denied: Denied, method: &'static str, failures: &Failures) -> Problem {
    let problem = match denied {
        Denied::Unknown => return Denied::Unknown.into(),
        Denied::Expired => Problem::new(Code::TokenExpired, "the API token has expired"),
        Denied::SessionExpired => Denied::SessionExpired.into(),
        Denied::Invalid => Problem::new(
            Code::Unauthenticated,
            "the request carries no valid API token: send 'Authorization: Bearer chy_…'",
        ),
    };
    failures.0.add(1, &[KeyValue::new("method", method)]);
    problem
}

fn bearer(headers: &HeaderMap) -> Option<TokenText> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| TokenText::parse(token.trim()))?
}

/// When tokens were used, for the directory: collected here, sent now and then.
#[derive(Debug, Default)]
pub struct Uses(parking_lot::Mutex<HashMap<TokenId, Timestamp>>);

impl Uses {
    /// Notes a use.
    pub fn note(&self, principal: &Principal, now: Timestamp) {
        if let Credential::Token(token) = principal.credential {
            self.0.lock().insert(token, now);
        }
    }

    /// Takes what was noted.
    #[must_use]
    pub fn take(&self) -> Vec<(TokenId, Timestamp)> {
        self.0.lock().drain().collect()
    }
}
