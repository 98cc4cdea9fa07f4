//! Object identifiers that are read or written here.

use const_oid::ObjectIdentifier;

macro_rules! oids {
    ($($name:ident = $text:literal),* $(,)?) => {
        $( pub(crate) const $name: ObjectIdentifier = ObjectIdentifier::new_unwrap($text); )*
    };
}

oids! {
    COMMON_NAME = "2.5.4.3",
    COUNTRY = "2.5.4.6",
    LOCALITY = "2.5.4.7",
    STATE = "2.5.4.8",
    ORGANIZATION = "2.5.4.10",
    ORGANIZATIONAL_UNIT = "2.5.4.11",

    SUBJECT_KEY_IDENTIFIER = "2.5.29.14",
    KEY_USAGE = "2.5.29.15",
    SUBJECT_ALT_NAME = "2.5.29.17",
    BASIC_CONSTRAINTS = "2.5.29.19",
    CRL_DISTRIBUTION_POINTS = "2.5.29.31",
    AUTHORITY_KEY_IDENTIFIER = "2.5.29.35",
    EXTENDED_KEY_USAGE = "2.5.29.37",
    AUTHORITY_INFORMATION_ACCESS = "1.3.6.1.5.5.7.1.1",
    SIGNED_CERTIFICATE_TIMESTAMPS = "1.3.6.1.4.1.11129.2.4.2",

    OCSP = "1.3.6.1.5.5.7.48.1",
    CA_ISSUERS = "1.3.6.1.5.5.7.48.2",

    SERVER_AUTH = "1.3.6.1.5.5.7.3.1",
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2",
    CODE_SIGNING = "1.3.6.1.5.5.7.3.3",
    EMAIL_PROTECTION = "1.3.6.1.5.5.7.3.4",
    TIME_STAMPING = "1.3.6.1.5.5.7.3.8",
    OCSP_SIGNING = "1.3.6.1.5.5.7.3.9",
    ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0",

    CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7",
    EXTENSION_REQUEST = "1.2.840.113549.1.9.14",
    SIGNED_DATA = "1.2.840.113549.1.7.2",
    DATA = "1.2.840.113549.1.7.1",

    RSA_ENCRYPTION = "1.2.840.113549.1.1.1",
    RSA_PSS = "1.2.840.113549.1.1.10",
    MGF1 = "1.2.840.113549.1.1.8",
    EC_PUBLIC_KEY = "1.2.840.10045.2.1",
    P256 = "1.2.840.10045.3.1.7",
    P384 = "1.3.132.0.34",
    P521 = "1.3.132.0.35",
    ED25519 = "1.3.101.112",
    SHA256 = "2.16.840.1.101.3.4.2.1",
    SHA384 = "2.16.840.1.101.3.4.2.2",
    SHA512 = "2.16.840.1.101.3.4.2.3",
}

/// What people call an object identifier that is not issued but met in files: key and signature algorithms.
pub(crate) fn algorithm_name(oid: &ObjectIdentifier) -> Option<&'static str> {
    let text = oid.to_string();
    KNOWN_ALGORITHMS.iter().find(|(known, _)| *known == text).map(|(_, name)| *name)
}

const KNOWN_ALGORITHMS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.1", "rsa"),
    ("1.2.840.113549.1.1.4", "rsa_md5"),
    ("1.2.840.113549.1.1.5", "rsa_sha1"),
    ("1.2.840.113549.1.1.10", "rsa_pss"),
    ("1.2.840.113549.1.1.11", "rsa_sha256"),
    ("1.2.840.113549.1.1.12", "rsa_sha384"),
    ("1.2.840.113549.1.1.13", "rsa_sha512"),
    ("1.2.840.113549.1.1.14", "rsa_sha224"),
    ("1.2.840.10040.4.1", "dsa"),
    ("1.2.840.10040.4.3", "dsa_sha1"),
    ("2.16.840.1.101.3.4.3.2", "dsa_sha256"),
    ("1.2.840.10045.2.1", "ec"),
    ("1.2.840.10045.4.1", "ecdsa_sha1"),
    ("1.2.840.10045.4.3.1", "ecdsa_sha224"),
    ("1.2.840.10045.4.3.2", "ecdsa_sha256"),
    ("1.2.840.10045.4.3.3", "ecdsa_sha384"),
    ("1.2.840.10045.4.3.4", "ecdsa_sha512"),
    ("1.3.101.110", "x25519"),
    ("1.3.101.111", "x448"),
    ("1.3.101.112", "ed25519"),
    ("1.3.101.113", "ed448"),
    ("2.16.840.1.101.3.4.3.17", "ml_dsa_44"),
    ("2.16.840.1.101.3.4.3.18", "ml_dsa_65"),
    ("2.16.840.1.101.3.4.3.19", "ml_dsa_87"),
];
