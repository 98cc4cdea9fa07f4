//! What a provider says of itself (OpenID Connect Discovery 1.0): believed only where it speaks of its own host.

use serde::Deserialize;
use url::Url;

/// Where sign-ins begin and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Where browsers are sent.
    pub authorization_endpoint: Url,
    /// Where codes are exchanged.
    pub token_endpoint: Url,
    /// Where its keys are.
    pub jwks_uri: Url,
    /// Whether it says who it is when it sends people back (RFC 9207): then it has to.
    pub names_itself: bool,
    /// Whether clients show their secret in a header, which is the usual way, or else in the form.
    pub basic: bool,
}

/// Why what a provider says is not believed.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// Not a discovery document.
    #[error("its discovery document cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// It speaks for another issuer.
    #[error("its discovery document is of the issuer '{0}'")]
    Issuer(String),
    /// An address on another host, or without TLS.
    #[error("its {0} is not an https address on the issuer's own host")]
    Foreign(&'static str),
    /// It takes client secrets in no way that is known here.
    #[error("it takes client secrets neither by client_secret_basic nor by client_secret_post")]
    ClientSecret,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Where the discovery document of an issuer is.
#[must_use]
pub fn address(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

/// Reads the discovery document of an issuer.
pub fn read(issuer: &str, body: &[u8]) -> Result<Provider, DiscoveryError> {
    let document: Document = serde_json::from_slice(body).map_err(DiscoveryError::Malformed)?;
    if document.issuer != issuer {
        return Err(DiscoveryError::Issuer(document.issuer.chars().take(200).collect()));
    }
    let own = |name: &'static str, text: &str| {
        let url = Url::parse(text).ok().filter(|url| is_own(issuer, url));
        url.ok_or(DiscoveryError::Foreign(name))
    };
    let methods = document.token_endpoint_auth_methods_supported.as_deref();
    let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|known| known == method));
    let basic = methods.is_none() || takes("client_secret_basic");
    if !basic && !takes("client_secret_post") {
        return Err(DiscoveryError::ClientSecret);
    }
    Ok(Provider {
        names_itself: document.authorization_response_iss_parameter_supported,
        basic,
        authorization_endpoint: own("authorization_endpoint", &document.authorization_endpoint)?,
        token_endpoint: own("token_endpoint", &document.token_endpoint)?,
        jwks_uri: own("jwks_uri", &document.jwks_uri)?,
    })
}

/// Whether an address is on the issuer's host and port, by HTTPS.
fn is_own(issuer: &str, url: &Url) -> bool {
    let Ok(issuer) = Url::parse(issuer) else { return false };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && url.scheme() == "https" && url.origin() == issuer.origin()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://login.example.com/realm";

    fn document() -> serde_json::Value {
        json!({"issuer": ISSUER, "authorization_endpoint": "https://login.example.com/authorize",
            "token_endpoint": "https://login.example.com/token", "jwks_uri": "https://login.example.com/keys"})
    }

    #[test]
    fn how_a_provider_wants_to_be_asked_is_read() {
        let with = |member: &str, value: serde_json::Value| {
            let mut document = document();
            document[member] = value;
            read(ISSUER, document.to_string().as_bytes())
        };
        let plain = read(ISSUER, document().to_string().as_bytes()).unwrap();
        assert!(plain.basic && !plain.names_itself);
        let methods = "token_endpoint_auth_methods_supported";
        assert!(with(methods, json!(["client_secret_post", "client_secret_basic"])).unwrap().basic);
        assert!(!with(methods, json!(["private_key_jwt", "client_secret_post"])).unwrap().basic);
        assert!(matches!(with(methods, json!(["private_key_jwt"])), Err(DiscoveryError::ClientSecret)));
        assert!(with("authorization_response_iss_parameter_supported", json!(true)).unwrap().names_itself);
    }

    #[test]
    fn a_provider_speaks_of_its_own_host_alone() {
        assert!(read(ISSUER, document().to_string().as_bytes()).is_ok());
        for (field, value) in [
            ("issuer", "https://login.example.com/realm/"),
            ("issuer", "https://evil.example"),
            ("jwks_uri", "https://evil.example/keys"),
            ("jwks_uri", "http://login.example.com/keys"),
            ("jwks_uri", "https://login.example.com:8443/keys"),
            ("token_endpoint", "https://login.example.com@evil.example/token"),
            ("token_endpoint", "https://user@login.example.com/token"),
            ("authorization_endpoint", "https://login.example.com.evil.example/authorize"),
            ("authorization_endpoint", "javascript:alert(1)"),
        ] {
            let mut document = document();
            document[field] = value.into();
            assert!(read(ISSUER, document.to_string().as_bytes()).is_err(), "{field} = {value}");
        }
    }
}
