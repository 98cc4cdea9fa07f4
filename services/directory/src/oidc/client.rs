//! What a provider is asked, over the guarded way out (M-1). Nothing is kept between two sign-ins, so that a provider may
//! change its keys and addresses whenever it likes.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{LongSecretText, SecretText, Timestamp};
use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, InvalidHeaderValue},
};
use runtime::outbound::{Outbound, OutboundError, Policy, Request};
use serde::Deserialize;
use tokio::sync::Semaphore;
use url::form_urlencoded;

use super::{
    attempt::Attempt,
    discovery::{self, DiscoveryError, Provider},
    id_token::{self, Expected, Identity},
    keys::{Keys, KeysError},
};

/// How many answers of providers are waited for at once: those that hang keep nobody from anything but signing in there.
const AT_ONCE: usize = 16;
/// How long all of one step of a sign-in may take.
const PATIENCE: Duration = Duration::from_secs(15);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Asks providers.
pub struct Client {
    outbound: Outbound,
    slots: Arc<Semaphore>,
}

/// Why a provider told us nothing that counts. For the log alone: it may repeat what the provider wrote.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Others are being waited for.
    #[error("{AT_ONCE} sign-ins wait for identity providers already")]
    Busy,
    /// It takes too long.
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    Slow,
    /// It cannot be reached.
    #[error(transparent)]
    Away(#[from] OutboundError),
    /// It answers with another status.
    #[error("its {0} answers {1}")]
    Status(&'static str, StatusCode),
    /// What it says of itself.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// Its keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// What the exchange of a code brought.
    #[error("the answer of its token endpoint cannot be read")]
    Answer(#[source] serde_json::Error),
    /// Client id and secret do not fit into a request.
    #[error("client id and secret cannot be sent")]
    Unsendable(#[from] InvalidHeaderValue),
    /// Our client id or secret is not one of its.
    #[error("it does not take our client id and secret")]
    Client,
    /// It does not take the code.
    #[error("it does not take the code")]
    Code,
    /// The token is not believed.
    #[error("its token is not believed: {0}")]
    Token(#[from] id_token::Refused),
}

/// What we are at a provider.
pub struct Us<'a> {
    /// Who issues tokens there.
    pub issuer: &'a str,
    /// What we are called there.
    pub client_id: &'a str,
    /// Our secret.
    pub client_secret: &'a SecretText,
    /// Where it sent the browser back to.
    pub redirect: &'a str,
}

#[derive(Deserialize)]
struct Exchanged {
    id_token: String,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
}

impl Client {
    /// Asks through this way out.
    pub fn new(outbound: Outbound) -> Self {
        Self { outbound, slots: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What a provider says of itself.
    pub async fn discover(&self, issuer: &str) -> Result<Provider, ProviderError> {
        self.patiently(self.document(issuer)).await
    }

    /// Exchanges a code, and says whom the token is about.
    pub async fn identify(
        &self,
        provider: &Provider,
        us: &Us<'_>,
        attempt: &Attempt,
        code: &LongSecretText,
        now: impl Fn() -> Timestamp,
    ) -> Result<Identity, ProviderError> {
        let expected = Expected { issuer: us.issuer, client_id: us.client_id, nonce: &attempt.nonce };
        self.patiently(async {
            let token = self.exchange(provider, us, attempt, code).await?;
            // Fetched after the token was issued: whatever it was signed with is among them.
            let keys = Keys::read(&self.fetch("jwks_uri", provider.jwks_uri.as_str()).await?)?;
            Ok(id_token::verify(&token, &keys, &expected, now())?)
        })
        .await
    }

    async fn patiently<T>(
        &self,
        work: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        let _slot = self.slots.try_acquire().map_err(|_| ProviderError::Busy)?;
        tokio::time::timeout(PATIENCE, work).await.unwrap_or(Err(ProviderError::Slow))
    }

    async fn document(&self, issuer: &str) -> Result<Provider, ProviderError> {
        let body = self.fetch("discovery document", &discovery::address(issuer)).await?;
        Ok(discovery::read(issuer, &body)?)
    }

    async fn fetch(&self, what: &'static str, url: &str) -> Result<bytes::Bytes, ProviderError> {
        let fetched = self.outbound.send(Request::get(url).header(ACCEPT, JSON), &Policy::PROVIDER).await?;
        if fetched.status != StatusCode::OK {
            return Err(ProviderError::Status(what, fetched.status));
        }
        Ok(fetched.body)
    }

    async fn exchange(
        &self,
        provider: &Provider,
        us: &Us<'_>,
        attempt: &Attempt,
        code: &LongSecretText,
    ) -> Result<String, ProviderError> {
        let encoded = HeaderValue::from_static("application/x-www-form-urlencoded");
        let mut request = Request::post(provider.token_endpoint.as_str(), form(provider, us, attempt, code))
            .header(CONTENT_TYPE, encoded)
            .header(ACCEPT, JSON);
        if provider.basic {
            request = request.header(AUTHORIZATION, basic(us)?);
        }
        let answer = self.outbound.send(request, &Policy::PROVIDER).await?;
        if answer.status.is_success() {
            let exchanged: Exchanged = serde_json::from_slice(&answer.body).map_err(ProviderError::Answer)?;
            return Ok(exchanged.id_token);
        }
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        Err(match (refusal.error.as_str(), answer.status) {
            ("invalid_client" | "unauthorized_client", _) | (_, StatusCode::UNAUTHORIZED) => {
                ProviderError::Client
            }
            ("invalid_grant", _) => ProviderError::Code,
            (_, status) => ProviderError::Status("token endpoint", status),
        })
    }
}

/// What is sent to exchange a code.
fn form(provider: &Provider, us: &Us<'_>, attempt: &Attempt, code: &LongSecretText) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "authorization_code")
        .append_pair("code", code.reveal())
        .append_pair("redirect_uri", us.redirect)
        .append_pair("code_verifier", &attempt.verifier);
    if !provider.basic {
        form.append_pair("client_id", us.client_id).append_pair("client_secret", us.client_secret.reveal());
    }
    form.finish()
}

/// Client id and secret as RFC 6749 section 2.3.1 has them: encoded as in a form, then once more. Spaces are `%20`, which
/// every decoder of forms understands, and so do providers that know nothing of `+`.
fn basic(us: &Us<'_>) -> Result<HeaderValue, InvalidHeaderValue> {
    let encoded =
        |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let pair = format!("{}:{}", encoded(us.client_id), encoded(us.client_secret.reveal()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6749 section 2.3.1 and appendix B: `%`, `:` and spaces of a secret are encoded before base64.
    #[test]
    fn a_client_shows_its_secret_encoded_twice() {
        let secret = SecretText::new("a:b c%+ü".into());
        let us = Us { issuer: "", client_id: "chancery app", client_secret: &secret, redirect: "" };
        let header = basic(&us).unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let plain = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
        assert_eq!(plain, "chancery%20app:a%3Ab%20c%25%2B%C3%BC");
        assert!(header.is_sensitive());
    }
}
