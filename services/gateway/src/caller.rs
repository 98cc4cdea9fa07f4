//! Who is calling, and whether they are let in where they call from: asked of every request, and of a stream again before
//! each part of it.

use std::net::IpAddr;

use contracts::{Problem, Timestamp};
use http::{HeaderMap, Method, header};
use runtime::authority::Principal;

use crate::{
    authenticate::authenticate,
    client_certificate::{connection::PeerChain, sign_in},
    cookie,
    gateway::Gateway,
};

/// What somebody shows of themselves.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The method: what changes nothing needs no proof that the own page sent it.
    pub method: &'a Method,
    /// The headers: a token or a session.
    pub headers: &'a HeaderMap,
    /// The client certificate of the connection.
    pub chain: Option<&'a PeerChain>,
}

impl Credentials<'_> {
    /// Whether there is anything to judge.
    #[must_use]
    pub fn are_shown(&self) -> bool {
        let certificate = self.chain.is_some() && sign_in::is_alone(self.headers);
        certificate
            || self.headers.contains_key(header::AUTHORIZATION)
            || cookie::session(self.headers).is_some()
    }

    /// Whose they are: by the certificate where nothing else is shown, else by token or session, with the certificate on
    /// top where people need one. Errors: as [`authenticate`].
    pub async fn judge(&self, gateway: &Gateway, now: Timestamp) -> Result<Principal, Problem> {
        let principal = match self.chain.filter(|_| sign_in::is_alone(self.headers)) {
            Some(chain) => sign_in::by_certificate(gateway, chain, now).await?,
            None => authenticate(
                self.method,
                self.headers,
                &gateway.place.origin,
                &*gateway.doorkeeper,
                &gateway.failures,
            )?,
        };
        sign_in::on_top(gateway, &principal, self.chain, now).await?;
        Ok(principal)
    }
}

/// Whether the caller's organization, and every other one that they act in at once, lets in the address they come from.
/// Errors: `address_denied`, `service_unavailable`.
pub fn let_in(gateway: &Gateway, caller: &Principal, address: Option<IpAddr>) -> Result<(), Problem> {
    let granted = caller.held.iter().filter_map(|held| held.grant.organization_id);
    let others = granted.filter(|id| caller.all_organizations && *id != caller.organization);
    let mut lists = std::iter::once(caller.organization).chain(others);
    lists.try_for_each(|organization| gateway.gate.admit_to(Some(organization), address))
}
