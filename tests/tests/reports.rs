//! P10, P14, P15, P17: reports, each within its reader's reach, as JSON, CSV and XML.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::process::Command;

use bytes::Bytes;
use chancery_tests::{in_both_modes, subscriber::p256, tool::run_with, world::World};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};

in_both_modes!(
    the_matrix_says_what_the_engine_says,
    activity_tells_who_did_and_tried_what,
    the_structure_is_valid_by_its_schema,
    every_domain_has_its_validation_beside_it,
    nobody_reads_beyond_their_reach,
    reading_the_audit_trail_is_recorded,
);

async fn fresh(world: &World, client: &Https, path: &str, accept: &str) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str()), ("accept", accept)];
    client.request(Method::GET, path, &headers, Bytes::new()).await.unwrap()
}

async fn administrator(world: &World, name: &str, display: &str, grants: Value) -> (String, Https) {
    let body = json!({"name": name, "displayName": display, "grants": grants});
    let made = world.api().post("/api/v1/admins", &body).await.expect(201).json();
    let id = made["id"].as_str().unwrap().to_owned();
    let client = world.new_token(json!({"name": name, "administrator": id})).await.1;
    (id, client)
}

/// Two organizations with departments, administrators of all kinds and a certificate each.
async fn the_matrix_says_what_the_engine_says(world: &mut World) {
    let (api, ours) = (world.api(), world.organization("ours").await);
    let theirs = world.organization("theirs").await;
    for client in [&ours, &theirs] {
        let csr = json!({"csr": p256("reports.example.com").pem});
        _ = client.post("/api/v1/certificate-requests", &csr).await.expect(201);
    }
    let path = "/api/v1/organizations/name:ours/departments";
    let lab = api.post(path, &json!({"name": "lab", "displayName": "R&D <lab>"})).await.expect(201).json();
    let lab = lab["id"].as_str().unwrap();
    let in_ours = |role: &str| json!([{"role": role, "organization": "name:ours"}]);
    let several = json!([{"role": "requester", "organization": "name:ours", "department": lab},
        {"role": "auditor", "organization": "name:ours", "certificateTypes": ["client"]}]);
    _ = administrator(world, "oscar", "=Oscar", in_ours("organization_officer")).await;
    _ = administrator(world, "aldo", "Aldo", in_ours("auditor")).await;
    _ = administrator(world, "rita", "Rita", several).await;
    let officers = json!([{"role": "organization_officer", "organization": "name:theirs"}]);
    _ = administrator(world, "olga", "Olga", officers).await;
    let (gone, _) = administrator(world, "gone", "Gone", in_ours("requester")).await;
    _ = api.post(&format!("/api/v1/admins/{gone}/disable"), &json!({})).await.expect(200);

    let path = "/api/v1/reports/administrators";
    let report = fresh(world, &api, path, "application/json").await.expect(200).json();
    let all = api.get("/api/v1/me").await.expect(200).json()["permissions"].as_array().unwrap().clone();
    let rows = report["rows"].as_array().unwrap();
    assert!(rows.len() >= 7, "{report}");
    let mut compared = 0;
    for row in rows {
        // One type of each row, every permission.
        let kind = &row["certificateTypes"][0];
        for permission in &all {
            let question = json!({"action": permission, "organization": row["organizationId"],
                "department": row["departmentId"], "certificateType": kind});
            let path = format!("/api/v1/admins/{}/explain", row["administratorId"].as_str().unwrap());
            let explained = api.post(&path, &question).await.expect(200).json();
            let allowed = row["allowed"].as_array().unwrap().contains(permission);
            assert_eq!(explained["allowed"], json!(allowed), "{question} {row}");
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
    let of = |name: &str| rows.iter().filter(|row| row["name"] == name).collect::<Vec<_>>();
    assert_eq!(of("gone")[0]["allowed"], json!([]), "who is disabled may do nothing");
    assert_eq!(of("rita").len(), 4, "lab and organization, each for client and for other certificates");
    assert!(of("rita")[0]["own"].as_array().unwrap().contains(&json!("certificate.read")));

    let answer = fresh(world, &api, path, "text/csv").await.expect(200);
    assert!(answer.header("content-type").starts_with("text/csv"));
    let text = answer.text();
    assert_eq!(text.lines().count(), rows.len() + 1);
    assert!(text.contains(",'=Oscar,") && !text.contains(",=Oscar"), "no cell is a formula: {text}");
}

async fn activity_tells_who_did_and_tried_what(world: &mut World) {
    let api = world.api();
    let (aldo, auditor) =
        administrator(world, "anna", "Anna", json!([{"role": "auditor", "organization": "name:ours"}])).await;
    _ = auditor
        .post("/api/v1/roles", &json!({"name": "x", "permissions": ["certificate.read"]}))
        .await
        .expect(403);
    let path = "/api/v1/reports/account-activity?limit=10000";
    let denied = chancery_tests::world::eventually("the denial is recorded", async || {
        let report = api.get(path).await.expect(200).json();
        let rows = report["rows"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["kind"] == "denial" && row["administratorId"] == json!(aldo))
    })
    .await;
    assert_eq!(denied["reason"], "forbidden");
    let report = api.get(path).await.expect(200).json();
    let rows = report["rows"].as_array().unwrap();
    for kind in ["request", "change", "denial"] {
        assert!(rows.iter().any(|row| row["kind"] == kind), "{kind}");
    }
    assert!(rows.iter().all(|row| row["administratorId"].is_string() || row["kind"] == "failed_sign_in"));
    let (first, last) = (rows[0]["time"].as_str().unwrap(), rows[rows.len() - 1]["time"].as_str().unwrap());
    // From the last one on there is the last one; before the first one there is none.
    let from = api.get(&format!("{path}&from={last}")).await.expect(200).json();
    assert!((1..rows.len()).contains(&from["rows"].as_array().unwrap().len()), "{from}");
    let until = api.get(&format!("{path}&to={first}")).await.expect(200).json();
    assert_eq!(until["rows"], json!([]));
    // Page by page it is the same.
    let (mut paged, mut cursor) = (vec![], String::new());
    loop {
        let page = api
            .get(&format!("/api/v1/reports/account-activity?limit=7&to={last}{cursor}"))
            .await
            .expect(200)
            .json();
        paged.extend(page["rows"].as_array().unwrap().clone());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, rows[..paged.len()]);
    assert!(paged.len() > 10, "{}", paged.len());
}

async fn the_structure_is_valid_by_its_schema(world: &mut World) {
    let path = "/api/v1/reports/account-structure";
    let api = world.api();
    let json = fresh(world, &api, path, "application/json").await.expect(200).json();
    let ours = json["organizations"].as_array().unwrap().iter().find(|one| one["name"] == "ours").unwrap();
    assert_eq!(ours["departments"][0]["displayName"], "R&D <lab>");
    assert_eq!(ours["certificates"].as_array().unwrap().len(), 1);
    assert!(ours["administrators"].as_array().unwrap().len() >= 4);
    let xml = fresh(world, &api, path, "application/xml").await.expect(200);
    assert_eq!(xml.header("content-type"), "application/xml");
    let (file, wrong) = (world.data_dir().join("structure.xml"), world.data_dir().join("wrong.xml"));
    std::fs::write(&file, xml.text()).unwrap();
    std::fs::write(&wrong, xml.text().replacen("<organization id=\"org_", "<organization id=\"dep_", 1))
        .unwrap();
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/account-structure.xsd");
    let lint = async |file: &std::path::Path| {
        let mut command = Command::new("xmllint");
        command.args(["--noout", "--nonet", "--schema", schema]).arg(file);
        run_with(command, b"").await
    };
    let said = lint(&file).await;
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_ne!(lint(&wrong).await.code, 0, "what is wrong is found");
    let csv = world.cli(&["report", "run", "account-structure", "--format", "csv"]).await.done();
    assert!(csv.starts_with("kind,id,organizationId"), "{csv}");
    assert!(world.cli(&["report", "list"]).await.done().contains("account-activity"));
}

/// P13: each domain with whoever may use it, also where nobody ever proved anything.
async fn every_domain_has_its_validation_beside_it(world: &mut World) {
    let (api, path) = (world.api(), "/api/v1/reports/domain-validation");
    for (name, delegate) in [("proved.example", "name:ours"), ("bare.example", "name:theirs")] {
        let body = json!({"name": name, "types": ["server", "client"], "delegateTo": [delegate]});
        _ = api.post("/api/v1/domains", &body).await.expect(201);
    }
    _ = api
        .post("/api/v1/domains", &json!({"name": "nobodys.example", "types": ["server"]}))
        .await
        .expect(201);
    let begun = json!({"method": "dns_txt", "organization": "name:ours"});
    let begun = api.post("/api/v1/domains/name:proved.example/validations", &begun).await.expect(201).json();
    let report = fresh(world, &api, path, "application/json").await.expect(200).json();
    let of = |report: &Value, name: &str| -> Vec<Value> {
        report["rows"].as_array().unwrap().iter().filter(|row| row["domain"] == name).cloned().collect()
    };
    let proved = of(&report, "proved.example");
    assert_eq!(proved.len(), 1, "{report}");
    for same in ["organizationId", "method", "status", "validatedAt", "validUntil", "coversNamesBelow"] {
        assert_eq!(proved[0][same], begun[same], "{same}");
    }
    assert_eq!(
        (&proved[0]["status"], &proved[0]["types"]),
        (&json!("pending"), &json!(["server", "client"]))
    );
    let bare = of(&report, "bare.example");
    assert_eq!((bare.len(), &bare[0]["status"], &bare[0]["method"]), (1, &Value::Null, &Value::Null));
    let nobodys = of(&report, "nobodys.example");
    assert_eq!((nobodys.len(), &nobodys[0]["organizationId"]), (1, &Value::Null), "{report}");
    let ours = begun["organizationId"].as_str().unwrap();
    let narrowed = format!("{path}?organizationId={ours}");
    let narrowed = fresh(world, &api, &narrowed, "application/json").await.expect(200).json();
    assert!(narrowed["rows"].as_array().unwrap().iter().all(|row| row["organizationId"] == *ours));
    assert_eq!(of(&narrowed, "proved.example"), proved);
    let csv = fresh(world, &api, path, "text/csv").await.expect(200).text();
    assert!(
        csv.contains(",proved.example,active,") && csv.contains(",server client,dns_txt,pending,"),
        "{csv}"
    );
    // Whoever keeps the matrix to one organization sees there what is granted everywhere, too.
    let matrix = format!("/api/v1/reports/administrators?organizationId={ours}");
    let matrix = fresh(world, &api, &matrix, "application/json").await.expect(200).json();
    let rows = matrix["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["organizationId"] == *ours), "{matrix}");
    let me = api.get("/api/v1/me").await.expect(200).json()["administratorId"].clone();
    let mine = rows.iter().find(|row| row["administratorId"] == me).unwrap();
    assert!(mine["allowed"].as_array().unwrap().contains(&json!("domain.write")), "{mine}");
}

async fn nobody_reads_beyond_their_reach(world: &mut World) {
    let officer =
        |organization: &str| json!([{"role": "organization_officer", "organization": organization}]);
    let (_, olaf) = administrator(world, "olaf", "Olaf", officer("name:theirs")).await;
    for (report, forms) in [
        ("account-activity?limit=10000", vec!["application/json", "text/csv"]),
        ("administrators", vec!["application/json", "text/csv"]),
        ("account-structure", vec!["application/json", "text/csv", "application/xml"]),
        ("domain-validation", vec!["application/json", "text/csv"]),
    ] {
        for form in forms {
            let path = format!("/api/v1/reports/{report}");
            let text = fresh(world, &olaf, &path, form).await.expect(200).text();
            for foreign in ["oscar", "rita", "R&D", "R&amp;D", "\"ours\"", "proved.example", "nobodys"] {
                assert!(!text.contains(foreign), "{report} {form}: {foreign}");
            }
        }
    }
    let theirs =
        fresh(world, &olaf, "/api/v1/reports/account-structure", "application/json").await.expect(200).json();
    assert_eq!(theirs["organizations"].as_array().unwrap().len(), 1);
    assert_eq!(theirs["organizations"][0]["name"], "theirs");
    let (_, auditor) =
        administrator(world, "aude", "Aude", json!([{"role": "auditor", "organization": "name:theirs"}]))
            .await;
    _ = auditor.get("/api/v1/reports").await.expect(403);
}

/// R5: the auditor reads what happened and changes nothing; that they read is an event, which a master sees.
async fn reading_the_audit_trail_is_recorded(world: &mut World) {
    let (id, auditor) =
        administrator(world, "argus", "Argus", json!([{"role": "auditor", "organization": "name:ours"}]))
            .await;
    let page = auditor.get("/api/v1/audit?limit=20").await.expect(200).json();
    let items = page["items"].as_array().unwrap();
    assert!(!items.is_empty() && items.len() <= 20, "{page}");
    let ours = &items[0]["organizationId"];
    assert!(items.iter().all(|entry| entry["organizationId"] == *ours), "{page}");
    for path in ["people", "admins", "tokens", "keys", "reports"] {
        _ = auditor.get(&format!("/api/v1/{path}")).await.expect(403);
    }
    let csr = json!({"csr": p256("audit.example.com").pem});
    _ = auditor.post("/api/v1/certificate-requests", &csr).await.expect(403);
    let read =
        world.api().get(&format!("/api/v1/audit?actor={id}&types=audit.read")).await.expect(200).json();
    assert_eq!(read["items"].as_array().unwrap().len(), 1, "{read}");
    assert_eq!((&read["items"][0]["type"], &read["items"][0]["actor"]), (&json!("audit.read"), &json!(id)));
    let denied =
        world.api().get(&format!("/api/v1/audit?actor={id}&types=denial.recorded")).await.expect(200).json();
    assert!(denied["items"].as_array().unwrap().iter().all(|entry| entry["denial"]["code"] == "forbidden"));
    let requester = json!([{"role": "requester", "organization": "name:ours"}]);
    let (_, requester) = administrator(world, "rob", "Rob", requester).await;
    _ = requester.get("/api/v1/audit").await.expect(403);
}
