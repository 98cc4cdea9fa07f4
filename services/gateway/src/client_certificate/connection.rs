//! How the chain that a client showed gets from the handshake to every request of the connection.

use std::{io, sync::Arc};

use axum::{Extension, middleware::AddExtension};
use axum_server::{
    accept::{Accept, NoDelayAcceptor},
    tls_rustls::RustlsAcceptor,
};
use futures::future::BoxFuture;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tower::Layer as _;

/// The chain of a connection, end entity first: never empty, its key proved, nothing else checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerChain(Arc<[CertificateDer<'static>]>);

impl PeerChain {
    /// A chain; `None` if it is empty.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>) -> Option<Self> {
        (!chain.is_empty()).then(|| Self(chain.into()))
    }

    /// The certificate itself, and what leads from it to a CA.
    #[must_use]
    pub fn parts(&self) -> (&CertificateDer<'static>, &[CertificateDer<'static>]) {
        // `new` lets no empty one be.
        self.0.split_first().unwrap_or((&EMPTY, &[]))
    }
}

static EMPTY: CertificateDer<'static> = CertificateDer::from_slice(&[]);

/// Accepts TLS and puts the client's chain beside each request, as an extension `Option<PeerChain>`.
#[derive(Clone, Debug)]
pub struct ChainAcceptor(pub RustlsAcceptor<NoDelayAcceptor>);

impl<S: Send + 'static> Accept<TcpStream, S> for ChainAcceptor {
    type Stream = TlsStream<TcpStream>;
    type Service = AddExtension<S, Option<PeerChain>>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let acceptor = self.0.clone();
        Box::pin(async move {
            let (stream, service) = acceptor.accept(stream, service).await?;
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
            let service = Extension(PeerChain::new(chain)).layer(service);
            Ok((stream, service))
        })
    }
}
