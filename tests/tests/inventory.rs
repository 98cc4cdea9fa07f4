//! The inventory as people keep it: archive, owners and labels, order by every column, saved views, documents.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::{p256, x509},
    world::World,
};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Answer, Https};

in_both_modes!(
    a_certificate_says_what_openssl_reads,
    what_is_archived_leaves_the_lists_and_stays_findable,
    owners_and_labels_find_certificates,
    a_list_is_sorted_by_every_column,
    text_and_labels_are_looked_up_within_the_organization,
    a_view_is_private_or_shared,
    a_document_comes_back_as_it_went,
    a_document_is_for_those_who_read_its_certificate,
    the_cli_keeps_documents_and_views,
);

const ALL: &str = "/api/v1/certificates";

async fn a_certificate_says_what_openssl_reads(world: &mut World) {
    let certificate = issued(world, "fields.example.com", &json!({})).await;
    let pem = certificate["certificate"].as_str().unwrap();
    let hex = |option: &str| {
        x509(pem, &["-ext", option]).lines().last().unwrap().trim().replace(':', "").to_lowercase()
    };
    assert_eq!(certificate["subjectKeyIdentifier"], hex("subjectKeyIdentifier"));
    assert_eq!(
        certificate["authorityKeyIdentifier"],
        hex("authorityKeyIdentifier").trim_start_matches("keyid")
    );
    let serial = x509(pem, &["-serial"]).trim().trim_start_matches("serial=").to_lowercase();
    assert_eq!(
        certificate["serialNumber"].as_str().unwrap().trim_start_matches('0'),
        serial.trim_start_matches('0')
    );
    let text = x509(pem, &["-text"]);
    for address in ["ocsp", "caIssuers", "crlDistributionPoints"]
        .iter()
        .filter_map(|field| certificate[*field][0].as_str())
    {
        assert!(text.contains(&format!("URI:{address}")), "{address}");
    }
    assert_eq!(
        (&certificate["x509Version"], &certificate["keyBits"], &certificate["isCa"]),
        (&json!(3), &json!(256), &json!(false))
    );
    assert!(text.contains("Version: 3") && text.contains("(256 bit)"));
    assert_eq!(certificate["statusWord"], "issued");
    assert_eq!(
        (&certificate["installState"], &certificate["renewalState"]),
        (&json!("not_scheduled"), &json!("not_scheduled"))
    );
}

async fn what_is_archived_leaves_the_lists_and_stays_findable(world: &mut World) {
    let certificate = issued(world, "old.archive.example.com", &json!({})).await;
    let path = format!("{ALL}/{}", id(&certificate));
    let names = async |query: &str| names(world, &format!("commonName[contains]=.archive.&{query}")).await;
    assert_eq!(names("sort=notAfter").await, ["old.archive.example.com"]);
    let archived =
        world.api().post(&format!("{path}/archive"), &json!({"reason": "the server is gone"})).await;
    assert_eq!(archived.expect(200).json()["archived"], true);
    assert_eq!(names("sort=notAfter").await, [""; 0], "it has left what expires");
    assert_eq!(names("archivedAt[exists]=true").await, ["old.archive.example.com"]);
    let shown = fresh(world, &path).await.expect(200).json();
    assert!(shown["archivedAt"].is_string(), "{shown}");
    let again = world.api().post(&format!("{path}/archive"), &json!({})).await.expect(200).json();
    assert_eq!(&again["version"], archived_version(&shown), "once is enough");
    let restored = world.api().post(&format!("{path}/restore"), &json!({})).await.expect(200).json();
    assert_eq!(restored["archived"], false);
    assert_eq!(names("sort=notAfter").await, ["old.archive.example.com"]);
    let told = fresh(world, &format!("{path}/timeline")).await.expect(200).json();
    let told: Vec<&str> =
        told["items"].as_array().unwrap().iter().filter_map(|item| item["type"].as_str()).collect();
    assert_eq!(told[told.len() - 2..], ["certificate.archived", "certificate.restored"]);
}

fn archived_version(shown: &Value) -> &Value {
    &shown["version"]
}

async fn owners_and_labels_find_certificates(world: &mut World) {
    for (name, team) in [("one", "web"), ("two", "mail")] {
        let certificate =
            issued(world, &format!("{name}.owned.example.com"), &json!({"labels": {"team": team}})).await;
        let change = json!({"owner": format!("{team} team"), "note": format!("asked for by {team}")});
        _ = change_at(world, Method::PATCH, &format!("{ALL}/{}", id(&certificate)), &change)
            .await
            .expect(200);
    }
    let names = async |query: &str| names(world, &format!("commonName[contains]=.owned.&{query}")).await;
    assert_eq!(names("owner=web+team").await, ["one.owned.example.com"]);
    assert_eq!(names("owner[startsWith]=MAIL").await, ["two.owned.example.com"]);
    assert_eq!(names("labels.team=mail").await, ["two.owned.example.com"]);
    assert_eq!(
        names("labels.team=mail,web&sort=-owner").await,
        ["one.owned.example.com", "two.owned.example.com"]
    );
    assert_eq!(names("note[contains]=by+mail").await, ["two.owned.example.com"]);
    assert_eq!(names("q=asked+for+by+web").await, ["one.owned.example.com"]);
    assert_eq!(names("statusWord=issued&sort=commonName").await.len(), 2);
    assert_eq!(names("statusWord=expired").await, [""; 0]);
}

async fn a_list_is_sorted_by_every_column(world: &mut World) {
    let document = world.api().get("/api/v1/openapi.json").await.expect(200).json();
    let parameters = document["paths"][ALL]["get"]["parameters"].as_array().unwrap().clone();
    let sort = parameters.iter().find(|parameter| parameter["name"] == "sort").unwrap();
    let words = sort["description"].as_str().unwrap().rsplit("Fields: ").next().unwrap().to_owned();
    let columns: Vec<&str> = words.trim_end_matches('.').split(", ").collect();
    for column in [
        "commonName",
        "organizationId",
        "departmentId",
        "statusWord",
        "notAfter",
        "installState",
        "renewalState",
    ] {
        assert!(columns.contains(&column), "{column} of {columns:?}");
    }
    let all =
        fresh(world, &format!("{ALL}?limit=200")).await.expect(200).json()["items"].as_array().unwrap().len();
    for column in columns {
        for direction in ["", "-"] {
            let (mut path, mut seen) = (Some(format!("{ALL}?limit=3&sort={direction}{column}")), vec![]);
            while let Some(next) = path.take() {
                let page = fresh(world, &next).await.expect(200).json();
                seen.extend(page["items"].as_array().unwrap().iter().map(id));
                let cursor = page["nextCursor"].as_str();
                path = cursor.map(|cursor| format!("{ALL}?limit=3&sort={direction}{column}&cursor={cursor}"));
            }
            let unique: std::collections::BTreeSet<&String> = seen.iter().collect();
            assert_eq!((seen.len(), unique.len()), (all, all), "each once, by {direction}{column}");
        }
    }
}

async fn text_and_labels_are_looked_up_within_the_organization(world: &mut World) {
    let theirs = world.organization("lookers").await;
    let csr = json!({"csr": p256("secret.looked.example.com").pem, "labels": {"looked": "up"}});
    _ = theirs.post("/api/v1/certificate-requests", &csr).await.expect(201);
    let ours = world.new_token(json!({"name": "looker", "organization": home(world).await})).await.1;
    let count = async |client: &Https, query: &str| {
        let head = world.head().await.to_string();
        let headers = [("chancery-min-position", head.as_str())];
        let answer =
            client.request(Method::GET, &format!("{ALL}?{query}"), &headers, Bytes::new()).await.unwrap();
        answer.expect(200).json()["items"].as_array().unwrap().len()
    };
    for query in ["q=SECRET.looked", "labels.looked=up", "q=looked&labels.looked=up", "q=%25.looked"] {
        let expected = usize::from(!query.contains('%'));
        assert_eq!(count(&world.api(), query).await, expected, "{query}");
        assert_eq!(count(&ours, query).await, 0, "{query} in another organization");
    }
    assert_eq!(count(&world.api(), "q=looked&labels.looked=down").await, 0);
    assert_eq!(count(&world.api(), "q=o%27+or+true").await, 0, "a text is a text");
}

async fn a_view_is_private_or_shared(world: &mut World) {
    let views = "/api/v1/views";
    let view = json!({"name": "Web, soon over", "filter": {"labels.team": "web", "status": "active"},
        "sort": "notAfter", "columns": ["commonName", "notAfter"]});
    let made = world.api().post(views, &view).await.expect(201).json();
    let path = format!("{views}/{}", id(&made));
    let shown = fresh(world, &path).await.expect(200).json();
    assert_eq!(
        (&shown["filter"], &shown["shared"], &shown["of"]),
        (&view["filter"], &json!(false), &json!("certificates"))
    );
    let (_, other) = somebody_else(world).await;
    let sees = async || {
        let head = world.head().await.to_string();
        other
            .request(Method::GET, &path, &[("chancery-min-position", &head)], Bytes::new())
            .await
            .unwrap()
            .status
            .as_u16()
    };
    assert_eq!(sees().await, 404, "a private view is its owner's");
    let refused = other.request(Method::DELETE, &path, &[], Bytes::new()).await.unwrap();
    assert_eq!(refused.status.as_u16(), 404);
    _ = change_at(world, Method::PATCH, &path, &json!({"shared": true})).await.expect(200);
    assert_eq!(sees().await, 200, "a shared one is everybody's to see");
    let refused = other.request(Method::DELETE, &path, &[], Bytes::new()).await.unwrap();
    assert_eq!(refused.status.as_u16(), 403, "and its owner's to change");
    for (wrong, place) in [
        (json!({"filter": {"state": "gone"}}), "#/filter/state"),
        (json!({"filter": {"status": "gone"}}), "#/filter/status"),
        (json!({"filter": {"limit": "5"}}), "#/filter/limit"),
        (json!({"sort": "color"}), "#/sort"),
        (json!({"columns": ["color"]}), "#/columns"),
    ] {
        let refused = change_at(world, Method::PATCH, &path, &wrong).await.expect(422).json();
        assert_eq!(refused["errors"][0]["pointer"], place, "{refused}");
    }
    let gone = change_at(world, Method::DELETE, &path, &Value::Null).await;
    _ = gone.expect(200);
    assert_eq!(fresh(world, &path).await.status.as_u16(), 404);
}

async fn a_document_comes_back_as_it_went(world: &mut World) {
    let certificate = issued(world, "documents.example.com", &json!({})).await;
    let path = format!("{ALL}/{}/documents", id(&certificate));
    // No two parts are alike, and the last one is not full.
    let pdf: Vec<u8> =
        (0..5 * 1024 * 1024 + 7_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let digest = hex::encode(Sha256::digest(&pdf));
    let up = async |name: &str, key: &str, bytes: &[u8]| {
        let name = url::form_urlencoded::Serializer::new(String::new()).append_pair("name", name).finish();
        let headers = [("content-type", "application/octet-stream"), ("idempotency-key", key)];
        world
            .api()
            .request(Method::POST, &format!("{path}?{name}"), &headers, Bytes::copy_from_slice(bytes))
            .await
            .unwrap()
    };
    let made = up("Vertrag \"Müller\".pdf", "first", &pdf).await.expect(201).json();
    assert_eq!((&made["sha256"], &made["size"]), (&json!(digest), &json!(pdf.len())));
    let again = up("Vertrag \"Müller\".pdf", "first", &pdf).await.expect(201);
    assert_eq!(
        (again.json()["id"].clone(), again.header("idempotency-replayed")),
        (made["id"].clone(), "true")
    );
    let back = fresh(world, &format!("{path}/{}", id(&made))).await.expect(200);
    assert_eq!(hex::encode(Sha256::digest(&back.body)), digest);
    assert_eq!(back.header("content-type"), "application/octet-stream");
    assert_eq!(
        back.header("content-disposition"),
        "attachment; filename*=UTF-8''Vertrag%20%22M%C3%BCller%22.pdf"
    );
    assert_eq!(back.header("chancery-sha256"), digest);
    for (name, key) in [("../../etc/passwd", "a"), ("a\u{202e}fdp.exe", "b"), ("", "c"), ("a\nb", "d")] {
        let refused = up(name, key, b"x").await.expect(422).json();
        assert_eq!(refused["errors"][0]["code"], "invalid_file_name", "{name:?}");
    }
    let large = up("large", "e", &vec![0; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(large.expect(413).json()["code"], "payload_too_large");
    let empty = up("empty", "f", b"").await.expect(201).json();
    assert_eq!(empty["size"], 0);
    let listed = fresh(world, &path).await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "what was refused left nothing");
    let parts: i64 = world
        .admin()
        .await
        .query_one("select count(*) from inventory.document_part", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(parts, 0, "nothing is left of the way in");
    _ = change_at(world, Method::DELETE, &format!("{path}/{}", id(&made)), &Value::Null).await.expect(200);
    assert_eq!(fresh(world, &format!("{path}/{}", id(&made))).await.status.as_u16(), 404);
    let bytes = "select count(*) from inventory.document_content where octet_length(bytes) > 0";
    let bytes: i64 = world.admin().await.query_one(bytes, &[]).await.unwrap().get(0);
    assert_eq!(bytes, 0, "the bytes are gone for good");
}

async fn a_document_is_for_those_who_read_its_certificate(world: &mut World) {
    let certificate = issued(world, "guarded.example.com", &json!({})).await;
    let path = format!("{ALL}/{}/documents", id(&certificate));
    let headers = [("content-type", "application/octet-stream")];
    let made =
        world.api().request(Method::POST, &format!("{path}?name=a.txt"), &headers, "a".into()).await.unwrap();
    let document = format!("{path}/{}", id(&made.expect(201).json()));
    _ = fresh(world, &document).await.expect(200);
    let home = home(world).await;
    let path_of_departments = format!("/api/v1/organizations/{home}/departments");
    let department = world.api().post(&path_of_departments, &json!({"name": "far"})).await;
    let department = id(&department.expect(201).json());
    let grants = json!([{"role": "department_officer", "organization": home, "department": department}]);
    let far = world
        .api()
        .post("/api/v1/admins", &json!({"name": "far", "grants": grants}))
        .await
        .expect(201)
        .json();
    let far = world.new_token(json!({"name": "far", "administrator": id(&far)})).await.1;
    let theirs = world.organization("documentless").await;
    for client in [&far, &theirs] {
        for (method, path) in [(Method::GET, &path), (Method::GET, &document), (Method::DELETE, &document)] {
            let answer = client.request(method.clone(), path, &[], Bytes::new()).await.unwrap();
            assert_eq!(answer.status.as_u16(), 404, "{method} {path}");
        }
        let answer =
            client.request(Method::POST, &format!("{path}?name=b.txt"), &headers, "b".into()).await.unwrap();
        assert_eq!(answer.status.as_u16(), 404);
    }
    let other = issued(world, "other.example.com", &json!({})).await;
    let elsewhere = document.replace(&id(&certificate), &id(&other));
    assert_eq!(fresh(world, &elsewhere).await.status.as_u16(), 404, "a document belongs to one certificate");
}

async fn the_cli_keeps_documents_and_views(world: &mut World) {
    let certificate = issued(world, "shell.example.com", &json!({"labels": {"shell": "yes"}})).await;
    let certificate = id(&certificate);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.bin");
    std::fs::write(&file, [0, 159, 146, 150]).unwrap();
    let file = file.display().to_string();
    let made = world.cli(&["-o", "json", "cert", "document", "add", &certificate, &file]).await.json();
    assert_eq!(made["name"], "notes.bin");
    let listed = world.cli(&["-o", "json", "cert", "document", "list", &certificate]).await.json();
    assert_eq!(listed[0]["id"], made["id"]);
    let gone = ["-o", "json", "--yes", "cert", "document", "remove", &certificate, &id(&made)];
    assert_eq!(world.cli(&gone).await.json()["name"], "notes.bin");
    let saved = ["-o", "json", "view", "create", "Shell", "--filter", "labels.shell=yes", "--sort=-notAfter"];
    let saved = world.cli(&saved).await.json();
    let listed = world.cli(&["-o", "json", "cert", "list", "--view", &id(&saved)]).await.json();
    assert_eq!(
        listed.as_array().unwrap().iter().map(id).collect::<Vec<_>>(),
        std::slice::from_ref(&certificate)
    );
    _ = world.cli(&["cert", "archive", &certificate, "--reason", "done"]).await.done();
    let listed = world.cli(&["-o", "json", "cert", "list", "--view", &id(&saved)]).await.json();
    assert_eq!(listed, json!([]));
    _ = world.cli(&["cert", "restore", &certificate]).await.done();
    let shared = world.cli(&["-o", "json", "view", "share", &id(&saved)]).await.json();
    assert_eq!(shared["shared"], true);
    _ = world.cli(&["--yes", "view", "remove", &id(&saved)]).await.done();
}

async fn issued(world: &World, name: &str, more: &Value) -> Value {
    let mut body = json!({"csr": p256(name).pem});
    for (member, value) in more.as_object().unwrap() {
        body[member] = value.clone();
    }
    let request = world.api().post("/api/v1/certificate-requests", &body).await.expect(201).json();
    fresh(world, &format!("{ALL}/{}", request["certificateId"].as_str().unwrap())).await.expect(200).json()
}

async fn names(world: &World, query: &str) -> Vec<String> {
    let list = fresh(world, &format!("{ALL}?{query}")).await.expect(200).json();
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["commonName"].as_str().unwrap().to_owned())
        .collect()
}

async fn home(world: &World) -> String {
    world.api().get("/api/v1/me").await.expect(200).json()["organizationId"].as_str().unwrap().to_owned()
}

/// An auditor of the organization.
async fn somebody_else(world: &World) -> (String, Https) {
    let grants = json!([{"role": "auditor", "organization": home(world).await}]);
    let made =
        world.api().post("/api/v1/admins", &json!({"name": "viewer", "grants": grants})).await.expect(201);
    world.new_token(json!({"name": "viewer", "administrator": id(&made.json())})).await
}

fn id(thing: &Value) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

/// Reads what was written before.
async fn fresh(world: &World, path: &str) -> Answer {
    let head = world.head().await.to_string();
    world.api().request(Method::GET, path, &[("chancery-min-position", &head)], Bytes::new()).await.unwrap()
}

async fn change_at(world: &World, method: Method, path: &str, body: &Value) -> Answer {
    let headers: &[(&str, &str)] = if body.is_null() { &[] } else { &[("content-type", "application/json")] };
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    world.api().request(method, path, headers, body).await.unwrap()
}
