//! Writing JKS.

use zeroize::Zeroizing;

use super::{CERTIFICATE_ENTRY, KEY_ENTRY, MAGIC_JKS, checksum, lock};
use crate::{
    Certificate,
    file::{Credential, Draw, error::WriteError},
};

/// Writes a key, its certificate and the certificates above; store and key have the same passphrase. `at` is the
/// entry's date, in milliseconds since 1970.
pub fn write(
    credential: &Credential<'_>,
    passphrase: &str,
    at: u64,
    draw: Draw<'_>,
) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    credential.leaf()?;
    let mut salt = [0; 20];
    draw(&mut salt);
    let mut store = begun(1);
    number(&mut store, KEY_ENTRY);
    head(&mut store, credential.alias, at)?;
    bytes(&mut store, &lock::lock_jks(passphrase, &salt, credential.key.pkcs8()))?;
    number(
        &mut store,
        u32::try_from(credential.certificates.len()).map_err(|_| WriteError::TooLong("the chain"))?,
    );
    for certificate in credential.certificates {
        put_certificate(&mut store, certificate)?;
    }
    Ok(ended(store, passphrase))
}

/// Writes certificates alone, each under its name: a trust store.
pub fn write_trusted(
    anchors: &[(&str, &Certificate)],
    passphrase: &str,
    at: u64,
) -> Result<Zeroizing<Vec<u8>>, WriteError> {
    let mut store = begun(u32::try_from(anchors.len()).map_err(|_| WriteError::TooLong("the trust store"))?);
    for (alias, certificate) in anchors {
        number(&mut store, CERTIFICATE_ENTRY);
        head(&mut store, alias, at)?;
        put_certificate(&mut store, certificate)?;
    }
    Ok(ended(store, passphrase))
}

fn begun(count: u32) -> Zeroizing<Vec<u8>> {
    let mut store = Zeroizing::new(MAGIC_JKS.to_vec());
    number(&mut store, 2);
    number(&mut store, count);
    store
}

fn ended(mut store: Zeroizing<Vec<u8>>, passphrase: &str) -> Zeroizing<Vec<u8>> {
    let sum = checksum(passphrase, &store);
    store.extend_from_slice(&sum);
    store
}

fn head(store: &mut Vec<u8>, alias: &str, at: u64) -> Result<(), WriteError> {
    // Java compares aliases in lower case.
    text(store, &alias.to_lowercase())?;
    store.extend_from_slice(&at.to_be_bytes());
    Ok(())
}

fn put_certificate(store: &mut Vec<u8>, certificate: &Certificate) -> Result<(), WriteError> {
    text(store, "X.509")?;
    bytes(store, certificate.der())
}

fn number(store: &mut Vec<u8>, number: u32) {
    store.extend_from_slice(&number.to_be_bytes());
}

fn bytes(store: &mut Vec<u8>, bytes: &[u8]) -> Result<(), WriteError> {
    number(store, u32::try_from(bytes.len()).map_err(|_| WriteError::TooLong("a certificate"))?);
    store.extend_from_slice(bytes);
    Ok(())
}

fn text(store: &mut Vec<u8>, text: &str) -> Result<(), WriteError> {
    let length = u16::try_from(text.len()).map_err(|_| WriteError::TooLong("the name"))?;
    store.extend_from_slice(&length.to_be_bytes());
    store.extend_from_slice(text.as_bytes());
    Ok(())
}
