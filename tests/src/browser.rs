//! Somebody who signs in: keeps the cookie, and sends what our own pages would.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use http::{Method, header};
use serde_json::{Value, json};
use testkit::{Answer, Https};

use crate::world::{World, eventually};

/// A password that may be chosen.
pub const PASSWORD: &str = "plum tractor sails north";

/// A browser, as far as the server can tell.
#[derive(Clone, Debug)]
pub struct Browser {
    api: Https,
    /// Where the pages are.
    pub origin: String,
    /// The session's cookie.
    pub cookie: Option<String>,
    /// What requests that change something repeat.
    pub csrf_token: String,
}

impl Browser {
    /// One that nobody has signed in with.
    #[must_use]
    pub fn new(world: &World, origin: &str) -> Self {
        let api = world.api().with_token(None);
        Self { api, origin: origin.to_owned(), cookie: None, csrf_token: String::new() }
    }

    /// The browser of an administrator who has set a password and signed in.
    pub async fn of(world: &World, administrator: &str, name: &str) -> Self {
        let (origin, code) = link(&world.api(), administrator).await;
        let mut browser = Self::new(world, &origin);
        _ = browser.set_password(&code, PASSWORD).await.expect(200);
        _ = browser.sign_in(name, PASSWORD, None).await.expect(201);
        browser
    }

    /// Sets a password through a link.
    pub async fn set_password(&self, code: &str, password: &str) -> Answer {
        self.api.post("/api/v1/sign-in/password", &json!({"code": code, "password": password})).await
    }

    /// Signs in and keeps the cookie.
    pub async fn sign_in(&mut self, name: &str, password: &str, code: Option<&str>) -> Answer {
        let mut body = json!({"name": name, "password": password});
        if let Some(code) = code {
            body["code"] = code.into();
        }
        let answer = self.api.post("/api/v1/sign-in", &body).await;
        self.keep(&answer);
        answer
    }

    /// Takes over what an answer sets.
    pub fn keep(&mut self, answer: &Answer) {
        let Some(set) = answer.headers.get(header::SET_COOKIE) else { return };
        let set = set.to_str().unwrap();
        for part in ["__Host-chancery-session=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(set.contains(part), "{part} is missing in {set}");
        }
        let (pair, _) = set.split_once(';').unwrap();
        self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        if let Some(token) =
            serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["csrfToken"].as_str()
        {
            self.csrf_token = token.to_owned();
        }
    }

    /// A request as our own pages make them.
    pub async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("origin", self.origin.as_str()), ("x-csrf-token", &self.csrf_token)];
        self.bare(method, path, body, &headers).await
    }

    /// A request with the cookie and these headers.
    pub async fn bare(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut all = headers.to_vec();
        if let Some(cookie) = &self.cookie {
            all.push(("cookie", cookie));
        }
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        self.api.request(method.parse::<Method>().unwrap(), path, &all, body).await.unwrap()
    }

    /// The id of the session.
    pub async fn session(&self) -> String {
        let current = || async {
            let answer = self.request("GET", "/api/v1/sessions/current", None).await;
            answer.status.is_success().then(|| answer.json()["id"].as_str().unwrap().to_owned())
        };
        eventually("the session is shown", current).await
    }
}

/// A one-time link of an administrator, shown to who holds all that they hold: its origin and its code.
pub async fn link(api: &Https, administrator: &str) -> (String, String) {
    let path = format!("/api/v1/admins/{administrator}/link");
    let wanted = api.post(&path, &json!({"show": true})).await.expect(200).json();
    let (origin, code) = wanted["url"].as_str().unwrap().split_once("/sign-in/link/").unwrap();
    (origin.to_owned(), code.to_owned())
}
