//! Grants and roles: who may give them, what becomes of a change, and why (Z-1, P14).

use std::time::Duration;

use chancery_tests::world::{World, eventually};
use serde_json::{Value, json};
use testkit::Https;
use tokio::time::Instant;

use super::cast::{appoint, call, certificate, home, make, settled, somebody, token};

pub async fn nobody_grants_more_than_they_hold(world: &mut World) {
    let api = world.api();
    let ours = home(world).await;
    let theirs = make(&api, "organizations", json!({"name": "beyond"})).await;
    let sales = make(&api, &format!("organizations/{ours}/departments"), json!({"name": "sales"})).await;
    let grant = |role: &str| json!({"role": role, "organization": ours});
    let (_, officer) = somebody(world, "gina", json!([grant("organization_officer")])).await;
    let mut narrow = grant("organization_officer");
    narrow["certificateTypes"] = json!(["server"]);
    let (_, typed) = somebody(world, "tina", json!([narrow.clone()])).await;
    let appointing = |name: &str, grant: Value| json!({"name": name, "grants": [grant]});
    let admins = "/api/v1/admins";

    for (at, (client, grant, status)) in [
        (&officer, grant("organization_officer"), 201),
        (&officer, grant("admin"), 201),
        (&officer, json!({"role": "user", "organization": ours, "department": sales}), 201),
        (&officer, grant("master"), 403),
        (&officer, json!({"role": "auditor"}), 403),
        (&officer, json!({"role": "auditor", "organization": theirs}), 422), // it does not exist for them
        (&typed, narrow.clone(), 201),
        (&typed, grant("organization_officer"), 403),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = client.post(admins, &appointing(&format!("granted-{at}"), grant.clone())).await;
        assert_eq!(answer.status, status, "{grant}: {}", answer.text());
    }
    // Roles are made of what one holds, and tokens carry no more.
    let role = |permission: &str| json!({"name": permission.replace('.', "-"), "organization": ours, "permissions": [permission]});
    _ = officer.post("/api/v1/roles", &role("certificate.write")).await.expect(201);
    _ = officer.post("/api/v1/roles", &role("ca.create")).await.expect(403);
    let mark = appoint(&api, "max", json!([grant("master")])).await;
    let wide = json!({"name": "wide", "administrator": mark});
    assert_eq!(officer.post("/api/v1/tokens", &wide).await.expect(403).json()["code"], "forbidden");
    // Nor does one take away, or speak for, who holds more.
    for (method, action) in [("POST", "/disable"), ("DELETE", "")] {
        _ = call(&officer, method, &format!("{admins}/{mark}{action}"), None).await.expect(403);
    }
    _ = call(&officer, "PATCH", &format!("{admins}/{mark}"), Some(&json!({"email": "m@example.com"})))
        .await
        .expect(403);
    // A token that one issues for somebody else does not grow with them.
    let mo = appoint(&api, "mo", json!([grant("requester")])).await;
    let (_, lent) = token(&officer, json!({"name": "lent", "administrator": mo})).await;
    let promoted = json!({"grants": [{"role": "master"}]});
    _ = call(&api, "PATCH", &format!("{admins}/{mo}"), Some(&promoted)).await.expect(200);
    _ = lent.post("/api/v1/organizations", &json!({"name": "grown"})).await.expect(403);
    // Nor does one's own outgrow the token that issues it.
    let (_, bound) = token(&api, json!({"name": "bound", "organization": ours})).await;
    let (wide, _) = token(&api, json!({"name": "wide"})).await;
    let turned = bound.post(&format!("/api/v1/tokens/{wide}/rotate"), &json!({})).await;
    assert!(turned.status.is_client_error(), "{}", turned.text());
    // What lies beyond one's reach stays when the rest is replaced, and is not shown.
    let both = json!([grant("auditor"), {"role": "auditor", "organization": theirs}]);
    let ida = appoint(&api, "ida", both).await;
    let path = format!("{admins}/{ida}");
    let emptied = json!({"grants": []});
    let tried = call(&officer, "PATCH", &format!("{path}?dryRun=true"), Some(&emptied)).await.expect(200);
    assert!(tried.text().contains("auditor") && !tried.text().contains(&theirs));
    let shown = call(&officer, "PATCH", &path, Some(&json!({"grants": [grant("requester")]})))
        .await
        .expect(200)
        .json();
    assert_eq!(shown["grants"], json!([{"role": "requester", "organizationId": ours}]));
    settled(world).await;
    let all = eventually("the change is read", async || {
        let read = api.get(&path).await.expect(200).json();
        (read["version"] == 2).then_some(read)
    })
    .await;
    assert_eq!(all["grants"].as_array().unwrap().len(), 2, "{all}");
    assert!(!officer.get(&path).await.expect(200).text().contains(&theirs));
}

pub async fn nobody_changes_their_own_rights(world: &mut World) {
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    let path = format!("/api/v1/admins/{}", me["administratorId"].as_str().unwrap());
    let more = json!({"grants": [{"role": "master"}, {"role": "auditor"}]});
    for (method, action, body) in
        [("PATCH", "", Some(&more)), ("POST", "/disable", None), ("DELETE", "", None)]
    {
        let problem = call(&world.api(), method, &format!("{path}{action}"), body).await.expect(403).json();
        assert!(
            problem["detail"].as_str().unwrap().starts_with("nobody changes their own rights"),
            "{problem}"
        );
    }
    // Nor through a role of one's own.
    let ours = home(world).await;
    let role = json!({"name": "widening", "organization": ours, "permissions": ["role.write", "role.read"]});
    let role = make(&world.api(), "roles", role).await;
    let (_, holder) = somebody(world, "wanda", json!([{"role": role, "organization": ours}])).await;
    let wider = json!({"permissions": ["role.write", "ca.create"]});
    _ = call(&holder, "PATCH", &format!("/api/v1/roles/{role}"), Some(&wider)).await.expect(403);
}

pub async fn somebody_stays_master(world: &mut World) {
    let first = world.api().get("/api/v1/me").await.expect(200).json()["administratorId"]
        .as_str()
        .unwrap()
        .to_owned();
    let (second, client) = somebody(world, "mona", json!([{"role": "master"}])).await;
    let (first, second) = (format!("/api/v1/admins/{first}"), format!("/api/v1/admins/{second}"));
    _ = call(&world.api(), "POST", &format!("{second}/disable"), None).await.expect(200);
    _ = call(&world.api(), "POST", &format!("{second}/enable"), None).await.expect(200);
    eventually("she is back", async || client.get("/api/v1/me").await.status.is_success().then_some(()))
        .await;
    // Each wants the other gone, at once: one of them stays.
    let (api, disable) = (world.api(), [format!("{second}/disable"), format!("{first}/disable")]);
    let (one, other) =
        tokio::join!(call(&api, "POST", &disable[0], None), call(&client, "POST", &disable[1], None));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200, "{} {}", one.text(), other.text());
    assert!([401, 409].contains(&statuses[1]), "{} {}", one.text(), other.text());
    // Whoever is left lets the other in again, so that the stories go on.
    let (left, gone) = if one.status == 200 { (&api, &second) } else { (&client, &first) };
    _ = call(left, "POST", &format!("{gone}/enable"), None).await.expect(200);
    eventually("both are there", async || {
        (api.get("/api/v1/me").await.status == 200 && client.get("/api/v1/me").await.status == 200)
            .then_some(())
    })
    .await;
    _ = call(&api, "PATCH", &second, Some(&json!({"grants": []}))).await.expect(200);
    let problem = eventually("there is one master", async || {
        let answer = call(&api, "PATCH", &first, Some(&json!({"grants": []}))).await;
        (answer.status == 403).then(|| answer.json())
    });
    _ = problem.await;
}

pub async fn who_somebody_was_is_erased(world: &mut World) {
    let api = world.api();
    let secret = "Erika Mustermann";
    let person = json!({"name": "Erika", "displayName": secret, "email": "erika@example.com",
        "grants": [{"role": "auditor", "organization": home(world).await}]});
    let made = api.post("/api/v1/admins", &person).await.expect(201).json();
    let path = format!("/api/v1/admins/{}", made["id"].as_str().unwrap());
    assert_eq!(made["name"], "erika", "names are folded");
    let again = json!({"name": " ＥＲＩＫＡ", "grants": person["grants"]});
    assert_eq!(api.post("/api/v1/admins", &again).await.expect(409).json()["code"], "already_exists");
    _ = call(&api, "PATCH", &path, Some(&json!({"email": "e@example.com"}))).await.expect(200);
    let removed = call(&api, "DELETE", &path, None).await.expect(200).json();
    assert_eq!((&removed["status"], &removed["displayName"]), (&json!("removed"), &json!(null)));
    let kept = "select count(*) from log.event where payload::text like '%Mustermann%' or payload::text like '%e@example.com%'";
    assert_eq!(world.admin().await.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 0);
    let kept = "select count(*) from directory.person where email like 'e%@example.com'";
    assert_eq!(world.admin().await.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 0);
    let timeline = world.cli(&["admin", "timeline", "erika"]).await;
    assert!(timeline.done().contains("administrator.described"));
}

pub async fn why_and_why_not(world: &mut World) {
    let ours = home(world).await;
    let grants =
        json!([{"role": "organization_officer", "organization": ours, "certificateTypes": ["client"]}]);
    let (id, client) = somebody(world, "wilma", grants.clone()).await;
    settled(world).await;
    let ask = async |asker: &Https, of: &str, question: Value| {
        asker.post(&format!("/api/v1/{of}/explain"), &question).await.expect(200).json()
    };
    let server =
        json!({"action": "submitCertificateRequest", "organization": ours, "certificateType": "server"});
    let answer = ask(&client, "me", server.clone()).await;
    assert_eq!(
        (&answer["allowed"], &answer["permission"]),
        (&json!(false), &json!("certificate_request.create"))
    );
    assert_eq!(answer["refusals"][0]["code"], "certificate_type");
    // The engine answers the same when it is done.
    let csr = json!({"csr": chancery_tests::subscriber::p256("why.example.com").pem});
    let refused = client.post("/api/v1/certificate-requests", &csr).await.expect(403).json();
    assert!(refused["detail"].as_str().unwrap().ends_with(answer["reason"].as_str().unwrap()), "{refused}");
    let allowed =
        json!({"action": "certificate_request.create", "organization": ours, "certificateType": "client"});
    let answer = ask(&client, "me", allowed).await;
    assert_eq!((&answer["allowed"], &answer["grant"]["role"]), (&json!(true), &grants[0]["role"]));
    eventually("the administrator is listed", async || {
        let theirs = world.api().post(&format!("/api/v1/admins/{id}/explain"), &server).await;
        (theirs.status == 200).then(|| assert_eq!(theirs.json()["refusals"][0]["code"], "certificate_type"))
    })
    .await;
    let unknown =
        client.post("/api/v1/me/explain", &json!({"action": "certificate.rea"})).await.expect(422).json();
    assert!(unknown["detail"].as_str().unwrap().contains("did you mean 'certificate.read'?"), "{unknown}");
    let explained = world.cli(&["admin", "explain", "createCa"]).await;
    assert!(explained.done().contains("true"));
}

pub async fn a_changed_role_counts_within_a_second_everywhere(world: &mut World) {
    let api = world.api();
    let ours = home(world).await;
    // One permission of each service that decides: gateway, directory, inventory, keystore, signer.
    let each =
        ["role.read", "key.read", "department.write", "certificate.write", "key.create", "profile.write"];
    let role = json!({"name": "changing", "organization": ours, "permissions": ["role.read"]});
    let role = format!("/api/v1/roles/{}", make(&api, "roles", role).await);
    let id = role.rsplit('/').next().unwrap();
    let (_, holder) = somebody(world, "rolf", json!([{"role": id, "organization": ours}])).await;
    let issued = certificate(&api, None).await["certificateId"].as_str().unwrap().to_owned();
    settled(world).await;
    let calls = [
        ("GET", "/api/v1/keys".to_owned(), None),
        (
            "POST",
            format!("/api/v1/organizations/{ours}/departments?dryRun=true"),
            Some(json!({"name": "swift"})),
        ),
        ("PATCH", format!("/api/v1/certificates/{issued}?dryRun=true"), Some(json!({"owner": "rolf"}))),
        ("POST", "/api/v1/keys?dryRun=true".to_owned(), Some(json!({"algorithm": "ecdsa_p256"}))),
        ("POST", "/api/v1/profiles?dryRun=true".to_owned(), Some(json!({"name": "swift"}))),
    ];
    for (permissions, allowed) in [(json!(each), true), (json!(["role.read"]), false)] {
        _ = call(&api, "PATCH", &role, Some(&json!({"permissions": permissions}))).await.expect(200);
        let changed = Instant::now();
        for (method, path, body) in &calls {
            eventually(path, async || {
                let answer = call(&holder, method, path, body.as_ref()).await;
                (answer.status.is_success() == allowed).then_some(())
            })
            .await;
        }
        assert!(changed.elapsed() < Duration::from_secs(1), "{:?}", changed.elapsed());
    }
    _ = token(&api, json!({"name": "still there"})).await;
}
