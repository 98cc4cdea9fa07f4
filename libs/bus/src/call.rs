//! Sending a command.

use std::time::Duration;

use async_nats::{Message, Request, RequestErrorKind, service::NATS_SERVICE_ERROR_CODE};
use bytes::Bytes;
use contracts::{Code, Command, Problem, command::DryRun};
use tracing::Instrument;

use crate::{
    Bus, Context, Outcome, Reply,
    context::header,
    reply::DryReply,
    serve::MAX_BODY,
    trace::{self, Side},
};

/// How long after a loss callers wait for the connection to be restored. Later they are told at once.
const RECONNECTING: Duration = Duration::from_secs(1);
/// The pause before the second attempt when nobody listened.
const NOBODY: Duration = Duration::from_millis(100);

impl Bus {
    /// Sends a command and waits for its answer, until the context's deadline. Nobody there or no answer: one more
    /// attempt with the same command id. Errors: what the handler refused; `service_unavailable` when nobody answers
    /// (nothing was begun), at once while NATS is known to be away; `command_timeout` when the answer did not come in time (begun or not is unknown).
    pub async fn call<C: Command>(&self, context: &Context, command: &C) -> Result<Reply<C::Reply>, Problem> {
        self.ask(context, command, false, |json| serde_json::from_slice(json)).await
    }

    /// As [`Bus::call`], for a command that may have to wait for an approval.
    pub async fn call_or_wait<C: Command>(
        &self,
        context: &Context,
        command: &C,
    ) -> Result<Outcome<C::Reply>, Problem> {
        self.ask(context, command, false, Outcome::from_json).await
    }

    /// Asks what a command would change. Errors: as [`Bus::call`], and what the command itself would be refused for.
    pub async fn dry_run<C: Command>(&self, context: &Context, command: &C) -> Result<DryRun, Problem> {
        let dry: DryReply = self.ask(context, command, true, |json| serde_json::from_slice(json)).await?;
        Ok(dry.dry_run)
    }

    async fn ask<C: Command, R>(
        &self,
        context: &Context,
        command: &C,
        dry_run: bool,
        from_json: fn(&[u8]) -> Result<R, serde_json::Error>,
    ) -> Result<R, Problem> {
        let span = trace::span(Side::Client, C::SERVICE.as_str(), C::NAME, context.traceparent.as_deref());
        let mut headers = Context { dry_run, ..context.clone() }.to_headers();
        if let Some(traceparent) = trace::within(&span, None) {
            headers.insert(header::TRACEPARENT, traceparent);
        }
        async {
            let body = Bytes::from(serde_json::to_vec(command).map_err(|error| {
                tracing::error!(%error, command = C::NAME, "command cannot be written as JSON");
                Problem::internal()
            })?);
            if body.len() > MAX_BODY {
                return Err(too_large(body.len()));
            }
            let sent = Context { dry_run, ..context.clone() };
            if let Some(signature) = self.inner.signatures.sign(&C::subject(), &sent, &body) {
                headers.insert(header::ACTOR_SIGNATURE, signature);
            }
            let answer = self.attempt_twice::<C>(context, headers, body, dry_run).await;
            if let Err(problem) = &answer {
                tracing::Span::current().record("error.type", problem.code.as_str());
            }
            read::<C, R>(&answer?, from_json)
        }
        .instrument(span.clone())
        .await
    }

    async fn attempt_twice<C: Command>(
        &self,
        context: &Context,
        headers: async_nats::HeaderMap,
        body: Bytes,
        dry_run: bool,
    ) -> Result<Message, Problem> {
        let subject = C::subject();
        let (mut nobody, mut perhaps_begun) = (false, false);
        for attempt in 0..2 {
            let remaining = context.remaining(self.now());
            if remaining.is_zero() {
                break;
            }
            if !self.wait_connected(RECONNECTING.min(remaining / 2)).await {
                nobody = true;
                continue;
            }
            // The second attempt needs time too: the first may have met a connection that was just lost.
            let patience = if attempt == 0 { remaining / 2 } else { context.remaining(self.now()) };
            let request = Request::new()
                .headers(headers.clone())
                .payload(body.clone())
                .timeout(Some(patience.max(TICK)));
            let answer = tokio::select! {
                answer = self.client().send_request(subject.clone(), request) => answer,
                // The answer would come over the connection that was lost.
                () = self.disconnected() => {
                    perhaps_begun = !dry_run;
                    continue;
                }
            };
            match answer {
                Ok(message) => return Ok(message),
                Err(error) => match error.kind() {
                    RequestErrorKind::TimedOut => perhaps_begun = true,
                    RequestErrorKind::MaxPayloadExceeded => return Err(too_large(body.len())),
                    RequestErrorKind::NoResponders
                    | RequestErrorKind::InvalidSubject
                    | RequestErrorKind::Other => {
                        tracing::debug!(%error, subject, "nobody answers");
                        nobody = true;
                        tokio::time::sleep(NOBODY.min(remaining / 4)).await;
                    }
                },
            }
        }
        let service = C::SERVICE;
        Err(if nobody && !perhaps_begun {
            Problem::unavailable(format!("the {service} does not answer at the moment; try again"))
        } else {
            Problem::new(
                Code::CommandTimeout,
                format!(
                    "the {service} did not answer in time; a repeat with the same idempotency key tells the outcome"
                ),
            )
        })
    }
}

/// The least time a request is given.
const TICK: Duration = Duration::from_millis(1);

fn read<C: Command, R>(
    message: &Message,
    from_json: fn(&[u8]) -> Result<R, serde_json::Error>,
) -> Result<R, Problem> {
    let refused = message.headers.as_ref().and_then(|headers| headers.get(NATS_SERVICE_ERROR_CODE));
    if let Some(number) = refused {
        return Err(serde_json::from_slice(&message.payload).unwrap_or_else(|_| by_number(number.as_str())));
    }
    from_json(&message.payload).map_err(|error| {
        tracing::error!(%error, service = C::SERVICE.as_str(), command = C::NAME, "answer cannot be read");
        Problem::internal()
    })
}

/// A refusal whose body this release cannot read: its class at least is known.
fn by_number(number: &str) -> Problem {
    match number {
        "503" => Problem::unavailable("a part of the service is not available"),
        "504" => Problem::new(Code::CommandTimeout, "the answer did not come in time"),
        _ => Problem::internal(),
    }
}

pub(crate) fn too_large(found: usize) -> Problem {
    Problem::new(
        Code::PayloadTooLarge,
        format!("the command has {found} bytes, at most {MAX_BODY} are allowed"),
    )
}
