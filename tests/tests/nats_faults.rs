//! NATS away, and its store gone: requests are told to wait, nothing that was answered is lost, and a subscriber that
//! drops repeats ends with every event once.
//!
//! By hand, for longer: `CHANCERY_TEST_OUTAGE=60 cargo nextest run --test nats_faults`.

#![allow(clippy::unwrap_used)] // helpers of tests

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
};
use http::Method;
use serde_json::Value;
use testkit::{Installation, environment};
use tokio::time::{Instant, sleep, timeout};

/// Clients at once.
const CLIENTS: usize = 16;
/// Certificates asked for.
const WISHES: usize = 240;

#[tokio::test]
async fn nats_stops_under_load_and_comes_back_with_an_empty_store() {
    let outage = environment::of_test().get("CHANCERY_TEST_OUTAGE").map_or(5, |text| text.parse().unwrap());
    let mut installation = Installation::serve().await;
    let subscriber = Subscriber::start(&installation);
    let mut clients = Clients::start(&installation.https(), CLIENTS, wishes("nats", WISHES));
    clients.have(WISHES / 4).await;

    let stopped = Instant::now();
    stop_nats(&installation).await;
    // Every client is told to come back; each 503 is checked for its Retry-After.
    clients.until(|clients| clients.statuses().get(&503).is_some_and(|count| *count >= 2 * CLIENTS)).await;
    reads_keep_answering(&installation).await;
    clients.until(|_| stopped.elapsed() >= Duration::from_secs(outage)).await;

    wipe(&installation);
    start_nats(&mut installation).await;
    clients.have(WISHES / 2).await;

    // Once more, in the middle of everything and without a pause.
    installation.kill_nats().await;
    wipe(&installation);
    start_nats(&mut installation).await;
    let granted = clients.all().await;
    let observed = all_is_well(&installation, &granted).await;

    let told: BTreeSet<_> = observed.public.iter().map(|message| message.id.clone()).collect();
    let heard = subscriber.hears(told.len()).await;
    assert_eq!(heard.len(), heard.iter().collect::<BTreeSet<_>>().len(), "an event was kept twice");
    assert_eq!(BTreeSet::from_iter(heard), told);
}

/// What is asked of the read models needs no NATS.
async fn reads_keep_answering(installation: &Installation) {
    let page = "/api/v1/certificates?limit=1";
    let answer = installation.https().request(Method::GET, page, &[], "".into()).await.unwrap();
    assert_eq!(answer.expect(200).json()["items"].as_array().unwrap().len(), 1);
}

async fn stop_nats(installation: &Installation) {
    installation.servers.as_ref().unwrap().nats.stop().await;
}

async fn start_nats(installation: &mut Installation) {
    let servers = installation.servers.as_mut().unwrap();
    servers.nats.restart(&servers.secrets).await.unwrap();
}

fn wipe(installation: &Installation) {
    fs::remove_dir_all(installation.data_dir().join("nats/store")).unwrap();
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
