//! The pages that people sign in with: plain forms that no other site can send, and that ask nothing from elsewhere.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use chancery_tests::{
    browser::{PASSWORD, link},
    forms::Forms,
    in_both_modes,
    world::{World, eventually},
};
use http::Method;
use serde_json::json;
use testkit::Answer;

in_both_modes!(somebody_sets_a_password_signs_in_and_out_with_forms);

async fn patch(world: &World, path: &str, body: String) -> Answer {
    let headers = [("content-type", "application/json")];
    world.api().request(Method::PATCH, path, &headers, body.into()).await.unwrap()
}

async fn somebody_sets_a_password_signs_in_and_out_with_forms(world: &mut World) {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    let grants = json!([{"role": "organization_officer", "organization": me["organizationId"]}]);
    let made =
        world.api().post("/api/v1/admins", &json!({"name": "pia", "grants": grants})).await.expect(201);
    let (origin, code) = link(&world.api(), made.json()["id"].as_str().unwrap()).await;
    let mut forms = Forms::new(world, &origin);

    let path = format!("/sign-in/link/{code}");
    let page = forms.get(&path).await.expect(200);
    let chosen = [("password", PASSWORD), ("repeated", PASSWORD)];
    let differ = [("password", PASSWORD), ("repeated", "plum tractor sails south")];
    assert_eq!(forms.post(&path, &page, &differ).await.status, 422);
    // A page of another site has neither the token nor the origin.
    let foreign = format!("password={0}&repeated={0}", "plum+tractor+sails+north");
    assert_eq!(forms.send(&path, "https://evil.example", foreign.clone()).await.status, 403);
    assert_eq!(forms.send(&path, &origin, foreign).await.status, 403);
    _ = forms.post(&path, &page, &chosen).await.expect(200);
    assert_eq!(forms.post(&path, &page, &chosen).await.status, 409, "used");

    let page = forms.get("/sign-in/default").await.expect(200);
    assert!(page.text().contains("Sign in to default"));
    assert!(!page.text().contains("helpdesk"));
    let path = "/api/v1/organizations/name:default";
    for wrong in ["javascript:alert(1)", "http://helpdesk.example", "mailto:", "https://a b.example"] {
        let body = json!({"supportUrl": wrong}).to_string();
        let refused = patch(world, path, body).await.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], "#/supportUrl", "{refused}");
    }
    _ = patch(world, path, json!({"supportUrl": "https://helpdesk.example/?a=1&b=2"}).to_string())
        .await
        .expect(200);
    let helps =
        async || forms.clone().get("/sign-in/default").await.text().contains("helpdesk.example/?a=1&amp;b=2");
    eventually("the page names the help desk", async || helps().await.then_some(())).await;
    assert!(!forms.get("/sign-in/other").await.text().contains("helpdesk"), "another organization's page");
    let page = forms.get("/sign-in/default").await;
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
    assert_eq!(forms.send("/sign-out", &origin, "token=00".into()).await.status, 403);
    assert_eq!(forms.post("/sign-out", &page, &[]).await.status, 303);
    assert!(forms.get("/sign-in").await.text().contains("<h1>Sign in</h1>"));
}
