//! B3, B6: no private key lies anywhere outside the keystore: not in the database, not in JetStream, not in a log, not in
//! telemetry, not in the memory of another process. Beside another master key nothing opens.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    process::Command,
};

use chancery_tests::{
    canary::{Canary, Search, of_keystore},
    observed::jetstream,
    subscriber::{openssl, p256},
    tool::run_with,
    world::{Mode, World, eventually},
};
use contracts::Service;
use runtime::secrets::ADMIN_ROLE;
use serde_json::json;
use testkit::{OtlpReceiver, environment};

const ALGORITHMS: [&str; 7] =
    ["rsa_2048", "rsa_3072", "rsa_4096", "ecdsa_p256", "ecdsa_p384", "ecdsa_p521", "ed25519"];

/// A challenge password, as long as what is searched for at a time.
const CHALLENGE: &str = "xq7Wm2Zr9Lk4Vt8c";

/// What was written or is kept somewhere, under the name of the place.
type Place = (String, Vec<u8>);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_lies_outside_the_keystore_that_shares_its_process() {
    no_key_lies_outside_the_keystore(Mode::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_lies_outside_the_keystore_in_a_process_of_its_own() {
    no_key_lies_outside_the_keystore(Mode::ProcessPerService).await;
}

async fn no_key_lies_outside_the_keystore(mode: Mode) {
    let receiver = OtlpReceiver::start().await;
    let settings = [("telemetry.otlp_endpoint", receiver.endpoint()), ("telemetry.log", "debug".into())];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let mut world = World::start_with(mode, &settings).await;
    use_keys(&world).await;
    // A private key that is sent to us by mistake is refused, and nowhere kept.
    let sent = p256("sent.example.com").key;
    _ = world.api().post("/api/v1/certificate-requests", &json!({"csr": sent})).await.expect(422);
    let note = json!({"csr": p256("note.example.com").pem, "note": sent});
    _ = world.api().post("/api/v1/certificate-requests", &note).await.expect(422);

    // A challenge password stands in the CSR that goes out, and nowhere here.
    let made = json!({"subject": {"commonName": "challenge.example.com"}, "challengePassword": CHALLENGE});
    let made = world.api().post("/api/v1/csrs", &made).await.expect(201).json();
    assert!(openssl(&["req", "-noout", "-text"], made["csr"].as_str().unwrap()).contains(CHALLENGE));

    let keys = of_keystore(&world).await;
    assert!(keys.len() > 2 * ALGORITHMS.len(), "{}", keys.len());
    let (_, sent) = x509_parser::pem::parse_x509_pem(sent.as_bytes()).unwrap();
    let written = [keys.clone(), vec![Canary::of("the key that was sent", &sent.contents)]].concat();
    let master = hex::decode(fs::read_to_string(world.secrets().master_key_file()).unwrap().trim()).unwrap();

    let telemetry = || async { (receiver.bytes().len() > 10_000).then_some(()) };
    eventually("telemetry comes", telemetry).await;
    let written_places = [
        vec![("telemetry".to_owned(), receiver.bytes()), dump(&world).await],
        messages(&world).await,
        files(&world.data_dir()),
    ]
    .concat();
    let memories = if mode == Mode::ProcessPerService { memories(&world) } else { vec![] };
    let search = Search::private(&written);
    let search_master = Search::new([("the master key", master.as_slice())]);
    let search_challenge = Search::new([("the challenge password", CHALLENGE.as_bytes())]);
    for (place, content) in &written_places {
        assert!(search_challenge.found(content).is_empty(), "the challenge password lies in {place}");
        assert!(search.found(content).is_empty(), "in {place} lie {:?}", search.found(content));
        assert!(search_master.found(content).is_empty(), "the master key lies in {place}");
    }
    let search = Search::private(&keys);
    for (place, content) in &memories {
        assert!(search.found(content).is_empty(), "in {place} lie {:?}", search.found(content));
        assert!(search_master.found(content).is_empty(), "the master key lies in {place}");
    }
    the_search_finds_what_is_there(&keys, &written_places, memories);
    if mode == Mode::ProcessPerService {
        beside_another_master_key_nothing_opens(&mut world).await;
    }
}

/// Every kind of key, made and signed with.
async fn use_keys(world: &World) {
    for algorithm in ALGORITHMS {
        _ = world.api().post("/api/v1/keys", &json!({"algorithm": algorithm})).await.expect(201);
        let managed =
            json!({"key": {"algorithm": algorithm}, "subject": {"commonName": "canary.example.com"}});
        _ = world.api().post("/api/v1/certificate-requests", &managed).await.expect(201);
    }
    let root = json!({"name": "canary", "kind": "root", "key": {"algorithm": "ecdsa_p384"}});
    _ = world.api().post("/api/v1/cas", &root).await.expect(201);
    _ = world.issue(&p256("canary.example.com").pem).await;
}

/// The public halves of the same keys are where they belong, and the private ones are found where they are planted.
fn the_search_finds_what_is_there(keys: &[Canary], written: &[Place], memories: Vec<Place>) {
    let public = Search::public(keys);
    for place in ["the database", "LOG_0"] {
        let content = &written.iter().find(|(name, _)| name == place).unwrap().1;
        assert_eq!(public.found(content).len(), keys.len(), "in {place}");
    }
    for service in ["gateway", "signer"] {
        let place = format!("the memory of {service}");
        let found = memories.iter().find(|(name, _)| *name == place).map(|(_, held)| public.found(held));
        assert!(found.is_none_or(|found| !found.is_empty()), "{place} holds certificates");
    }
    drop(memories);
    let private = Search::private(keys);
    assert_eq!(private.found(&memory("self")).len(), keys.len(), "this test knows them");
    for key in keys {
        let number = &key.private[0];
        let mut planted = written[0].1.clone();
        planted.extend(hex::encode(number).into_bytes());
        assert_eq!(private.found(&planted).into_iter().collect::<Vec<_>>(), [key.name.as_str()]);
    }
}

/// As after a restore of the database on a machine with a master key of its own.
async fn beside_another_master_key_nothing_opens(world: &mut World) {
    let key = world.api().post("/api/v1/keys", &json!({"algorithm": "ed25519"})).await.expect(201).json();
    fs::write(world.secrets().master_key_file(), "ab".repeat(32)).unwrap();
    world.restart("keystore");
    let generate = async || {
        let answer = world.api().post("/api/v1/keys", &json!({"algorithm": "ed25519"})).await;
        (answer.json()["code"] == "keystore_sealed").then_some(answer)
    };
    let refused = eventually("the keystore answers again", generate).await;
    assert_eq!(refused.status, 503);
    let subject = json!({"commonName": "sealed.example.com"});
    for (path, body) in [
        ("certificate-requests", json!({"csr": p256("sealed.example.com").pem})),
        ("certificate-requests", json!({"key": {"algorithm": "ed25519"}, "subject": subject})),
        ("cas", json!({"name": "sealed", "kind": "root"})),
        (&format!("keys/{}/destroy", key["id"].as_str().unwrap()), json!({})),
    ] {
        let answer = world.api().post(&format!("/api/v1/{path}"), &body).await.expect(503).json();
        assert_eq!(answer["code"], "keystore_sealed", "{path}: {answer}");
    }
}

/// What `pg_dump` writes.
async fn dump(world: &World) -> Place {
    let mut dump = Command::new(environment::postgres_program("pg_dump"));
    dump.args(["--dbname=chancery", "--username", ADMIN_ROLE, "--host"])
        .arg(world.data_dir().join("postgresql-socket"));
    dump.env("PGPASSWORD", world.secrets().database_password(ADMIN_ROLE).unwrap());
    ("the database".to_owned(), run_with(dump, b"").await.done().into_bytes())
}

/// What the streams hold: on the disk it is compressed.
async fn messages(world: &World) -> Vec<Place> {
    let (mut places, head) = (vec![], u64::try_from(world.head().await).unwrap());
    for (writer, name) in [(Service::Relay, "LOG_0"), (Service::Gateway, "CHANCERY_EVENTS")] {
        let jetstream = jetstream(world, writer).await;
        let copied = async || {
            let stream = jetstream.get_stream(name).await.unwrap();
            let last = stream.cached_info().state.last_sequence;
            (last >= if name == "LOG_0" { head } else { 1 }).then_some(stream)
        };
        let stream = eventually("the log is copied", copied).await;
        let state = stream.cached_info().state.clone();
        let mut content = vec![];
        for sequence in state.first_sequence..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            content.extend(format!("{:?}", message.headers).into_bytes());
            content.extend(&message.payload);
        }
        places.push((name.to_owned(), content));
    }
    places
}

/// Every file of an installation, the database's and JetStream's own among them, but for the secrets: those are the
/// keystore's, and the keys of TLS.
fn files(data: &Path) -> Vec<Place> {
    let (mut places, mut folders) = (vec![], vec![data.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        // Servers that run take files and folders away.
        let gone =
            |error: &io::Error| assert_eq!(error.kind(), io::ErrorKind::NotFound, "{}", folder.display());
        for entry in fs::read_dir(&folder).inspect_err(gone).into_iter().flatten() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() && entry.file_name() != "secrets" {
                folders.push(path);
            } else if kind.is_file() {
                let content = fs::read(&path).inspect_err(gone);
                places.extend(content.ok().map(|content| (path.display().to_string(), content)));
            }
        }
    }
    for end in [".blk", ".log", "/postgresql/PG_VERSION"] {
        assert!(places.iter().any(|(place, _)| place.ends_with(end)), "{end} is among them");
    }
    places
}

/// What a core dump of each process but the keystore would hold.
fn memories(world: &World) -> Vec<Place> {
    let others = world.processes().into_iter().filter(|name| *name != "keystore");
    others.map(|name| (format!("the memory of {name}"), memory(&world.pid(name).to_string()))).collect()
}

/// Everything that a process has in memory and did not only map from a file, but for what it never wrote to.
fn memory(process: &str) -> Vec<u8> {
    const BLOCK: usize = 1 << 16;
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let (mut content, mut block, untouched) = (vec![], Vec::with_capacity(BLOCK), [0; BLOCK]);
    for line in maps.lines().filter(|line| line.contains(" rw") && !line.ends_with("[vvar]")) {
        let (begin, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [mut begin, end] = [begin, end].map(|digits| u64::from_str_radix(digits, 16).unwrap());
        while begin < end {
            block.clear();
            memory.seek(SeekFrom::Start(begin)).unwrap();
            // A mapping that a running process has just given back cannot be read.
            _ = (&mut memory).take((end - begin).min(BLOCK as u64)).read_to_end(&mut block);
            if block != untouched[..block.len()] {
                content.extend_from_slice(&block);
            }
            begin += BLOCK as u64;
        }
    }
    assert!(content.len() > 1_000_000, "{process} has memory");
    content
}
