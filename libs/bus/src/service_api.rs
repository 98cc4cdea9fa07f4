//! The NATS service API (ADR-32 of NATS): `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`, so that `nats micro` sees us.
//!
//! async-nats has it too, but its errors travel without a body, and ours carry a problem document.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{Client, Message, Subscriber};
use contracts::{Command, Problem, Timestamp};
use futures::{StreamExt, stream::SelectAll};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{Bus, BusError};

/// One instance of a service, as others see it.
pub struct ServiceApi {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    /// Unique per connection: the server gives each one.
    id: String,
    started: Timestamp,
    endpoints: std::sync::RwLock<Vec<Arc<Endpoint>>>,
}

/// One command and its figures.
pub struct Endpoint {
    name: &'static str,
    subject: String,
    queue_group: &'static str,
    requests: AtomicU64,
    errors: AtomicU64,
    nanoseconds: AtomicU64,
    last_error: AtomicU64,
}

/// Answers the questions of the service API.
pub(crate) struct Task {
    shared: Arc<Shared>,
    client: Client,
    questions: SelectAll<Subscriber>,
}

impl ServiceApi {
    pub(crate) async fn start(bus: &Bus) -> Result<(Self, Task), BusError> {
        let name = format!("chancery-{}", bus.user());
        // The tail of an inbox name is unique, and needs no server.
        let id = bus.client().new_inbox().rsplit('.').next().unwrap_or_default().to_owned();
        let mut questions = SelectAll::new();
        for verb in ["PING", "INFO", "STATS"] {
            for subject in
                [format!("$SRV.{verb}"), format!("$SRV.{verb}.{name}"), format!("$SRV.{verb}.{name}.{id}")]
            {
                let subscriber = bus
                    .client()
                    .subscribe(subject.clone())
                    .await
                    .map_err(|source| BusError::Subscribe { subject, source })?;
                questions.push(subscriber);
            }
        }
        let shared = Arc::new(Shared { name, id, started: bus.now(), endpoints: Default::default() });
        Ok((Self { shared: shared.clone() }, Task { shared, client: bus.client().clone(), questions }))
    }

    pub(crate) fn add<C: Command>(&self, subject: &str) -> Arc<Endpoint> {
        let endpoint = Arc::new(Endpoint {
            name: C::NAME,
            subject: subject.to_owned(),
            queue_group: C::SERVICE.as_str(),
            requests: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            last_error: AtomicU64::new(0),
        });
        // Only a panic while pushing poisons the lock, and pushing does not.
        self.shared
            .endpoints
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(endpoint.clone());
        endpoint
    }
}

impl Bus {
    /// What `$SRV.STATS` says of this instance; `None` while it answers no command.
    pub fn service_stats(&self) -> Option<Value> {
        Some(self.inner.serving.started_api()?.shared.answer("$SRV.STATS"))
    }
}

impl Endpoint {
    pub(crate) fn count(&self, took: Duration, problem: Option<&Problem>) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
        if let Some(problem) = problem {
            self.errors.fetch_add(1, Ordering::Relaxed);
            self.last_error.store(u64::from(problem.code.class().number()), Ordering::Relaxed);
        }
    }

    fn info(&self) -> Value {
        json!({ "name": self.name, "subject": self.subject, "queue_group": self.queue_group, "metadata": {} })
    }

    fn stats(&self) -> Value {
        let requests = self.requests.load(Ordering::Relaxed);
        let nanoseconds = self.nanoseconds.load(Ordering::Relaxed);
        let last_error = self.last_error.load(Ordering::Relaxed);
        json!({
            "name": self.name, "subject": self.subject, "queue_group": self.queue_group,
            "num_requests": requests, "num_errors": self.errors.load(Ordering::Relaxed),
            "last_error": if last_error == 0 { String::new() } else { last_error.to_string() },
            "processing_time": nanoseconds,
            "average_processing_time": nanoseconds.checked_div(requests).unwrap_or(0),
        })
    }
}

impl Shared {
    fn answer(&self, subject: &str) -> Value {
        let endpoints = self.endpoints.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut answer =
            json!({ "name": self.name, "id": self.id, "version": env!("CARGO_PKG_VERSION"), "metadata": {} });
        match subject.split('.').nth(1) {
            Some("INFO") => {
                answer["type"] = "io.nats.micro.v1.info_response".into();
                answer["description"] = "".into();
                answer["endpoints"] = endpoints.iter().map(|endpoint| endpoint.info()).collect();
            }
            Some("STATS") => {
                answer["type"] = "io.nats.micro.v1.stats_response".into();
                answer["started"] = self.started.to_string().into();
                answer["endpoints"] = endpoints.iter().map(|endpoint| endpoint.stats()).collect();
            }
            _ => answer["type"] = "io.nats.micro.v1.ping_response".into(),
        }
        answer
    }
}

impl Task {
    pub(crate) async fn take_until_cancelled(mut self, stop: CancellationToken) {
        while let Some(Some(message)) = stop.run_until_cancelled(self.questions.next()).await {
            self.answer(message).await;
        }
    }

    async fn answer(&self, message: Message) {
        let Some(reply) = message.reply else { return };
        let body = self.shared.answer(&message.subject).to_string();
        if let Err(error) = self.client.publish(reply, body.into()).await {
            tracing::debug!(%error, "service API answer cannot be sent");
        }
    }
}
