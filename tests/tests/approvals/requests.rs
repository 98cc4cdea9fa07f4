//! Who may decide on a request for a certificate.

use chancery_tests::{
    browser::{Browser, PASSWORD},
    subscriber,
    world::{World, eventually},
};
use serde_json::json;

use super::cast::{Person, ask, count, held, officers, profile, refusal, somebody, waiting};

pub async fn two_of_three_let_a_certificate_be_issued(world: &mut World) {
    let [olivia, oscar, otto, nina] = officers(world, ["olivia", "oscar", "otto", "nina"]).await;
    let rita = somebody(world, "rita", "requester").await;
    let named = json!({"administrators": [olivia.id, oscar.id, otto.id]});
    profile(world, "two-of-three", json!({"required": 2, "approvers": named})).await;
    let dry = json!({"profile": "name:two-of-three", "csr": subscriber::p256("two.example.com").pem});
    let dry = rita.client.post("/api/v1/certificate-requests?dryRun=true", &dry).await.expect(200).json();
    assert!(dry["changes"].to_string().contains("\"/approval\""), "{dry}");

    let operation = ask(&rita.client, "two-of-three", "two.example.com").await.expect(202).json();
    let progress = json!({"done": 0, "total": 2, "unit": "approvals", "message": "0 of 2 approvals"});
    assert_eq!(operation["progress"], progress);
    let asked = held(&rita.client, &operation).await;
    let request = asked.becomes(&rita.client, "pending_approval").await;
    assert_eq!((&request["certificate"], &request["approval"]["required"]), (&json!(null), &json!(2)));
    let shown = rita.client.get(&asked.path()).await.expect(200).json();
    assert_eq!((&shown["kind"], &shown["subjectId"]), (&json!("certificate_request"), &request["id"]));
    assert_eq!((&shown["requestedBy"], &shown["certificateType"]), (&json!(rita.id), &json!("server")));
    assert!(shown["summary"].as_str().unwrap().contains("two.example.com"), "{shown}");

    // Who may decide is asked, and nobody else.
    let mine = async |person: &Person| {
        let mine = person.client.get("/api/v1/me/approvals").await.expect(200).json();
        mine["items"].as_array().unwrap().iter().any(|one| one["id"] == asked.approval.as_str())
    };
    assert!(mine(&olivia).await && !mine(&nina).await);
    assert_eq!(refusal(&asked.approve(&nina).await), (403, "forbidden".into()), "the rule names others");
    assert_eq!(
        refusal(&asked.approve(&rita).await),
        (403, "forbidden".into()),
        "a requester decides nothing"
    );

    let message = json!({"message": "known to us"});
    let path = format!("{}/approve", asked.path());
    let given = olivia.client.post(&path, &message).await.expect(200).json();
    assert_eq!((&given["status"], &given["remaining"]), (&json!("pending"), &json!(1)));
    assert_eq!(given["given"], json!([{"by": olivia.id, "message": "known to us"}]));
    assert_eq!(refusal(&asked.approve(&olivia).await), (409, "invalid_state".into()), "twice is once");
    eventually("it is no longer asked of her", async || (!mine(&olivia).await).then_some(())).await;
    let operation = rita.client.get(&asked.operation).await.expect(200).json();
    assert_eq!((&operation["status"], &operation["progress"]["done"]), (&json!("waiting"), &json!(1)));
    assert_eq!(count(world, "issuance.intended", &asked.approval).await, 0, "nothing is signed before");

    // The second one works at the command line.
    let environment = [("CHANCERY_TOKEN", oscar.token.as_str())];
    let listed = world.cli_with(&["approval", "list", "--mine"], &environment, b"").await.done();
    assert!(listed.contains("two.example.com"), "{listed}");
    let approve = ["approval", "approve", &asked.approval, "--message", "checked", "-o", "json"];
    let granted = world.cli_with(&approve, &environment, b"").await.json();
    assert_eq!((&granted["status"], &granted["remaining"]), (&json!("granted"), &json!(0)));
    assert_eq!(refusal(&asked.approve(&otto).await), (409, "invalid_state".into()), "it is decided");

    let issued = asked.becomes(&rita.client, "issued").await;
    let certificate = format!("/api/v1/certificates/{}", issued["certificateId"].as_str().unwrap());
    let certificate = eventually("the certificate is shown", async || {
        let shown = rita.client.get(&certificate).await;
        (shown.status == 200).then(|| shown.json()["certificate"].as_str().unwrap().to_owned())
    })
    .await;
    subscriber::verify(&world.root().await, "", &certificate).unwrap();
    let operation = rita.client.get(&asked.operation).await.expect(200).json();
    assert_eq!((&operation["status"], &operation["waitingFor"]), (&json!("done"), &json!(null)));
    assert_eq!(count(world, "issuance.intended", &asked.approval).await, 1);
    let history = ["requested", "given", "given", "granted"].map(|what| format!("approval.{what}"));
    assert_eq!(asked.history(&rita.client).await, history);
}

pub async fn nobody_decides_on_their_own_request(world: &mut World) {
    let [ursula, victor] = officers(world, ["ursula", "victor"]).await;
    profile(world, "four-eyes", json!({"required": 1})).await;
    let asked = waiting(&ursula.client, "four-eyes", "own.example.com").await;
    let refused = (403, "separation_of_duties".to_owned());
    assert_eq!(refusal(&asked.approve(&ursula).await), refused);
    assert_eq!(refusal(&asked.decline(&ursula, "changed my mind").await), refused);
    let by_request = format!("{}/approve", asked.resource);
    assert_eq!(refusal(&ursula.client.post(&by_request, &json!({})).await), refused);
    _ = victor.client.post(&by_request, &json!({"message": "fine"})).await.expect(200);
    _ = asked.becomes(&ursula.client, "issued").await;

    // Nor with a token for somebody else that they issued themselves.
    let asked = waiting(&ursula.client, "four-eyes", "lent.example.com").await;
    let lent = json!({"name": "lent", "administrator": victor.id});
    let lent = ursula.client.post("/api/v1/tokens", &lent).await.expect(201).json();
    let lent = world.api().with_token(lent["secret"].as_str());
    let approve = format!("{}/approve", asked.path());
    let refused = eventually("the token is known", async || {
        let answer = lent.post(&approve, &json!({})).await;
        (answer.status != 401).then_some(answer)
    })
    .await;
    assert_eq!(refusal(&refused), (403, "forbidden".into()));
    assert!(refused.text().contains("issued by somebody else"), "{}", refused.text());
    _ = asked.approve(&victor).await.expect(200);

    // Where the rule does not ask for somebody else, one's own word is enough.
    profile(world, "two-eyes", json!({"required": 1, "fourEyes": false})).await;
    let asked = waiting(&ursula.client, "two-eyes", "own.example.com").await;
    _ = asked.approve(&ursula).await.expect(200);
    _ = asked.becomes(&ursula.client, "issued").await;
}

pub async fn who_lost_the_right_counts_no_longer(world: &mut World) {
    let [wanda, xaver, yann] = officers(world, ["wanda", "xaver", "yann"]).await;
    profile(world, "lasting", json!({"required": 2})).await;
    let asked = waiting(&world.api(), "lasting", "lasting.example.com").await;
    _ = asked.approve(&wanda).await.expect(200);
    _ = world.api().post(&format!("/api/v1/admins/{}/disable", wanda.id), &json!({})).await.expect(200);
    let given = asked.approve(&xaver).await.expect(200).json();
    assert_eq!((&given["status"], &given["remaining"]), (&json!("pending"), &json!(1)), "{given}");
    assert_eq!(given["given"], json!([{"by": xaver.id, "message": null}]));
    let operation = world.api().get(&asked.operation).await.expect(200).json();
    assert_eq!(operation["progress"]["message"], "1 of 2 approvals");
    assert_eq!(asked.approve(&yann).await.expect(200).json()["status"], "granted");
    _ = asked.becomes(&world.api(), "issued").await;
}

pub async fn who_decides_in_a_session_proves_who_they_are(world: &mut World) {
    let zoe = somebody(world, "zoe", "organization_officer").await;
    let mut browser = Browser::of(world, &zoe.id, "zoe").await;
    let asked = waiting(&world.api(), "four-eyes", "session.example.com").await;
    let approve = format!("{}/approve", asked.path());
    let body = json!({});
    let refused = browser.request("POST", &approve, Some(&body)).await;
    assert_eq!(refusal(&refused), (403, "step_up_required".into()));
    _ = browser.request("GET", &asked.path(), None).await.expect(200);
    let proof = json!({"password": PASSWORD});
    let done = browser.request("POST", "/api/v1/sessions/current/step-up", Some(&proof)).await.expect(200);
    browser.keep(&done);
    _ = browser.request("POST", &approve, Some(&body)).await.expect(200);
    _ = asked.becomes(&world.api(), "issued").await;
}

pub async fn several_are_decided_at_once(world: &mut World) {
    let adam = somebody(world, "adam", "organization_officer").await;
    let first = waiting(&world.api(), "four-eyes", "first.example.com").await;
    let second = waiting(&world.api(), "four-eyes", "second.example.com").await;
    let own = waiting(&adam.client, "four-eyes", "third.example.com").await;
    let ids = [&first.approval, &second.approval, &own.approval];
    let batch = json!({"ids": ids, "decision": "approve", "comment": "all known"});
    let items = adam.client.post("/api/v1/approvals/batch", &batch).await.expect(200).json()["items"].clone();
    assert_eq!(items[0]["approval"]["status"], "granted", "{items}");
    assert_eq!(items[1]["approval"]["status"], "granted", "{items}");
    assert_eq!(items[2]["problem"]["code"], "separation_of_duties", "each is judged by itself: {items}");
    for asked in [first, second] {
        _ = asked.becomes(&world.api(), "issued").await;
    }
    let none = json!({"ids": [], "decision": "approve"});
    _ = adam.client.post("/api/v1/approvals/batch", &none).await.expect(422);
}

pub async fn others_come_upon_nothing(world: &mut World) {
    let asked = waiting(&world.api(), "four-eyes", "ours.example.com").await;
    let there = world.organization("approvals-elsewhere").await;
    let path = asked.path();
    _ = there.get(&path).await.expect(404);
    for (what, body) in
        [("approve", json!({})), ("decline", json!({"reason": "no"})), ("withdraw", json!({}))]
    {
        let refused = there.post(&format!("{path}/{what}"), &body).await;
        assert_eq!(refusal(&refused), (404, "not_found".into()), "{what}");
    }
    assert_eq!(there.get("/api/v1/approvals").await.expect(200).json()["items"], json!([]));
    assert_eq!(there.get("/api/v1/me/approvals").await.expect(200).json()["items"], json!([]));
    let unknown = "/api/v1/approvals/apr_01jdp4q2x8f7mb3v5kz6n9w0ae";
    _ = world.api().get(unknown).await.expect(404);
    _ = world.api().post(&format!("{unknown}/approve"), &json!({})).await.expect(404);
}
