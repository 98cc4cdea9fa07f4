//! A dialogue with a mail server (RFC 5321), one step at a time: each is bounded, timed and told, with the server's words.
//!
//! The server is named by a master administrator in the settings, and usually stands in a private network: the rules for
//! addresses that users and peers can name (M-1) do not hold here.

mod reply;
mod session;
mod tls;

use std::time::Duration;

use contracts::{
    SecretText,
    notifier::{MailSettingsReplaced, MailStep, MailStepReport},
};

use crate::{address::MailAddress, notification::Failure, shown};

/// How long one step may take; the last one longer, because a server may look through the mail before it answers.
const STEP: Duration = Duration::from_secs(10);
/// How long the server may take for the mail itself.
const DATA: Duration = Duration::from_secs(20);
/// How long all of it may take.
pub const WHOLE: Duration = Duration::from_secs(40);

/// A mail in its envelope, and how to get it to the server.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The settings.
    pub settings: &'a MailSettingsReplaced,
    /// The password, if a user is set.
    pub password: Option<&'a SecretText>,
    /// The sender in the envelope.
    pub from: &'a MailAddress,
    /// The recipient in the envelope.
    pub to: &'a MailAddress,
    /// The mail's bytes.
    pub mail: &'a [u8],
}

/// How a delivery went.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Every step that was taken.
    pub steps: Vec<MailStepReport>,
    /// What went wrong, at the last of them.
    pub failure: Option<Failure>,
}

impl Outcome {
    /// What the server said last, or why it could not be asked.
    #[must_use]
    pub fn last_words(&self) -> &str {
        self.steps.last().map_or("", |report| report.detail.as_str())
    }
}

/// Why a step failed: words for people, and the reply code if the server replied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    words: String,
    code: Option<u16>,
}

impl Trouble {
    fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), code: None }
    }
}

/// Hands a mail to the server. It ends in time, whatever the server does.
pub async fn deliver(delivery: Delivery<'_>, within: Duration) -> Outcome {
    let mut log = Log { steps: vec![], failure: None };
    let whole = tokio::time::timeout(within.min(WHOLE), session::run(&mut log, delivery)).await;
    if whole.is_err() && log.failure.is_none() {
        // Cut off within a step that is not in the report yet.
        log.failure = Some(Failure::default());
    }
    Outcome { steps: log.steps, failure: log.failure }
}

/// What was done so far.
pub(crate) struct Log {
    steps: Vec<MailStepReport>,
    failure: Option<Failure>,
}

/// A step failed, which stands in the log already.
pub(crate) struct Failed;

impl Log {
    /// Takes a step: `work` gives what comes of it and words about it.
    async fn step<T>(
        &mut self,
        step: MailStep,
        work: impl Future<Output = Result<(T, String), Trouble>>,
    ) -> Result<T, Failed> {
        let begin = tokio::time::Instant::now();
        let limit = if step == MailStep::Data { DATA } else { STEP };
        let late = || Err(Trouble::new(format!("no answer within {} s", limit.as_secs())));
        let done = tokio::time::timeout(limit, work).await.unwrap_or_else(|_| late());
        let milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (ok, detail) = match &done {
            Ok((_, words)) => (true, words),
            Err(trouble) => (false, &trouble.words),
        };
        // The server's words are anybody's.
        let detail: String = shown::line(detail).chars().take(500).collect();
        self.steps.push(MailStepReport { step, ok, detail, milliseconds });
        done.map(|(value, _)| value).map_err(|trouble| {
            self.failure = Some(Failure { step: Some(step), code: trouble.code });
            Failed
        })
    }
}

#[cfg(test)]
mod tests;
