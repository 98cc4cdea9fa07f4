//! Whatever people or certificates say, a mail has the headers that were meant. Read back by Python's `email`, which
//! knows nothing of how it was written.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

fn mail(subject: &str, name: &str, text: &str) -> Mail {
    let from: MailAddress = "pki@example.com".parse().unwrap();
    Mail {
        from: Correspondent { address: from.clone(), name: Some(HeaderText::new("Chancery").unwrap()) },
        to: Correspondent { address: "ann@example.com".parse().unwrap(), name: Some(HeaderText::of(name)) },
        subject: HeaderText::of(subject),
        text: text.into(),
        html: format!("<p>{}</p>", shown::html(text)),
        message_id: MessageId::of(NotificationId(Uuid::from_u128(1)), 0, &from),
        date: NOON,
    }
}

#[test]
fn a_header_takes_no_line_end_and_nothing_invisible() {
    for bad in ["a\rb", "a\nb", "a\0b", "a\u{202e}b", "a\u{200b}b"] {
        assert_eq!(HeaderText::new(bad), Err(HeaderTextError), "{bad:?}");
        assert_eq!(HeaderText::of(bad).as_str(), shown::line(bad));
    }
    assert_eq!(HeaderText::new("=?utf-8?B?DQo=?="), Err(HeaderTextError));
    assert_eq!(HeaderText::of("=?utf-8?B?DQo?=").as_str(), "=\\u{3f}utf-8?B?DQo?=");
    assert_eq!(HeaderText::new("Grüße").unwrap().as_str(), "Grüße");
}

#[test]
fn the_same_mail_has_the_same_bytes_and_each_round_its_own_id() {
    let one = mail("Subject", "Ann", "text");
    assert_eq!(one.compose().unwrap(), one.compose().unwrap());
    let (id, from) = (NotificationId(Uuid::from_u128(1)), &one.from.address);
    assert_ne!(MessageId::of(id, 0, from), MessageId::of(id, 1, from));
    assert!(one.message_id.as_str().ends_with("@example.com"));
}

/// Subjects and names that try: line ends in every spelling, encoded words, colons, quotes, brackets, other scripts.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\nBcc: eve@example.com".to_owned()),
        Just("\nX-Evil: 1\n\nbody".to_owned()),
        Just("\rTo: eve@example.com".to_owned()),
        Just("=?utf-8?Q?=0D=0ABcc:_eve@example.com?=".to_owned()),
        Just("=?utf-8?B?DQpCY2M6IGV2ZQ==?=".to_owned()),
        Just("\u{2028}\u{85}\u{b}\u{c}".to_owned()),
        Just("\", <eve@example.com>, \"".to_owned()),
        Just("\\\" (comment) ;:,".to_owned()),
        Just("證明書を更新してください ".repeat(5)),
        "\\PC{0,40}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

const READER: &str = r"
import email, email.policy, json, sys
answers = []
for raw in json.load(sys.stdin):
    mail = email.message_from_bytes(bytes.fromhex(raw), policy=email.policy.default)
    plain = mail.get_body(('plain',))
    answers.append({'names': mail.keys(), 'subject': str(mail['Subject']), 'defects': [repr(d) for d in mail.defects],
        'to': [[a.display_name, a.addr_spec] for a in mail['To'].addresses],
        'text': plain.get_payload(decode=True).decode(), 'parts': [p.get_content_type() for p in mail.iter_parts()]})
json.dump(answers, sys.stdout)
";

fn read_by_python(mails: &[Vec<u8>]) -> Vec<Value> {
    let mut python = Command::new("python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input: Vec<String> =
        mails.iter().map(|mail| mail.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    python.stdin.take().unwrap().write_all(serde_json::to_string(&input).unwrap().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn no_subject_or_name_becomes_another_header() {
    const CASES: u32 = 300;
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let mut tried: Vec<(Mail, Vec<u8>)> = vec![];
    for _ in 0..CASES {
        let draw = |runner: &mut TestRunner| hostile().new_tree(runner).unwrap().current();
        let (subject, name, text) = (draw(&mut runner), draw(&mut runner), draw(&mut runner));
        let mail = mail(&subject, &name, &text);
        let bytes = mail.compose().unwrap();
        let lines = bytes.split(|byte| *byte == b'\n');
        assert!(lines.clone().all(|line| line.len() <= 999), "RFC 5322 §2.1.1");
        assert!(bytes.iter().all(u8::is_ascii));
        tried.push((mail, bytes));
    }
    let raw: Vec<Vec<u8>> = tried.iter().map(|(_, bytes)| bytes.clone()).collect();
    for ((mail, _), read) in tried.iter().zip(read_by_python(&raw)) {
        let mut names: Vec<&str> =
            read["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        names.sort_unstable();
        let expected =
            ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];
        assert_eq!(names, expected, "{mail:?}");
        assert_eq!(read["defects"], serde_json::json!([]), "{mail:?}");
        let recipients = read["to"].as_array().unwrap();
        assert_eq!(recipients.len(), 1, "{mail:?}");
        assert_eq!(recipients[0][1], "ann@example.com", "{mail:?}");
        assert_eq!(read["parts"], serde_json::json!(["text/plain", "text/html"]));
        // White space at its ends and in runs is not kept by header folding.
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(words(read["subject"].as_str().unwrap()), words(mail.subject.as_str()));
        let text = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(text(read["text"].as_str().unwrap()), text(&mail.text));
    }
}
