//! Follows Chancery's public events over NATS and keeps each once, one JSON object a line.
//!
//! ```text
//! subscriber nats://127.0.0.1:4222 …/secrets/nats-subscriber.nk events.ndjson 'evt.*.certificate.>' [consumer's name]
//! ```
//!
//! Delivery is at least once. What is in the file is done: its ids are read at the start, and a repeat is dropped by id.
//! Kill it at any moment and start it again. When the stream was wiped, and our consumer with it, both come back:
//! Chancery fills the stream from its log, we make the consumer again and drop what we have.

#![allow(clippy::print_stderr)] // a program for people to read and change

use std::{
    collections::HashSet,
    error::Error,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    time::Duration,
};

use async_nats::{
    ConnectOptions,
    jetstream::{
        self,
        consumer::{AckPolicy, DeliverPolicy, pull},
    },
};
use futures::StreamExt as _;

const STREAM: &str = "CHANCERY_EVENTS";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, seed, file, subject, rest @ ..] = &arguments[..] else {
        return Err("usage: subscriber SERVER SEED-FILE OUTPUT-FILE SUBJECT [NAME]".into());
    };
    let name = rest.first().cloned().map_or_else(|| name_for(file), Ok)?;
    let client = ConnectOptions::with_nkey(fs::read_to_string(seed)?.trim().to_owned())
        .custom_inbox_prefix("_INBOX.subscriber") // the user may only use inboxes below its own name
        .retry_on_initial_connect()
        .connect(server)
        .await?;
    let jetstream = jetstream::new(client);
    let mut events = Events::open(file)?;
    loop {
        if let Err(error) = follow(&jetstream, subject, &name, &mut events).await {
            eprintln!("again in a second: {error}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The consumer knows how far its file is; another file begins at the beginning.
fn name_for(file: &str) -> io::Result<String> {
    let path = std::path::absolute(file)?.display().to_string();
    Ok(format!("example{}", path.replace(|c: char| !c.is_ascii_alphanumeric(), "-")))
}

/// Makes the consumer if it is not there, and takes what it brings until something breaks.
async fn follow(
    jetstream: &jetstream::Context,
    subject: &str,
    name: &str,
    events: &mut Events,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        filter_subject: subject.to_owned(),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    let consumer = jetstream.create_consumer_on_stream(config, STREAM).await?;
    let mut messages = consumer.stream().heartbeat(Duration::from_secs(2)).messages().await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        events.keep(&message.payload)?;
        message.ack().await?;
    }
    Ok(())
}

/// The file, and the ids of what is in it.
struct Events {
    file: File,
    seen: HashSet<String>,
}

impl Events {
    /// Reads the ids. A line that a kill cut off is removed.
    fn open(path: &str) -> Result<Self, Box<dyn Error>> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut seen = HashSet::new();
        for line in text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            seen.insert(id(line)?);
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        file.set_len(whole as u64)?;
        Ok(Self { file, seen })
    }

    fn keep(&mut self, event: &[u8]) -> io::Result<()> {
        if self.seen.insert(id(event)?) {
            self.file.write_all(&[event, b"\n"].concat())?;
        }
        Ok(())
    }
}

fn id(event: &[u8]) -> io::Result<String> {
    let event: serde_json::Value = serde_json::from_slice(event)?;
    event["id"].as_str().map(str::to_owned).ok_or_else(|| io::Error::other("an event without an id"))
}
