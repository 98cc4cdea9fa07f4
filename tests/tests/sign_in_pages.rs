//! The pages that people sign in with: plain forms that no other site can send, and that ask nothing from elsewhere.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use chancery_tests::{
    browser::{PASSWORD, link},
    in_both_modes,
    world::World,
};
use http::{Method, header};
use serde_json::json;
use testkit::{Answer, Https};

in_both_modes!(somebody_sets_a_password_signs_in_and_out_with_forms);

/// A browser without script: it keeps cookies and fills in forms.
struct Forms {
    api: Https,
    origin: String,
    cookies: Vec<(String, String)>,
}

impl Forms {
    async fn get(&mut self, path: &str) -> Answer {
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
    async fn post(&mut self, path: &str, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let page = page.text();
        let token = page.split("name=\"token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.unwrap_or_default())
            .extend_pairs(fields)
            .finish();
        self.send(path, &self.origin.clone(), body).await
    }

    async fn send(&mut self, path: &str, origin: &str, body: String) -> Answer {
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

async fn somebody_sets_a_password_signs_in_and_out_with_forms(world: &mut World) {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    let grants = json!([{"role": "organization_officer", "organization": me["organizationId"]}]);
    let made =
        world.api().post("/api/v1/admins", &json!({"name": "pia", "grants": grants})).await.expect(201);
    let (origin, code) = link(&world.api(), made.json()["id"].as_str().unwrap()).await;
    let mut forms = Forms { api: world.api().with_token(None), origin, cookies: vec![] };

    let path = format!("/sign-in/link/{code}");
    let page = forms.get(&path).await.expect(200);
    let chosen = [("password", PASSWORD), ("repeated", PASSWORD)];
    let differ = [("password", PASSWORD), ("repeated", "plum tractor sails south")];
    assert_eq!(forms.post(&path, &page, &differ).await.status, 422);
    // A page of another site has neither the token nor the origin.
    let foreign = format!("password={0}&repeated={0}", "plum+tractor+sails+north");
    assert_eq!(forms.send(&path, "https://evil.example", foreign.clone()).await.status, 403);
    assert_eq!(forms.send(&path, &forms.origin.clone(), foreign).await.status, 403);
    _ = forms.post(&path, &page, &chosen).await.expect(200);
    assert_eq!(forms.post(&path, &page, &chosen).await.status, 409, "used");

    let page = forms.get("/sign-in/default").await.expect(200);
    assert!(page.text().contains("Sign in to default"));
    let wrong = forms.post("/sign-in/default", &page, &[("name", "pia"), ("password", "x")]).await;
    assert!(wrong.status == 401 && wrong.text().contains("name or password is wrong"), "{}", wrong.text());
    let page = forms.get("/sign-in/default").await;
    let signed_in = forms.post("/sign-in/default", &page, &[("name", "pia"), ("password", PASSWORD)]).await;
    assert_eq!(
        (signed_in.status.as_u16(), &signed_in.headers["location"]),
        (303, &"/sign-in".parse().unwrap())
    );
    let page = forms.get("/sign-in").await.expect(200);
    assert!(page.text().contains("Signed in as pia"), "{}", page.text());
    assert_eq!(forms.send("/sign-out", &forms.origin.clone(), "token=00".into()).await.status, 403);
    assert_eq!(forms.post("/sign-out", &page, &[]).await.status, 303);
    assert!(forms.get("/sign-in").await.text().contains("<h1>Sign in</h1>"));
}
