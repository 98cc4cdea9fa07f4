//! The tables beside the log: to whom notifications go, what they say, what servers answered.

use contracts::{
    NotificationId, Problem, Service, Timestamp,
    notifier::{MailStep, NotificationQueued},
};
use deadpool_postgres::Pool;
use runtime::{process::Process, timer::arm};
use serde_json::json;

use crate::{
    letter::{Facts, Template},
    smtp::Outcome,
};

/// The tables.
#[derive(Clone, Debug)]
pub struct Messages {
    pool: Pool,
}

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The recipient's name.
    pub name: Option<String>,
    /// Their address.
    pub address: Option<String>,
    /// What fills the template; secrets masked.
    pub facts: Facts,
}

/// The tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// No connection to be had.
    #[error("no connection to the notifier's tables")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// PostgreSQL refused or broke off.
    #[error("the notifier's tables cannot be used")]
    Server(#[from] tokio_postgres::Error),
    /// What stands there cannot be read.
    #[error("a message's facts cannot be read")]
    Facts(#[from] serde_json::Error),
}

impl From<TableError> for Problem {
    fn from(error: TableError) -> Self {
        tracing::warn!(error = runtime::error::words(&error), "the notifier's tables are not available");
        Self::unavailable("the notifier's tables are not available at the moment; try again")
    }
}

impl Messages {
    /// The tables behind a pool.
    #[must_use]
    pub const fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Keeps a message, unless it is kept already. Its text is filled in, so that it can be read before it is sent.
    pub async fn keep(&self, queued: &NotificationQueued, message: &Message) -> Result<(), TableError> {
        let letter = Template::of(queued.kind).fill(&message.facts).ok();
        let (subject, body) = letter.map(|letter| (letter.subject.as_str().to_owned(), letter.text)).unzip();
        let facts = serde_json::to_value(&message.facts)?;
        let sql = "insert into notifier.message (notification, recipient_name, address, facts, subject, body) \
                   values ($1, $2, $3, $4, $5, $6) on conflict (notification) do nothing";
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&queued.id.uuid(), &message.name, &message.address, &facts, &subject, &body];
        client.execute(&statement, &values).await?;
        Ok(())
    }

    /// A message; none when it was erased.
    pub async fn find(&self, id: NotificationId) -> Result<Option<Message>, TableError> {
        let sql = "select recipient_name, address, facts from notifier.message where notification = $1";
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        let Some(row) = client.query_opt(&statement, &[&id.uuid()]).await? else { return Ok(None) };
        let facts = serde_json::from_value(row.try_get(2)?)?;
        Ok(Some(Message { name: row.try_get(0)?, address: row.try_get(1)?, facts }))
    }

    /// Notes that a message waits for mail to be set up.
    pub async fn wait(&self, id: NotificationId) -> Result<(), TableError> {
        let sql = "update notifier.message set waiting = true where notification = $1 and not waiting";
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&id.uuid()]).await?;
        Ok(())
    }

    /// Ends the wait of all that wait: in one transaction each gets the timer of its name, due now.
    pub async fn release<P: Process>(
        &self,
        timer: fn(NotificationId) -> String,
        now: Timestamp,
    ) -> Result<(), TableError> {
        let sql = "update notifier.message set waiting = false where waiting returning notification";
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let rows = transaction.query(sql, &[]).await?;
        let names = rows.iter().map(|row| row.try_get(0).map(NotificationId).map(timer));
        let names: Vec<String> = names.collect::<Result<_, _>>()?;
        arm::<P>(&transaction, Service::Notifier, &names, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Keeps what the server answered; an address that it refused for good is written to no more.
    pub async fn note(
        &self,
        id: NotificationId,
        address: &str,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<(), TableError> {
        let last = outcome.steps.last();
        let step = last.map(|report| json!(report.step).as_str().unwrap_or_default().to_owned());
        let code = outcome.failure.and_then(|failure| failure.code).map(i32::from);
        let sql = "insert into notifier.attempt (notification, at, ok, step, code, answer) \
                   values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
        let client = self.pool.get().await?;
        let statement = client.prepare_cached(sql).await?;
        let (ok, answer) = (outcome.failure.is_none(), outcome.last_words());
        client.execute(&statement, &[&id.uuid(), &at.0, &ok, &step, &code, &answer]).await?;
        let refused = outcome.failure.is_some_and(|failure| {
            failure.step == Some(MailStep::Recipient) && matches!(failure.code, Some(500..=599))
        });
        // RFC 3463 §3.2: the address itself. Whatever else is refused may be the fault of the settings.
        let by_address = answer.split_whitespace().any(|word| word.starts_with("5.1."));
        if refused && by_address {
            let sql = "insert into notifier.suppressed (address, notification, answer) values (lower($1), $2, $3) \
                       on conflict do nothing";
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, &[&address, &id.uuid(), &answer]).await?;
        }
        Ok(())
    }

    /// Whether a server refused this address for good.
    pub async fn is_suppressed(&self, address: &str) -> Result<bool, TableError> {
        let client = self.pool.get().await?;
        let sql = "select exists (select from notifier.suppressed where address = lower($1))";
        let statement = client.prepare_cached(sql).await?;
        Ok(client.query_one(&statement, &[&address]).await?.try_get(0)?)
    }

    /// Forgets what is older. Gives the number of messages that are gone.
    pub async fn forget(&self, before: Timestamp) -> Result<u64, TableError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        transaction.execute("delete from notifier.attempt where at < $1", &[&before.0]).await?;
        transaction.execute("delete from notifier.suppressed where since < $1", &[&before.0]).await?;
        let gone =
            transaction.execute("delete from notifier.message where made_at < $1", &[&before.0]).await?;
        transaction.commit().await?;
        Ok(gone)
    }

    /// Writes to the address of a message again.
    pub async fn trust_again(&self, id: NotificationId) -> Result<(), TableError> {
        let client = self.pool.get().await?;
        let sql = "delete from notifier.suppressed s using notifier.message m \
                   where m.notification = $1 and s.address = lower(m.address)";
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&id.uuid()]).await?;
        Ok(())
    }
}
