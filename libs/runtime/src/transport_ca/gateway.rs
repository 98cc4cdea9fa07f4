//! The gateway's HTTPS certificate: a week at most, renewed while a third is left, without a restart.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rcgen::KeyPair;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    server::{ClientHello, ResolvesServerCert, danger::ClientCertVerifier},
    sign::CertifiedKey,
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};
use tokio_util::sync::CancellationToken;

use super::{TransportCa, TransportError, Validity};
use crate::{clock::Clock, config::Server, entropy::Entropy, secrets::Secrets};

/// How often it is looked at.
const ROUND: Duration = Duration::from_secs(60);

/// The certificate that the gateway shows, always a fresh one.
pub struct GatewayCertificate {
    secrets: Secrets,
    ca_file: PathBuf,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    current: ArcSwap<Current>,
}

struct Current {
    shown: Arc<CertifiedKey>,
    validity: Validity,
    ca: TransportCa,
}

impl GatewayCertificate {
    /// Issues one. The CA's certificate is `transport-ca.pem` in the data folder, for clients to trust.
    pub fn issue(
        server: &Server,
        secrets: &Secrets,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, TransportError> {
        let (ca_file, names) = (ca_file(server), names(server));
        let current = Current::issue(secrets, &ca_file, &names, &*clock, &*entropy)?;
        let current = ArcSwap::from_pointee(current);
        Ok(Arc::new(Self { secrets: secrets.clone(), ca_file, names, clock, entropy, current }))
    }

    /// Issues another if less than a third of its time is left, or of the CA's; says whether it did.
    pub fn renew_if_due(&self) -> Result<bool, TransportError> {
        let (current, now) = (self.current.load(), self.clock.now());
        if !current.validity.is_due(now) && !current.ca.validity.is_due(now) {
            return Ok(false);
        }
        let next = Current::issue(&self.secrets, &self.ca_file, &self.names, &*self.clock, &*self.entropy)?;
        tracing::info!(until = %next.validity.to, "HTTPS certificate renewed");
        self.current.store(Arc::new(next));
        Ok(true)
    }

    /// Renews it until told to stop. A failure is tried again each minute; two days are left for it.
    pub async fn keep_fresh(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(ROUND)).await.is_some() {
            if let Err(error) = self.renew_if_due() {
                tracing::error!(%error, "HTTPS certificate not renewed");
            }
        }
    }

    /// TLS for the gateway's listener, with HTTP/2 and HTTP/1.1. `clients` asks for their certificates, or does not.
    pub fn tls(
        self: &Arc<Self>,
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Result<ServerConfig, TransportError> {
        let mut config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(config)
    }

    /// SHA-256 of the CA's certificate, `AB:CD:…`.
    #[must_use]
    pub fn ca_fingerprint(&self) -> String {
        super::fingerprint(&self.current.load().ca.der)
    }

    /// Where the CA's certificate lies.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.current.load().ca.file.clone()
    }
}

/// Where the transport CA's certificate lies.
#[must_use]
pub fn ca_file(server: &Server) -> PathBuf {
    server.data_dir.join("transport-ca.pem")
}

/// What clients may call this server by.
fn names(server: &Server) -> Vec<String> {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let mut names = vec![server.public_host()];
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    for name in local.into_iter().chain(host).filter(|name| name.is_ascii() && !name.is_empty()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl Current {
    fn issue(
        secrets: &Secrets,
        ca_file: &std::path::Path,
        names: &[String],
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Self, TransportError> {
        let now = clock.now();
        let ca = TransportCa::open(secrets, ca_file, now, entropy)?;
        let pem = secrets.gateway_key()?;
        let (leaf, validity) = ca.issue(names, &KeyPair::from_pem(pem.reveal())?, now, entropy)?;
        let key = PrivateKeyDer::from_pem_slice(pem.reveal().as_bytes())
            .map_err(|_| rustls::Error::General("gateway-tls.key is not PEM".into()))?;
        let key = aws_lc_rs::sign::any_supported_type(&key)?;
        // The CA's certificate goes along, so that a client that knows its fingerprint alone can check it.
        let shown = Arc::new(CertifiedKey::new(vec![leaf, ca.der.clone()], key));
        Ok(Self { shown, validity, ca })
    }
}

impl ResolvesServerCert for GatewayCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load().shown.clone())
    }
}

impl GatewayCertificate {
    /// What is shown now: the certificate, then the CA's, DER.
    #[must_use]
    pub fn chain(&self) -> Vec<rustls_pki_types::CertificateDer<'static>> {
        self.current.load().shown.cert.clone()
    }
}

impl fmt::Debug for GatewayCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayCertificate").field("names", &self.names).finish_non_exhaustive()
    }
}
