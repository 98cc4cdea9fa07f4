use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{EncodingKey, Header, encode};
use rcgen::{KeyPair, PublicKeyData as _};
use serde_json::json;

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));
const EXPECTED: Expected<'static> =
    Expected { issuer: "https://login.example.com", client_id: "chancery", nonce: "a nonce" };

/// A provider with one key on P-256.
struct Provider {
    key: KeyPair,
}

impl Provider {
    fn new() -> Self {
        Self { key: KeyPair::generate().unwrap() }
    }

    /// The point of the key.
    fn point(&self) -> Vec<u8> {
        self.key.der_bytes().to_vec()
    }

    fn jwk(&self) -> Value {
        let point = self.point();
        let [x, y] = [&point[1..33], &point[33..65]].map(|half| URL_SAFE_NO_PAD.encode(half));
        json!({"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256", "x": x, "y": y})
    }

    fn keys(&self) -> Keys {
        Keys::read(json!({"keys": [self.jwk()]}).to_string().as_bytes()).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::ES256) };
        encode(&header, claims, &EncodingKey::from_ec_der(self.key.serialized_der())).unwrap()
    }
}

fn claims() -> Value {
    let now = NOON.unix();
    json!({"iss": EXPECTED.issuer, "aud": EXPECTED.client_id, "sub": "248289761001", "nonce": EXPECTED.nonce,
        "iat": now, "exp": now + 300, "groups": ["pki"]})
}

fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

#[test]
fn a_token_that_says_what_is_expected_is_believed() {
    let provider = Provider::new();
    for claims in [
        claims(),
        with(json!({"aud": ["chancery"]})),
        with(json!({"aud": ["chancery", "another"], "azp": "chancery"})),
        with(json!({"exp": NOON.unix() - 30})),
        with(json!({"iat": 1795262400.5, "auth_time": 1795262399.04})),
    ] {
        let identity = verify(&provider.sign(&claims), &provider.keys(), &EXPECTED, NOON).unwrap();
        assert_eq!(identity.subject, "248289761001");
        assert_eq!(identity.claims["groups"], json!(["pki"]));
    }
}

#[test]
fn when_somebody_proved_who_they_are_is_read() {
    let provider = Provider::new();
    let now = NOON.unix();
    let proved = |auth_time: Value| {
        let token = provider.sign(&with(json!({ "auth_time": auth_time })));
        verify(&token, &provider.keys(), &EXPECTED, NOON).unwrap().proved_at.map(Timestamp::unix)
    };
    assert_eq!(proved(json!(now - 90)), Some(now - 90));
    assert_eq!(proved(json!(1_795_262_399.5)), Some(now - 1));
    for nonsense in [json!(0), json!(-1e300), json!(1e300), json!(now + 3600), json!(null)] {
        assert_eq!(proved(nonsense.clone()), None, "{nonsense}");
    }
}

#[test]
fn whatever_else_a_token_says_it_is_not_believed() {
    let provider = Provider::new();
    let now = NOON.unix();
    for (changes, reason) in [
        (json!({"iss": "https://login.example.com/"}), Refused::Issuer),
        (json!({"iss": "https://evil.example"}), Refused::Issuer),
        (json!({"aud": "another"}), Refused::Audience),
        (json!({"aud": []}), Refused::Audience),
        (json!({"aud": ["chancery", "another"]}), Refused::Audience),
        (json!({"azp": "another"}), Refused::Audience),
        (json!({"nonce": "another"}), Refused::Nonce),
        (json!({"nonce": null}), Refused::Nonce),
        (json!({"exp": now - 61}), Refused::Time),
        (json!({"iat": now + 61}), Refused::Time),
        (json!({"iat": now - 601}), Refused::Time),
        (json!({"nbf": now + 61}), Refused::Time),
        (json!({"sub": ""}), Refused::Subject),
        (json!({"sub": "x".repeat(256)}), Refused::Subject),
        (json!({"exp": null}), Refused::Malformed),
        (json!({"exp": "2027"}), Refused::Malformed),
        (json!({"exp": -1e300}), Refused::Time),
        (json!({"iat": 1e300}), Refused::Time),
    ] {
        let token = provider.sign(&with(changes.clone()));
        assert_eq!(verify(&token, &provider.keys(), &EXPECTED, NOON), Err(reason), "{changes}");
    }
}

#[test]
fn whatever_else_signed_it_it_is_not_believed() {
    let (provider, stranger) = (Provider::new(), Provider::new());
    let good = provider.sign(&claims());
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = |alg: &str| format!("{}.{}.", part(json!({"alg": alg, "kid": "one"})), part(claims()));
    // The public key as a shared secret, in each form in which a verifier might take it for one.
    let with_secret = |secret: &[u8]| {
        let header = Header { kid: Some("one".into()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
    };
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let changed = format!("{head}.{}.{signature}", part(with(json!({"sub": "somebody else"}))));
    let other_kid = Header { kid: Some("two".into()), ..Header::new(Algorithm::ES256) };
    let key = EncodingKey::from_ec_der(provider.key.serialized_der());
    let foreign_kid = "https://evil.example/keys#one";
    let foreign = Header {
        kid: Some(foreign_kid.into()),
        jku: Some("https://evil.example/keys".into()),
        ..other_kid.clone()
    };
    for (what, token, reason) in [
        ("alg none", unsigned("none"), Refused::Algorithm),
        ("alg nOnE", unsigned("nOnE"), Refused::Algorithm),
        ("HS256, the point", with_secret(&provider.point()), Refused::Algorithm),
        ("HS256, the PEM", with_secret(provider.key.public_key_pem().as_bytes()), Refused::Algorithm),
        ("RS256 by a key of P-256", unsigned("RS256"), Refused::Key),
        ("another's key", stranger.sign(&claims()), Refused::Signature),
        ("changed", changed, Refused::Signature),
        ("a key that is not there", encode(&other_kid, &claims(), &key).unwrap(), Refused::Key),
        ("a key on another host", encode(&foreign, &claims(), &key).unwrap(), Refused::Key),
        ("no token", "no token".into(), Refused::Malformed),
        ("17 KiB", provider.sign(&with(json!({"groups": "x".repeat(17 * 1024)}))), Refused::TooLong),
    ] {
        assert_eq!(verify(&token, &provider.keys(), &EXPECTED, NOON), Err(reason), "{what}");
    }
}

#[test]
fn a_key_is_used_for_what_it_says_alone() {
    let provider = Provider::new();
    let token = provider.sign(&claims());
    for (name, value) in [("use", "enc"), ("alg", "ES384"), ("kid", "two")] {
        let mut jwk = provider.jwk();
        jwk[name] = value.into();
        let keys = Keys::read(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
        assert!(verify(&token, &keys, &EXPECTED, NOON).is_err(), "{name}");
    }
    let secret = json!({"keys": [{"kty": "oct", "kid": "one", "k": "AAAA"}]});
    let keys = Keys::read(secret.to_string().as_bytes()).unwrap();
    assert_eq!(verify(&token, &keys, &EXPECTED, NOON), Err(Refused::Key));
}
