//! One call of an operation: what its handler works with.

use std::{str::FromStr, sync::Arc, time::Duration};

use bus::{Context, Outcome};
use bytes::Bytes;
use contracts::{
    Code, Command, OperationId, Problem, Service, Timestamp, Violation, directory::ShownCertificate,
    id::IdError,
};
use http::HeaderMap;
use runtime::{authority::Principal, config::ClientCertificates as Mode};
use serde::de::DeserializeOwned;

use crate::{
    answer::{Answer, REPLAYED},
    body::{self, Media},
    client_certificate::connection::PeerChain,
    conditions,
    gateway::Gateway,
    operation::{Access, Operation},
    patience,
    query::Query,
    reach::Reach,
    resources::operations::accepted,
    trace::Trace,
    view::View,
};

/// One call.
pub struct Call {
    /// What every request needs.
    pub gateway: Arc<Gateway>,
    /// What is called.
    pub operation: Arc<Operation>,
    /// Who calls; nobody on public operations.
    pub caller: Option<Principal>,
    /// Where it comes from.
    pub address: Option<std::net::IpAddr>,
    /// The client certificate of its connection, and what leads to a CA.
    pub chain: Option<PeerChain>,
    /// Parameters of the path, by name.
    pub path: Vec<(String, String)>,
    /// The path as sent.
    pub target: String,
    /// The query.
    pub query: Query,
    /// The headers.
    pub headers: HeaderMap,
    /// What kind of body came.
    pub media: Media,
    /// The body.
    pub body: Bytes,
    /// Which trace this belongs to.
    pub trace: Trace,
    /// When it came.
    pub now: Timestamp,
}

impl Call {
    /// Who calls. Errors: `unauthenticated`, on public operations only.
    pub fn caller(&self) -> Result<&Principal, Problem> {
        self.caller.as_ref().ok_or_else(|| Problem::new(Code::Unauthenticated, "nobody is signed in"))
    }

    /// The valid certificate of its connection, where people need one on top of what they sign in with.
    #[must_use]
    pub fn certificate_on_top(&self) -> Option<ShownCertificate> {
        let certificates = &self.gateway.client_certificates;
        if certificates.mode() != Mode::Required {
            return None;
        }
        certificates.judge(self.chain.as_ref(), self.now).ok()
    }

    /// The rows of a view that the caller may see by the permission of the operation.
    pub fn reach(&self, view: &View) -> Result<Reach, Problem> {
        match self.operation.access {
            Some(Access::Permission(permission)) => Ok(Reach::of(self.caller()?, permission, view)),
            // Nobody's rights say which rows there are.
            _ => Err(Problem::internal()),
        }
    }

    /// A parameter of the path.
    #[must_use]
    pub fn step(&self, name: &str) -> &str {
        self.path.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// A parameter of the path, read. Errors: `wrong_id_type`, `malformed_request`.
    pub fn parse<T: FromStr<Err = IdError>>(&self, name: &str) -> Result<T, Problem> {
        self.step(name).parse().map_err(|error| refused_id(name, &error))
    }

    /// The JSON body; absent where it may be: `{}`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        body::decode(
            if self.body.is_empty() && !self.requires_body() { b"{}" } else { &self.body },
            self.depth(),
        )
    }

    /// How deep JSON may be nested.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.gateway.limits.json_depth
    }

    fn requires_body(&self) -> bool {
        self.operation.request.as_ref().is_some_and(|request| request.required)
    }

    /// How long a command may take: at least the limit of a request, more if the caller is patient.
    fn patience(&self) -> Duration {
        let limit = self.gateway.limits.request_time.duration().unsigned_abs();
        limit.max(conditions::wait(&self.headers).unwrap_or_default())
    }

    /// The context of the command this call becomes.
    pub fn context(&self) -> Result<Context, Problem> {
        let caller = self.caller()?;
        let actor = caller.actor();
        let keyed = conditions::keyed_command(&self.headers, caller.organization, &actor)?;
        let command_id = keyed.unwrap_or_else(|| self.gateway.ids.uuid());
        let deadline = self.now.plus(self.patience().try_into().unwrap_or(time::Duration::MINUTE));
        Ok(Context {
            traceparent: Some(self.trace.traceparent.to_string()),
            if_version: conditions::if_match(&self.headers)?,
            ..Context::new(command_id, caller.organization, actor, deadline)
        })
    }

    /// Sends a command and answers with what `answer` makes of the result and the version; or answers what a dry run found.
    pub async fn send<C: Command>(
        &self,
        command: C,
        answer: impl FnOnce(C::Reply, i32) -> Result<Answer, Problem>,
    ) -> Result<Answer, Problem> {
        self.send_in(self.context()?, command, answer).await
    }

    /// The same in a context that the handler made.
    pub async fn send_in<C: Command>(
        &self,
        context: Context,
        command: C,
        answer: impl FnOnce(C::Reply, i32) -> Result<Answer, Problem>,
    ) -> Result<Answer, Problem> {
        if self.query.flag("dryRun") {
            return Answer::dry(&self.gateway.bus.dry_run(&context, &command).await?);
        }
        let reply = match self.gateway.bus.call_or_wait(&context, &command).await? {
            Outcome::Done(reply) => reply,
            Outcome::Waits(waits) => {
                let outcome = patience::recorded(self, &context).await?;
                let answer = accepted(self, OperationId(context.command_id), &outcome).await?;
                return Ok(self.written(answer, waits.position, 0, waits.replayed));
            }
        };
        let (position, version, replayed) = (reply.position, reply.version, reply.replayed);
        if C::SERVICE == Service::Directory {
            // Whoever was appointed or given a token can use it once they read of it.
            self.gateway.doorkeeper.reached(position).await;
        }
        Ok(self.written(answer(reply.result, version)?, position, version, replayed))
    }

    /// Marks the answer to a write.
    #[must_use]
    pub fn written(&self, answer: Answer, position: i64, version: i32, replayed: bool) -> Answer {
        let answer = answer.at(position);
        let answer = if version > 0 { answer.versioned(version) } else { answer };
        if replayed && self.headers.contains_key("idempotency-key") {
            return answer.with(REPLAYED, http::HeaderValue::from_static("true"));
        }
        answer
    }
}

/// What is wrong with an id in the path.
#[must_use]
pub fn refused_id(name: &str, error: &IdError) -> Problem {
    let code = match error {
        IdError::WrongKind { .. } => Code::WrongIdType,
        IdError::Malformed { .. } => Code::MalformedRequest,
    };
    Problem::new(code, error.to_string()).with_errors(vec![Violation::in_parameter(
        name,
        code.as_str(),
        error.to_string(),
    )])
}
