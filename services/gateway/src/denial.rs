//! Refused sensitive calls are recorded (R1), beside the answer: the caller does not wait for it.

use std::{sync::Arc, time::Duration};

use bus::Context;
use contracts::{
    Code, Problem,
    directory::{DenialRecorded, RecordDenial},
};

use crate::{call::Call, gateway::Gateway, operation::Access};

/// How long the directory may take to record one.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is known about a sensitive call, in case it is refused.
pub struct Witness {
    gateway: Arc<Gateway>,
    context: Context,
    denial: DenialRecorded,
}

impl Witness {
    /// Of a sensitive call by somebody known; nothing otherwise.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let caller = call.caller.as_ref().filter(|_| call.operation.sensitive)?;
        let permission = match call.operation.access {
            Some(Access::Permission(permission)) => Some(permission),
            _ => None,
        };
        let denial = DenialRecorded {
            operation: call.operation.id.to_owned(),
            permission,
            target: call.path.first().map(|(_, value)| crate::body::shown(value)),
            code: Code::Forbidden.as_str().to_owned(),
            address: call.address.map(|address| address.ip().to_string()),
        };
        let deadline = call.now.plus(PATIENCE.try_into().unwrap_or(time::Duration::MINUTE));
        let context = Context {
            traceparent: Some(call.trace.traceparent.to_string()),
            ..Context::new(call.gateway.ids.uuid(), caller.organization, caller.actor(), deadline)
        };
        Some(Self { gateway: call.gateway.clone(), context, denial })
    }

    /// Records the call, if this is a denial.
    pub fn record(self, problem: &Problem) {
        if problem.code != Code::Forbidden {
            return;
        }
        let Self { gateway, context, denial } = self;
        tracing::warn!(operation = denial.operation, actor = %context.actor, "sensitive call denied");
        tokio::spawn(async move {
            if let Err(problem) = gateway.bus.call(&context, &RecordDenial { denial }).await {
                tracing::error!(%problem, "denial not recorded");
            }
        });
    }
}
