//! A real mail server beside the tests (aiosmtpd), and what it was given.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdin, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{tool, world::eventually};

/// The name the server's certificate is for.
pub const NAME: &str = "localhost";

/// A mail server with three ports.
#[derive(Debug)]
pub struct MailServer {
    /// STARTTLS, and a user is required.
    pub starttls: u16,
    /// TLS from the first byte, and a user is required.
    pub implicit: u16,
    /// Neither.
    pub plain: u16,
    /// Its certificate, which is its own CA (PEM).
    pub certificate: String,
    folder: tempfile::TempDir,
    python: Child,
    /// It ends when this is closed.
    _stdin: ChildStdin,
}

impl MailServer {
    /// Starts one.
    pub async fn start() -> Self {
        let [starttls, implicit, plain] = testkit::ports::free().map(|address: SocketAddr| address.port());
        Self::start_at(starttls, implicit, plain).await
    }

    /// The same on these ports.
    pub async fn start_at(starttls: u16, implicit: u16, plain: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).unwrap();
        let certificate = made.cert.pem();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let config = json!({
            "folder": folder.path(),
            "certificate": file("certificate.pem", &certificate),
            "key": file("key.pem", &made.signing_key.serialize_pem()),
            "listeners": [
                {"port": starttls, "tls": "starttls", "auth": true},
                {"port": implicit, "tls": "implicit", "auth": true},
                {"port": plain, "tls": "none"},
            ],
        });
        let mut command = tool::python();
        command.args(["-c", include_str!("mail_sink.py"), &config.to_string()]);
        let mut python = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (python.stdin.take().unwrap(), python.stdout.take().unwrap());
        let first = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            line
        });
        assert_eq!(first.await.unwrap(), "ready\n");
        Self { starttls, implicit, plain, certificate, folder, python, _stdin: stdin }
    }

    /// Every mail it took, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Value> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        files.iter().map(|path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
    }

    /// Waits for this many mails.
    pub async fn takes(&self, count: usize) -> Vec<Value> {
        eventually("the mail arrives", async || Some(self.mails()).filter(|mails| mails.len() >= count)).await
    }

    /// Settings that use its STARTTLS port.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({"server": NAME, "port": self.starttls, "tls": "starttls", "user": "pki",
            "password": "correct horse", "fromAddress": "pki@example.com", "fromName": "Chancery",
            "caBundle": self.certificate})
    }

    /// Settings that use its plain port.
    #[must_use]
    pub fn plain_settings(&self) -> Value {
        json!({"server": "127.0.0.1", "port": self.plain, "tls": "none", "fromAddress": "pki@example.com"})
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        _ = self.python.kill();
        _ = self.python.wait();
    }
}

/// The text of a mail, as a reader shows it.
#[must_use]
pub fn text(mail: &Value) -> String {
    let data = mail["data"].as_str().unwrap();
    let part = data.split("Content-Type: text/plain").nth(1).unwrap();
    let (_, body) = part.split_once("\r\n\r\n").unwrap();
    let base64: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
    String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()
}

/// What stands after this in a link of a mail.
#[must_use]
pub fn after(mail: &Value, path: &str) -> String {
    let text = text(mail);
    let rest = text.split(path).nth(1).unwrap_or_else(|| panic!("no '{path}' in {text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

/// A header of a mail, with its line folded back.
#[must_use]
pub fn header(mail: &Value, name: &str) -> String {
    let text = mail["data"].as_str().unwrap().replace("\r\n ", " ");
    let prefix = format!("{name}: ");
    text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().trim().to_owned()
}
