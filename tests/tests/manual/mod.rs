//! Certificates of a CA outside: the CSR goes out, days later an answer comes back in whatever form, and what is in the
//! inventory in the end is what OpenSSL believes.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod lab;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chancery_tests::{
    in_both_modes,
    mailbox::{self, MailServer, header},
    subscriber,
    world::{World, eventually},
};
use contracts::signer::RequestStatus;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, openssl};

use self::lab::Lab;

in_both_modes!(
    days_later_a_certificate_comes_back_and_all_is_complete,
    in_any_order_and_form_it_is_the_same_chain,
    what_is_missing_is_said_and_completes_it_later,
    each_wrong_answer_is_refused_in_its_own_words,
    a_csr_of_ones_own_goes_out_and_comes_back_too,
    what_needs_approval_has_no_csr_before,
    the_csr_goes_to_the_ca_by_mail,
    terms_are_accepted_or_nothing_is_asked_for,
    a_csr_is_judged_by_a_policy,
);

/// The profile for CAs outside.
async fn profile(world: &World, name: &str, approvals: u8) {
    let rule = json!({"required": approvals, "fourEyes": false});
    let body = json!({"name": name, "ca": "manual", "approval": rule});
    _ = world.api().post("/api/v1/profiles", &body).await.expect(201);
}

/// Asks for a certificate of a CA outside for a host; gives the request's path.
async fn ask(world: &World, profile: &str, host: &str) -> String {
    let subject = json!({"commonName": host, "organization": "Example Inc", "country": "CA"});
    let body =
        json!({"profile": format!("name:{profile}"), "key": {"algorithm": "rsa_2048"}, "subject": subject});
    let operation = world.api().post("/api/v1/certificate-requests", &body).await.expect(202).json();
    operation["resource"]["path"].as_str().unwrap().to_owned()
}

async fn becomes(world: &World, path: &str, status: RequestStatus) -> Value {
    eventually("the request is there", async || {
        let request = world.api().get(path).await;
        (request.status == 200 && request.json()["status"] == json!(status)).then(|| request.json())
    })
    .await
}

async fn csr(world: &World, path: &str) -> String {
    eventually("the CSR is there", async || {
        let csr = world.api().get(&format!("{path}/csr")).await;
        (csr.status == 200).then(|| csr.text())
    })
    .await
}

async fn hand_in(world: &World, path: &str, answer: &str) -> Answer {
    world.api().post(&format!("{path}/certificate"), &json!({"certificate": answer})).await
}

async fn days_later_a_certificate_comes_back_and_all_is_complete(world: &mut World) {
    let lab = Lab::new("first");
    let created = ["profile", "create", "outside", "--ca", "manual"];
    _ = world.cli(&created).await.done();
    // As people do it: one host, no names typed.
    let asked =
        ["request", "create", "--profile", "outside", "--cn", "shop.example.com", "--key", "rsa_2048"];
    let request = world.cli(&[&asked[..], &["-o", "json"]].concat()).await.json();
    assert_eq!(request["status"], json!("awaiting_certificate"), "{request}");
    let id = request["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/certificate-requests/{id}");
    let pem = world.cli(&["request", "csr", &id]).await.done();
    let described = lab.describe(&pem);
    assert!(described.contains("DNS:shop.example.com"), "{described}");
    assert!(described.contains("Subject: CN = shop.example.com"), "{described}");
    let signed = lab.sign(&pem);

    // Nothing is kept but the log.
    world.stop().await;
    world.start().await;
    let waiting = becomes(world, &path, RequestStatus::AwaitingCertificate).await;
    assert_eq!((&waiting["missing"], &waiting["manual"]), (&json!(null), &json!(true)));
    let answer = format!("Dear customer,\n{signed}\nIntermediate:\n{}\n{}", lab.issuing(), lab.root());
    let file = world.data_dir().join("answer.txt");
    std::fs::write(&file, answer).unwrap();
    let answered = ["request", "answer", &id, file.to_str().unwrap(), "-o", "json"];
    let done = world.cli(&answered).await.json();
    assert_eq!(done["status"], json!("issued"), "{done}");
    assert!(done["detail"].as_str().unwrap().contains("in no trust set"), "{done}");

    let again = world.cli(&answered).await.json();
    assert_eq!(again, done, "the same answer is answered the same");
    let issued = becomes(world, &path, RequestStatus::Issued).await;
    assert!(issued["keyId"].as_str().unwrap().starts_with("key_"), "{issued}");
    let certificate = format!("/api/v1/certificates/{}", issued["certificateId"].as_str().unwrap());
    let shown = eventually("the certificate is in the inventory", async || {
        let shown = world.api().get(&certificate).await;
        (shown.status == 200).then(|| shown.json())
    })
    .await;
    assert_eq!((&shown["origin"], &shown["key"]["id"]), (&json!("manual"), &issued["keyId"]));
    assert_eq!(shown["issuer"]["commonName"], json!("first-Issuing"));
    let chain = world.api().get(&format!("{certificate}/chain?format=pem")).await.expect(200).text();
    openssl::verify(&lab.root(), &chain).unwrap();
    let operation = world.api().get(&format!("{path}/timeline")).await.expect(200).json();
    let kinds: Vec<_> =
        operation["items"].as_array().unwrap().iter().map(|one| one["type"].clone()).collect();
    let expected = ["submitted", "csr_intended", "csr_made", "completed"];
    assert_eq!(kinds, expected.map(|kind| json!(format!("certificate_request.{kind}"))));
}

async fn in_any_order_and_form_it_is_the_same_chain(world: &mut World) {
    let lab = Lab::new("forms");
    profile(world, "forms", 0).await;
    for (number, form) in ["reversed", "without root", "pkcs7", "pkcs7 as pem"].into_iter().enumerate() {
        let path = ask(world, "forms", &format!("form{number}.example.com")).await;
        let leaf = lab.sign(&csr(world, &path).await);
        let (issuing, root) = (lab.issuing(), lab.root());
        let answer = match form {
            "reversed" => format!("{root}{issuing}{leaf}"),
            // The root is known since the first answer brought it.
            "without root" => format!("{issuing}{leaf}"),
            "pkcs7" => BASE64_STANDARD.encode(lab.pkcs7(&format!("{issuing}{leaf}"))),
            _ => {
                let der = BASE64_STANDARD.encode(lab.pkcs7(&format!("{leaf}{root}{issuing}")));
                format!("-----BEGIN PKCS7-----\n{der}\n-----END PKCS7-----\n")
            }
        };
        let done = hand_in(world, &path, &answer).await.expect(200).json();
        assert_eq!(done["status"], json!("issued"), "{form}: {done}");
        let chain = format!(
            "{}{}",
            done["certificate"].as_str().unwrap(),
            done["certificateChain"].as_str().unwrap()
        );
        assert_eq!(chain, format!("{leaf}{issuing}{root}"), "{form}");
        openssl::verify(&root, &chain).unwrap();
    }
    // The leaf alone, as DER: all above it is known by now.
    let path = ask(world, "forms", "der.example.com").await;
    let leaf = lab.sign(&csr(world, &path).await);
    let done = hand_in(world, &path, &BASE64_STANDARD.encode(lab.der(&leaf))).await.expect(200).json();
    assert_eq!(done["status"], json!("issued"), "{done}");
}

async fn what_is_missing_is_said_and_completes_it_later(world: &mut World) {
    let lab = Lab::new("late");
    profile(world, "late", 0).await;
    let (path, other) =
        (ask(world, "late", "late.example.com").await, ask(world, "late", "two.example.com").await);
    let (leaf, second) = (lab.sign(&csr(world, &path).await), lab.sign(&csr(world, &other).await));
    let answered = hand_in(world, &path, &leaf).await.expect(200).json();
    assert_eq!(answered["status"], json!("awaiting_certificate"));
    let (missing, detail) = (&answered["missing"], answered["detail"].as_str().unwrap());
    assert_eq!(missing["subject"], json!("CN=late-Issuing"));
    assert!(
        detail.contains("'CN=late-Issuing', which issued 'C=CA,O=Example Inc,CN=late.example.com'"),
        "{detail}"
    );
    let waiting = eventually("the request says so", async || {
        let request = world.api().get(&path).await.expect(200).json();
        (!request["missing"].is_null()).then_some(request)
    })
    .await;
    assert_eq!((&waiting["missing"], &waiting["status"]), (missing, &json!("awaiting_certificate")));
    _ = hand_in(world, &other, &second).await.expect(200);

    // The next piece, alone.
    let answered = hand_in(world, &path, &lab.issuing()).await.expect(200).json();
    assert_eq!(answered["missing"]["subject"], json!("CN=late-Root"), "{answered}");
    world.stop().await;
    world.start().await;
    let done = hand_in(world, &path, &lab.root()).await.expect(200).json();
    assert_eq!(done["status"], json!("issued"), "{done}");
    // What completed this one completes the other, too.
    let issued = becomes(world, &other, RequestStatus::Issued).await;
    assert_eq!(issued["missing"], json!(null));
}

async fn each_wrong_answer_is_refused_in_its_own_words(world: &mut World) {
    let (lab, stranger) = (Lab::new("wrong"), Lab::new("stranger"));
    profile(world, "wrong", 0).await;
    let path = ask(world, "wrong", "right.example.com").await;
    let request = csr(world, &path).await;
    let leaf = lab.sign(&request);
    let foreign = openssl::csr("right.example.com", &["right.example.com"]).csr;
    let expired = lab.sign_with(&request, "server", "-startdate 20200101000000Z -enddate 20200201000000Z");
    for (answer, code, violation) in [
        (lab.sign(&foreign), "key_mismatch", "key_mismatch"),
        (lab.sign_with(&request, "other_names", ""), "certificate_invalid", "names_differ"),
        (expired, "certificate_invalid", "certificate_expired"),
        (format!("{leaf}{}", stranger.issuing()), "certificate_invalid", "issuer_mismatch"),
        (lab.issuing(), "certificate_invalid", "leaf_missing"),
        ("see the attachment".to_owned(), "certificate_invalid", "certificate_unreadable"),
        (openssl::csr("a.example.com", &[]).key, "certificate_invalid", "certificate_with_key"),
    ] {
        let refused = hand_in(world, &path, &answer).await.expect(422).json();
        let found = (&refused["code"], &refused["errors"][0]["code"]);
        assert_eq!(found, (&json!(code), &json!(violation)), "{refused}");
    }
    let waiting = world.api().get(&path).await.expect(200).json();
    assert_eq!((&waiting["status"], &waiting["missing"]), (&json!("awaiting_certificate"), &json!(null)));
    let all = format!("{leaf}{}{}", lab.issuing(), lab.root());
    _ = hand_in(world, &path, &all).await.expect(200);
    let another = hand_in(world, &path, &lab.sign(&request)).await.expect(409).json();
    assert_eq!(another["code"], json!("invalid_state"), "{another}");
    let ours = world.issue(&subscriber::p256("ours.example.com").pem).await;
    let path = format!("/api/v1/certificate-requests/{}", ours["id"].as_str().unwrap());
    _ = hand_in(world, &path, &leaf).await.expect(409);
}

async fn a_csr_of_ones_own_goes_out_and_comes_back_too(world: &mut World) {
    let lab = Lab::new("own");
    profile(world, "own", 0).await;
    let own = subscriber::p256("own.example.com").pem;
    let body = json!({"profile": "name:own", "csr": own});
    let operation = world.api().post("/api/v1/certificate-requests", &body).await.expect(202).json();
    assert_eq!((&operation["status"], &operation["waitingFor"]), (&json!("waiting"), &json!("certificate")));
    let path = operation["resource"]["path"].as_str().unwrap();
    let all = format!("{}{}{}", lab.sign(&csr(world, path).await), lab.issuing(), lab.root());
    _ = hand_in(world, path, &all).await.expect(200);
    let issued = becomes(world, path, RequestStatus::Issued).await;
    assert_eq!((&issued["source"], &issued["keyId"]), (&json!("csr"), &json!(null)));
    let operation = format!("/api/v1/operations/{}", operation["id"].as_str().unwrap());
    assert_eq!(world.api().get(&operation).await.expect(200).json()["status"], json!("done"));
}

async fn what_needs_approval_has_no_csr_before(world: &mut World) {
    profile(world, "asked", 1).await;
    let path = ask(world, "asked", "asked.example.com").await;
    _ = becomes(world, &path, RequestStatus::PendingApproval).await;
    let none = world.api().get(&format!("{path}/csr")).await.expect(409).json();
    assert!(none["detail"].as_str().unwrap().contains("once the request is approved"), "{none}");
    let approved = eventually("it is asked for", async || {
        let answer = world.api().post(&format!("{path}/approve"), &json!({})).await;
        answer.status.is_success().then_some(())
    });
    approved.await;
    let waiting = becomes(world, &path, RequestStatus::AwaitingCertificate).await;
    assert!(waiting["keyId"].as_str().unwrap().starts_with("key_"), "{waiting}");
    let described = Lab::new("asked").describe(&csr(world, &path).await);
    assert!(described.contains("DNS:asked.example.com"), "{described}");
}

async fn the_csr_goes_to_the_ca_by_mail(world: &mut World) {
    let server = MailServer::start().await;
    let settings = server.settings().to_string();
    let headers = [("content-type", "application/json")];
    let put = world.api().request(Method::PUT, "/api/v1/settings/mail", &headers, settings.into()).await;
    _ = put.unwrap().expect(200);
    profile(world, "mailed", 0).await;
    let path = ask(world, "mailed", "mailed.example.com").await;
    let pem = csr(world, &path).await;
    let id = path.rsplit('/').next().unwrap();
    let mail = ["request", "mail", id, "orders@ca.example", "--message", "contract 4711"];
    _ = world.cli(&mail).await.done();
    let mails = server.takes(1).await;
    assert_eq!(mails[0]["to"], json!(["orders@ca.example"]));
    assert_eq!(header(&mails[0], "Subject"), "Certificate request for mailed.example.com");
    let text = mailbox::text(&mails[0]).replace("\r\n", "\n");
    assert!(text.contains(&pem) && text.contains("contract 4711"), "{text}");
    let refused = world.api().post(&format!("{path}/mail-csr"), &json!({"to": "no address"})).await;
    assert_eq!(refused.expect(422).json()["errors"][0]["pointer"], json!("#/to"));
}

async fn terms_are_accepted_or_nothing_is_asked_for(world: &mut World) {
    let terms = json!({"version": "2026-11", "text": "The subscriber keeps the key to themselves."});
    let body = json!({"name": "with-terms", "terms": terms});
    let made = world.api().post("/api/v1/profiles", &body).await.expect(201).json();
    assert_eq!(made["rules"]["terms"], terms);
    let mut body = json!({"profile": "name:with-terms", "csr": subscriber::p256("terms.example.com").pem});
    for accepted in [json!(null), json!("2025-01")] {
        body["acceptTerms"] = accepted;
        let refused = world.api().post("/api/v1/certificate-requests", &body).await.expect(422).json();
        let violation = &refused["errors"][0];
        assert_eq!(
            (&violation["code"], &violation["allowed"]),
            (&json!("terms_not_accepted"), &json!(["2026-11"]))
        );
    }
    body["acceptTerms"] = json!("2026-11");
    let issued = world.api().post("/api/v1/certificate-requests", &body).await.expect(201).json();
    assert_eq!(issued["acceptedTerms"], json!("2026-11"));
    let path = format!("/api/v1/certificate-requests/{}", issued["id"].as_str().unwrap());
    let told = eventually("the timeline tells it", async || {
        let timeline = world.api().get(&format!("{path}/timeline")).await;
        (timeline.status == 200).then(|| timeline.json()["items"][0].clone())
    })
    .await;
    assert!(told["summary"].as_str().unwrap().contains("accepted the terms '2026-11'"), "{told}");
    assert!(told["actor"].as_str().unwrap().starts_with("adm_") && told["time"].is_string(), "{told}");
}

async fn a_csr_is_judged_by_a_policy(world: &mut World) {
    let rules = json!({"name": "rsa-only", "keyAlgorithms": ["rsa_3072"], "maxTtl": "90d"});
    _ = world.api().post("/api/v1/policies", &rules).await.expect(201);
    let evaluate = "/api/v1/policies/name:rsa-only/evaluate";
    let own = subscriber::p256("judged.example.com").pem;
    let verdict = world.api().post(evaluate, &json!({"csr": own, "ttl": "91d"})).await.expect(200).json();
    assert_eq!(
        (&verdict["ok"], verdict["errors"].as_array().unwrap().len()),
        (&json!(false), 2),
        "{verdict}"
    );
    let right =
        openssl::csr_with(&["-newkey", "rsa:3072"], "judged.example.com", &["judged.example.com"]).csr;
    let verdict = world.api().post(evaluate, &json!({"csr": right})).await.expect(200).json();
    assert_eq!(verdict, json!({"ok": true, "errors": []}));
    let inspected = world.api().post("/api/v1/csrs/inspect", &json!({"csr": own})).await.expect(200).json();
    assert_eq!(inspected["findings"][0]["code"], json!("sans_missing"));
    assert_eq!(inspected["subject"]["commonName"], json!("judged.example.com"));
}
