//! ID tokens (OpenID Connect Core 1.0 section 3.1.3.7): whether one is believed is a pure function of its text, the
//! provider's keys, what is expected and the time.

use contracts::{Timestamp, token::same_hash};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::keys::Keys;

/// The longest token that is looked at, in bytes: asked before it is split.
pub const LONGEST: usize = 16 * 1024;
/// How far the provider's clock may be off.
pub const SKEW: time::Duration = time::Duration::seconds(60);
/// The oldest token: it was asked for a moment ago.
const OLDEST: time::Duration = time::Duration::minutes(10);
/// In seconds: whoever proved who they are longer ago did not do so of late.
const YEAR: i64 = 365 * 24 * 60 * 60;
/// The longest subject (section 2 of the specification).
const LONGEST_SUBJECT: usize = 255;

/// The algorithms that a token may be signed with. None that needs a secret, and not `none`.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a token has to say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who issued it, to the letter.
    pub issuer: &'a str,
    /// Whom it is for.
    pub client_id: &'a str,
    /// What was sent along when it was asked for.
    pub nonce: &'a str,
}

/// Whom a token is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The provider's name for them: never given to another person.
    pub subject: String,
    /// When they proved to the provider who they are, if it says.
    pub proved_at: Option<Timestamp>,
    /// Everything that it says.
    pub claims: Map<String, Value>,
}

/// Why a token is not believed: for the log alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than is read.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// Not a signed JWT.
    #[error("it is no signed JWT")]
    Malformed,
    /// `none`, an algorithm with a shared secret, or one that nobody knows.
    #[error("its algorithm is not one that is accepted")]
    Algorithm,
    /// The provider has no such key, or not for this.
    #[error("the provider has no key for it")]
    Key,
    /// Signed by somebody else, or changed.
    #[error("its signature does not verify")]
    Signature,
    /// Another provider's.
    #[error("another one issued it")]
    Issuer,
    /// For another client.
    #[error("it is for another client")]
    Audience,
    /// Not the answer to what was asked.
    #[error("it is not the answer to this sign-in")]
    Nonce,
    /// Over, from the future, or too old.
    #[error("it is not of this time")]
    Time,
    /// It does not say whom it is about.
    #[error("it names nobody")]
    Subject,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    sub: String,
    nonce: Option<String>,
    exp: NumericDate,
    iat: NumericDate,
    nbf: Option<NumericDate>,
    auth_time: Option<NumericDate>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519 section 2), which does not count.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum NumericDate {
    Whole(i64),
    Fraction(f64),
}

impl NumericDate {
    fn unix(self) -> i64 {
        match self {
            Self::Whole(seconds) => seconds,
            // What is beyond the range ends at its end, which no time is.
            #[allow(clippy::cast_possible_truncation)]
            Self::Fraction(seconds) => seconds.floor() as i64,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// Whether it names a client, and how many it names.
    fn names(&self, client: &str) -> (bool, usize) {
        match self {
            Self::One(one) => (one == client, 1),
            Self::Many(many) => (many.iter().any(|one| one == client), many.len()),
        }
    }
}

/// Whom a token is about, if it is believed.
pub fn verify(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Identity, Refused> {
    if token.len() > LONGEST {
        return Err(Refused::TooLong);
    }
    let header = decode_header(token).map_err(|error| match error.kind() {
        // Algorithms that nobody knows, `none` among them, are no values of the header's field.
        jsonwebtoken::errors::ErrorKind::Json(_) => Refused::Algorithm,
        _ => Refused::Malformed,
    })?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Refused::Algorithm);
    }
    let key = keys.find(header.kid.as_deref()).filter(|key| is_for(key, header.alg)).ok_or(Refused::Key)?;
    let key = DecodingKey::from_jwk(key).map_err(|_| Refused::Key)?;
    let claims =
        decode::<Claims>(token, &key, &signature_only(header.alg)).map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => Refused::Signature,
            _ => Refused::Malformed,
        })?;
    judge(claims.claims, expected, now)
}

/// Whether a key may verify this algorithm: by its kind, and by what it says that it is for.
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    use Algorithm::{ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512};
    let fits = matches!(
        (&key.algorithm, algorithm),
        (AlgorithmParameters::RSA(_), RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
            | (AlgorithmParameters::EllipticCurve(_), ES256 | ES384)
            | (AlgorithmParameters::OctetKeyPair(_), EdDSA)
    );
    let says = key.common.key_algorithm.is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let signs = key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    fits && says && signs
}

/// The library looks at the signature; what the token says is judged here, at the time that is given.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

fn judge(claims: Claims, expected: &Expected<'_>, now: Timestamp) -> Result<Identity, Refused> {
    if claims.iss != expected.issuer {
        return Err(Refused::Issuer);
    }
    let (named, count) = claims.aud.names(expected.client_id);
    let party = claims.azp.as_deref();
    let is_party = party.map_or(count == 1, |party| party == expected.client_id);
    if !named || !is_party {
        return Err(Refused::Audience);
    }
    let hash = |text: &str| Sha256::digest(text.as_bytes()).into();
    if !claims.nonce.as_deref().is_some_and(|nonce| same_hash(&hash(nonce), &hash(expected.nonce))) {
        return Err(Refused::Nonce);
    }
    let (early, late) = (now.plus(-SKEW).unix(), now.plus(SKEW).unix());
    let is_now = claims.exp.unix() > early
        && claims.iat.unix() <= late
        && claims.iat.unix() >= now.plus(-OLDEST).unix()
        && claims.nbf.is_none_or(|from| from.unix() <= late);
    if !is_now {
        return Err(Refused::Time);
    }
    if claims.sub.is_empty() || claims.sub.len() > LONGEST_SUBJECT || !claims.sub.is_ascii() {
        return Err(Refused::Subject);
    }
    // A time that no clock shows is none that was.
    let proved_at = claims.auth_time.map(NumericDate::unix).filter(|at| (early - YEAR..=late).contains(at));
    let proved_at = proved_at.map(Timestamp::from_unix);
    Ok(Identity { subject: claims.sub, proved_at, claims: claims.others })
}

#[cfg(test)]
mod tests;
