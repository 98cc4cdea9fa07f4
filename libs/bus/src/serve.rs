//! Answering commands.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::{
    HeaderMap, Message,
    service::{NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE},
};
use contracts::{Code, Command, Problem};
use futures::{FutureExt, StreamExt};
use opentelemetry::{KeyValue, metrics::Histogram};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    Answer, Bus, BusError, Context, IntoAnswer, User,
    call::too_large,
    context::header,
    service_api::{Endpoint, ServiceApi},
    trace::{self, Side},
};

/// The largest body of a command, in bytes.
pub const MAX_BODY: usize = 512 * 1024;
/// How long stopping waits for requests that are on their way.
const DRAIN: Duration = Duration::from_secs(1);

impl Bus {
    /// Answers a command from now on, sharing the work with the service's other instances.
    ///
    /// The handler sees only requests that carry what a command must carry, fit, can be read and have time left
    /// (`malformed_request`, `payload_too_large`, `command_timeout`: refused before start, so nothing is appended).
    /// A handler that returns [`Reply`](crate::Reply) instead of [`Answer`] is never given a dry run. A panic answers
    /// `internal`; a handler that has begun is never cut off.
    pub async fn serve<C, F, Fut, R>(&self, handler: F) -> Result<(), BusError>
    where
        C: Command,
        F: Fn(Context, C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, Problem>> + Send,
        R: IntoAnswer<C::Reply> + 'static,
    {
        let inner = &self.inner;
        if inner.user != User::Service(C::SERVICE) {
            return Err(BusError::NotOurs { user: inner.user, service: C::SERVICE });
        }
        let subject = C::subject();
        let requests = self
            .client()
            .queue_subscribe(subject.clone(), C::SERVICE.to_string())
            .await
            .map_err(|source| BusError::Subscribe { subject: subject.clone(), source })?;
        let endpoint = inner.serving.api(self).await?.add::<C>(&subject);
        let desk = Arc::new(Desk {
            bus: self.clone(),
            handler,
            subject,
            endpoint,
            duration: inner.serving.duration.clone(),
            command: std::marker::PhantomData::<fn(C) -> R>,
        });
        let (stop, tracker) = (inner.serving.stop.clone(), inner.serving.tracker.clone());
        let permits = Arc::new(Semaphore::new(inner.concurrency));
        let begin = move |message| {
            let (desk, permits, tracker) = (desk.clone(), permits.clone(), tracker.clone());
            async move {
                // The semaphore is never closed, so this only waits.
                let permit = permits.acquire_owned().await;
                tracker.spawn(async move {
                    desk.answer(message).await;
                    drop(permit);
                });
            }
        };
        inner.serving.tracker.spawn(async move {
            let mut requests = requests;
            while let Some(message) = stop.run_until_cancelled(requests.next()).await.flatten() {
                begin(message).await;
            }
            // No more are sent to us after this, but those that are here already are answered.
            let rest = async {
                requests.drain().await.ok()?;
                while let Some(message) = requests.next().await {
                    begin(message).await;
                }
                Some(())
            };
            _ = tokio::time::timeout(DRAIN, rest).await;
        });
        Ok(())
    }

    /// Takes no more requests and waits until those begun are answered.
    pub async fn stop_serving(&self) {
        self.inner.serving.stop.cancel();
        self.inner.serving.tracker.close();
        self.inner.serving.tracker.wait().await;
        // The answers stand in the connection's buffer until it is flushed.
        if self.is_connected() {
            _ = self.client().flush().await;
        }
    }
}

/// What one connection answers.
pub(crate) struct Serving {
    stop: CancellationToken,
    tracker: TaskTracker,
    api: OnceCell<ServiceApi>,
    duration: Histogram<f64>,
}

impl Serving {
    pub(crate) fn new() -> Self {
        let duration = opentelemetry::global::meter("chancery.bus")
            .f64_histogram("chancery_command_duration")
            .with_unit("s")
            .with_description("Time from the arrival of a command to its answer")
            .build();
        Self { stop: CancellationToken::new(), tracker: TaskTracker::new(), api: OnceCell::new(), duration }
    }

    pub(crate) fn started_api(&self) -> Option<&ServiceApi> {
        self.api.get()
    }

    async fn api(&self, bus: &Bus) -> Result<&ServiceApi, BusError> {
        self.api
            .get_or_try_init(|| async {
                let (api, task) = ServiceApi::start(bus).await?;
                self.tracker.spawn(task.take_until_cancelled(self.stop.clone()));
                Ok(api)
            })
            .await
    }
}

/// One command's desk: requests come in, answers go out.
struct Desk<C, F, R> {
    bus: Bus,
    handler: F,
    subject: String,
    endpoint: Arc<Endpoint>,
    duration: Histogram<f64>,
    command: std::marker::PhantomData<fn(C) -> R>,
}

impl<C, F, Fut, R> Desk<C, F, R>
where
    C: Command,
    F: Fn(Context, C) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, Problem>> + Send,
    R: IntoAnswer<C::Reply>,
{
    async fn answer(&self, message: Message) {
        let Some(reply) = message.reply.clone() else {
            tracing::warn!(subject = self.subject, "a command without reply subject was dropped");
            return;
        };
        let (started, connection) = (Instant::now(), self.bus.connection());
        let answer = self.handle(&message).await.and_then(|answer| {
            answer.to_json().map_err(|error| {
                tracing::error!(%error, subject = self.subject, "answer cannot be written as JSON");
                Problem::internal()
            })
        });
        let outcome = answer.as_ref().err().map_or("ok", |problem| problem.code.as_str());
        self.endpoint.count(started.elapsed(), answer.as_ref().err());
        self.duration.record(
            started.elapsed().as_secs_f64(),
            &[
                KeyValue::new("service", C::SERVICE.as_str()),
                KeyValue::new("command", C::NAME),
                KeyValue::new("outcome", outcome),
            ],
        );
        // The right to answer came with the request, and goes with the connection: who asked will ask again.
        if !self.bus.is_connected() || self.bus.connection() != connection {
            tracing::debug!(subject = self.subject, "connection lost meanwhile; the answer is dropped");
            return;
        }
        let sent = match answer {
            Ok(body) => self.bus.client().publish(reply, body.into()).await,
            Err(problem) => {
                let (headers, body) = refusal(&problem);
                self.bus.client().publish_with_headers(reply, headers, body.into()).await
            }
        };
        if let Err(error) = sent {
            tracing::warn!(%error, subject = self.subject, "answer cannot be sent");
        }
    }

    async fn handle(&self, message: &Message) -> Result<Answer<C::Reply>, Problem> {
        if message.payload.len() > MAX_BODY {
            return Err(too_large(message.payload.len()));
        }
        let mut context = Context::from_headers(
            &self.subject,
            message.headers.as_ref(),
            &message.payload,
            C::SECRET_FIELDS,
        )?;
        let signature = message.headers.as_ref().and_then(|headers| headers.get(header::ACTOR_SIGNATURE));
        let signature = signature.map(async_nats::HeaderValue::as_str);
        if !self.bus.inner.signatures.holds(&self.subject, &context, &message.payload, signature) {
            tracing::error!(
                subject = self.subject,
                "a command in a person's name was not signed by the gateway"
            );
            return Err(Problem::new(
                Code::Forbidden,
                format!("'{}' in an administrator's name has to be signed by the gateway", C::NAME),
            ));
        }
        if context.deadline < self.bus.now() {
            return Err(Problem::new(
                Code::CommandTimeout,
                format!("the deadline passed before '{}' was started; nothing was changed", C::NAME),
            ));
        }
        if context.dry_run && !R::DRY_RUN {
            return Err(Problem::new(Code::UnknownParameter, format!("'{}' has no dry run", C::NAME)));
        }
        let command = serde_json::from_slice(&message.payload).map_err(|error| {
            Problem::new(Code::MalformedRequest, format!("the body is not a command '{}': {error}", C::NAME))
        })?;
        let span = trace::span(Side::Server, C::SERVICE.as_str(), C::NAME, context.traceparent.as_deref());
        context.traceparent = trace::within(&span, context.traceparent.as_deref());
        async {
            let work = AssertUnwindSafe(async { (self.handler)(context, command).await });
            let answer = work.catch_unwind().await.unwrap_or_else(|panic| {
                tracing::error!(subject = self.subject, panic = words(&*panic), "handler panicked");
                Err(Problem::internal())
            });
            if let Err(problem) = &answer {
                tracing::Span::current().record("error.type", problem.code.as_str());
            }
            answer.map(IntoAnswer::into_answer)
        }
        .instrument(span.clone())
        .await
    }
}

/// Headers and body of a refusal, as the NATS service API has them, with the problem document as body.
fn refusal(problem: &Problem) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_SERVICE_ERROR_CODE, problem.code.class().number().to_string());
    headers.insert(NATS_SERVICE_ERROR, problem.code.as_str());
    (headers, serde_json::to_vec(problem).unwrap_or_default())
}

fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is not text")
}
