//! A connection to a checked address.

use std::{net::IpAddr, sync::Arc, time::Duration};

use ::url::Url;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Outbound, error::OutboundError};

/// How long one address may take to answer, where there are others.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes both ways, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Outbound {
    /// The addresses of a host, if every one of them may be connected to.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, OutboundError> {
        let addresses = self.dns.addresses(host).await?;
        let rules = self.rules();
        let allowed = |address: &IpAddr| match rules.refuse(*address) {
            Some(purpose) => {
                Err(OutboundError::Forbidden { host: host.to_owned(), address: *address, purpose })
            }
            None => Ok(()),
        };
        addresses.iter().try_for_each(allowed)?;
        if addresses.is_empty() { Err(OutboundError::NoAddress(host.to_owned())) } else { Ok(addresses) }
    }

    /// Connects to where a URL leads, with TLS if it says so.
    pub(super) async fn connect(&self, url: &Url) -> Result<TokioIo<Box<dyn Stream>>, OutboundError> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let plain = self.reach(host, port).await?;
        let stream: Box<dyn Stream> = if url.scheme() == "https" {
            let refused = |reason| OutboundError::Tls { host: host.to_owned(), reason };
            let name = ServerName::try_from(host.to_owned())
                .map_err(|error| refused(std::io::Error::other(error)))?;
            let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, plain).await;
            Box::new(tls.map_err(refused)?)
        } else {
            Box::new(plain)
        };
        Ok(TokioIo::new(stream))
    }

    /// A connection to the first of the addresses that answers.
    pub(super) async fn reach(&self, host: &str, port: u16) -> Result<TcpStream, OutboundError> {
        let mut failure = OutboundError::NoAddress(host.to_owned());
        for address in self.addresses(host).await? {
            let reason = match timeout(PATIENCE, TcpStream::connect((address, port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(reason)) => reason,
                Err(_) => std::io::ErrorKind::TimedOut.into(),
            };
            failure = OutboundError::Connect { host: host.to_owned(), address, port, reason };
        }
        Err(failure)
    }
}
