//! What a server presents in its TLS handshake: read, and trusted by nobody.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio_rustls::TlsConnector;

use super::{
    Outbound,
    error::OutboundError,
    url::{self, UrlError},
};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a server presented.
#[derive(Debug)]
pub struct Presented {
    /// The name that it was asked for.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// The certificates, DER, in the server's order.
    pub certificates: Vec<Vec<u8>>,
}

impl Outbound {
    /// The certificates that a server presents to whoever asks for a name: `https://host:port`, or without the scheme.
    pub async fn presented(&self, at: &str) -> Result<Presented, OutboundError> {
        let text = if at.contains("://") { at.to_owned() } else { format!("https://{at}") };
        let secure =
            |url: ::url::Url| if url.scheme() == "https" { Ok(url) } else { Err(UrlError::Insecure) };
        let url = url::parse(&text)
            .and_then(secure)
            .map_err(|reason| OutboundError::Url { url: at.to_owned(), reason })?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or_default();
        let asking = self.shown(&host, port);
        let shown = tokio::time::timeout(PATIENCE, asking).await;
        let late = |_| OutboundError::TimedOut { host: host.clone(), within: PATIENCE };
        let certificates = shown.map_err(late)??;
        Ok(Presented { host, port, certificates })
    }

    async fn shown(&self, host: &str, port: u16) -> Result<Vec<Vec<u8>>, OutboundError> {
        let failed = |reason| OutboundError::Tls { host: host.to_owned(), reason };
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| failed(std::io::Error::other(error)))?;
        let plain = self.reach(host, port).await?;
        let witness = Arc::new(Witness::default());
        let tls = ClientConfig::builder()
            .dangerous() // nothing is sent and nothing is believed: what is shown is looked at
            .with_custom_certificate_verifier(witness.clone())
            .with_no_client_auth();
        let shaken = TlsConnector::from(Arc::new(tls)).connect(name, plain).await;
        // A server that wants a certificate from us, too, has shown its own before it refuses.
        match (witness.seen.get(), shaken) {
            (Some(seen), _) => Ok(seen.clone()),
            (None, Err(reason)) => Err(failed(reason)),
            (None, Ok(_)) => Ok(vec![]),
        }
    }
}

/// Sees what is presented, and says nothing about it.
#[derive(Debug, Default)]
struct Witness {
    seen: OnceLock<Vec<Vec<u8>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(end_entity).chain(intermediates);
        _ = self.seen.set(all.map(|der| der.to_vec()).collect());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
