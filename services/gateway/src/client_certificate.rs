//! TLS client certificates: the listener asks for one and takes whatever comes with proof of its key; what it is
//! worth is judged here, at each use, so that a refusal is an answer like any other and a revocation counts at once.
//!
//! | file | says |
//! |---|---|
//! | [`asking`] | what the TLS handshake demands |
//! | [`connection`] | how the chain gets from the handshake to requests |
//! | [`trust`] | which certificates are valid: a pure function of files, chain and time |
//! | [`files`] | those files, read again when they change |
//! | [`sign_in`] | what one is worth to a request, alone or on top of a session |

pub mod asking;
pub mod connection;
pub mod files;
pub mod sign_in;
pub mod trust;

use std::sync::Arc;

use contracts::{Timestamp, directory::ShownCertificate};
use runtime::{
    config::{Auth, ClientCertificates as Mode},
    health::Health,
    shutdown::Shutdown,
};
use rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};

use self::{asking::Asking, connection::PeerChain, files::TrustFiles, trust::Refused};

/// What client certificates are worth here.
#[derive(Clone, Debug)]
pub struct ClientCertificates {
    mode: Mode,
    files: Arc<TrustFiles>,
}

impl ClientCertificates {
    /// As the configuration says; the files are read now and followed until shutdown. While they cannot be read no
    /// certificate counts, and the health says why.
    #[must_use]
    pub fn follow(auth: &Auth, health: &Health, shutdown: &Shutdown) -> Self {
        let files = Arc::new(TrustFiles::new(auth.client_ca_file.clone(), auth.client_crl_file.clone()));
        if auth.client_certificates != Mode::Off {
            if auth.client_crl_file.is_none() {
                tracing::warn!("client certificates: no auth.client_crl_file, so revoked ones count");
            }
            let state = health.register("client certificates");
            files.read(&state);
            shutdown.spawn(files.clone().keep_fresh(state, shutdown.token()));
        }
        Self { mode: auth.client_certificates, files }
    }

    /// Nobody is asked.
    #[must_use]
    pub fn off() -> Self {
        Self { mode: Mode::Off, files: Arc::new(TrustFiles::new(None, None)) }
    }

    /// What a certificate is worth.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What the TLS handshake demands.
    #[must_use]
    pub fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match self.mode {
            Mode::Off => WebPkiClientVerifier::no_client_auth(),
            Mode::Optional | Mode::Required => Arc::new(Asking::new(self.files.names())),
        }
    }

    /// The certificate of a connection, if it is valid now. Whoever is refused learns only that they are.
    pub fn judge(&self, chain: Option<&PeerChain>, now: Timestamp) -> Result<ShownCertificate, Refused> {
        let chain = chain.filter(|_| self.mode != Mode::Off).ok_or(Refused::None)?;
        let verdict = self.files.current().and_then(|trust| trust.judge(chain, now));
        if let Err(reason) = &verdict {
            tracing::info!(reason = runtime::error::words(reason), "client certificate refused");
        }
        verdict
    }
}
