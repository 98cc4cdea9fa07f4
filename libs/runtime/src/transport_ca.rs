//! The transport CA (N-2): the minimal issuer of our own HTTPS certificates.
//!
//! It depends on nothing but two key files and the clock: not on signer, log or bus, so that the gateway can listen
//! from the first start on, and again when everything has expired. Its certificate is made again with the same key
//! well before it ends; who trusts the old one trusts the new one.

mod gateway;

use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use contracts::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber, string::Ia5String,
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use time::Duration;
use x509_parser::prelude::{FromDer as _, X509Certificate};

pub use self::gateway::{GatewayCertificate, ca_file};
use crate::{
    entropy::{self, Entropy},
    secrets::{SecretError, Secrets},
};

const CA_LIFETIME: Duration = Duration::days(3_653);
const LEAF_LIFETIME: Duration = Duration::days(7);
/// Clocks of clients may be behind.
const SKEW: Duration = Duration::hours(1);

/// The transport CA cannot work.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// A key file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The file of the CA's certificate.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What failed.
        reason: io::Error,
    },
    /// A key or certificate could not be used or made.
    #[error("transport CA: {0}")]
    Issue(#[from] rcgen::Error),
    /// TLS refused the result.
    #[error("transport CA: {0}")]
    Tls(#[from] rustls::Error),
}

/// When a certificate begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Validity {
    from: Timestamp,
    to: Timestamp,
}

impl Validity {
    fn beginning(now: Timestamp, length: Duration) -> Self {
        let from = now.whole_second().plus(-SKEW);
        Self { from, to: from.plus(length) }
    }

    /// Two thirds are over, or the clock says it has not begun.
    fn is_due(self, now: Timestamp) -> bool {
        let third = (self.to.unix() - self.from.unix()) / 3;
        now < self.from || now.unix() >= self.to.unix() - third
    }
}

/// The issuer.
struct TransportCa {
    key: KeyPair,
    file: PathBuf,
    der: CertificateDer<'static>,
    validity: Validity,
}

impl TransportCa {
    /// Reads the CA's certificate, or makes it when it is missing, foreign to the key, or due.
    fn open(
        secrets: &Secrets,
        file: &Path,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, TransportError> {
        let key = KeyPair::from_pem(secrets.transport_ca_key()?.reveal())?;
        let known =
            CertificateDer::from_pem_file(file).ok().and_then(|der| Some((validity_for(&der, &key)?, der)));
        let fail = |reason| TransportError::File { path: file.into(), reason };
        let (validity, der) = match known {
            Some((validity, der)) if !validity.is_due(now) => (validity, der),
            _ => {
                let validity = Validity::beginning(now, CA_LIFETIME);
                let certificate = ca_params(&key, validity, entropy).self_signed(&key)?;
                let draft = file.with_extension("draft");
                file.parent().map_or(Ok(()), fs::create_dir_all).map_err(fail)?;
                fs::write(&draft, certificate.pem()).and_then(|()| fs::rename(&draft, file)).map_err(fail)?;
                (validity, certificate.der().clone())
            }
        };
        Ok(Self { key, file: file.into(), der, validity })
    }

    /// A server certificate for these names.
    fn issue(
        &self,
        names: &[String],
        key: &KeyPair,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(CertificateDer<'static>, Validity), TransportError> {
        let validity = Validity::beginning(now, LEAF_LIFETIME);
        let mut params = params(names.first().map_or("localhost", String::as_str), validity, entropy);
        params.subject_alt_names = names.iter().map(|name| san(name)).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.der, &self.key)?;
        Ok((params.signed_by(key, &issuer)?.der().clone(), validity))
    }
}

/// SHA-256 of the certificate in a PEM file as people compare it, `AB:CD:…`; none when there is no certificate.
#[must_use]
pub fn fingerprint_of(file: &Path) -> Option<String> {
    CertificateDer::from_pem_file(file).ok().map(|der| fingerprint(&der))
}

fn fingerprint(der: &CertificateDer<'_>) -> String {
    let pairs: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// How long a certificate holds, if it is this key's.
fn validity_for(der: &CertificateDer<'_>, key: &KeyPair) -> Option<Validity> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let ours = certificate.public_key().subject_public_key.data == key.public_key_raw();
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_unix(time.timestamp());
    let validity = certificate.validity();
    ours.then(|| Validity { from: at(validity.not_before), to: at(validity.not_after) })
}

fn ca_params(key: &KeyPair, validity: Validity, entropy: &dyn Entropy) -> CertificateParams {
    // Named after its key: trust stores hold the CAs of several installations.
    let name = format!("Chancery transport CA {}", hex::encode(&Sha256::digest(key.der_bytes())[..4]));
    let mut params = params(&name, validity, entropy);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(common_name: &str, validity: Validity, entropy: &dyn Entropy) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name.chars().take(64).collect::<String>());
    params.not_before = validity.from.0;
    params.not_after = validity.to.0;
    let mut serial: [u8; 18] = entropy::bytes(entropy);
    serial[0] = 0x01; // positive, and no shorter than the rest
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

fn san(name: &str) -> Result<SanType, rcgen::Error> {
    Ok(match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(Ia5String::try_from(name)?),
    })
}

#[cfg(test)]
mod tests;
