//! Refused sensitive calls are recorded (R1), beside the answer: the caller does not wait for it.

use std::{sync::Arc, time::Duration};

use bus::Context;
use contracts::{
    Code, KeyId, Problem,
    directory::{DenialRecorded, RecordDenial},
};
use runtime::authority::Principal;

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
        call.caller.as_ref().filter(|_| call.operation.sensitive).map(|caller| Self::about(call, caller))
    }

    /// Of any call.
    #[must_use]
    pub fn about(call: &Call, caller: &Principal) -> Self {
        let permission = match call.operation.access {
            Some(Access::Permission(permission)) => Some(permission),
            _ => None,
        };
        let denial = DenialRecorded {
            operation: call.operation.id.to_owned(),
            permission,
            target: call.path.first().map(|(_, value)| crate::body::shown(value)),
            code: String::new(),
            address: call.address.map(|address| address.to_string()),
        };
        let deadline = call.now.plus(PATIENCE.try_into().unwrap_or(time::Duration::MINUTE));
        let context = Context {
            traceparent: Some(call.trace.traceparent.to_string()),
            ..Context::new(call.gateway.ids.uuid(), caller.organization, caller.actor(), deadline)
        };
        Self { gateway: call.gateway.clone(), context, denial }
    }

    /// Records a call about a key of another organization, which does not exist for the caller.
    pub fn record_foreign(mut self, key: KeyId, problem: &Problem) {
        // It is the key that was wrong, no permission was missing.
        (self.denial.permission, self.denial.target) = (None, Some(key.to_string()));
        self.keep(problem.code);
    }

    /// Records the call, if this is a denial.
    pub fn record(mut self, problem: &Problem) {
        match problem.code {
            Code::Forbidden => {}
            // It is the place that was wrong, no permission was missing.
            Code::AddressDenied => self.denial.permission = None,
            _ => return,
        }
        self.keep(problem.code);
    }

    fn keep(self, code: Code) {
        let Self { gateway, context, mut denial } = self;
        denial.code = code.as_str().to_owned();
        tracing::warn!(operation = denial.operation, actor = %context.actor, code = denial.code, "call denied");
        tokio::spawn(async move {
            if let Err(problem) = gateway.bus.call(&context, &RecordDenial { denial }).await {
                tracing::error!(%problem, "denial not recorded");
            }
        });
    }
}
