//! What a TLS client certificate is worth to a request: alone, or on top of a session.

use bus::Context;
use contracts::{
    Actor, Credential, OrganizationId, Problem, Service, Timestamp,
    directory::{AdministratorKind, CertificateMark, RecordCertificateUse, ShownCertificate},
};
use http::{HeaderMap, header};
use runtime::{
    authority::{Denied, Principal},
    config::ClientCertificates as Mode,
};

use super::connection::PeerChain;
use crate::{authenticate::refuse, gateway::Gateway};

/// How long the directory may take to keep a thumbprint.
const PATIENCE: time::Duration = time::Duration::seconds(10);

/// Whether a request has nothing but its connection's certificate to show, and no page of a browser sent it: a browser
/// shows a certificate for whoever asks, so what it sends of itself proves nothing about the person.
#[must_use]
pub fn is_alone(headers: &HeaderMap) -> bool {
    let others = [header::AUTHORIZATION.as_str(), header::COOKIE.as_str()];
    let of_browsers = [header::ORIGIN.as_str(), "sec-fetch-site"];
    !others.into_iter().chain(of_browsers).any(|name| headers.contains_key(name))
}

/// The administrator that a valid certificate is bound to. Errors: the same for every certificate that does not count.
pub async fn by_certificate(
    gateway: &Gateway,
    chain: &PeerChain,
    now: Timestamp,
) -> Result<Principal, Problem> {
    let found = bound(gateway, chain, now).await;
    found.map_err(|denied| refuse(denied, "certificate", &gateway.failures))
}

async fn bound(gateway: &Gateway, chain: &PeerChain, now: Timestamp) -> Result<Principal, Denied> {
    let shown = gateway.client_certificates.judge(Some(chain), now).map_err(|_| Denied::Invalid)?;
    if gateway.doorkeeper.certificate_owner(CertificateMark::Sha1(shown.sha1)).is_some() {
        keep_thumbprint(gateway, shown, now).await;
    }
    let (principal, kind) = gateway.doorkeeper.authenticate_certificate(shown.sha256)?;
    match (gateway.client_certificates.mode(), kind) {
        (Mode::Optional, _) | (Mode::Required, AdministratorKind::Service) => Ok(principal),
        (Mode::Required, AdministratorKind::Person) | (Mode::Off, _) => Err(Denied::Invalid),
    }
}

/// Whether a session has beside it the certificate that people need on top: a valid one of its owner, and the one it
/// began with if it began with one. Errors: as of a session that is worth nothing.
pub async fn on_top(
    gateway: &Gateway,
    principal: &Principal,
    chain: Option<&PeerChain>,
    now: Timestamp,
) -> Result<(), Problem> {
    let (Mode::Required, Credential::Session(session)) =
        (gateway.client_certificates.mode(), principal.credential)
    else {
        return Ok(());
    };
    let refused = || refuse(Denied::Invalid, "certificate", &gateway.failures);
    let shown = gateway.client_certificates.judge(chain, now).map_err(|_| refused())?;
    if gateway.doorkeeper.certificate_owner(CertificateMark::Sha1(shown.sha1)).is_some() {
        keep_thumbprint(gateway, shown, now).await;
    }
    let owner = gateway.doorkeeper.certificate_owner(CertificateMark::Sha256(shown.sha256));
    let began_with = gateway.doorkeeper.session_certificate(session);
    let is_theirs = owner == Some(principal.administrator);
    let is_the_same = began_with.is_none_or(|began_with| began_with == shown.sha256);
    if is_theirs && is_the_same { Ok(()) } else { Err(refused()) }
}

/// Tells the thumbprint of a certificate that is bound by its SHA-1. What fails is tried again at the next use.
async fn keep_thumbprint(gateway: &Gateway, certificate: ShownCertificate, now: Timestamp) {
    let actor = Actor::Service(Service::Gateway);
    let context = Context::new(gateway.ids.uuid(), OrganizationId::INSTALLATION, actor, now.plus(PATIENCE));
    match gateway.bus.call(&context, &RecordCertificateUse { certificate }).await {
        Ok(reply) => gateway.doorkeeper.reached(reply.position).await,
        Err(problem) => tracing::warn!(%problem, "thumbprint of a client certificate not kept"),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_certificate_speaks_for_a_request_that_no_page_sent_and_nothing_else_speaks_for() {
        assert!(is_alone(&HeaderMap::new()));
        for name in ["authorization", "cookie", "origin", "sec-fetch-site"] {
            let name = HeaderName::from_static(name);
            assert!(!is_alone(&HeaderMap::from_iter([(name, HeaderValue::from_static("x"))])));
        }
    }
}
