//! Servers that misbehave, one script each. Real servers stand in `tests/tests/mail.rs`.

use contracts::notifier::MailTls;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;

const GREETING: &str = "220 mail.example.com ESMTP\r\n";

/// A server that answers each line with the next of these, whatever it says, and gives back what it heard.
async fn server(replies: &'static [&'static str]) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(GREETING.as_bytes()).await.unwrap();
        let (mut heard, mut in_mail, mut next) = (vec![], false, replies.iter());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return heard;
            }
            heard.push(line.clone());
            if in_mail && line != ".\r\n" {
                continue;
            }
            let Some(reply) = next.next() else { return heard };
            in_mail = reply.starts_with("354");
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    (port, heard)
}

fn settings(port: u16, tls: MailTls) -> MailSettingsReplaced {
    MailSettingsReplaced {
        server: "127.0.0.1".into(),
        port,
        tls,
        user: None,
        credential: None,
        from_address: "pki@example.com".into(),
        from_name: None,
        ca_bundle: None,
    }
}

async fn send(settings: &MailSettingsReplaced, mail: &str, within: Duration) -> Outcome {
    let password = SecretText::new("correct horse".into());
    let (from, to) = ("pki@example.com".parse().unwrap(), "ann@example.com".parse().unwrap());
    let delivery =
        Delivery { settings, password: Some(&password), from: &from, to: &to, mail: mail.as_bytes() };
    deliver(delivery, within).await
}

async fn plain(replies: &'static [&'static str], mail: &str) -> (Outcome, Vec<String>) {
    let (port, heard) = server(replies).await;
    let outcome = send(&settings(port, MailTls::None), mail, WHOLE).await;
    (outcome, heard.await.unwrap())
}

#[tokio::test]
async fn a_line_that_begins_with_a_dot_does_not_end_the_mail() {
    let replies = &["250 hello\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 kept\r\n", "221 bye\r\n"];
    let (outcome, heard) =
        plain(replies, "Subject: x\r\n\r\n.\r\n..two\r\nRCPT TO:<eve@example.com>\r\n").await;
    assert_eq!(outcome.failure, None);
    assert_eq!(outcome.last_words(), "250 kept");
    let mail: Vec<&str> = heard[4..].iter().map(String::as_str).collect();
    let expected = [
        "Subject: x\r\n",
        "\r\n",
        "..\r\n",
        "...two\r\n",
        "RCPT TO:<eve@example.com>\r\n",
        ".\r\n",
        "QUIT\r\n",
    ];
    assert_eq!(mail, expected);
    assert!(heard[0].starts_with("EHLO [127.0.0.1]"), "{heard:?}");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_step_and_code() {
    let scripts: [(&[&str], MailStep, u16); 4] = [
        (&["502 no\r\n"], MailStep::Hello, 502),
        (&["250 hello\r\n", "553 not you\r\n"], MailStep::Sender, 553),
        (&["250 hello\r\n", "250 ok\r\n", "450-busy\r\n450 later\r\n"], MailStep::Recipient, 450),
        (&["250 hello\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n", "554 spam\r\n"], MailStep::Data, 554),
    ];
    for (script, step, code) in scripts {
        let (port, _heard) = server(script).await;
        let outcome = send(&settings(port, MailTls::None), "x\r\n", WHOLE).await;
        assert_eq!(outcome.failure, Some(Failure { step: Some(step), code: Some(code) }), "{outcome:?}");
    }
}

#[tokio::test]
async fn words_slipped_in_before_tls_end_the_dialogue() {
    let (port, _heard) = server(&["250-hello\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"]).await;
    let outcome = send(&settings(port, MailTls::Starttls), "x\r\n", WHOLE).await;
    assert_eq!(outcome.failure, Some(Failure { step: Some(MailStep::Tls), code: None }));
    assert!(outcome.last_words().contains("cannot be trusted"), "{outcome:?}");
}

#[tokio::test]
async fn nothing_is_sent_in_the_clear_when_tls_is_required() {
    let (port, heard) = server(&["250-hello\r\n250 AUTH PLAIN LOGIN\r\n"]).await;
    let mut settings = settings(port, MailTls::Starttls);
    settings.user = Some("pki".into());
    let outcome = send(&settings, "x\r\n", WHOLE).await;
    assert_eq!(outcome.failure.and_then(|failure| failure.step), Some(MailStep::Tls));
    assert_eq!(heard.await.unwrap().len(), 1, "EHLO and nothing else");
}

#[tokio::test]
async fn the_password_is_in_no_report() {
    let (port, _heard) =
        server(&["250-hello\r\n250 AUTH LOGIN\r\n", "334 user\r\n", "334 password\r\n", "535 no\r\n"]).await;
    let mut settings = settings(port, MailTls::None);
    settings.user = Some("pki".into());
    let outcome = send(&settings, "x\r\n", WHOLE).await;
    assert_eq!(outcome.failure, Some(Failure { step: Some(MailStep::Auth), code: Some(535) }));
    let told = format!("{outcome:?}");
    assert!(!told.contains("horse") && !told.contains("Y29ycmVjdCBob3JzZQ"), "{told}");
}

#[tokio::test]
async fn a_server_that_says_nothing_holds_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(silent.local_addr().unwrap().port(), MailTls::None);
    let begin = std::time::Instant::now();
    let outcome = send(&settings, "x\r\n", Duration::from_millis(300)).await;
    assert!(outcome.failure.is_some() && begin.elapsed() < Duration::from_secs(5), "{outcome:?}");
}
