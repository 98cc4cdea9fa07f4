//! The one guarded way out (M-1): for everything that a user or a peer can name, such as a domain to validate or a
//! provider to sign in with.
//!
//! A name is resolved, **every** address of it is checked against [`address`], and the connection goes to an address that
//! was checked, not to the name again, so a second answer of DNS changes nothing; the same at each redirect. Nothing comes
//! from the surroundings: no proxy, no cookie, no credential, no cache. Time, bytes and redirects have limits
//! ([`Policy`]). HTTPS is verified against the system's CAs and those of `outbound.ca_file`.
//!
//! ```ignore
//! let outbound = Outbound::new(&context.config)?;              // once per service; clones share it
//! let answer = outbound.get("https://login.example.com/.well-known/openid-configuration", &Policy::PROVIDER).await?;
//! let answer = outbound.send(Request::post(token_endpoint, form).header(CONTENT_TYPE, value), &Policy::PROVIDER).await?;
//! let texts = outbound.dns().texts("_chancery-challenge.example.com").await?;
//! ```

pub mod address;
mod connect;
mod dns;
mod error;
mod fetch;
mod interfaces;
mod present;
mod url;

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

use self::address::Rules;
pub use self::{
    dns::{Dns, LookupError, MOST_CNAMES},
    error::OutboundError,
    fetch::{Fetched, Policy, Ports, Request, Schemes},
    present::Presented,
    url::UrlError,
};
use crate::{
    config::Config,
    roots::{self, RootsError},
};

/// The guarded way out; clones share it.
#[derive(Clone, Debug)]
pub struct Outbound {
    dns: Dns,
    allow: Vec<contracts::Network>,
    strict: bool,
    tls: Arc<ClientConfig>,
}

impl Outbound {
    /// As the configuration's section `outbound` says. Fails only when `outbound.ca_file` cannot be read.
    pub fn new(config: &Config) -> Result<Self, RootsError> {
        let mut tls = roots::client_config_adding(config.outbound.ca_file.as_deref())?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            dns: Dns::new(config.outbound.resolver),
            allow: config.outbound.allow.clone(),
            strict: config.server.production,
            tls: Arc::new(tls),
        })
    }

    /// The same way out for whoever looks and trusts nobody: HTTPS is verified against no CA, so nothing can be fetched by it.
    #[must_use]
    pub fn trusting_nobody(config: &Config) -> Self {
        let tls =
            ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        Self {
            dns: Dns::new(config.outbound.resolver),
            allow: config.outbound.allow.clone(),
            strict: config.server.production,
            tls: Arc::new(tls),
        }
    }

    /// Questions to DNS.
    #[must_use]
    pub const fn dns(&self) -> &Dns {
        &self.dns
    }

    /// The rules of this moment: networks of this machine come and go.
    fn rules(&self) -> Rules {
        Rules { allow: self.allow.clone(), own: interfaces::networks(), strict: self.strict }
    }
}

#[cfg(test)]
mod tests;
