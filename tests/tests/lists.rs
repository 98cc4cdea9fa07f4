//! Finding certificates again: filters, order, pages, fields, timelines, and every form people need them in.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::collections::BTreeSet;

use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::{self, openssl, p256},
    tool::run,
    world::World,
};
use http::Method;
use serde_json::json;
use testkit::Answer;

in_both_modes!(
    certificates_are_found_by_what_they_are,
    pages_hold_each_certificate_once,
    a_list_takes_no_parameter_it_does_not_know,
    a_timeline_tells_what_happened,
    a_certificate_comes_in_every_form,
    other_things_are_listed_too,
    the_cli_shows_the_same,
);

const ALL: &str = "/api/v1/certificates";

async fn certificates_are_found_by_what_they_are(world: &mut World) {
    for (name, ttl, env) in [("alpha", "10d", "prod"), ("beta", "20d", "prod"), ("gamma", "30d", "test")] {
        let csr = p256(&format!("{name}.find.example.com")).pem;
        let body =
            json!({"csr": csr, "ttl": ttl, "labels": {"env": env}, "note": format!("made for {name}")});
        _ = world.api().post("/api/v1/certificate-requests", &body).await.expect(201);
    }
    let names = async |query: &str| {
        let query = format!("{ALL}?fields=commonName&commonName[contains]=.find.&{query}");
        let list = fresh(world, &query).await.expect(200).json();
        let names = list["items"].as_array().unwrap().iter();
        names
            .map(|item| item["commonName"].as_str().unwrap().split('.').next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let beta =
        fresh(world, &format!("{ALL}?commonName=beta.find.example.com")).await.json()["items"][0].clone();
    let beta_end = beta["notAfter"].as_str().unwrap();
    let some = format!("{ALL}/{}?fields=note,owner", beta["id"].as_str().unwrap());
    let some = fresh(world, &some).await.expect(200).json();
    assert_eq!(some, json!({"id": beta["id"], "note": "made for beta", "owner": null}));
    assert_eq!(names("sort=commonName").await, ["alpha", "beta", "gamma"]);
    assert_eq!(names("sort=-notAfter").await, ["gamma", "beta", "alpha"]);
    assert_eq!(
        names("sort=status").await,
        ["alpha", "beta", "gamma"],
        "what has expired, or will first, is first"
    );
    assert_eq!(names("labels.env=prod&sort=commonName").await, ["alpha", "beta"]);
    assert_eq!(names(&format!("notAfter[lt]={beta_end}")).await, ["alpha"]);
    assert_eq!(names(&format!("notAfter[lte]={beta_end}&sort=notAfter")).await, ["alpha", "beta"]);
    assert_eq!(names(&format!("notAfter[gt]={beta_end}")).await, ["gamma"]);
    assert_eq!(
        names("commonName=alpha.find.example.com,gamma.find.example.com&sort=commonName").await,
        ["alpha", "gamma"]
    );
    assert_eq!(names("commonName[ne]=beta.find.example.com&sort=commonName").await, ["alpha", "gamma"]);
    assert_eq!(names("commonName[startsWith]=gam").await, ["gamma"]);
    assert_eq!(names("status=expired").await, [""; 0]);
    assert_eq!(names("status=active,expired&sort=commonName").await, ["alpha", "beta", "gamma"]);
    assert_eq!(names("q=BETA.find").await, ["beta"]);
    assert_eq!(names("q=MADE+for+beta").await, ["beta"]);
    let path = format!("{ALL}/{}", beta["id"].as_str().unwrap());
    let (headers, note) =
        ([("content-type", "application/json")], Bytes::from_static(br#"{"note":"Moved"}"#));
    _ = world.api().request(Method::PATCH, &path, &headers, note).await.unwrap().expect(200);
    assert_eq!(names("q=moved").await, ["beta"]);
    assert_eq!(names("q=made+for+beta").await, [""; 0], "what a note said before is not looked for");
    let serial = beta["serialNumber"].as_str().unwrap();
    assert_eq!(names(&format!("q={serial}")).await, ["beta"]);
    assert_eq!(names("keyAlgorithm=rsa_2048").await, [""; 0]);
}

async fn pages_hold_each_certificate_once(world: &mut World) {
    for number in 0..7 {
        _ = world.issue(&p256(&format!("page{number}.example.com")).pem).await;
    }
    let first = format!("{ALL}?limit=3&sort=commonName&commonName[startsWith]=page");
    let (mut path, mut seen, mut pages) = (Some(first), vec![], 0);
    while let Some(next) = path.take() {
        let page = fresh(world, &next).await.expect(200);
        let list = page.json();
        seen.extend(list["items"].as_array().unwrap().iter().map(|item| item["commonName"].to_string()));
        pages += 1;
        // A certificate that comes meanwhile moves nothing that was seen already.
        _ = world.issue(&p256("page0a.example.com").pem).await;
        let link = page.header("link");
        assert_eq!(link.is_empty(), list["nextCursor"].is_null());
        path =
            link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).map(str::to_owned);
    }
    assert!(pages >= 3);
    let unique: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(unique.len(), 7, "{seen:?}");
    // A cursor belongs to its filter and order.
    let page = fresh(world, &format!("{ALL}?limit=3&sort=commonName")).await.json();
    let cursor = page["nextCursor"].as_str().unwrap();
    let refused =
        world.api().get(&format!("{ALL}?limit=3&sort=notAfter&cursor={cursor}")).await.expect(400).json();
    assert_eq!(refused["code"], "invalid_cursor");
}

async fn a_list_takes_no_parameter_it_does_not_know(world: &mut World) {
    for (query, code, parameter) in [
        ("status[like]=a", "unknown_parameter", "status[like]"),
        ("colour=red", "unknown_parameter", "colour"),
        ("fields=commonname", "malformed_request", "fields"),
        ("limit=0", "malformed_request", "limit"),
        ("limit=201", "malformed_request", "limit"),
        ("sort=colour", "malformed_request", "sort"),
        ("notAfter[lt]=soon", "malformed_request", "notAfter[lt]"),
        ("status=bogus", "malformed_request", "status"),
        ("keyAlgorithm[ne]=rsa_2048,rsa_1", "malformed_request", "keyAlgorithm[ne]"),
    ] {
        let refused = world.api().get(&format!("{ALL}?{query}")).await.expect(400).json();
        assert_eq!(refused["code"], code, "{query}: {refused}");
        assert_eq!(refused["errors"][0]["parameter"], parameter, "{query}: {refused}");
    }
}

async fn a_timeline_tells_what_happened(world: &mut World) {
    let issued = world.issue(&p256("timeline.example.com").pem).await;
    let id = issued["certificateId"].as_str().unwrap();
    let headers = [("content-type", "application/json")];
    let body = Bytes::from_static(br#"{"labels":{"env":"prod"},"owner":"web team","note":"CHG-1042"}"#);
    let patched = world.api().request(Method::PATCH, &format!("{ALL}/{id}"), &headers, body).await.unwrap();
    assert_eq!(patched.expect(200).json()["owner"], "web team");
    let timeline = fresh(world, &format!("{ALL}/{id}/timeline")).await.expect(200).json();
    let entries = timeline["items"].as_array().unwrap();
    let kinds: Vec<&str> = entries.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["issuance.intended", "issuance.completed", "certificate.annotated"]);
    let positions: Vec<i64> = entries.iter().map(|entry| entry["position"].as_i64().unwrap()).collect();
    assert!(positions.is_sorted());
    let me = world.api().get("/api/v1/me").await.expect(200).json();
    assert_eq!(entries[2]["actor"], me["administratorId"]);
    let path = format!("/api/v1/certificate-requests/{}/timeline", issued["id"].as_str().unwrap());
    let request = fresh(world, &path).await.expect(200).json();
    assert_eq!(request["items"][0]["type"], "certificate_request.submitted");
    assert_eq!(request["items"].as_array().unwrap().len(), 3);
}

async fn a_certificate_comes_in_every_form(world: &mut World) {
    _ = world.api().post("/api/v1/cas", &json!({"name": "root-1", "kind": "root"})).await.expect(201);
    let issuing = json!({"name": "issuing-1", "kind": "issuing", "parent": "name:root-1"});
    _ = world.api().post("/api/v1/cas", &issuing).await.expect(201);
    let profile = json!({"name": "below-root", "ca": "name:issuing-1"});
    _ = world.api().post("/api/v1/profiles", &profile).await.expect(201);
    let csr = p256("forms.example.com").pem;
    let body = json!({"profile": "name:below-root", "csr": csr});
    let issued = world.api().post("/api/v1/certificate-requests", &body).await.expect(201).json();
    let path = format!("{ALL}/{}", issued["certificateId"].as_str().unwrap());
    let leaf = issued["certificate"].as_str().unwrap();
    let root =
        fresh(world, "/api/v1/cas/name:root-1").await.json()["certificate"].as_str().unwrap().to_owned();
    let issuing =
        fresh(world, "/api/v1/cas/name:issuing-1").await.json()["certificate"].as_str().unwrap().to_owned();
    subscriber::verify(&root, &issuing, leaf).unwrap();

    let json = fresh(world, &path).await.expect(200).json();
    assert_eq!(json["certificate"], leaf);
    let sha256 = subscriber::x509(leaf, &["-fingerprint", "-sha256"])
        .trim()
        .rsplit('=')
        .next()
        .unwrap()
        .replace(':', "");
    assert_eq!(json["fingerprints"]["sha256"], sha256.to_lowercase());
    let der = x509_parser::pem::parse_x509_pem(leaf.as_bytes()).unwrap().1.contents;
    for (query, accept, media) in [
        ("?format=pem", "*/*", "application/pem-certificate-chain"),
        ("", "application/pem-certificate-chain", "application/pem-certificate-chain"),
        ("?format=der", "*/*", "application/pkix-cert"),
        ("", "application/pkix-cert", "application/pkix-cert"),
        ("?format=p7b", "*/*", "application/pkcs7-mime; smime-type=certs-only"),
        ("", "application/pkcs7-mime", "application/pkcs7-mime; smime-type=certs-only"),
    ] {
        let answer = accepting(world, &format!("{path}{query}"), accept).await.expect(200);
        assert_eq!(answer.header("content-type"), media);
        match media {
            "application/pem-certificate-chain" => assert_eq!(answer.text(), leaf),
            "application/pkix-cert" => assert_eq!(answer.body, der),
            _ => assert_eq!(of_pkcs7(&answer.body), [leaf]),
        }
    }
    let chain = format!("{path}/chain");
    let pem =
        async |query: &str| fresh(world, &format!("{chain}?format=pem{query}")).await.expect(200).text();
    assert_eq!(pem("").await, format!("{leaf}{issuing}"));
    assert_eq!(pem("&root=include").await, format!("{leaf}{issuing}{root}"));
    assert_eq!(pem("&root=include&order=root_first").await, format!("{root}{issuing}{leaf}"));
    let p7b = fresh(world, &format!("{chain}?format=p7b&root=include")).await.expect(200);
    let mut held = of_pkcs7(&p7b.body);
    held.sort_unstable();
    let mut expected = [leaf.to_owned(), issuing, root];
    expected.sort_unstable();
    assert_eq!(held, expected);
    let links = fresh(world, &chain).await.expect(200).json();
    assert_eq!(links["items"].as_array().unwrap().len(), 2);
    let asked =
        fresh(world, &format!("/api/v1/certificate-requests/{}/csr", issued["id"].as_str().unwrap())).await;
    assert_eq!(openssl(&["req"], &asked.expect(200).text()), openssl(&["req"], &csr));
}

async fn other_things_are_listed_too(world: &mut World) {
    for (path, name) in [
        ("/api/v1/cas", "issuing-1"),
        ("/api/v1/profiles", "default"),
        ("/api/v1/policies", "default"),
        ("/api/v1/organizations", ""),
        ("/api/v1/tokens", ""),
        ("/api/v1/certificate-requests?limit=200", ""),
        ("/api/v1/keys", ""),
        ("/api/v1/events", ""),
    ] {
        let list = fresh(world, path).await.expect(200).json();
        let items = list["items"].as_array().unwrap();
        assert!(!items.is_empty(), "{path}");
        assert!(name.is_empty() || items.iter().any(|item| item["name"] == name), "{path}: {list}");
    }
    let organization = fresh(world, "/api/v1/organizations").await.json()["items"][0]["id"].clone();
    let departments = format!("/api/v1/organizations/{}/departments", organization.as_str().unwrap());
    let made = world
        .api()
        .post(&departments, &json!({"name": "web", "displayName": "Web shop"}))
        .await
        .expect(201)
        .json();
    let shown =
        fresh(world, &format!("{departments}/{}", made["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(shown["displayName"], "Web shop");
}

async fn the_cli_shows_the_same(world: &mut World) {
    let filter = "commonName[contains]=.find.";
    let shown =
        world.cli(&["cert", "list", "--filter", filter, "--sort", "commonName", "-o", "json"]).await.json();
    let names: Vec<&str> =
        shown.as_array().unwrap().iter().map(|item| item["commonName"].as_str().unwrap()).collect();
    assert_eq!(names, ["alpha.find.example.com", "beta.find.example.com", "gamma.find.example.com"]);
    let table = world.cli(&["cert", "list", "--filter", filter]).await.done();
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.starts_with("COMMON NAME"), "{table}");
    let id = shown[0]["id"].as_str().unwrap();
    assert_eq!(world.cli(&["cert", "pem", id]).await.done(), shown[0]["certificate"].as_str().unwrap());
    let json = world.cli(&["cert", "pem", id, "-o", "json"]).await.json();
    assert_eq!(json["pem"], shown[0]["certificate"], "with -o json always JSON");
    assert!(world.cli(&["cert", "timeline", id]).await.done().contains("issuance.completed"));
    let all = world.cli(&["cert", "list", "--all", "-o", "name"]).await.done();
    assert!(all.lines().all(|line| line.starts_with("crt_")) && all.lines().count() > 10, "{all}");
    let missing = world.cli(&["cert", "show", "crt_01jdp4q2x8f7mb3v5kz6n9w0ae"]).await;
    assert_eq!(missing.code, 3, "{missing:?}");
    assert!(missing.stderr.starts_with("error[not_found]: "), "{missing:?}");
    let none = ["cert", "list", "--filter", "commonName=nobody.example.com"];
    let told = world.cli(&none).await;
    assert_eq!((told.code, &*told.stderr), (0, "none\n"), "{told:?}");
    let told = world.cli(&[&none[..], &["-o", "json"]].concat()).await;
    assert_eq!((&*told.stdout, &*told.stderr), ("[]\n", ""), "{told:?}");
    let nobody = world.cli_with(&["cert", "list"], &[("CHANCERY_TOKEN", "nonsense")], b"").await;
    assert_eq!(nobody.code, 6, "{nobody:?}");
}

/// A read that sees everything that stands in the log.
async fn fresh(world: &World, path: &str) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    // Not every resource has a read model to wait for.
    let headers = if path.starts_with("/api/v1/events") { &headers[..0] } else { &headers[..] };
    world.api().request(Method::GET, path, headers, Bytes::new()).await.unwrap()
}

async fn accepting(world: &World, path: &str, accept: &str) -> Answer {
    world.api().request(Method::GET, path, &[("accept", accept)], Bytes::new()).await.unwrap()
}

/// The certificates that OpenSSL finds in a PKCS #7.
fn of_pkcs7(der: &[u8]) -> Vec<String> {
    let mut command = std::process::Command::new("openssl");
    command.args(["pkcs7", "-inform", "DER", "-print_certs"]);
    let printed = run(command, der).done();
    let end = "-----END CERTIFICATE-----\n";
    let blocks = printed.split_inclusive(end).filter_map(|block| Some(&block[block.find("-----BEGIN")?..]));
    blocks.map(str::to_owned).collect()
}
