//! Ids: a prefix, `_`, and 26 lower-case Crockford base32 characters of a UUIDv7 (the TypeID encoding).
//!
//! One type per kind, so a key id cannot be passed where a certificate id belongs. The prefixed form is what users
//! see; the bare UUID is accepted everywhere and is what the database stores.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is not the id that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Well formed, but of another kind: `key_…` where `crt_…` belongs.
    #[error("'{found}' has prefix '{found_prefix}', expected '{expected}'")]
    WrongKind {
        /// What was sent.
        found: String,
        /// The prefix it has.
        found_prefix: String,
        /// The prefix that belongs here.
        expected: &'static str,
    },
    /// Neither a prefixed id nor a UUID.
    #[error("'{found}' is not an id: expected '{expected}_' and 26 characters, or a UUID")]
    Malformed {
        /// What was sent, cut to 64 characters.
        found: String,
        /// The prefix that belongs here.
        expected: &'static str,
    },
}

/// Encodes a UUID as 26 Crockford base32 characters, most significant first.
#[must_use]
pub fn encode(uuid: Uuid) -> String {
    let n = uuid.as_u128();
    (0..26).map(|i| ALPHABET[((n >> (125 - 5 * i)) & 31) as usize] as char).collect()
}

/// Decodes 26 Crockford base32 characters; `None` for another length, alphabet or a value over 128 bits.
#[must_use]
pub fn decode(text: &str) -> Option<Uuid> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes()
        .try_fold(0u128, |n, byte| ALPHABET.iter().position(|a| *a == byte).map(|v| (n << 5) | v as u128))
        .map(Uuid::from_u128)
}

/// Reads an id of the kind `prefix`: prefixed or a bare UUID.
pub fn parse(prefix: &'static str, text: &str) -> Result<Uuid, IdError> {
    let malformed = || IdError::Malformed { found: text.chars().take(64).collect(), expected: prefix };
    if let Ok(uuid) = Uuid::try_parse(text) {
        return Ok(uuid);
    }
    let (found_prefix, rest) = text.rsplit_once('_').ok_or_else(malformed)?;
    let uuid = decode(rest).ok_or_else(malformed)?;
    if found_prefix == prefix {
        return Ok(uuid);
    }
    if PREFIXES.iter().any(|(known, _)| *known == found_prefix) {
        return Err(IdError::WrongKind {
            found: text.to_owned(),
            found_prefix: found_prefix.to_owned(),
            expected: prefix,
        });
    }
    Err(malformed())
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $kind:literal;)*) => {
        /// Every prefix and the kind of thing it stands for.
        pub const PREFIXES: &[(&str, &str)] = &[$(($prefix, $kind)),*];
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
            pub struct $name(pub Uuid);

            impl $name {
                /// The prefix of its printed form.
                pub const PREFIX: &'static str = $prefix;

                /// The UUID beneath, as stored.
                #[must_use]
                pub const fn uuid(self) -> Uuid { self.0 }
            }
            impl From<Uuid> for $name { fn from(uuid: Uuid) -> Self { Self(uuid) } }
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, concat!($prefix, "_{}"), encode(self.0)) }
            }
            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
            }
            impl FromStr for $name {
                type Err = IdError;
                fn from_str(text: &str) -> Result<Self, IdError> { parse($prefix, text).map(Self) }
            }
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
            }
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                    text.parse().map_err(de::Error::custom)
                }
            }
            impl JsonSchema for $name {
                fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({
                        "type": "string",
                        "description": concat!("Id of ", $kind, "."),
                        "pattern": concat!("^(", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"),
                        "examples": [concat!($prefix, "_01jdp4q2x8f7mb3v5kz6n9w0ae")]
                    })
                }
            }
        )*
    };
}

ids! {
    /// An organization: the tenant.
    OrganizationId = "org", "an organization";
    /// A department of an organization.
    DepartmentId = "dep", "a department";
    /// A domain.
    DomainId = "dom", "a domain";
    /// A proof that an organization controls a domain.
    ValidationId = "val", "a domain validation";
    /// A person or robot that may act.
    AdministratorId = "adm", "an administrator";
    /// A person who may hold client certificates.
    PersonId = "per", "a person";
    /// A custom role.
    RoleId = "rol", "a role";
    /// An approval.
    ApprovalId = "apr", "an approval";
    /// An OpenID provider that people sign in at.
    IdentityProviderId = "idp", "an identity provider";
    /// An API token.
    TokenId = "tok", "an API token";
    /// A session of somebody who signed in.
    SessionId = "ses", "a session";
    /// A private key in the keystore.
    KeyId = "key", "a key";
    /// An entry of the list of compromised keys.
    CompromisedKeyId = "cmp", "a compromised key";
    /// A credential in the keystore: a password or another secret that people gave us.
    CredentialId = "cred", "a credential";
    /// A notification: one mail to one recipient.
    NotificationId = "ntf", "a notification";
    /// A certification authority.
    CaId = "ca", "a certification authority";
    /// A certificate profile.
    ProfileId = "prf", "a certificate profile";
    /// A certificate policy.
    PolicyId = "pol", "a certificate policy";
    /// A certificate request.
    CertificateRequestId = "req", "a certificate request";
    /// A trusted CA set.
    TrustSetId = "trs", "a trust set";
    /// A saved view of a list.
    SavedViewId = "viw", "a saved view";
    /// A document of a certificate.
    DocumentId = "doc", "a document";
    /// A certificate.
    CertificateId = "crt", "a certificate";
    /// An operation: the id of the command it follows.
    OperationId = "op", "an operation";
    /// An event.
    EventId = "evt", "an event";
}

impl OrganizationId {
    /// Stands where an organization's id would for what belongs to the installation as a whole: names of organizations,
    /// say, are unique in all of it.
    pub const INSTALLATION: Self = Self(Uuid::nil());
}

/// A thing named by id or, where its kind has unique names, by `name:web-prod`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference<Id> {
    /// By id.
    Id(Id),
    /// By name, within the caller's organization.
    Name(String),
}

impl<Id: fmt::Display> fmt::Display for Reference<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => write!(f, "name:{name}"),
        }
    }
}
impl<Id: FromStr<Err = IdError>> FromStr for Reference<Id> {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.strip_prefix("name:") {
            Some(name) => Ok(Self::Name(name.to_owned())),
            None => text.parse().map(Self::Id),
        }
    }
}
impl<Id> From<Id> for Reference<Id> {
    fn from(id: Id) -> Self {
        Self::Id(id)
    }
}
impl<Id: fmt::Display> Serialize for Reference<Id> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de, Id: FromStr<Err = IdError>> Deserialize<'de> for Reference<Id> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}
impl<Id: JsonSchema> JsonSchema for Reference<Id> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("{}OrName", Id::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<Id>();
        json_schema!({"anyOf": [id, {"type": "string", "pattern": "^name:.+$", "examples": ["name:internal-web"]}]})
    }
}

/// A name that is unique within an organization and kind: 1 to 63 lower-case letters, digits, `-`, `_` and `.`,
/// beginning with a letter or digit.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the TypeID specification, version 0.3.0.
    #[test]
    fn encodes_as_typeid_does() {
        let uuid = Uuid::try_parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        assert_eq!(encode(uuid), "01h455vb4pex5vsknk084sn02q");
        assert_eq!(decode("01h455vb4pex5vsknk084sn02q"), Some(uuid));
    }

    #[test]
    fn refuses_what_is_no_id_and_names_the_right_kind() {
        let key = KeyId(Uuid::from_u128(7));
        let error = key.to_string().parse::<CertificateId>().unwrap_err();
        assert!(matches!(error, IdError::WrongKind { expected: "crt", .. }), "{error}");
        for text in [
            "",
            "crt_",
            "crt_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "crt_01H455VB4PEX5VSKNK084SN02Q",
            "xyz_01h455vb4pex5vsknk084sn02q",
        ] {
            assert!(matches!(text.parse::<CertificateId>(), Err(IdError::Malformed { .. })), "{text}");
        }
        assert_eq!("00000000-0000-0000-0000-000000000007".parse::<KeyId>(), Ok(key));
    }

    #[test]
    fn names_are_lower_case_and_short() {
        assert!(is_name("internal-web"));
        for bad in ["", "-a", "Ab", "a b", "ä", &"a".repeat(64)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
