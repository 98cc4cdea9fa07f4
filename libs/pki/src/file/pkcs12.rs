//! PKCS #12, the key store of `.p12` and `.pfx` (RFC 7292).
//!
//! Its checksum is verified before anything in it is opened, and its numbers of iterations before any key is derived.
//! Keys belong to the certificates with their public key, whatever the file says; one without a `localKeyID` is a key
//! like others.

mod mac;
mod read;
mod write;

use const_oid::ObjectIdentifier;

pub(super) use read::{is_pfx, read};
pub use write::{Protection, write, write_trusted};

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const ENCRYPTED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.6");
const KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.3");
const CRL_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.4");
const SECRET_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.5");
const SAFE_CONTENTS_BAG: ObjectIdentifier = oid("1.2.840.113549.1.12.10.1.6");
const X509_CERTIFICATE: ObjectIdentifier = oid("1.2.840.113549.1.9.22.1");
const FRIENDLY_NAME: ObjectIdentifier = oid("1.2.840.113549.1.9.20");
const LOCAL_KEY_ID: ObjectIdentifier = oid("1.2.840.113549.1.9.21");
/// What Java marks trust anchors with.
const TRUSTED_KEY_USAGE: ObjectIdentifier = oid("2.16.840.1.113894.746875.1.1");
const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37.0");
