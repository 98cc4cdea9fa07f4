//! NATS away, and its store gone: requests are told to wait, nothing that was answered is lost, and a subscriber that
//! drops repeats ends with every event once.
//!
//! The whole size, of some minutes: `cargo nextest run -p chancery-tests --run-ignored only nats_faults::`.

#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers of tests

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use chancery_tests::{
    checks::all_is_well,
    clients::{Clients, wishes},
    subscriber::p256,
};
use http::Method;
use serde_json::{Value, json};
use testkit::{Installation, environment};
use tokio::time::{Instant, sleep, timeout};

/// How much of it.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// How long NATS is away.
    outage: Duration,
    /// Certificates asked for.
    requests: usize,
    /// Clients at once.
    clients: usize,
}

const QUICK: Size = Size { outage: Duration::from_secs(5), requests: 240, clients: 16 };
const WHOLE: Size = Size { outage: Duration::from_secs(60), requests: 1000, clients: 64 };

#[tokio::test]
async fn nats_stops_under_load_and_comes_back_with_an_empty_store() {
    without_nats(Installation::serve().await, QUICK).await;
}

#[tokio::test]
async fn nats_that_cannot_be_started_for_a_while_comes_back_where_it_was() {
    without_nats(Installation::up().await, QUICK).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn whole_size_in_one_process() {
    without_nats(Installation::up().await, WHOLE).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn whole_size_in_a_process_per_service() {
    without_nats(Installation::serve().await, WHOLE).await;
}

async fn without_nats(mut installation: Installation, size: Size) {
    let Size { outage, requests, clients } = size;
    let subscriber = Subscriber::start(&installation);
    let mut load = Clients::start(&installation.https(), clients, wishes("nats", requests));
    load.have(requests / 4).await;

    let stopped = Instant::now();
    stop_nats(&installation).await;
    // Every client is told to come back; each 503 is checked for its Retry-After.
    load.until(|load| load.statuses().get(&503).is_some_and(|count| *count >= 2 * clients)).await;
    reads_keep_answering(&installation).await;
    writes_are_put_off_at_once(&installation).await;
    load.until(|_| stopped.elapsed() >= outage).await;
    let (granted, meanwhile) = (load.granted(), load.statuses());
    assert!(granted < requests, "there was no load any more");

    start_nats(&mut installation).await;
    load.have(granted + (requests - granted) / 2).await;

    // Once more, in the middle of everything and without a pause.
    installation.kill_nats().await;
    wipe(&installation);
    start_nats(&mut installation).await;
    let (granted, statuses) = load.all_and_statuses().await;
    let observed = all_is_well(&installation, &granted).await;

    let told: BTreeSet<_> = observed.public.iter().map(|message| message.id.clone()).collect();
    let heard = subscriber.hears(told.len()).await;
    assert_eq!(heard.len(), heard.iter().collect::<BTreeSet<_>>().len(), "an event was kept twice");
    assert_eq!(BTreeSet::from_iter(heard), told);
    let (events, public) = (observed.events.len(), told.len());
    eprintln!(
        "{size:?}: answers when NATS came back {meanwhile:?}, at the end {statuses:?}, {events} events, {public} of them public"
    );
}

/// What is asked of the read models needs no NATS.
async fn reads_keep_answering(installation: &Installation) {
    let page = "/api/v1/certificates?limit=1";
    let answer = installation.https().request(Method::GET, page, &[], "".into()).await.unwrap();
    assert_eq!(answer.expect(200).json()["items"].as_array().unwrap().len(), 1);
}

/// What needs NATS is told to come back, without waiting for a connection that is known to be down.
async fn writes_are_put_off_at_once(installation: &Installation) {
    for (path, body) in [
        ("/api/v1/certificate-requests", json!({"csr": p256("outage.example.com").pem})),
        ("/api/v1/certificate-requests?dryRun=true", json!({"csr": p256("outage.example.com").pem})),
        ("/api/v1/keys", json!({"algorithm": "ecdsa_p256"})),
        ("/api/v1/profiles", json!({"name": "outage"})),
        ("/api/v1/organizations", json!({"name": "outage"})),
    ] {
        let began = Instant::now();
        let answer = installation.https().post(path, &body).await.expect(503);
        let took = began.elapsed();
        assert_eq!(answer.json()["code"], "service_unavailable", "{path}");
        assert_eq!(answer.header("retry-after"), "1", "{path}");
        assert!(took < Duration::from_millis(500), "{path}: {took:?}");
    }
}

/// Stops NATS and takes its store away. `up` starts a private server again at once: a file in the store's place keeps it
/// from starting.
async fn stop_nats(installation: &Installation) {
    if let Some(servers) = &installation.servers {
        servers.nats.stop().await;
        return wipe(installation);
    }
    wipe(installation);
    fs::write(store(installation), "").unwrap();
    installation.kill_nats().await;
}

async fn start_nats(installation: &mut Installation) {
    if fs::metadata(store(installation)).is_ok_and(|store| store.is_file()) {
        fs::remove_file(store(installation)).unwrap();
    }
    if let Some(servers) = &mut installation.servers {
        servers.nats.restart(&servers.secrets).await.unwrap();
    }
}

fn store(installation: &Installation) -> PathBuf {
    installation.data_dir().join("nats/store")
}

/// A server that still runs may be writing into it.
fn wipe(installation: &Installation) {
    let aside = installation.data_dir().join(format!("store-{}", std::process::id()));
    if fs::rename(store(installation), &aside).is_ok() {
        _ = fs::remove_dir_all(aside);
    }
}

/// The example for subscribers, following every public event; killed when dropped.
struct Subscriber {
    process: Child,
    file: PathBuf,
}

impl Subscriber {
    fn start(installation: &Installation) -> Self {
        let file = installation.data_dir().join("events.ndjson");
        let mut command = Command::new(environment::program("examples/subscriber"));
        command.arg(installation.nats_url()).arg(installation.data_dir().join("secrets/nats-subscriber.nk"));
        let process = command.arg(&file).arg("evt.>").stdin(Stdio::null()).spawn().unwrap();
        Self { process, file }
    }

    /// The ids of all it kept, once there are so many.
    async fn hears(&self, count: usize) -> Vec<String> {
        let arrived = async {
            while self.ids().len() < count {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = timeout(Duration::from_secs(60), arrived).await;
        assert!(waited.is_ok(), "{} of {count} events arrived", self.ids().len());
        self.ids()
    }

    fn ids(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let id = |line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
        whole.map(id).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
