//! Somebody with a browser without script, who fills in forms.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use http::{Method, header};
use testkit::{Answer, Https};

use crate::world::World;

/// A browser without script: it keeps cookies and fills in forms.
#[derive(Clone, Debug)]
pub struct Forms {
    api: Https,
    origin: String,
    cookies: Vec<(String, String)>,
}

impl Forms {
    /// One that has seen nothing yet.
    #[must_use]
    pub fn new(world: &World, origin: &str) -> Self {
        Self { api: world.api().with_token(None), origin: origin.to_owned(), cookies: vec![] }
    }

    /// Gets a page, which asks nothing from elsewhere.
    pub async fn get(&mut self, path: &str) -> Answer {
        let cookies = self.cookies();
        let answer =
            self.api.request(Method::GET, path, &[("cookie", &cookies)], Bytes::new()).await.unwrap();
        self.keep(&answer);
        for (name, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert!(answer.headers[name].to_str().unwrap().contains(part), "{path}: {name}");
        }
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        assert!(!answer.text().contains("<script"));
        answer
    }

    /// Sends a form with these fields and the token of the page.
    pub async fn post(&mut self, path: &str, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let page = page.text();
        let token = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.unwrap_or_default())
            .extend_pairs(fields)
            .finish();
        self.send(path, &self.origin.clone(), body).await
    }

    /// Sends a form, as a page of that origin would.
    pub async fn send(&mut self, path: &str, origin: &str, body: String) -> Answer {
        let cookies = self.cookies();
        let headers = [
            ("cookie", cookies.as_str()),
            ("origin", origin),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = self.api.request(Method::POST, path, &headers, body.into()).await.unwrap();
        self.keep(&answer);
        answer
    }

    fn cookies(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, answer: &Answer) {
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            assert!(set.contains("; Secure; HttpOnly; SameSite=Lax"), "{set}");
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}
