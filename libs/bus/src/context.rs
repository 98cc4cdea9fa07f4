//! What a command carries beside its body.

use std::str::FromStr;

use async_nats::HeaderMap;
use contracts::{Actor, Code, OrganizationId, Problem, Timestamp, TraceParent, Violation};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Names of the headers; lookup is case-sensitive.
pub mod header {
    /// The command's id: a repeat with the same one has one effect.
    pub const COMMAND_ID: &str = "Command-Id";
    /// Unix time in milliseconds after which the command must not be started.
    pub const DEADLINE: &str = "Deadline";
    /// The organization (UUID).
    pub const TENANT: &str = "Tenant";
    /// Who acts: `adm_…/tok_…` or `service:<name>`.
    pub const ACTOR: &str = "Actor";
    /// The gateway's signature under an administrator's command, hexadecimal.
    pub const ACTOR_SIGNATURE: &str = "Actor-Signature";
    /// The command all of this began with.
    pub const CORRELATION_ID: &str = "Correlation-Id";
    /// The command or event that led to this command.
    pub const CAUSATION_ID: &str = "Causation-Id";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
    /// The version the stream must have.
    pub const IF_VERSION: &str = "If-Version";
    /// `true`: say what would change and append nothing.
    pub const DRY_RUN: &str = "Dry-Run";
}

/// What a command carries beside its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// The command's id.
    pub command_id: Uuid,
    /// The organization it is about.
    pub tenant: OrganizationId,
    /// Who acts.
    pub actor: Actor,
    /// After this instant it is not started any more.
    pub deadline: Timestamp,
    /// The command all of this began with.
    pub correlation: Uuid,
    /// The command or event that led to this one.
    pub causation: Uuid,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The version the stream must have.
    pub if_version: Option<i32>,
    /// Say what would change and append nothing.
    pub dry_run: bool,
    /// SHA-256 of the subject, a zero byte and the body: tells a repeat from a reused id. Set by the side that
    /// answers; a caller leaves it zero.
    pub fingerprint: [u8; 32],
}

impl Context {
    /// A command that nothing led to: its own correlation and causation.
    #[must_use]
    pub const fn new(command_id: Uuid, tenant: OrganizationId, actor: Actor, deadline: Timestamp) -> Self {
        Self {
            command_id,
            tenant,
            actor,
            deadline,
            correlation: command_id,
            causation: command_id,
            traceparent: None,
            if_version: None,
            dry_run: false,
            fingerprint: [0; 32],
        }
    }

    /// A step of this command: id = UUIDv5(this command, `step`), so a repeat finds the same one. Same organization,
    /// actor, deadline and trace; caused by this command.
    #[must_use]
    pub fn step(&self, step: &str) -> Self {
        Self {
            command_id: Uuid::new_v5(&self.command_id, step.as_bytes()),
            causation: self.command_id,
            if_version: None,
            dry_run: false,
            ..self.clone()
        }
    }

    /// The same with another actor, such as the service that continues the work.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    /// Time left before the deadline; zero when it has passed.
    #[must_use]
    pub fn remaining(&self, now: Timestamp) -> std::time::Duration {
        (self.deadline.0 - now.0).max(Duration::ZERO).unsigned_abs()
    }

    /// Writes the headers.
    #[must_use]
    pub fn to_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COMMAND_ID, self.command_id.to_string());
        headers.insert(header::DEADLINE, (self.deadline.0.unix_timestamp_nanos() / 1_000_000).to_string());
        headers.insert(header::TENANT, self.tenant.uuid().to_string());
        headers.insert(header::ACTOR, self.actor.to_string());
        headers.insert(header::CORRELATION_ID, self.correlation.to_string());
        headers.insert(header::CAUSATION_ID, self.causation.to_string());
        if let Some(traceparent) = self.traceparent.as_deref().filter(|text| is_traceparent(text)) {
            headers.insert(header::TRACEPARENT, traceparent);
        }
        if let Some(version) = self.if_version {
            headers.insert(header::IF_VERSION, version.to_string());
        }
        if self.dry_run {
            headers.insert(header::DRY_RUN, "true");
        }
        headers
    }

    /// Reads the headers of a request to `subject`. Errors: `malformed_request`, naming each bad header.
    pub fn from_headers(
        subject: &str,
        headers: Option<&HeaderMap>,
        body: &[u8],
        secret_fields: &[&str],
    ) -> Result<Self, Problem> {
        let mut reader = Reader { headers, violations: vec![] };
        let command_id = reader.required(header::COMMAND_ID);
        let deadline = reader.required::<i64>(header::DEADLINE).and_then(|ms| {
            let instant = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok();
            if instant.is_none() {
                reader.refuse(header::DEADLINE, "is out of range");
            }
            instant.map(Timestamp)
        });
        let tenant = reader.required(header::TENANT);
        let actor = reader.required(header::ACTOR);
        let correlation = reader.optional(header::CORRELATION_ID);
        let causation = reader.optional(header::CAUSATION_ID);
        let if_version = reader.optional(header::IF_VERSION);
        let dry_run = reader.optional(header::DRY_RUN).unwrap_or(false);
        let traceparent =
            reader.text(header::TRACEPARENT).filter(|text| is_traceparent(text)).map(str::to_owned);
        match (command_id, deadline, tenant, actor) {
            (Some(command_id), Some(deadline), Some(tenant), Some(actor)) if reader.violations.is_empty() => {
                Ok(Self {
                    command_id,
                    tenant,
                    actor,
                    deadline,
                    correlation: correlation.unwrap_or(command_id),
                    causation: causation.unwrap_or(command_id),
                    traceparent,
                    if_version,
                    dry_run,
                    fingerprint: fingerprint(subject, body, secret_fields),
                })
            }
            _ => Err(Problem::new(
                Code::MalformedRequest,
                format!("request to '{subject}' lacks what a command must carry"),
            )
            .with_errors(reader.violations)),
        }
    }
}

/// SHA-256 of the subject, a zero byte and the body without its secret fields. A body that is no JSON object has none.
#[must_use]
pub fn fingerprint(subject: &str, body: &[u8], secret_fields: &[&str]) -> [u8; 32] {
    let digest = Sha256::new().chain_update(subject).chain_update([0]);
    if secret_fields.is_empty() {
        return digest.chain_update(body).finalize().into();
    }
    let mut object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(body).unwrap_or_default();
    object.retain(|field, _| !secret_fields.contains(&field.as_str()));
    digest.chain_update(serde_json::Value::Object(object).to_string()).finalize().into()
}

/// What is no `traceparent` is dropped, not repaired.
fn is_traceparent(text: &str) -> bool {
    text.parse::<TraceParent>().is_ok()
}

struct Reader<'a> {
    headers: Option<&'a HeaderMap>,
    violations: Vec<Violation>,
}

impl<'a> Reader<'a> {
    fn text(&self, name: &'static str) -> Option<&'a str> {
        self.headers?.get(name).map(|value| value.as_str())
    }

    fn refuse(&mut self, name: &'static str, why: &str) {
        self.violations.push(Violation::in_header(name, "header_invalid", format!("header '{name}' {why}")));
    }

    fn required<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        if self.text(name).is_none() {
            self.refuse(name, "is missing");
        }
        self.optional(name)
    }

    fn optional<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        let parsed = self.text(name)?.parse().ok();
        if parsed.is_none() {
            self.refuse(name, "cannot be read");
        }
        parsed
    }
}

#[cfg(test)]
mod tests {
    use contracts::Service;

    use super::*;

    fn context() -> Context {
        Context {
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
            if_version: Some(3),
            dry_run: true,
            fingerprint: fingerprint("cmd.signer.v1.create_ca", b"{}", &[]),
            ..Context::new(
                Uuid::from_u128(7),
                OrganizationId(Uuid::from_u128(8)),
                Actor::Service(Service::Signer),
                Timestamp(Timestamp::from_unix(1_790_000_000).0 + Duration::milliseconds(5)),
            )
        }
    }

    #[test]
    fn headers_read_back_as_they_were_written() {
        let read =
            Context::from_headers("cmd.signer.v1.create_ca", Some(&context().to_headers()), b"{}", &[])
                .unwrap();
        assert_eq!(read, context());
    }

    #[test]
    fn a_request_without_headers_is_refused_with_each_one_named() {
        let problem = Context::from_headers("cmd.signer.v1.create_ca", None, b"{}", &[]).unwrap_err();
        assert_eq!(problem.code, Code::MalformedRequest);
        let named: Vec<_> = problem.errors.iter().filter_map(|e| e.header.as_deref()).collect();
        assert_eq!(named, [header::COMMAND_ID, header::DEADLINE, header::TENANT, header::ACTOR]);
    }

    #[test]
    fn a_secret_leaves_no_trace_in_the_fingerprint() {
        let of = |body: &str| fingerprint("a", body.as_bytes(), &["password"]);
        assert_eq!(of(r#"{"name":"kim","password":"one"}"#), of(r#"{"password":"two","name":"kim"}"#));
        assert_ne!(of(r#"{"name":"kim","password":"one"}"#), of(r#"{"name":"lee","password":"one"}"#));
    }

    #[test]
    fn another_body_or_subject_has_another_fingerprint() {
        assert_ne!(fingerprint("a", b"b", &[]), fingerprint("a", b"c", &[]));
        assert_ne!(fingerprint("ab", b"c", &[]), fingerprint("a", b"bc", &[]));
    }

    #[test]
    fn a_step_of_a_repeated_command_has_the_same_id() {
        assert_eq!(context().step("issue").command_id, context().step("issue").command_id);
        assert_eq!(context().step("issue").causation, context().command_id);
        assert_eq!(context().step("issue").correlation, context().correlation);
    }

    #[test]
    fn a_traceparent_that_is_not_one_is_dropped() {
        let sent = |text: &str| Context { traceparent: Some(text.into()), ..context() }.to_headers();
        for text in ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-zz\r\nEvil: 1"] {
            assert!(sent(text).get(header::TRACEPARENT).is_none(), "{text}");
        }
        let mut headers = context().to_headers();
        headers.insert(header::TRACEPARENT, "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let read = Context::from_headers("cmd.signer.v1.create_ca", Some(&headers), b"{}", &[]).unwrap();
        assert_eq!(read.traceparent, None);
    }
}
