//! Clients that never give up: each wishes for one certificate and sends its wish, with one `Idempotency-Key`, until it
//! is answered 201. What they were told is the history that [`crate::checks`] holds against the log.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a client that cannot go on says where

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, StatusCode};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::{Value, json};
use testkit::{Answer, Https};
use tokio::task::JoinSet;

/// One certificate that a client wants.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its idempotency key.
    pub key: String,
    /// What is sent, again and again.
    pub body: Value,
}

/// A wish that was answered 201.
#[derive(Clone, Debug)]
pub struct Granted {
    /// What was asked.
    pub wish: Wish,
    /// The request's id.
    pub request: String,
    /// The certificate's id.
    pub certificate_id: String,
    /// The certificate, PEM.
    pub certificate: String,
}

/// Wishes with keys of their own; every fourth lets Chancery make and keep the private key.
#[must_use]
pub fn wishes(story: &str, count: usize) -> Vec<Wish> {
    (0..count)
        .map(|number| {
            let name = format!("{story}-{number}.example.com");
            let body = if number % 4 == 3 { managed(&name) } else { with_csr(&name) };
            Wish { key: format!("{story}-{number}"), body }
        })
        .collect()
}

fn managed(name: &str) -> Value {
    let sans = json!([{"type": "dns", "value": name}]);
    json!({"key": {"algorithm": "ecdsa_p256"}, "subject": {"commonName": name}, "sans": sans})
}

fn with_csr(name: &str) -> Value {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let csr = params.serialize_request(&KeyPair::generate().unwrap()).unwrap();
    json!({"csr": csr.pem().unwrap()})
}

/// How long a client waits for one answer before it asks again.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Clients at work.
#[derive(Debug)]
pub struct Clients {
    work: JoinSet<()>,
    desk: Arc<Desk>,
}

/// What the clients share.
#[derive(Debug, Default)]
struct Desk {
    waiting: Mutex<VecDeque<Wish>>,
    granted: Mutex<Vec<Granted>>,
    statuses: Mutex<BTreeMap<u16, usize>>,
}

impl Clients {
    /// Lets so many clients at once ask for all of these.
    #[must_use]
    pub fn start(https: &Https, at_once: usize, wishes: Vec<Wish>) -> Self {
        let desk = Arc::new(Desk { waiting: Mutex::new(wishes.into()), ..Desk::default() });
        let mut work = JoinSet::new();
        for _ in 0..at_once {
            let (https, desk) = (https.clone(), desk.clone());
            work.spawn(async move {
                loop {
                    let Some(wish) = desk.waiting.lock().unwrap().pop_front() else { return };
                    let granted = desk.insist(&https, wish).await;
                    desk.granted.lock().unwrap().push(granted);
                }
            });
        }
        Self { work, desk }
    }

    /// How many wishes were granted so far.
    #[must_use]
    pub fn granted(&self) -> usize {
        self.desk.granted.lock().unwrap().len()
    }

    /// How often each status was answered so far; 0 counts connections that broke and answers that never came.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        self.desk.statuses.lock().unwrap().clone()
    }

    /// Waits until so many wishes are granted.
    pub async fn have(&mut self, granted: usize) {
        self.until(|clients| clients.granted() >= granted).await;
    }

    /// Waits until this is so.
    pub async fn until(&mut self, so: impl Fn(&Self) -> bool) {
        while !so(self) {
            if let Some(ended) = self.work.try_join_next() {
                ended.unwrap(); // a panic is the test's
                assert!(!self.work.is_empty() || so(self), "all is granted: {:?}", self.statuses());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until every wish is granted.
    pub async fn all(self) -> Vec<Granted> {
        self.all_and_statuses().await.0
    }

    /// The same, and how often each status was answered.
    pub async fn all_and_statuses(mut self) -> (Vec<Granted>, BTreeMap<u16, usize>) {
        while let Some(ended) = self.work.join_next().await {
            ended.unwrap();
        }
        (std::mem::take(&mut *self.desk.granted.lock().unwrap()), self.statuses())
    }
}

impl Desk {
    async fn insist(&self, https: &Https, wish: Wish) -> Granted {
        loop {
            let answer = send(https, &wish).await;
            let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
            *self.statuses.lock().unwrap().entry(status).or_default() += 1;
            match answer {
                Some(answer) if answer.status == StatusCode::CREATED => return granted(wish, &answer),
                Some(answer) => assert!(may_be_tried_again(&answer), "{status}: {}", answer.text()),
                None => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Asks again for what was granted and says where the answer is another one.
pub async fn differing_repeats(https: &Https, granted: &[Granted]) -> Vec<String> {
    let repeats = Clients::start(https, 16, granted.iter().map(|one| one.wish.clone()).collect()).all().await;
    let known: BTreeMap<_, _> = granted.iter().map(|one| (&one.wish.key, one)).collect();
    let differs = |repeat: &&Granted| {
        let first = known[&repeat.wish.key];
        (&first.request, &first.certificate_id, &first.certificate)
            != (&repeat.request, &repeat.certificate_id, &repeat.certificate)
    };
    repeats.iter().filter(differs).map(|repeat| format!("{} got another answer", repeat.wish.key)).collect()
}

async fn send(https: &Https, wish: &Wish) -> Option<Answer> {
    let headers =
        [("content-type", "application/json"), ("idempotency-key", &wish.key), ("prefer", "wait=2")];
    let body = wish.body.to_string().into();
    let sent = https.request(Method::POST, "/api/v1/certificate-requests", &headers, body);
    tokio::time::timeout(PATIENCE, sent).await.ok()?.ok()
}

/// A fault may show as 202, 503 or 504, each with what a client needs to go on, and as nothing else.
fn may_be_tried_again(answer: &Answer) -> bool {
    match answer.status.as_u16() {
        202 => !answer.header("location").is_empty(),
        503 | 504 => !answer.header("retry-after").is_empty() && answer.json()["retryable"] == true,
        _ => false,
    }
}

fn granted(wish: Wish, answer: &Answer) -> Granted {
    let json = answer.json();
    let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned();
    Granted {
        request: text("id"),
        certificate_id: text("certificateId"),
        certificate: text("certificate"),
        wish,
    }
}
