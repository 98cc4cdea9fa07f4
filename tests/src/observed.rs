//! An installation as seen from outside its services: rows, messages and views, read past every one of their programs.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot look fails

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream;
use bus::User;
use contracts::Service;
use futures::{StreamExt as _, TryStreamExt as _};
use runtime::secrets::ADMIN_ROLE;
use serde_json::Value;
use testkit::Installation;
use tokio_postgres::Client;
use uuid::Uuid;

/// A row of `log.event`.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its place in the log.
    pub position: i64,
    /// Its id.
    pub id: Uuid,
    /// Its stream.
    pub stream: Uuid,
    /// Its place in the stream.
    pub version: i32,
    /// `<category>.<past_tense>`.
    pub kind: String,
    /// When, in microseconds since 1970.
    pub recorded_at: i64,
    /// What it says, as stored.
    pub text: String,
    /// The same, read.
    pub payload: Value,
    /// What is stored as SHA-256 of the text.
    pub hash: Vec<u8>,
}

/// A row of the signature journal.
#[derive(Clone, Debug)]
pub struct Journaled {
    /// The event that permitted it.
    pub intent: Uuid,
    /// What was released.
    pub signature: Vec<u8>,
}

/// A message of a stream.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its sequence number.
    pub sequence: u64,
    /// The position of its event.
    pub position: i64,
    /// The id of its event.
    pub id: String,
}

/// Every row of every view, as text.
pub type Views = BTreeMap<String, Vec<String>>;

/// All of it at one moment of rest.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The log.
    pub events: Vec<Event>,
    /// The signature journal.
    pub journal: Vec<Journaled>,
    /// Keys whose wrapped bytes are kept.
    pub wrapped_keys: Vec<Uuid>,
    /// The log's copy on NATS.
    pub copy: Vec<Message>,
    /// The public events.
    pub public: Vec<Message>,
    /// The read models.
    pub views: Views,
    /// The same, built again from position 0.
    pub rebuilt: Views,
    /// What `chancery log verify` finds; nothing if it ends well.
    pub verdict: Option<String>,
    /// Lines of the services' logs that say that NATS denied a subject.
    pub denials: Vec<String>,
}

/// How long an installation may take to come to rest.
const REST: Duration = Duration::from_secs(60);

impl Observed {
    /// Waits until the installation rests, looks, lets every read model be built again, and looks at those once more.
    pub async fn of(installation: &Installation) -> Self {
        let admin = admin(installation).await;
        rests(installation, &admin).await;
        let views = views(&admin).await;
        let rebuilt = installation.command(&["rebuild", "all"]).output().unwrap();
        assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
        let verified = installation.command(&["log", "verify"]).output().unwrap();
        let words = || {
            String::from_utf8_lossy(&[verified.stdout.clone(), verified.stderr.clone()].concat()).into_owned()
        };
        let logs = installation.logs();
        let denied = |line: &&str| line.contains("NATS denied a subject");
        Self {
            events: events(&admin).await,
            journal: journal(&admin).await,
            wrapped_keys: wrapped_keys(&admin).await,
            copy: messages(installation, Service::Relay, "LOG_0").await,
            public: messages(installation, Service::Gateway, "CHANCERY_EVENTS").await,
            views,
            rebuilt: self::views(&admin).await,
            verdict: (!verified.status.success()).then(words),
            denials: logs.lines().filter(denied).map(str::to_owned).collect(),
        }
    }
}

/// A connection that sees everything.
pub async fn admin(installation: &Installation) -> Client {
    let password = installation.secrets().database_password(ADMIN_ROLE).unwrap();
    installation.endpoint().connect(ADMIN_ROLE, &password).await.unwrap()
}

/// JetStream as one of the users.
pub async fn jetstream(installation: &Installation, user: impl Into<User>) -> jetstream::Context {
    let user = user.into();
    let seed = installation.secrets().nats_seed(user).unwrap();
    let options = async_nats::ConnectOptions::with_nkey(seed.reveal().to_owned())
        .custom_inbox_prefix(format!("_INBOX.{user}"));
    jetstream::new(options.connect(installation.nats_url()).await.unwrap())
}

/// Waits until every intent is finished, every event sealed and copied, and every read model level.
async fn rests(installation: &Installation, admin: &Client) {
    let (log, public) =
        (jetstream(installation, Service::Relay).await, jetstream(installation, Service::Gateway).await);
    let deadline = tokio::time::Instant::now() + REST;
    loop {
        let reason = match unrest(admin).await {
            Some(reason) => reason,
            None => match lagging(admin, &log, &public).await {
                Some(reason) => reason,
                None => return,
            },
        };
        assert!(tokio::time::Instant::now() < deadline, "{reason}:\n{}", last_lines(&installation.logs()));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What PostgreSQL tells.
async fn unrest(admin: &Client) -> Option<String> {
    let count = |sql: &'static str| async move { admin.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) };
    let open = "select count(*) from log.stream where category = 'issuance' and version = 1";
    if let open @ 1.. = count(open).await {
        return Some(format!("{open} intents are open"));
    }
    let unsealed = "select coalesce((select max(position) from log.event), 0) - coalesce((select max(size) from log.tree_head), 0)";
    if let unsealed @ 1.. = count(unsealed).await {
        return Some(format!("{unsealed} events are not sealed"));
    }
    for service in Service::ALL.iter().filter(|service| service.row().projects) {
        let behind = format!(
            "select p.name from {service}.projection p where p.state = 'live' and exists (select from log.event e \
             where e.category = any (p.categories) and e.position > p.position)"
        );
        let table = format!("{service}.projection");
        let there = admin.query_one("select to_regclass($1) is not null", &[&table]).await.unwrap();
        if there.get(0)
            && let Some(row) = admin.query_opt(&format!("{behind} limit 1"), &[]).await.unwrap()
        {
            return Some(format!("the read model {} is behind", row.get::<_, &str>(0)));
        }
    }
    None
}

/// What NATS tells.
async fn lagging(admin: &Client, log: &jetstream::Context, public: &jetstream::Context) -> Option<String> {
    let last = |kinds: &'static [&'static str]| async move {
        let sql = "select coalesce(max(position), 0) from log.event where type = any ($1) or $1 = '{}'";
        admin.query_one(sql, &[&kinds]).await.unwrap().get::<_, i64>(0)
    };
    let copied = match log.get_stream("LOG_0").await {
        Ok(stream) => stream.cached_info().state.last_sequence,
        Err(error) => return Some(format!("LOG_0: {error}")),
    };
    let head = last(&[]).await;
    if i64::try_from(copied) != Ok(head) {
        return Some(format!("LOG_0 ends with {copied}, the log with {head}"));
    }
    let told = match public.get_stream("CHANCERY_EVENTS").await {
        Ok(stream) if stream.cached_info().state.messages == 0 => 0,
        Ok(stream) => match stream.get_raw_message(stream.cached_info().state.last_sequence).await {
            Ok(message) => position_of_public(&message.payload),
            Err(error) => return Some(format!("CHANCERY_EVENTS: {error}")),
        },
        Err(error) => return Some(format!("CHANCERY_EVENTS: {error}")),
    };
    let issued = last(&["issuance.completed"]).await;
    (told < issued)
        .then(|| format!("CHANCERY_EVENTS ends with event {told}, the last certificate is {issued}"))
}

async fn events(admin: &Client) -> Vec<Event> {
    let sql = "select position, id, stream, version, type, (extract(epoch from recorded_at) * 1000000)::bigint, \
               payload::text, hash from log.event order by position";
    let rows = admin.query(sql, &[]).await.unwrap();
    rows.iter()
        .map(|row| {
            let text: String = row.get(6);
            Event {
                position: row.get(0),
                id: row.get(1),
                stream: row.get(2),
                version: row.get(3),
                kind: row.get(4),
                recorded_at: row.get(5),
                payload: serde_json::from_str(&text).unwrap(),
                text,
                hash: row.get(7),
            }
        })
        .collect()
}

async fn journal(admin: &Client) -> Vec<Journaled> {
    let rows = admin.query("select intent_event, signature from keystore.signature", &[]).await.unwrap();
    rows.iter().map(|row| Journaled { intent: row.get(0), signature: row.get(1) }).collect()
}

async fn wrapped_keys(admin: &Client) -> Vec<Uuid> {
    let rows = admin.query("select key_id from keystore.wrapped_key order by key_id", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Every message of a stream, read by its writer.
pub async fn messages(installation: &Installation, writer: Service, name: &str) -> Vec<Message> {
    let stream = jetstream(installation, writer).await.get_stream(name).await.unwrap();
    let state = &stream.cached_info().state;
    let read = async |sequence| {
        let raw = stream.get_raw_message(sequence).await?;
        let header = |name: &str| raw.headers.get(name).map(|value| value.as_str().to_owned());
        let event: Value = serde_json::from_slice(&raw.payload).unwrap();
        Ok::<_, jetstream::stream::RawMessageError>(Message {
            sequence: raw.sequence,
            position: match header("Log-Position") {
                Some(position) => position.parse().unwrap(),
                None => position_of_public(&raw.payload),
            },
            id: header("Ev-Id").unwrap_or_else(|| event["id"].as_str().unwrap_or_default().to_owned()),
        })
    };
    futures::stream::iter(state.first_sequence..=state.last_sequence)
        .map(read)
        .buffered(64)
        .try_collect()
        .await
        .unwrap()
}

fn position_of_public(payload: &[u8]) -> i64 {
    let event: Value = serde_json::from_slice(payload).unwrap();
    event["position"].as_str().and_then(|position| position.parse().ok()).unwrap()
}

/// Waits until an installation rests, and reads its views.
pub async fn views_at_rest(installation: &Installation) -> Views {
    let admin = admin(installation).await;
    rests(installation, &admin).await;
    views(&admin).await
}

async fn views(admin: &Client) -> Views {
    admin.batch_execute("set chancery.scope = '*'").await.unwrap();
    let names = "select table_schema || '.' || table_name from information_schema.views \
                 where table_schema like 'api\\_%' and table_name not like 'checkpoint%'";
    let mut views = Views::new();
    for row in admin.query(names, &[]).await.unwrap() {
        let name: String = row.get(0);
        // When a token was last used is a sample, kept beside the log and not built from it.
        let row = "(to_jsonb(v) - 'last_used_at') #- '{document,lastUsedAt}'";
        let rows = format!("select ({row})::text from {name} v order by 1");
        let rows = admin.query(&rows, &[]).await.unwrap();
        views.insert(name, rows.iter().map(|row| row.get(0)).collect());
    }
    views
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}
