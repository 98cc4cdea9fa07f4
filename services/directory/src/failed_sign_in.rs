//! A failed sign-in (P10): recorded once, never changed.

use contracts::{
    Timestamp,
    directory::{SignInEvent, SignInFailed},
};
use runtime::aggregate::Aggregate;

use crate::denial::Never;

/// One failed sign-in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FailedSignIn {
    recorded: bool,
}

impl Aggregate for FailedSignIn {
    type Command = SignInFailed;
    type Event = SignInEvent;
    type Refusal = Never;

    fn decide(&self, failed: SignInFailed, _now: Timestamp) -> Result<Vec<SignInEvent>, Never> {
        Ok(if self.recorded { vec![] } else { vec![failed.into()] })
    }

    fn evolve(self, event: SignInEvent) -> Self {
        match event {
            SignInEvent::Failed(_) => Self { recorded: true },
        }
    }
}
