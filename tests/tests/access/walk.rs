//! The walk: every operation of the OpenAPI document by every kind of caller, on things of their department, of another
//! department, and of another organization; without a token, and with tokens that are expired, revoked or too narrow.
//! `tests/access.md` says what is to come of it; an operation without a row fails. Everything that would change something
//! is a dry run.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, time::Duration};

use chancery_tests::{
    browser::Browser,
    subscriber::p256,
    world::{World, eventually},
};
use serde_json::{Value, json};
use testkit::Https;

use super::cast::{appoint, call, certificate, home, id, make, settled, somebody, token};

/// The things a caller comes upon, by the name their path has for them.
type Things = BTreeMap<&'static str, String>;

/// Where the things are.
struct Places {
    /// In the callers' own department, asked for by the requester.
    own: Things,
    /// In another department of their organization.
    beside: Things,
    /// In another organization.
    foreign: Things,
}

impl Places {
    fn all(&self) -> [&Things; 3] {
        [&self.own, &self.beside, &self.foreign]
    }
}

/// What people do to themselves: no token with limits does it for them.
const IN_PERSON: [&str; 5] =
    ["updateMyProfile", "changeMyPassword", "enrolMyTotp", "confirmMyTotp", "removeMyTotp"];

/// The columns of the table.
const CALLERS: [&str; 7] =
    ["master", "officer", "client officer", "department officer", "auditor", "requester", "helpdesk"];

pub async fn every_operation_answers_everybody_as_the_table_says(world: &mut World) {
    let (callers, places) = stage(world).await;
    let strangers = strangers(world).await;
    let operations = operations(world).await;
    let session = master_session(world).await;
    let head = world.head().await;
    let mut walked = String::new();
    for operation in &operations {
        if operation.is_public {
            continue;
        }
        for (who, client, code) in &strangers {
            let answer = operation.call(client, &places.own).await;
            assert_eq!(answer.status, 401, "{who}: {}", operation.id);
            assert_eq!(answer.code, *code, "{who}: {}", operation.id);
        }
        if operation.id != "stepUp" {
            let outcome = operation.by(&session, &places.own).await;
            let (asked, told) = (operation.steps_up, outcome == "step_up_required");
            assert_eq!(told, asked, "a session that did not step up: {} {outcome}", operation.id);
        }
        let narrow = operation.answer(&too_narrow(world, operation).await, &places.own).await;
        let expected = match &*operation.id {
            "getCurrentSession" | "signOut" => '.', // a token is no session
            id if operation.permission.is_some() || IN_PERSON.contains(&id) => '-',
            _ => '+',
        };
        assert_eq!(narrow, expected, "too narrow: {}", operation.id);
        let mut row = vec![];
        for client in &callers {
            row.push(operation.marks(client, &places).await);
        }
        _ = writeln!(walked, "| {} | {} |", operation.id, row.join(" | "));
    }
    let table = table();
    for line in walked.lines() {
        assert!(
            table.contains(&line),
            "tests/access.md has another row, or none, for:\n{line}\nAll of them:\n{walked}"
        );
    }
    assert_eq!(
        table.len(),
        walked.lines().count(),
        "tests/access.md has rows of operations that are no more"
    );
    let changed =
        "select count(*) from log.event where position > $1 and category not in ('denial', 'audit', 'token')";
    let changed: i64 = world.admin().await.query_one(changed, &[&head]).await.unwrap().get(0);
    assert_eq!(changed, 0, "the walk changes nothing");
}

/// The rows of the table.
fn table() -> Vec<&'static str> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("access.md");
    let text = fs::read_to_string(path).unwrap_or_default().leak();
    let rows =
        text.lines().filter(|line| line.matches(" | ").count() == 7 && !line.starts_with("| operation"));
    rows.collect()
}

/// One of the mails to a domain's administrators, once all of them are queued. They wait until mail is set up.
async fn mail_about_a_domain(client: &Https) -> String {
    let me = client.get("/api/v1/me").await.expect(200).json();
    let path = "/api/v1/notifications?kind=domain_validation";
    let queued = eventually("the mails about the domain are queued", async || {
        let items = client.get(path).await.expect(200).json()["items"].as_array().unwrap().clone();
        let ours = items.into_iter().filter(|item| item["organizationId"] == me["organizationId"]);
        Some(ours.collect::<Vec<_>>()).filter(|ours| ours.len() == 5)
    });
    id(&queued.await[0])
}

/// Everybody and everything.
async fn stage(world: &World) -> (Vec<Https>, Places) {
    let api = world.api();
    let ours = home(world).await;
    let departments = format!("organizations/{ours}/departments");
    let web = make(&api, &departments, json!({"name": "web"})).await;
    let mail = make(&api, &departments, json!({"name": "mail"})).await;
    let there = make(&api, "organizations", json!({"name": "there"})).await;
    let abroad = make(&api, &format!("organizations/{there}/departments"), json!({"name": "abroad"})).await;
    let helpdesk = json!({"name": "helpdesk", "organization": ours,
        "permissions": ["certificate.read", "certificate.write", "token.read"]});
    let helpdesk = make(&api, "roles", helpdesk).await;
    let foreign_role = json!({"name": "theirs", "organization": there, "permissions": ["certificate.read"]});
    let foreign_role = make(&api, "roles", foreign_role).await;

    let in_web = |role: &str| json!([{"role": role, "organization": ours, "department": web}]);
    let in_ours = |role: &str| json!([{"role": role, "organization": ours}]);
    let client_only =
        json!([{"role": "organization_officer", "organization": ours, "certificateTypes": ["client"]}]);
    let provider = async |name: &str, organization: &str| {
        let groups = json!([{"group": "all", "grant": {"role": "requester"}}]);
        let provider = json!({"name": name, "organization": organization, "issuer": "https://login.example.com",
            "clientId": "chancery", "clientSecret": "correct horse", "groups": groups});
        make(&api, "identity-providers", provider).await
    };
    let (our_provider, their_provider) = (provider("ours", &ours).await, provider("theirs", &there).await);

    let (rita, requester) = somebody(world, "rita", in_web("requester")).await;
    let callers = vec![
        api.clone(),
        somebody(world, "oscar", in_ours("organization_officer")).await.1,
        somebody(world, "clara", client_only).await.1,
        somebody(world, "dora", in_web("department_officer")).await.1,
        somebody(world, "aldo", in_ours("auditor")).await.1,
        requester.clone(),
        somebody(world, "hanna", in_web(&helpdesk)).await.1,
    ];
    let worker = async |name: &str, organization: &str, department: &str| {
        let grant = json!([{"role": "requester", "organization": organization, "department": department}]);
        let administrator = appoint(&api, name, grant).await;
        let body = json!({"name": name, "administrator": administrator});
        (administrator, token(&api, body).await)
    };
    let session =
        async |name: &str, administrator: &str| Browser::of(world, administrator, name).await.session().await;
    let (ann, _) = worker("ann", &ours, &web).await;
    let (mark, (marks, marks_client)) = worker("mark", &ours, &mail).await;
    let (olga, (olgas, abroad_client)) = worker("olga", &there, &abroad).await;
    let (anns, mark_s, olga_s) =
        (session("ann", &ann).await, session("mark", &mark).await, session("olga", &olga).await);
    let spare = token(&api, json!({"name": "spare", "administrator": rita})).await.0;
    let foreign_master = token(&api, json!({"name": "there", "organization": there})).await.1;

    let own = certificate(&requester, None).await;
    let beside = certificate(&api, Some(&mail)).await;
    let foreign = certificate(&abroad_client, None).await;
    let whole = async |client: &Https, name: &str| {
        let known = json!({"spkiSha256": "0a".repeat(32), "reason": "a drill"});
        let known = call(client, "POST", "/api/v1/compromised-keys", Some(&known)).await.expect(200).json();
        Things::from([
            ("compromised-keys", id(&known)),
            ("keys", make(client, "keys", json!({"algorithm": "ecdsa_p256", "exportable": true})).await),
            ("cas", make(client, "cas", json!({"name": name, "kind": "root"})).await),
            ("policies", make(client, "policies", json!({"name": name})).await),
            ("views", make(client, "views", json!({"name": name, "shared": true})).await),
            ("trust-sets", make(client, "trust-sets", json!({"name": name})).await),
            ("profiles", make(client, "profiles", json!({"name": name})).await),
        ])
    };
    let (here, elsewhere) = (whole(&api, "walk").await, whole(&foreign_master, "walk").await);
    let ours_example = json!({"name": "ours.example", "delegateTo": [ours, web, mail]});
    let ours_example = make(&api, "domains", ours_example).await;
    let theirs_example = json!({"name": "theirs.example", "delegateTo": [there]});
    let theirs_example = make(&api, "domains", theirs_example).await;
    let person = async |email: &str, organization: &str, department: &str| {
        let person = json!({"email": email, "firstName": "A", "lastName": "B", "organization": organization,
            "department": department});
        make(&api, "people", person).await
    };
    let web_person = person("a@ours.example", &ours, &web).await;
    let mail_person = person("b@ours.example", &ours, &mail).await;
    let abroad_person = person("c@elsewhere.example", &there, &abroad).await;
    // By mail, so that nothing is looked for while the table is walked.
    let by_mail = json!({"method": "email"});
    let ours_validation = make(&api, &format!("domains/{ours_example}/validations"), by_mail).await;
    let by_mail = json!({"method": "email", "organization": there});
    let theirs_validation = make(&api, &format!("domains/{theirs_example}/validations"), by_mail).await;
    let (mail_here, mail_there) =
        (mail_about_a_domain(&api).await, mail_about_a_domain(&foreign_master).await);
    let import = async |client: &Https, email: &str| {
        id(&upload(client, "/api/v1/people/import", email).await.expect(200).json())
    };
    let import_here = import(&api, "d@ours.example").await;
    let import_there = import(&foreign_master, "e@elsewhere.example").await;
    let things = async |whole: &Things, request: &Value, parts: [(&'static str, &String); 16]| {
        let certificate = request["certificateId"].as_str().unwrap().to_owned();
        let events = format!("/api/v1/events?subject={}", id(request));
        let events = api.get(&events).await.expect(200).json();
        let operation = events["items"][0]["correlationid"].as_str().unwrap().to_owned();
        let mut things = whole.clone();
        things.extend(parts.map(|(kind, id)| (kind, id.clone())));
        things.extend([("documents", document(&api, &certificate).await)]);
        things.extend([("certificates", certificate), ("operations", operation)]);
        things.extend([("certificate-requests", id(request)), ("cert-manager", id(request))]);
        things
    };
    // What waits for approval, each asked for by who works there.
    let guarded = json!({"name": "guarded", "approval": {"required": 1}});
    for client in [&api, &foreign_master] {
        _ = make(client, "profiles", guarded.clone()).await;
    }
    let (own_approval, beside_approval, foreign_approval) =
        (waiting(&requester).await, waiting(&marks_client).await, waiting(&abroad_client).await);
    // What their administrators sign in with.
    let shown = async |administrator: &str, digit: &str| {
        let sha256 = digit.repeat(64);
        let path = format!("/api/v1/admins/{administrator}/certificates");
        _ = call(&api, "POST", &path, Some(&json!({"sha256": sha256}))).await.expect(201);
        sha256
    };
    let (anns_card, marks_card, olgas_card) =
        (shown(&ann, "a").await, shown(&mark, "b").await, shown(&olga, "c").await);
    let places = Places {
        own: things(
            &here,
            &own,
            [
                ("organizations", &ours),
                ("departments", &web),
                ("domains", &ours_example),
                ("delegations", &web),
                ("validations", &ours_validation),
                ("domain-validations", &ours_validation),
                ("notifications", &mail_here),
                ("admins", &ann),
                ("admin-certificates", &anns_card),
                ("people", &web_person),
                ("sessions", &anns),
                ("imports", &import_here),
                ("approvals", &own_approval),
                ("tokens", &spare),
                ("roles", &helpdesk),
                ("identity-providers", &our_provider),
            ],
        )
        .await,
        beside: things(
            &here,
            &beside,
            [
                ("organizations", &ours),
                ("departments", &mail),
                ("domains", &ours_example),
                ("delegations", &mail),
                ("validations", &ours_validation),
                ("domain-validations", &ours_validation),
                ("notifications", &mail_here),
                ("admins", &mark),
                ("admin-certificates", &marks_card),
                ("people", &mail_person),
                ("sessions", &mark_s),
                ("imports", &import_here),
                ("approvals", &beside_approval),
                ("tokens", &marks),
                ("roles", &helpdesk),
                ("identity-providers", &our_provider),
            ],
        )
        .await,
        foreign: things(
            &elsewhere,
            &foreign,
            [
                ("organizations", &there),
                ("departments", &abroad),
                ("domains", &theirs_example),
                ("delegations", &there),
                ("validations", &theirs_validation),
                ("domain-validations", &theirs_validation),
                ("notifications", &mail_there),
                ("admins", &olga),
                ("admin-certificates", &olgas_card),
                ("people", &abroad_person),
                ("sessions", &olga_s),
                ("imports", &import_there),
                ("approvals", &foreign_approval),
                ("tokens", &olgas),
                ("roles", &foreign_role),
                ("identity-providers", &their_provider),
            ],
        )
        .await,
    };
    settled(world).await;
    (callers, places)
}

/// Keeps a file with a certificate.
async fn document(client: &Https, certificate: &str) -> String {
    let path = format!("/api/v1/certificates/{certificate}/documents?name=walk.txt");
    let headers = [("content-type", "application/octet-stream")];
    id(&client.request(http::Method::POST, &path, &headers, "walk".into()).await.unwrap().expect(201).json())
}

/// Imports somebody with this address from a file.
async fn upload(client: &Https, path: &str, email: &str) -> testkit::Answer {
    let file = format!("email,firstName,lastName\n{email},A,B\n");
    let headers = [("content-type", "text/csv"), ("prefer", "wait=30")];
    client.request(http::Method::POST, path, &headers, file.into()).await.unwrap()
}

/// Asks for a certificate that needs approval, and says which one it waits for.
async fn waiting(client: &Https) -> String {
    let body = json!({"profile": "name:guarded", "csr": p256("walk.example.com").pem});
    let operation =
        call(client, "POST", "/api/v1/certificate-requests", Some(&body)).await.expect(202).json();
    let path = operation["resource"]["path"].as_str().unwrap().to_owned();
    let look = async || {
        let request = client.get(&path).await;
        let approval = request.json()["approval"]["approvalId"].as_str()?.to_owned();
        let shown = client.get(&format!("/api/v1/approvals/{approval}")).await;
        (shown.status.as_u16() == 200).then_some(approval)
    };
    chancery_tests::world::eventually("the approval is recorded", look).await
}

/// Nobody, and those whose tokens are worth nothing any more, with the code they get.
async fn strangers(world: &World) -> Vec<(&'static str, Https, &'static str)> {
    let api = world.api();
    let short = token(&api, json!({"name": "short", "ttl": "1s"})).await.1;
    let (revoked, gone) = token(&api, json!({"name": "gone"})).await;
    _ = call(&api, "DELETE", &format!("/api/v1/tokens/{revoked}"), None).await.expect(200);
    for (client, code) in [(&short, "token_expired"), (&gone, "unauthenticated")] {
        let refused = async || (client.get("/api/v1/me").await.json()["code"] == code).then_some(());
        eventually("the token is worth nothing", refused).await;
    }
    let forged = api.with_token(Some("chy_01jdp4q2x8f7mb3v5kz6n9w0ae_00_00000000"));
    vec![
        ("nobody", api.with_token(None), "unauthenticated"),
        ("forged", forged, "unauthenticated"),
        ("expired", short, "token_expired"),
        ("revoked", gone, "unauthenticated"),
    ]
}

/// A master in a session, who has not proved of late who they are.
async fn master_session(world: &World) -> Browser {
    let grants = json!([{"role": "master"}]);
    let master = appoint(&world.api(), "manuela", grants).await;
    Browser::of(world, &master, "manuela").await
}

/// A master whose token carries everything but what an operation needs.
async fn too_narrow(world: &World, operation: &Operation) -> Https {
    let all = world.api().get("/api/v1/me").await.expect(200).json();
    let others = all["permissions"].as_array().unwrap().iter();
    let others: Vec<_> = others.filter(|one| one.as_str() != operation.permission.as_deref()).collect();
    token(&world.api(), json!({"name": "narrow", "ttl": "1h", "scope": {"permissions": others}})).await.1
}

/// An operation of the served OpenAPI document.
struct Operation {
    id: String,
    method: String,
    path: String,
    body: Option<Value>,
    permission: Option<String>,
    is_public: bool,
    takes_dry_run: bool,
    takes_limit: bool,
    steps_up: bool,
}

/// What came of a call.
struct Outcome {
    status: u16,
    code: String,
    text: String,
}

impl Operation {
    /// `+` done or refused for another reason than rights, `-` refused (403), `.` it does not exist for the caller (404), on
    /// things of each place; one mark where an operation is about no thing. Lists: whether they show the thing.
    async fn marks(&self, client: &Https, places: &Places) -> String {
        let last = self.path.rsplit('/').next().unwrap();
        let collection = of_administrators(&self.path, last).to_owned();
        let lists = self.id.starts_with("list");
        let about_something =
            self.path.contains('{') || lists && !matches!(self.id.as_str(), "listAudit" | "listReports");
        let mut marks = String::new();
        for things in places.all() {
            let mark = match things
                .get(collection.as_str())
                .filter(|_| lists && !ABOUT_OTHERS.contains(&self.id.as_str()))
            {
                Some(thing) => self.shows(client, things, thing).await,
                None if self.id == "listEvents" => self.tells(client, things).await,
                None => self.answer(client, things).await,
            };
            marks.push(mark);
            if !about_something {
                break;
            }
        }
        marks
    }

    async fn answer(&self, client: &Https, things: &Things) -> char {
        let outcome = self.call(client, things).await;
        match outcome.status {
            200..=299 | 400 | 409 | 422 => '+',
            403 => '-',
            404 => '.',
            other => panic!("{}: {other} {}", self.id, outcome.text),
        }
    }

    async fn shows(&self, client: &Https, things: &Things, thing: &str) -> char {
        let limit = if self.takes_limit { "?limit=200" } else { "" };
        let outcome = self.call_at(client, &format!("{}{limit}", self.at(things)), things).await;
        match outcome.status {
            200 if outcome.text.contains(thing) => '+',
            200 | 404 => '.',
            403 => '-',
            other => panic!("{}: {other} {}", self.id, outcome.text),
        }
    }

    /// Whether events about the certificate are told.
    async fn tells(&self, client: &Https, things: &Things) -> char {
        let path = format!("{}?subject={}", self.path, things["certificates"]);
        let outcome = self.call_at(client, &path, things).await;
        match outcome.status {
            200 if outcome.text.contains("certificate.issued") => '+',
            200 => '.',
            403 => '-',
            other => panic!("{}: {other} {}", self.id, outcome.text),
        }
    }

    /// The code that a session gets, if any.
    async fn by(&self, session: &Browser, things: &Things) -> String {
        let dry = if self.takes_dry_run { "?dryRun=true" } else { "" };
        let (path, body) = (format!("{}{dry}", self.at(things)), self.body_about(things));
        let answer = session.request(&self.method, &path, body.as_ref());
        let Ok(answer) = tokio::time::timeout(Duration::from_secs(2), answer).await else {
            return String::new();
        };
        let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }

    async fn call(&self, client: &Https, things: &Things) -> Outcome {
        let dry = if self.takes_dry_run { "?dryRun=true" } else { "" };
        self.call_at(client, &format!("{}{dry}", self.at(things)), things).await
    }

    async fn call_at(&self, client: &Https, path: &str, things: &Things) -> Outcome {
        let body = self.body_about(things);
        let answer = async {
            match self.id.as_str() {
                "importPeople" => upload(client, path, "new@ours.example").await,
                "addCertificateDocument" => {
                    let headers = [("content-type", "application/octet-stream")];
                    client.request(http::Method::POST, path, &headers, "walk".into()).await.unwrap()
                }
                _ => call(client, &self.method, path, body.as_ref()).await,
            }
        };
        // Server-sent events have no end.
        match tokio::time::timeout(Duration::from_secs(2), answer).await {
            Ok(answer) => {
                let text = answer.text();
                let problem: Value = serde_json::from_str(&text).unwrap_or_default();
                let code = problem["code"].as_str().unwrap_or_default().to_owned();
                Outcome { status: answer.status.as_u16(), code, text }
            }
            Err(_) if self.id == "streamEvents" => {
                Outcome { status: 200, code: String::new(), text: String::new() }
            }
            Err(_) => panic!("{} does not answer", self.id),
        }
    }

    /// The path to these things.
    fn at(&self, things: &Things) -> String {
        let mut path = self.path.clone();
        while let Some((before, rest)) = path.clone().split_once('{') {
            let after = rest.split_once('}').unwrap().1;
            let steps: Vec<_> = before.trim_end_matches('/').split('/').collect();
            let kind = if self.path.contains("cert-manager") {
                "cert-manager"
            } else {
                of_administrators(&self.path, steps[steps.len() - 1])
            };
            let thing = things.get(kind).unwrap_or_else(|| panic!("no {kind} for {}", self.path));
            path = format!("{before}{thing}{after}");
        }
        path
    }

    /// The document's example, or what says more: what is asked for has to be good enough to be judged.
    fn body_about(&self, things: &Things) -> Option<Value> {
        let csr = || json!({"csr": p256("walk.example.com").pem});
        Some(match self.id.as_str() {
            "submitCertificateRequest" | "validateCertificateRequest" => csr(),
            "issueCompatibleCertificate" => {
                json!({"profileId": things["profiles"], "csr": p256("walk.example.com").pem})
            }
            "createRole" => json!({"name": "walk", "organization": things["organizations"],
                "permissions": ["certificate.read"]}),
            "createIdentityProvider" => json!({"name": "walk", "organization": things["organizations"],
                "issuer": "https://login.example.com", "clientId": "walk", "clientSecret": "correct horse",
                "groups": [{"group": "all", "grant": {"role": "requester"}}]}),
            "delegateDomain" => json!({"delegateTo": things["delegations"]}),
            "createCa" => json!({"name": "another", "kind": "root"}),
            "createTrustSet" => json!({"name": "another"}),
            "createProfile" => json!({"name": "another"}),
            "createDepartment" => json!({"name": "another"}),
            "createOrganization" => json!({"name": "another"}),
            "addPerson" => json!({"email": "new@ours.example", "firstName": "A", "lastName": "B"}),
            "updateAdmin" => json!({"displayName": "Somebody"}),
            "appointAdmin" => json!({"name": "another", "grants": [{"role": "requester",
                "organization": things["organizations"], "department": things["departments"]}]}),
            _ => self.body.clone()?,
        })
    }
}

/// Lists of certificates that are not those that were issued here.
const ABOUT_OTHERS: [&str; 2] = ["listPersonCertificates", "listTrustSetCertificates"];

/// What administrators sign in with is called as what is issued.
fn of_administrators<'a>(path: &str, collection: &'a str) -> &'a str {
    let theirs = path.contains("/admins/") && collection == "certificates";
    if theirs { "admin-certificates" } else { collection }
}

async fn operations(world: &World) -> Vec<Operation> {
    let document = world.api().get("/api/v1/openapi.json").await.expect(200).json();
    let mut operations = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let content = &operation["requestBody"]["content"]["application/json"];
            let takes = |name: &str| {
                let parameters = operation["parameters"].as_array();
                parameters.into_iter().flatten().any(|parameter| parameter["name"] == name)
            };
            let security = operation.get("security").or(document.get("security"));
            let security = security.and_then(Value::as_array);
            operations.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                body: Some(content["example"].clone()).filter(|body| !body.is_null()),
                permission: operation["x-permission"].as_str().map(str::to_owned),
                is_public: security.is_none_or(|all| all.is_empty() || all.contains(&json!({}))),
                takes_dry_run: takes("dryRun"),
                takes_limit: takes("limit"),
                steps_up: operation["x-step-up"] == true,
            });
        }
    }
    assert!(operations.len() > 70, "{}", operations.len());
    assert_eq!(CALLERS.len(), 7);
    operations
}
