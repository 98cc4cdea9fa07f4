//! One sign-in at a provider: what follows from the secret that stays in the browser. Each part goes another way, and none
//! tells anything about the others.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::token::same_hash;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::discovery::Provider;

/// What goes out and has to come back.
#[derive(Clone)]
pub struct Attempt {
    /// Repeated by the provider in the browser: binds the answer to this browser.
    pub state: String,
    /// Repeated by the provider in the token: binds the token to this sign-in.
    pub nonce: String,
    /// Shown to the provider with the code (RFC 7636): binds the code to us.
    pub verifier: String,
}

/// What a provider is asked.
pub struct Asked<'a> {
    /// What we are called there.
    pub client_id: &'a str,
    /// The scopes beside `openid`.
    pub scopes: &'a [String],
    /// Where it sends people back to.
    pub redirect: &'a str,
    /// So many seconds ago they may have proved who they are; `None`: whenever it was.
    pub fresh: Option<i64>,
}

impl Attempt {
    /// The attempt of a browser.
    pub fn of(secret: &str) -> Self {
        let part =
            |name: &str| URL_SAFE_NO_PAD.encode(Sha256::digest(format!("chancery oidc {name}\0{secret}")));
        Self { state: part("state"), nonce: part("nonce"), verifier: part("verifier") }
    }

    /// Whether what the provider repeated is this attempt's.
    pub fn is(&self, state: &str) -> bool {
        same_hash(&state_hash(&self.state), &state_hash(state))
    }

    /// Where the browser is sent.
    pub fn url(&self, provider: &Provider, asked: &Asked<'_>) -> Url {
        let mut url = provider.authorization_endpoint.clone();
        let own = asked.scopes.iter().map(String::as_str).filter(|scope| *scope != "openid");
        let scopes: Vec<&str> = std::iter::once("openid").chain(own).collect();
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", asked.client_id)
            .append_pair("redirect_uri", asked.redirect)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &self.state)
            .append_pair("nonce", &self.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(seconds) = asked.fresh {
            url.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", &seconds.to_string());
        }
        url
    }
}

/// What is kept of what the provider repeats.
pub fn state_hash(state: &str) -> [u8; 32] {
    Sha256::digest(state.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider() -> Provider {
        let url = |path: &str| Url::parse(&format!("https://login.example.com{path}")).unwrap();
        Provider {
            authorization_endpoint: url("/authorize?tenant=1"),
            token_endpoint: url("/token"),
            jwks_uri: url("/keys"),
            names_itself: true,
            basic: true,
        }
    }

    #[test]
    fn the_parts_of_an_attempt_are_its_own() {
        let (one, other) = (Attempt::of("one"), Attempt::of("other"));
        assert!(one.is(&one.state) && !one.is(&other.state) && !one.is(&one.nonce) && !one.is(""));
        let mut parts = vec![one.state, one.nonce, one.verifier, other.state, other.nonce, other.verifier];
        // RFC 7636 section 4.1: 43 to 128 characters.
        assert!(parts.iter().all(|part| part.len() == 43));
        parts.sort();
        parts.dedup();
        assert_eq!(parts.len(), 6);
    }

    #[test]
    fn a_provider_is_asked_for_a_code_and_not_told_the_secret() {
        let attempt = Attempt::of("one");
        let scopes = ["openid".to_owned(), "groups".to_owned()];
        let redirect = "https://pki.example.com/sign-in/callback/idp_1";
        let asked = |fresh| Asked { client_id: "a&b", scopes: &scopes, redirect, fresh };
        let url = attempt.url(&provider(), &asked(None));
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "tenant",
            "response_type",
            "client_id",
            "redirect_uri",
            "scope",
            "state",
            "nonce",
            "code_challenge",
            "code_challenge_method",
        ];
        assert_eq!(names, expected);
        assert_eq!((pairs[2].1.as_str(), pairs[4].1.as_str()), ("a&b", "openid groups"));
        assert!(!url.as_str().contains(&attempt.verifier));
        let again = attempt.url(&provider(), &asked(Some(300)));
        assert!(again.as_str().ends_with("&prompt=login&max_age=300"));
    }

    /// The example of RFC 7636 appendix B.
    #[test]
    fn the_challenge_is_that_of_the_verifier() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned();
        let attempt = Attempt { verifier, ..Attempt::of("one") };
        let asked = Asked { client_id: "a", scopes: &[], redirect: "https://b.example", fresh: None };
        let url = attempt.url(&provider(), &asked);
        assert!(url.as_str().contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&"));
    }
}
