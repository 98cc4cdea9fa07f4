//! TLS to a mail server, and what is wrong with its certificate in words.

use std::{net::IpAddr, sync::Arc};

use rustls::{CertificateError, ClientConfig, Error};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::Trouble;

/// A connection, protected or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Shakes hands. The server's certificate has to be for the name in the settings.
pub(super) async fn handshake(
    stream: Box<dyn Stream>,
    server: &str,
    config: ClientConfig,
) -> Result<(Box<dyn Stream>, String), Trouble> {
    let name = ServerName::try_from(server.to_owned())
        .map_err(|_| Trouble::new(format!("'{server}' cannot stand in a certificate")))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let stream = connected.map_err(|error| Trouble::new(reason(&error, server)))?;
    let version = stream.get_ref().1.protocol_version().and_then(|version| version.as_str());
    let version = version.map(|text| text.replace("TLSv1_", "TLS 1."));
    let words = format!("{}, the certificate is valid for '{server}'", version.as_deref().unwrap_or("TLS"));
    Ok((Box::new(stream), words))
}

/// What went wrong, for who can do something about it.
fn reason(error: &std::io::Error, server: &str) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(tls) = tls else {
        return format!("the TLS handshake was cut off: {error}; does the port expect another TLS mode?");
    };
    match tls {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate comes from a CA that is not trusted here; add that CA to the CA bundle"
                .into()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            let kind = if server.parse::<IpAddr>().is_ok() { "address" } else { "name" };
            format!("the server's certificate is not for the {kind} '{server}'")
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired".into()
        }
        Error::InvalidCertificate(other) => format!("the server's certificate is not accepted: {other}"),
        Error::InvalidMessage(_) => {
            format!("the server does not speak TLS here ({tls}); does the port expect STARTTLS?")
        }
        other => format!("the TLS handshake failed: {other}"),
    }
}
