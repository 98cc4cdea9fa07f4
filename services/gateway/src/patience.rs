//! Slow work, and what waits for people: answered when done within `Prefer: wait`, else 202, and only once it stands in the log: nothing
//! that was answered 2xx is lost.

use std::{pin::pin, time::Duration};

use bus::{Context, Outcome, Reply};
use contracts::{Command, Problem};
use eventlog::CommandOutcome;

use crate::{call::Call, conditions, events};

/// The pause between two looks at the log.
const LOOK: Duration = Duration::from_millis(20);

/// How it went.
pub enum Waited<T> {
    /// Done in time.
    Done(Reply<T>),
    /// It stands in the log and goes on.
    Accepted(CommandOutcome),
}

/// How long a write may take before it is answered 202, unless the caller says otherwise.
const WAIT: Duration = Duration::from_secs(5);

/// Sends a command and waits as long as the caller wants to.
pub async fn send<C: Command>(
    call: &Call,
    context: &Context,
    command: &C,
) -> Result<Waited<C::Reply>, Problem> {
    send_within(call, context, command, WAIT).await
}

/// The same with another time to wait for callers who name none.
pub async fn send_within<C: Command>(
    call: &Call,
    context: &Context,
    command: &C,
    wait: Duration,
) -> Result<Waited<C::Reply>, Problem> {
    let mut sending = pin!(call.gateway.bus.call_or_wait(context, command));
    let wait = conditions::wait(&call.headers).unwrap_or(wait);
    if let Ok(reply) = tokio::time::timeout(wait, &mut sending).await {
        return match reply? {
            Outcome::Done(reply) => Ok(Waited::Done(reply)),
            Outcome::Waits(_) => recorded(call, context).await.map(Waited::Accepted),
        };
    }
    tokio::select! {
        // The wait is over, so the answer is 202 even if the work was done just now; only where nothing was recorded
        // is there no operation to name.
        reply = &mut sending => match reply? {
            Outcome::Done(reply) if reply.position == 0 => Ok(Waited::Done(reply)),
            _ => recorded(call, context).await.map(Waited::Accepted),
        },
        outcome = recorded(call, context) => outcome.map(Waited::Accepted),
    }
}

/// Waits until the command stands in the log.
pub async fn recorded(call: &Call, context: &Context) -> Result<CommandOutcome, Problem> {
    loop {
        let outcome = call.gateway.reader.outcome(context.command_id).await;
        match outcome.map_err(|error| events::unreadable(&error))? {
            Some(outcome) => return Ok(outcome),
            None => tokio::time::sleep(LOOK).await,
        }
    }
}
