//! The aggregate: one mail to one recipient.

use contracts::{
    Code, Problem, Timestamp,
    notifier::{
        GiveUpReason, MailStep, NotificationAttempted, NotificationDeferred, NotificationEvent,
        NotificationGivenUp, NotificationQueued, NotificationRequeued, NotificationSent,
    },
};
use runtime::aggregate::Aggregate;
use time::Duration;

/// A notification, from what called for it to its delivery.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Notification {
    /// Nothing called for it.
    #[default]
    Absent,
    /// To be sent.
    Waiting(Journey),
    /// Being handed to the server, or cut off while it was.
    Attempting(Journey),
    /// Taken by the server.
    Sent(Journey),
    /// Given up.
    Dead(Journey),
}

/// What is remembered on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// What it is.
    pub queued: NotificationQueued,
    /// Attempts since it was queued last.
    pub attempts: u32,
    /// How often it was queued anew.
    pub round: u32,
}

/// What may be asked of a notification.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Send this.
    Queue(NotificationQueued),
    /// Note that it is about to be handed over.
    Attempt,
    /// Note that the server took it.
    Sent,
    /// Note that it did not go, and why.
    Failed(Failure),
    /// Give it up before it is tried.
    GiveUp(GiveUpReason),
    /// Send it again.
    Resend,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// At which step.
    pub step: Option<MailStep>,
    /// The server's reply code.
    pub code: Option<u16>,
}

impl Failure {
    /// Whether trying again is of no use: the server said no for good (RFC 5321 §4.2.1). What has no code, such as a
    /// connection that broke, and what went wrong while signing in is the settings' or the server's fault, not the mail's.
    const fn is_permanent(self) -> bool {
        let about_the_mail =
            matches!(self.step, Some(MailStep::Sender | MailStep::Recipient | MailStep::Data));
        about_the_mail && matches!(self.code, Some(500..=599))
    }

    /// Why it is given up, if it is.
    const fn verdict(self) -> Option<GiveUpReason> {
        match self.step {
            _ if !self.is_permanent() => None,
            Some(MailStep::Recipient) => Some(GiveUpReason::AddressRefused),
            _ => Some(GiveUpReason::Rejected),
        }
    }
}

/// How often it is tried: for three days, at the pauses below.
const MOST: u32 = 294;
/// The longest pause between two attempts: mail arrives soon after a server is back.
const LONGEST: Duration = Duration::minutes(15);

/// 15 s, 30 s, 1 min … 15 min.
#[must_use]
pub fn pause(attempt: u32) -> Duration {
    let doubled = 1_i32 << attempt.saturating_sub(1).min(6);
    (Duration::seconds(15) * doubled).min(LONGEST)
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is none.
    #[error("there is no such notification, or it is not visible to you")]
    Unknown,
    /// It is on its way.
    #[error("this notification is on its way already")]
    OnItsWay,
    /// It was sent or given up meanwhile.
    #[error("this notification is not being sent")]
    NotAttempting,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Unknown => Code::NotFound,
            Refusal::OnItsWay | Refusal::NotAttempting => Code::InvalidState,
        };
        Self::new(code, refusal.to_string())
    }
}

impl Aggregate for Notification {
    type Command = Command;
    type Event = NotificationEvent;
    type Refusal = Refusal;

    fn decide(&self, command: Command, now: Timestamp) -> Result<Vec<NotificationEvent>, Refusal> {
        Ok(match (self, command) {
            (Self::Absent, Command::Queue(queued)) => vec![queued.into()],
            (_, Command::Queue(_)) => vec![], // once, however often it is called for
            (Self::Absent, _) => return Err(Refusal::Unknown),
            // One that was cut off is tried again: whether the server has it nobody knows.
            (Self::Waiting(journey) | Self::Attempting(journey), Command::Attempt) => {
                vec![NotificationAttempted { attempt: journey.attempts + 1 }.into()]
            }
            (Self::Waiting(_) | Self::Attempting(_), Command::GiveUp(reason)) => {
                vec![NotificationGivenUp { reason, step: None, code: None }.into()]
            }
            (Self::Attempting(journey), Command::Sent) => {
                vec![NotificationSent { attempt: journey.attempts }.into()]
            }
            (Self::Attempting(journey), Command::Failed(failure)) => vec![outcome(journey, failure, now)],
            (Self::Sent(journey) | Self::Dead(journey), Command::Resend) => {
                vec![NotificationRequeued { round: journey.round + 1 }.into()]
            }
            (Self::Waiting(_) | Self::Attempting(_), Command::Resend) => return Err(Refusal::OnItsWay),
            (Self::Waiting(_), Command::Sent | Command::Failed(..)) => return Err(Refusal::NotAttempting),
            (
                Self::Sent(_) | Self::Dead(_),
                Command::Attempt | Command::Sent | Command::Failed(..) | Command::GiveUp(_),
            ) => return Err(Refusal::NotAttempting),
        })
    }

    fn evolve(self, event: NotificationEvent) -> Self {
        match event {
            NotificationEvent::Queued(queued) => Self::Waiting(Journey { queued, attempts: 0, round: 0 }),
            NotificationEvent::Attempted(attempted) => self.with(Self::Attempting, |journey| {
                journey.attempts = attempted.attempt;
            }),
            NotificationEvent::Sent(_) => self.with(Self::Sent, |_| {}),
            NotificationEvent::Deferred(_) => self.with(Self::Waiting, |_| {}),
            NotificationEvent::GivenUp(_) => self.with(Self::Dead, |_| {}),
            NotificationEvent::Requeued(requeued) => self.with(Self::Waiting, |journey| {
                journey.attempts = 0;
                journey.round = requeued.round;
            }),
        }
    }
}

fn outcome(journey: &Journey, failure: Failure, now: Timestamp) -> NotificationEvent {
    let Failure { step, code } = failure;
    let next_at = now.plus(pause(journey.attempts));
    let reason = match failure.verdict() {
        None if journey.attempts >= MOST => Some(GiveUpReason::Expired),
        verdict => verdict,
    };
    match reason {
        Some(reason) => NotificationGivenUp { reason, step, code }.into(),
        None => NotificationDeferred { attempt: journey.attempts, step, code, next_at }.into(),
    }
}

impl Notification {
    /// What is remembered of it.
    #[must_use]
    pub const fn journey(&self) -> Option<&Journey> {
        match self {
            Self::Absent => None,
            Self::Waiting(journey)
            | Self::Attempting(journey)
            | Self::Sent(journey)
            | Self::Dead(journey) => Some(journey),
        }
    }

    /// Whether it is still to be sent.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Attempting(_))
    }

    fn with(self, to: fn(Journey) -> Self, change: impl FnOnce(&mut Journey)) -> Self {
        match self {
            Self::Absent => Self::Absent, // never recorded: `decide` refuses
            Self::Waiting(mut journey)
            | Self::Attempting(mut journey)
            | Self::Sent(mut journey)
            | Self::Dead(mut journey) => {
                change(&mut journey);
                to(journey)
            }
        }
    }
}

#[cfg(test)]
mod tests;
