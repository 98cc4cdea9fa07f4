//! H9, H10: persons who may hold client certificates, one by one and by the file; R5: who they were can be erased.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use bytes::Bytes;
use chancery_tests::{
    in_both_modes,
    subscriber::{P256, csr},
    world::{World, eventually},
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Https};

in_both_modes!(
    a_person_is_added_changed_archived_and_restored,
    each_refusal_of_an_address_has_its_code,
    nobody_sees_people_beyond_their_reach,
    certificates_of_a_person_carry_their_addresses,
    a_repeat_finds_the_same_person,
    the_command_line_does_all_of_it,
    who_a_person_was_is_erased,
    a_thousand_lines_are_judged_imported_and_known_again,
    a_file_that_cannot_be_read_brings_nothing,
    a_file_is_imported_on_the_command_line,
    an_import_that_was_cut_off_goes_on,
);

const PEOPLE: &str = "/api/v1/people";

fn ada() -> Value {
    json!({"email": "Ada@People.Example", "firstName": "Ada", "middleName": "King", "lastName": "Lovelace",
        "alternativeEmails": ["ada.lovelace@people.example"], "secretId": "analytical engine"})
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

async fn call(client: &Https, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let headers: &[(&str, &str)] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    client.request(method.parse::<Method>().unwrap(), path, headers, body).await.unwrap()
}

/// A read that knows everything written so far.
async fn fresh(world: &World, client: &Https, path: &str) -> Answer {
    let head = world.head().await.to_string();
    let headers = [("chancery-min-position", head.as_str())];
    client.request(Method::GET, path, &headers, Bytes::new()).await.unwrap()
}

/// An organization of its own to which this domain is delegated for these types, and somebody who runs it.
async fn organization(world: &World, name: &str, domain: &str, types: &[&str]) -> Https {
    let client = world.organization_without_domain(name).await;
    let domain = json!({"name": domain, "types": types, "delegateTo": [format!("name:{name}")]});
    _ = world.api().post("/api/v1/domains", &domain).await.expect(201);
    client
}

async fn a_person_is_added_changed_archived_and_restored(world: &mut World) {
    let client = organization(world, "people", "people.example", &["client"]).await;
    let added = client.post(PEOPLE, &ada()).await.expect(201).json();
    assert_eq!(added["email"], "Ada@people.example", "hosts are kept in one form");
    assert_eq!((&added["status"], &added["hasSecretId"]), (&json!("active"), &json!(true)));
    assert_eq!((&added["validationType"], &added["version"]), (&json!("standard"), &json!(1)));
    assert!(!added.to_string().contains("analytical"), "{added}");
    let path = format!("{PEOPLE}/{}", id(&added));
    assert_eq!(
        fresh(world, &client, &path).await.expect(200).json(),
        added,
        "the read model shows the answer"
    );

    let twice = json!({"email": "ADA@people.example", "firstName": "A", "lastName": "B"});
    let taken = client.post(PEOPLE, &twice).await.expect(409).json();
    assert_eq!(
        (&taken["code"], &taken["errors"][0]["code"]),
        (&json!("already_exists"), &json!("email_taken"))
    );

    let departments =
        format!("/api/v1/organizations/{}/departments", added["organizationId"].as_str().unwrap());
    let lab = client.post(&departments, &json!({"name": "lab"})).await.expect(201).json();
    let moved = json!({"department": "name:lab"});
    let refused = call(&client, "PATCH", &path, Some(&moved)).await.expect(422).json();
    assert_eq!(refused["errors"][0]["code"], "organization_without_domain", "the lab has no domain");
    let delegation = json!({"delegateTo": lab["id"]});
    let domain = "/api/v1/domains/name:people.example/delegations";
    _ = world.api().post(domain, &delegation).await.expect(201);
    let moved = call(&client, "PATCH", &path, Some(&moved)).await.expect(200).json();
    assert_eq!((&moved["departmentId"], &moved["version"]), (&lab["id"], &json!(2)));
    let renamed = json!({"lastName": "King", "middleName": "", "alternativeEmails": []});
    let renamed = call(&client, "PATCH", &path, Some(&renamed)).await.expect(200).json();
    assert_eq!((&renamed["lastName"], &renamed["middleName"]), (&json!("King"), &json!(null)));
    assert_eq!(fresh(world, &client, &path).await.expect(200).json(), renamed);
    let same = call(&client, "PATCH", &path, Some(&json!({"lastName": "King"}))).await.expect(200).json();
    assert_eq!(same["version"], renamed["version"], "nothing changed");

    let archived = call(&client, "POST", &format!("{path}/archive"), None).await.expect(200).json();
    assert_eq!(archived["status"], "archived");
    let refused = call(&client, "PATCH", &path, Some(&json!({"lastName": "B"}))).await.expect(409).json();
    assert_eq!(refused["code"], "invalid_state");
    let restored = call(&client, "POST", &format!("{path}/restore"), None).await.expect(200).json();
    assert_eq!(restored["status"], "active");

    let grace = json!({"email": "grace@people.example", "firstName": "Grace", "lastName": "Hopper"});
    _ = client.post(PEOPLE, &grace).await.expect(201);
    for (query, expected) in [
        ("sort=lastName", vec!["Hopper", "King"]),
        ("sort=-lastName", vec!["King", "Hopper"]),
        ("q=grace", vec!["Hopper"]),
        ("lastName=King", vec!["King"]),
        ("email[startsWith]=ada@", vec!["King"]),
        ("departmentId[exists]=false", vec!["Hopper"]),
        ("status=archived", vec![]),
    ] {
        let list = fresh(world, &client, &format!("{PEOPLE}?{query}")).await.expect(200).json();
        let names: Vec<_> =
            list["items"].as_array().unwrap().iter().map(|person| person["lastName"].clone()).collect();
        assert_eq!(names, expected, "{query}");
    }
    let events = client.get(&format!("{path}/timeline")).await.expect(200).json();
    let kinds: Vec<_> =
        events["items"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    let expected =
        ["added", "updated", "updated", "archived", "restored"].map(|fact| format!("person.{fact}"));
    assert_eq!(kinds, expected);
}

async fn each_refusal_of_an_address_has_its_code(world: &mut World) {
    let none = world.organization_without_domain("nodomain").await;
    let server = organization(world, "server-only", "server.example", &["server"]).await;
    let off = organization(world, "off", "off.example", &["client"]).await;
    _ = world.api().post("/api/v1/domains/name:off.example/deactivate", &json!({})).await.expect(200);
    for (client, host, code) in [
        (&none, "nodomain.example", "organization_without_domain"),
        (&server, "elsewhere.example", "domain_not_delegated"),
        (&server, "mail.server.example", "certificate_type_not_allowed"),
        (&off, "off.example", "domain_inactive"),
    ] {
        let person = json!({"email": format!("a@{host}"), "firstName": "A", "lastName": "B"});
        let problem = client.post(PEOPLE, &person).await.expect(422).json();
        let error = &problem["errors"][0];
        assert_eq!((&error["code"], &error["pointer"]), (&json!(code), &json!("#/email")), "{problem}");
    }
    // Further addresses are judged, too, and everything is told at once.
    _ = world.api().post("/api/v1/domains/name:off.example/activate", &json!({})).await.expect(200);
    let person = json!({"email": "a@off.example", "firstName": "A", "lastName": "B",
        "alternativeEmails": ["b@off.example", "b@elsewhere.example", "c@server.example"]});
    let problem = off.post(PEOPLE, &person).await.expect(422).json();
    let pointers: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["#/alternativeEmails/1", "#/alternativeEmails/2"], "{problem}");
    let wrong = json!({"email": "a", "firstName": "", "lastName": "B\u{7}"});
    let problem = off.post(PEOPLE, &wrong).await.expect(422).json();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    let dry = json!({"email": "a@off.example", "firstName": "A", "lastName": "B"});
    let dry = off.post(&format!("{PEOPLE}?dryRun=true"), &dry).await.expect(200).json();
    assert_eq!(dry["wouldChange"], true);
    assert_eq!(fresh(world, &off, PEOPLE).await.expect(200).json()["items"], json!([]));
}

async fn nobody_sees_people_beyond_their_reach(world: &mut World) {
    let ours = organization(world, "ours", "ours.example", &["client", "server"]).await;
    let theirs = organization(world, "theirs", "theirs.example", &["client"]).await;
    let person = json!({"email": "a@theirs.example", "firstName": "A", "lastName": "B"});
    let person = theirs.post(PEOPLE, &person).await.expect(201).json();
    let path = format!("{PEOPLE}/{}", id(&person));
    _ = fresh(world, &ours, &path).await.expect(404);
    _ = call(&ours, "PATCH", &path, Some(&json!({"lastName": "C"}))).await.expect(404);
    _ = call(&ours, "POST", &format!("{path}/erase"), None).await.expect(404);
    let foreign = json!({"organization": "name:theirs", "email": "b@theirs.example", "firstName": "A", "lastName": "B"});
    _ = ours.post(PEOPLE, &foreign).await.expect(404);
    // A master adds people anywhere.
    let theirs_too = world.api().post(PEOPLE, &foreign).await.expect(201).json();
    assert_eq!(theirs_too["organizationId"], person["organizationId"]);
    let list = fresh(world, &ours, PEOPLE).await.expect(200).json();
    assert_eq!(list["items"], json!([]));
}

async fn certificates_of_a_person_carry_their_addresses(world: &mut World) {
    let client = organization(world, "mailers", "mailers.example", &["client", "server"]).await;
    let person = json!({"email": "Eve@mailers.example", "firstName": "Eve", "lastName": "Mailer",
        "alternativeEmails": ["e.mailer@mailers.example"]});
    let person = client.post(PEOPLE, &person).await.expect(201).json();
    _ = client.post("/api/v1/profiles", &json!({"name": "people", "type": "client"})).await.expect(201);
    let ask = async |email: &str, profile: &str| {
        let names = format!("subjectAltName=email:{email}");
        let csr = csr(&[P256, &["-subj", "/CN=Eve", "-addext", &names]].concat());
        let body = json!({"csr": csr.pem, "profile": profile});
        let made = client.post("/api/v1/certificate-requests", &body).await.expect(201).json();
        made["certificateId"].as_str().unwrap().to_owned()
    };
    let first = ask("eve@mailers.example", "name:people").await;
    let second = ask("e.mailer@mailers.example", "name:people").await;
    _ = ask("other@mailers.example", "name:people").await;
    _ = ask("eve@mailers.example", "name:default").await;
    let path = format!("{PEOPLE}/{}/certificates?sort=createdAt", id(&person));
    let list = fresh(world, &client, &path).await.expect(200).json();
    let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(id).collect();
    assert_eq!(ids, [first, second], "client certificates with one of the addresses, and no others");
}

async fn a_repeat_finds_the_same_person(world: &mut World) {
    let client = organization(world, "repeats", "repeats.example", &["client"]).await;
    let person = json!({"email": "a@repeats.example", "firstName": "A", "lastName": "B", "secretId": "x"});
    let key = [("idempotency-key", "one")];
    let first = client.post_with(PEOPLE, &key, &person).await.expect(201);
    let again = client.post_with(PEOPLE, &key, &person).await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.json(), again.json());
    let other = json!({"email": "b@repeats.example", "firstName": "A", "lastName": "B"});
    let refused = client.post_with(PEOPLE, &key, &other).await.expect(422).json();
    assert_eq!(refused["code"], "idempotency_key_reused");
    // What was kept for somebody the log never heard of is taken over.
    let orphan = "insert into directory.person_details (id, organization, email, first_name, last_name, \
                  alternative_emails) select gen_random_uuid(), organization, 'orphan@repeats.example', 'x', 'x', '{}' \
                  from directory.person_details where email = 'a@repeats.example'";
    _ = world.admin().await.execute(orphan, &[]).await.unwrap();
    let orphan = json!({"email": "orphan@repeats.example", "firstName": "O", "lastName": "P"});
    assert_eq!(client.post(PEOPLE, &orphan).await.expect(201).json()["firstName"], "O");
}

async fn the_command_line_does_all_of_it(world: &mut World) {
    _ = organization(world, "cli", "cli.example", &["client"]).await;
    let add =
        ["person", "add", "a@cli.example", "--first-name", "Cleo", "--last-name", "Line", "--org", "cli"];
    let added =
        world.cli(&[&add[..], &["--alternative-email", "b@cli.example", "-o", "json"]].concat()).await;
    let added: Value = serde_json::from_str(&added.done()).unwrap();
    assert_eq!(added["alternativeEmails"], json!(["b@cli.example"]));
    let person = id(&added);
    let updated =
        world.cli(&["person", "update", &person, "--last-name", "Liner", "-o", "json"]).await.done();
    assert!(updated.contains("Liner"), "{updated}");
    for action in ["archive", "restore"] {
        _ = world.cli(&["person", action, &person]).await.done();
    }
    _ = fresh(world, &world.api(), PEOPLE).await.expect(200);
    let listed = world.cli(&["person", "list", "--filter", "lastName=Liner"]).await.done();
    assert!(listed.contains("a@cli.example"), "{listed}");
    let timeline = world.cli(&["person", "timeline", &person]).await.done();
    assert!(timeline.contains("person.restored"), "{timeline}");
    _ = world.cli(&["person", "certificates", &person]).await.done();
    let erased = world.cli(&["person", "erase", &person, "--yes", "-o", "json"]).await.done();
    assert!(erased.contains("\"erased\"") && !erased.contains("Liner"), "{erased}");
}

async fn who_a_person_was_is_erased(world: &mut World) {
    let client = organization(world, "erasers", "erasers.example", &["client"]).await;
    let person = json!({"email": "mustermann@erasers.example", "firstName": "Xaverl", "middleName": "Qwertz",
        "lastName": "Mustermannin", "alternativeEmails": ["xm@erasers.example"], "secretId": "geheimwort"});
    let person = client.post(PEOPLE, &person).await.expect(201).json();
    let path = format!("{PEOPLE}/{}", id(&person));
    _ = call(&client, "PATCH", &path, Some(&json!({"firstName": "Xaverlina"}))).await.expect(200);
    let marks = ["mustermann", "xaverl", "qwertz", "xm@erasers.example", "geheimwort"];
    assert!(!found(world, &marks).await.is_empty(), "somewhere there has to be what is to go");
    _ = fresh(world, &client, &path).await.expect(200);

    let erased = call(&client, "POST", &format!("{path}/erase"), None).await.expect(200).json();
    assert_eq!(
        (&erased["status"], &erased["email"], &erased["lastName"]),
        (&json!("erased"), &json!(null), &json!(null))
    );
    assert_eq!(found(world, &marks).await, Vec::<String>::new());
    let again = call(&client, "POST", &format!("{path}/erase"), None).await.expect(200).json();
    assert_eq!(again["version"], erased["version"]);
    // What happened stays, by id; the address is free again.
    assert_eq!(fresh(world, &client, &path).await.expect(200).json(), erased);
    let events = client.get(&format!("{path}/timeline")).await.expect(200).json();
    assert_eq!(events["items"].as_array().unwrap().len(), 3);
    let other = json!({"email": "mustermann@erasers.example", "firstName": "Somebody", "lastName": "Else"});
    assert_ne!(id(&client.post(PEOPLE, &other).await.expect(201).json()), id(&person));
}

/// The tables in which any of these texts stands, whatever its case.
async fn found(world: &World, texts: &[&str]) -> Vec<String> {
    let admin = world.admin().await;
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables \
                  where schemaname not in ('pg_catalog', 'information_schema')";
    let mut found = vec![];
    for row in admin.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let any =
            texts.iter().map(|text| format!("t::text ilike '%{text}%'")).collect::<Vec<_>>().join(" or ");
        let look = format!("select exists (select from {table} t where {any})");
        if admin.query_one(&look, &[]).await.unwrap().get(0) {
            found.push(table);
        }
    }
    found
}

/// A thousand persons, seven of whom cannot be added; and the lines of those.
fn thousand() -> (String, Vec<u64>) {
    let mut file = String::from("email,firstName,lastName,alternativeEmails\n");
    let mut wrong = vec![];
    for number in 0..1_000 {
        let line = number + 2;
        let text = match number {
            17 => format!("p{number}@elsewhere.example,A,B,"),
            101 => format!("p{number}@import.example,=cmd,B,"),
            230 => format!("p{number}@import.example,\"A,B,"),
            444 => "p5@import.example,A,B,".to_owned(),
            600 => format!("p{number}@import.example,,B,"),
            777 => format!("p{number}@import.example,A,B,x@elsewhere.example"),
            999 => format!("p{number}@import.example,A,B"),
            _ => format!("p{number}@import.example,First{number},Last{number},"),
        };
        if !text.contains(",First") {
            wrong.push(line);
        }
        file.push_str(&text);
        file.push('\n');
    }
    (file, wrong)
}

async fn upload(client: &Https, query: &str, headers: &[(&str, &str)], file: impl Into<Bytes>) -> Answer {
    let headers = [headers, &[("content-type", "text/csv"), ("prefer", "wait=60")]].concat();
    client.request(Method::POST, &format!("{PEOPLE}/import{query}"), &headers, file.into()).await.unwrap()
}

/// Added, existing, refused, and the lines that are told of.
fn counts(import: &Value) -> (u64, u64, u64, Vec<u64>) {
    let count = |name: &str| import[name].as_u64().unwrap();
    let lines = import["errors"].as_array().unwrap().iter().map(|error| error["line"].as_u64().unwrap());
    let mut lines: Vec<u64> = lines.collect();
    lines.sort_unstable();
    (count("added"), count("existing"), count("refused"), lines)
}

async fn a_thousand_lines_are_judged_imported_and_known_again(world: &mut World) {
    let client = organization(world, "imports", "import.example", &["client"]).await;
    let (file, wrong) = thousand();
    let preview = upload(&client, "?dryRun=true", &[], file.clone()).await.expect(200).json();
    assert_eq!(counts(&preview), (993, 0, 7, wrong.clone()), "{preview}");
    assert_eq!(preview["id"], json!(null));
    let none = fresh(world, &client, PEOPLE).await.expect(200).json();
    assert_eq!(none["items"], json!([]), "a preview keeps nothing");

    let key = [("idempotency-key", "all of them")];
    let first = upload(&client, "", &key, file.clone()).await.expect(200).json();
    assert_eq!(counts(&first), (993, 0, 7, wrong.clone()), "{first}");
    assert_eq!((&first["lines"], &first["done"]), (&json!(1000), &json!(1000)));
    let kept = "select count(*) from directory.person_details where email like 'p%@import.example'";
    let kept: i64 = world.admin().await.query_one(kept, &[]).await.unwrap().get(0);
    assert_eq!(kept, 993);
    let again = upload(&client, "", &key, file.clone()).await.expect(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json(), first);
    let other = upload(&client, "", &[], file.clone()).await.expect(200).json();
    assert_eq!(counts(&other), (0, 993, 7, wrong), "the same file again: nobody new");
    let reused = upload(&client, "", &key, "email,firstName,lastName\nz@import.example,Z,Z\n").await;
    assert_eq!(reused.expect(422).json()["code"], "idempotency_key_reused");

    let operation = format!("/api/v1/operations/{}", id(&first));
    let operation = client.get(&operation).await.expect(200).json();
    assert_eq!(
        operation["progress"],
        json!({"done": 1000, "total": 1000, "unit": "lines", "message": "1000 of 1000 lines"})
    );
    let path = operation["resource"]["path"].as_str().unwrap();
    assert_eq!(client.get(path).await.expect(200).json(), first);
    // Whose it is not, for them it is not there.
    let strangers = world.new_token(json!({"name": "shop", "organization": "name:people"})).await.1;
    _ = strangers.get(path).await.expect(404);
    let waiting = "select count(*) from directory.person_import_part";
    let waiting: i64 = world.admin().await.query_one(waiting, &[]).await.unwrap().get(0);
    assert_eq!(waiting, 0, "no line is kept longer than it is needed");
}

async fn a_file_that_cannot_be_read_brings_nothing(world: &mut World) {
    let client = world.new_token(json!({"name": "imports-2", "organization": "name:imports"})).await.1;
    for file in ["", "nonsense\n", "email,firstName\n", "email,firstName,lastName,email\n"] {
        let problem = upload(&client, "", &[], file).await.expect(422).json();
        assert_eq!(problem["code"], "validation_failed", "{file:?}");
    }
    let utf_16: Vec<u8> = "email,firstName,lastName\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let problem = upload(&client, "", &[], utf_16).await.expect(422).json();
    assert_eq!(problem["errors"][0]["code"], "wrong_encoding");
    let large = vec![b'x'; 50 << 20];
    let sent =
        client.request(Method::POST, "/api/v1/people/import", &[("content-type", "text/csv")], large.into());
    // Whoever sends that much is answered, or cut off while sending.
    if let Ok(answer) = sent.await {
        assert_eq!(answer.expect(413).json()["code"], "payload_too_large");
    }
    let headers = [("content-type", "application/json")];
    let wrong = client.request(Method::POST, "/api/v1/people/import", &headers, "{}".into()).await.unwrap();
    _ = wrong.expect(415);
    let mixed = b"email,firstName,lastName\nq1@import.example,Andr\xe9,B\nq2@import.example,A\0,B\nq3@import.example,A,B\n";
    let import = upload(&client, "", &[], mixed.to_vec()).await.expect(200).json();
    assert_eq!(counts(&import), (1, 0, 2, vec![2, 3]), "{import}");
}

async fn an_import_that_was_cut_off_goes_on(world: &mut World) {
    let client = world.new_token(json!({"name": "imports-3", "organization": "name:imports"})).await.1;
    let lines = (0..3_000).map(|number| format!("cut{number}@import.example,A,B\n")).collect::<String>();
    let file = format!("email,firstName,lastName\n{lines}");
    let headers = [("idempotency-key", "cut off"), ("prefer", "wait=0"), ("content-type", "text/csv")];
    let send =
        async || client.request(Method::POST, "/api/v1/people/import", &headers, file.clone().into()).await;
    let begun = send().await.unwrap();
    assert!([200, 202].contains(&begun.status.as_u16()), "{}", begun.text());
    world.kill();
    world.start().await;
    let done = eventually("it is done", async || {
        let answer = send().await.ok()?;
        (answer.status == 200).then(|| answer.json()).filter(|import| import["status"] == "done")
    })
    .await;
    assert_eq!(counts(&done), (3_000, 0, 0, vec![]), "{done}");
    let twice =
        "select count(*), count(distinct lower(email)) from directory.person_details where email like 'cut%'";
    let row = world.admin().await.query_one(twice, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (3_000, 3_000));
    let added = "select count(*) from log.event where type = 'person.added' and correlation_id = \
                 (select id from directory.person_import where lines = 3000)";
    assert_eq!(world.admin().await.query_one(added, &[]).await.unwrap().get::<_, i64>(0), 3_000);
}

async fn a_file_is_imported_on_the_command_line(world: &mut World) {
    let file = world.data_dir().join("people.csv");
    let lines = "E-mail;x\n";
    std::fs::write(&file, lines).unwrap();
    let name = file.display().to_string();
    assert_eq!(world.cli(&["person", "import", &name]).await.code, 5);
    std::fs::write(
        &file,
        "E-Mail,First Name,Last Name,Organization\nc1@import.example,C,D,imports\n-c2@x.example,C,D,\n",
    )
    .unwrap();
    let preview = world.cli(&["person", "import", &name, "--dry-run"]).await.done();
    assert!(preview.contains("formula") && preview.contains("ADDED"), "{preview}");
    let import = world.cli(&["person", "import", &name, "-o", "json"]).await.done();
    let import: Value = serde_json::from_str(&import).unwrap();
    assert_eq!(counts(&import), (1, 0, 1, vec![3]));
}
