//! The steps, in their order.

use std::{io, net::SocketAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    SecretText,
    notifier::{MailStep, MailTls},
};
use runtime::roots;
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use zeroize::Zeroizing;

use super::{
    Delivery, Failed, Log, Trouble,
    reply::{self, Reply},
    tls::{self, Stream},
};

/// Takes every step of a delivery.
pub(super) async fn run(log: &mut Log, delivery: Delivery<'_>) -> Result<(), Failed> {
    let settings = delivery.settings;
    let (host, ca_bundle) = (settings.server.as_str(), settings.ca_bundle.as_deref());
    let implicit = settings.tls == MailTls::Implicit;
    let addresses = log.step(MailStep::Resolve, resolve(host, settings.port)).await?;
    let mut line = log.step(MailStep::Connect, connect(&addresses, !implicit)).await?;
    if implicit {
        line = log.step(MailStep::Tls, protect(line, host, ca_bundle)).await?;
    }
    let mut offer = log.step(MailStep::Hello, line.hello(implicit)).await?;
    if settings.tls == MailTls::Starttls {
        line = log.step(MailStep::Tls, starttls(line, &offer, host, ca_bundle)).await?;
        // What was offered before could have been anybody's word (RFC 3207 §4.2).
        offer = log.step(MailStep::Hello, line.hello(false)).await?;
    }
    if let (Some(user), Some(password)) = (&settings.user, delivery.password) {
        log.step(MailStep::Auth, line.sign_in(&offer, user, password)).await?;
    }
    let (sender, recipient) =
        (format!("MAIL FROM:<{}>", delivery.from), format!("RCPT TO:<{}>", delivery.to));
    log.step(MailStep::Sender, line.say(&sender)).await?;
    log.step(MailStep::Recipient, line.say(&recipient)).await?;
    log.step(MailStep::Data, line.hand_over(delivery.mail)).await?;
    // The mail is the server's now: how the parting goes changes nothing.
    _ = tokio::time::timeout(Duration::from_secs(1), line.ask("QUIT")).await;
    Ok(())
}

/// What a step gives, and words about it.
type Done<T> = Result<(T, String), Trouble>;

async fn resolve(host: &str, port: u16) -> Done<Vec<SocketAddr>> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<_> =
        found.map_err(|error| Trouble::new(format!("'{host}' has no address: {error}")))?.collect();
    if found.is_empty() {
        return Err(Trouble::new(format!("'{host}' has no address")));
    }
    let words: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
    Ok((found, words.join(", ")))
}

/// Connects to the first address that answers.
async fn connect(addresses: &[SocketAddr], greeted: bool) -> Done<Line> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let mut line = Line::new(stream).map_err(broken)?;
                let mut words = format!("connected to {address}");
                if greeted {
                    let greeting = line.read().await?.positive()?;
                    words = format!("{words}; {}", greeting.words());
                }
                return Ok((line, words));
            }
            Err(error) => last = error,
        }
    }
    let tried: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Err(Trouble::new(format!("no connection to {}: {last}", tried.join(", "))))
}

async fn starttls(mut line: Line, offer: &Reply, host: &str, ca_bundle: Option<&str>) -> Done<Line> {
    if offer.offers("STARTTLS").is_none() {
        let words = "the server does not offer STARTTLS, which the settings require; nothing was sent to it";
        return Err(Trouble::new(words));
    }
    line.ask("STARTTLS").await?.positive()?;
    if !line.stream.buffer().is_empty() {
        // Somebody put words into the connection before it was protected.
        return Err(Trouble::new(
            "the server said more before TLS than it may; the connection cannot be trusted",
        ));
    }
    protect(line, host, ca_bundle).await
}

async fn protect(line: Line, host: &str, ca_bundle: Option<&str>) -> Done<Line> {
    let config = roots::client_config_adding_text(ca_bundle)
        .map_err(|fault| Trouble::new(format!("no CA is trusted: {}", runtime::error::words(&fault))))?;
    let Line { stream, name } = line;
    let (stream, words) = tls::handshake(stream.into_inner(), host, config).await?;
    Ok((Line { stream: BufReader::new(stream), name }, words))
}

/// A connection on which lines are said and replies are read.
struct Line {
    stream: BufReader<Box<dyn Stream>>,
    /// What we call ourselves: our end's address (RFC 5321 §4.1.3).
    name: String,
}

impl Line {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let name = match stream.local_addr()?.ip().to_canonical() {
            std::net::IpAddr::V4(address) => format!("[{address}]"),
            std::net::IpAddr::V6(address) => format!("[IPv6:{address}]"),
        };
        Ok(Self { stream: BufReader::new(Box::new(stream)), name })
    }

    async fn read(&mut self) -> Result<Reply, Trouble> {
        reply::read(&mut self.stream).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.stream.write_all(bytes).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }

    /// Says a line and reads the reply. The callers' lines hold no line end: addresses and encoded text only.
    async fn ask(&mut self, line: &str) -> Result<Reply, Trouble> {
        self.write(&Zeroizing::new(format!("{line}\r\n").into_bytes())).await?;
        self.read().await
    }

    /// The same, when only a yes will do.
    async fn say(&mut self, line: &str) -> Done<()> {
        let reply = self.ask(line).await?.positive()?;
        Ok(((), reply.words()))
    }

    /// `EHLO`, after the greeting where that is still to come.
    async fn hello(&mut self, greeting: bool) -> Done<Reply> {
        if greeting {
            self.read().await?.positive()?;
        }
        let hello = format!("EHLO {}", self.name);
        let offer = self.ask(&hello).await?.positive()?;
        let offered = match offer.lines.get(1..) {
            Some(extensions) if !extensions.is_empty() => format!("offers {}", extensions.join(", ")),
            _ => "offers nothing beyond plain SMTP".to_owned(),
        };
        Ok((offer, offered))
    }

    /// Signs in with the first of `PLAIN` and `LOGIN` that is offered. What we say here is never told.
    async fn sign_in(&mut self, offer: &Reply, user: &str, password: &SecretText) -> Done<()> {
        let offered = offer.offers("AUTH").ok_or_else(|| {
            Trouble::new("the server offers no way to sign in (AUTH); does it need another port or TLS mode?")
        })?;
        let offers = |mechanism| offered.split(' ').any(|word: &str| word.eq_ignore_ascii_case(mechanism));
        let (mechanism, reply) = if offers("PLAIN") {
            let text = Zeroizing::new(format!("\0{user}\0{}", password.reveal()));
            let line = Zeroizing::new(format!("AUTH PLAIN {}", *Zeroizing::new(STANDARD.encode(&*text))));
            ("PLAIN", self.ask(&line).await?)
        } else if offers("LOGIN") {
            self.ask("AUTH LOGIN").await?.positive()?;
            self.ask(&STANDARD.encode(user)).await?.positive()?;
            ("LOGIN", self.ask(&Zeroizing::new(STANDARD.encode(password.reveal()))).await?)
        } else {
            let words = format!("the server offers only ways to sign in that are not known here: {offered}");
            return Err(Trouble::new(words));
        };
        if reply.is_positive() {
            return Ok(((), format!("signed in with {mechanism}; {}", reply.words())));
        }
        Err(reply.refused("user and password were not accepted; "))
    }

    /// `DATA` and the mail; a line that begins with a dot gets another one (RFC 5321 §4.5.2).
    async fn hand_over(&mut self, mail: &[u8]) -> Done<()> {
        self.ask("DATA").await?.positive()?;
        let mut bytes = Vec::with_capacity(mail.len() + 64);
        for line in mail.split_inclusive(|byte| *byte == b'\n') {
            if line.starts_with(b".") {
                bytes.push(b'.');
            }
            bytes.extend_from_slice(line);
        }
        if !bytes.ends_with(b"\r\n") {
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b".\r\n");
        self.write(&bytes).await?;
        let reply = self.read().await?.positive()?;
        Ok(((), reply.words()))
    }
}

fn broken(error: io::Error) -> Trouble {
    Trouble::new(format!("the connection broke: {error}"))
}
