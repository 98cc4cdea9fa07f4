//! O13, I-17: twenty organizations share one installation, a hundred people use its API at random, with their own ids and
//! with everybody else's; no answer holds anything of another organization that was not in the question.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chancery_tests::{
    operations::{Operation, Things, send},
    subscriber::p256,
    world::{Mode, World, eventually},
};
use futures::{StreamExt as _, stream};
use http::Method;
use regex::Regex;
use runtime::entropy::{Entropy as _, SeededEntropy};
use serde_json::{Value, json};
use testkit::{Answer, Https};

const ORGANIZATIONS: usize = 20;
/// What each of them asks.
const QUESTIONS: usize = 25;
/// The same seed gives the same questions.
const SEED: u64 = 20_261_121;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_holds_what_is_another_organizations() {
    let world = World::start(Mode::OneProcess).await;
    let mut stage = Stage::default();
    for number in 0..ORGANIZATIONS {
        settle_in(&world, number, &mut stage).await;
    }
    let head = world.head().await.to_string();
    for path in ["certificates", "certificate-requests", "keys", "tokens", "domains", "admins"] {
        let (path, headers) = (format!("/api/v1/{path}"), [("chancery-min-position", head.as_str())]);
        _ = world.api().request(Method::GET, &path, &headers, Default::default()).await.unwrap().expect(200);
    }
    let operations = Operation::all(&world).await;
    let operations: Vec<_> = operations.into_iter().filter(|one| one.id != "streamEvents").collect();

    assert_eq!(stage.people.len(), 100);
    let asked = stream::iter(stage.people.iter().enumerate())
        .map(|(number, person)| ask_at_random(number as u64, person, &stage, &operations))
        .buffer_unordered(8);
    let statuses: Vec<u16> = asked.collect::<Vec<_>>().await.concat();

    let share = |class: u16| statuses.iter().filter(|status| **status / 100 == class).count();
    println!("seed {SEED}: {} answers, {} of them 2xx, {} 4xx", statuses.len(), share(2), share(4));
    assert_eq!(statuses.len(), 100 * QUESTIONS);
    assert_eq!(share(5), 0, "{statuses:?}");
    assert!(share(2) > statuses.len() / 5 && share(4) > statuses.len() / 5, "both happen");
    for person in stage.people.iter().step_by(5) {
        hears_of_its_own(person, &stage).await;
    }
}

#[test]
fn what_is_foreign_is_found() {
    let mut stage = Stage::default();
    stage.owners.insert("crt_01jdp4q2x8f7mb3v5kz6n9w0ae".into(), 4);
    let pem = p256(&host(4)).pem;
    for (question, answer, found) in [
        ("/api/v1/certificates", format!("{{\"name\":\"{}\"}}", mark(4)), true),
        ("/api/v1/certificates", format!("{{\"name\":\"{}\"}}", mark(3)), false),
        ("/api/v1/profiles/name:zq04zq", format!("there is no profile '{}'", mark(4)), false),
        ("/api/v1/certificates", "crt_01jdp4q2x8f7mb3v5kz6n9w0ae".into(), true),
        (
            "/api/v1/certificates/crt_01jdp4q2x8f7mb3v5kz6n9w0ae",
            "crt_01jdp4q2x8f7mb3v5kz6n9w0ae".into(),
            false,
        ),
        ("/api/v1/certificate-requests", json!({ "csr": pem }).to_string(), true),
        ("/api/v1/certificate-requests", json!({ "csr": p256(&host(3)).pem }).to_string(), false),
    ] {
        assert_eq!(!stage.foreign(3, question, &answer).is_empty(), found, "{question}: {answer}");
    }
}

/// The word that everything of an organization has in it.
fn mark(number: usize) -> String {
    format!("zq{number:02}zq")
}

/// The organization's domain.
fn domain(number: usize) -> String {
    format!("{}.example", mark(number))
}

/// A host under it.
fn host(number: usize) -> String {
    format!("www.{}", domain(number))
}

/// Everybody and everything.
#[derive(Default)]
struct Stage {
    people: Vec<Person>,
    /// Each organization's things.
    things: Vec<Things>,
    /// Whose an id is.
    owners: BTreeMap<String, usize>,
    /// Who asked for whose domain to be delegated to them: its name they know from then on.
    asked: Mutex<BTreeSet<(usize, usize)>>,
    /// What the people of an organization asked about: their auditor reads of it.
    questions: Mutex<BTreeMap<usize, String>>,
}

/// Somebody who works in an organization.
struct Person {
    organization: usize,
    client: Https,
}

impl Stage {
    /// What an answer to somebody of this organization holds of others, unless the question held it, too.
    fn foreign(&self, own: usize, question: &str, answer: &str) -> BTreeSet<String> {
        let (marks, ids) =
            (Regex::new("zq[0-9]{2}zq").unwrap(), Regex::new("[a-z]{2,5}_[0-9a-z]{26}").unwrap());
        let question = format!("{question}{}", unwrapped(question));
        let mut found = BTreeSet::new();
        let known = self
            .asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(who, _)| *who == own)
            .map(|(_, whose)| domain(*whose))
            .collect::<Vec<_>>();
        let without = |text: &str| known.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
        for text in [without(answer), without(&unwrapped(answer))] {
            let others = marks.find_iter(&text).map(|found| found.as_str()).filter(|word| *word != mark(own));
            found.extend(others.filter(|word| !question.contains(word)).map(str::to_owned));
        }
        let others = ids.find_iter(answer).map(|found| found.as_str());
        let others = others.filter(|id| self.owners.get(*id).is_some_and(|owner| *owner != own));
        let questions = self.questions.lock().unwrap();
        let colleagues = questions.get(&own).map_or("", String::as_str);
        let told = |id: &&str| question.contains(id) || colleagues.contains(id);
        found.extend(others.filter(|id| !told(id)).map(str::to_owned));
        found
    }
}

/// What stands in the PEM of an answer, as far as it is text.
fn unwrapped(answer: &str) -> String {
    let answer = answer.replace("\\n", "\n");
    let blocks = answer.split("-----").skip(2).step_by(4);
    let bytes = blocks.flat_map(|block| BASE64_STANDARD.decode(block.replace('\n', "")).unwrap_or_default());
    String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
}

/// An organization with five people in it, and one thing of each kind.
async fn settle_in(world: &World, number: usize, stage: &mut Stage) {
    let (api, mark) = (world.api(), mark(number));
    let make = async |client: &Https, path: &str, body: Value| -> String {
        let made = client.post(&format!("/api/v1/{path}"), &body).await.expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    };
    let organization = make(&api, "organizations", json!({"name": mark, "city": mark})).await;
    let departments = format!("organizations/{organization}/departments");
    let web = make(&api, &departments, json!({"name": format!("{mark}-web")})).await;
    let mail = make(&api, &departments, json!({"name": format!("{mark}-mail")})).await;
    let domain =
        json!({"name": self::domain(number), "description": mark, "delegateTo": [organization, web, mail]});
    let domain = make(&api, "domains", domain).await;
    let role = json!({"name": mark, "organization": organization, "permissions": ["certificate.read", "event.read"]});
    let role = make(&api, "roles", role).await;

    let mut people = vec![];
    let mut ids = vec![organization.clone(), web.clone(), mail.clone(), role.clone()];
    for (name, role, department) in [
        ("olga", "organization_officer", None),
        ("dora", "department_officer", Some(&web)),
        ("aldo", "auditor", None),
        ("rita", "requester", Some(&web)),
        ("mark", "requester", Some(&mail)),
    ] {
        let name = format!("{mark}-{name}");
        let grant = json!([{"role": role, "organization": organization, "department": department}]);
        let administrator =
            make(&api, "admins", json!({"name": name, "displayName": mark, "grants": grant})).await;
        let body = json!({"name": name, "administrator": administrator, "organization": organization});
        let token = api.post("/api/v1/tokens", &body).await.expect(201).json();
        let client = api.with_token(token["secret"].as_str());
        let known = async || client.get("/api/v1/me").await.status.is_success().then_some(());
        eventually("the token is known", known).await;
        ids.extend([administrator, token["id"].as_str().unwrap().to_owned()]);
        people.push(Person { organization: number, client });
    }
    let rita = &people[3].client;
    let request = json!({"csr": p256(&host(number)).pem, "labels": {"team": mark}, "note": mark});
    let request = rita.post("/api/v1/certificate-requests", &request).await.expect(201).json();
    let text = |field: &str| request[field].as_str().unwrap().to_owned();
    let own =
        api.post("/api/v1/tokens", &json!({"name": mark, "organization": organization})).await.expect(201);
    let master = api.with_token(own.json()["secret"].as_str());
    eventually("the token is known", async || {
        master.get("/api/v1/me").await.status.is_success().then_some(())
    })
    .await;
    let key = make(&master, "keys", json!({"algorithm": "ecdsa_p256", "label": mark})).await;
    let policy = make(&master, "policies", json!({"name": mark})).await;
    let profile = make(&master, "profiles", json!({"name": mark, "policy": policy})).await;
    let ca = make(&master, "cas", json!({"name": mark, "kind": "root"})).await;

    let things = [
        ("organizations", &organization),
        ("departments", &web),
        ("delegations", &web),
        ("domains", &domain),
        ("roles", &role),
        ("admins", &ids[5]),
        ("tokens", &ids[6]),
        ("certificates", &text("certificateId")),
        ("certificate-requests", &text("id")),
        ("keys", &key),
        ("policies", &policy),
        ("profiles", &profile),
        ("cas", &ca),
    ];
    let things: Things = things.into_iter().map(|(kind, id)| (kind.to_owned(), id.clone())).collect();
    // The id of a domain is told to whoever asks for it by its name.
    ids.extend(things.values().filter(|id| **id != domain).cloned());
    stage.owners.extend(ids.into_iter().map(|id| (id, number)));
    stage.things.push(things);
    stage.people.extend(people);
}

/// One person's questions: half of them about their own organization's things, half about anybody's.
async fn ask_at_random(number: u64, person: &Person, stage: &Stage, operations: &[Operation]) -> Vec<u16> {
    let entropy = SeededEntropy::new(SEED + number);
    let draw = |limit: usize| {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        (u64::from_be_bytes(bytes) % limit as u64) as usize
    };
    let mut statuses = vec![];
    for _ in 0..QUESTIONS {
        let other = if draw(2) == 0 { person.organization } else { draw(ORGANIZATIONS) };
        let things = &stage.things[other];
        let (method, path, body) = match draw(4) {
            0 => search(draw(8), other, things),
            1 => change(draw(7), other, person.organization, things),
            _ => {
                let operation = &operations[draw(operations.len())];
                let dry = if operation.takes_dry_run { "?dryRun=true" } else { "" };
                if operation.method != Method::GET && dry.is_empty() {
                    (Method::GET, "/api/v1/me".to_owned(), None)
                } else {
                    (
                        operation.method.clone(),
                        format!("{}{dry}", operation.at(things)),
                        operation.body.clone(),
                    )
                }
            }
        };
        if path.starts_with("/api/v1/domains/name:") {
            stage.asked.lock().unwrap().insert((person.organization, other));
        }
        let question = format!("{method} {path} {}", body.clone().unwrap_or_default());
        stage.questions.lock().unwrap().entry(person.organization).or_default().push_str(&question);
        let answer = send(&person.client, &method, &path, body.as_ref()).await;
        no_foreign_value(stage, person.organization, &question, &answer);
        statuses.push(answer.status.as_u16());
    }
    statuses
}

fn no_foreign_value(stage: &Stage, own: usize, question: &str, answer: &Answer) {
    let text = format!("{:?}\n{}", answer.headers, answer.text());
    let foreign = stage.foreign(own, question, &text);
    assert!(
        foreign.is_empty(),
        "seed {SEED}: somebody of {} reads {foreign:?}: {question}\n{text}",
        mark(own)
    );
}

/// Looking for things, among them those of another organization.
fn search(which: usize, other: usize, things: &Things) -> (Method, String, Option<Value>) {
    let (mark, organization) = (mark(other), &things["organizations"]);
    let path = match which {
        0 => format!("certificates?q={mark}"),
        1 => format!("certificates?labels.team={mark}&limit=200"),
        2 => format!("domains?organizationId={organization}"),
        3 => format!("admins?organizationId%5Bne%5D={organization}&limit=200"),
        4 => format!("certificate-requests?organizationId={organization}"),
        5 => format!("events?subject={}&limit=200", things["certificates"]),
        6 => format!("profiles/name:{mark}"),
        _ => format!("keys?label%5Bcontains%5D={mark}&limit=200"),
    };
    (Method::GET, format!("/api/v1/{path}"), None)
}

/// Changing things, among them those of another organization.
fn change(which: usize, other: usize, own: usize, things: &Things) -> (Method, String, Option<Value>) {
    let (theirs, ours) = (mark(other), mark(own));
    let (path, body) = match which {
        0 => ("certificate-requests".to_owned(), json!({"csr": p256(&host(other)).pem, "note": ours})),
        1 => (
            "certificate-requests".to_owned(),
            json!({"csr": p256(&host(own)).pem, "profile": things["profiles"]}),
        ),
        2 => {
            ("tokens".to_owned(), json!({"name": ours, "organization": things["organizations"], "ttl": "1h"}))
        }
        3 => (
            format!("organizations/{}/departments", things["organizations"]),
            json!({"name": format!("{ours}-more")}),
        ),
        4 => (
            format!("domains/name:{theirs}.example/delegations"),
            json!({"delegateTo": format!("name:{ours}"), "types": ["server"]}),
        ),
        5 => (
            "admins".to_owned(),
            json!({"name": format!("{ours}-new"), "grants": [{"role": "requester", "organization": things["organizations"]}]}),
        ),
        _ => ("keys".to_owned(), json!({"algorithm": "ecdsa_p256", "label": ours})),
    };
    (Method::POST, format!("/api/v1/{path}"), Some(body))
}

/// All events that somebody may read, from the first on.
async fn hears_of_its_own(person: &Person, stage: &Stage) {
    let mut path = "/api/v1/events?limit=200".to_owned();
    let mut told = 0;
    loop {
        let answer = person.client.get(&path).await.expect(200);
        no_foreign_value(stage, person.organization, "", &answer);
        let page = answer.json();
        told += page["items"].as_array().unwrap().len();
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/v1/events?limit=200&cursor={cursor}");
    }
    assert!(told > 0, "{} hears of its certificate", mark(person.organization));
}
