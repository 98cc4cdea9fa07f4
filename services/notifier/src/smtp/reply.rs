//! A server's replies (RFC 5321 §4.2), read within limits.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

use super::Trouble;

/// Longest line of a reply that is read; RFC 5321 §4.5.3.1.5 says 512 octets.
const LINE: usize = 4_096;
/// Most lines of a reply.
const LINES: usize = 100;

/// A reply: its code and its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub code: u16,
    pub lines: Vec<String>,
}

impl Reply {
    /// As people are told it.
    pub fn words(&self) -> String {
        format!("{} {}", self.code, self.lines.join(" / "))
    }

    pub const fn is_positive(&self) -> bool {
        matches!(self.code, 200..=399)
    }

    /// It, if it is what was hoped for.
    pub fn positive(self) -> Result<Self, Trouble> {
        if self.is_positive() { Ok(self) } else { Err(self.refused("")) }
    }

    /// As a refusal, with words before the server's.
    pub fn refused(&self, before: &str) -> Trouble {
        Trouble { words: format!("{before}the server said: {}", self.words()), code: Some(self.code) }
    }

    /// Whether the server said that it can do this (EHLO); what comes after the keyword is `Some`.
    pub fn offers(&self, keyword: &str) -> Option<&str> {
        self.lines.iter().skip(1).find_map(|line| {
            let (first, rest) = line.split_once([' ', '=']).unwrap_or((line, ""));
            first.eq_ignore_ascii_case(keyword).then_some(rest)
        })
    }
}

/// Reads a reply.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Reply, Trouble> {
    let mut lines = vec![];
    loop {
        let line = read_line(from).await?;
        let (code, rest) = parse(&line)
            .ok_or_else(|| Trouble::new(format!("the server does not speak SMTP, it said: {line}")))?;
        lines.push(rest.get(1..).unwrap_or_default().to_owned());
        if !rest.starts_with('-') {
            return Ok(Reply { code, lines });
        }
        if lines.len() == LINES {
            return Err(Trouble::new(format!("the server's reply has more than {LINES} lines")));
        }
    }
}

fn parse(line: &str) -> Option<(u16, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code: u16 = code.parse().ok().filter(|code| (200..=599).contains(code))?;
    (rest.is_empty() || rest.starts_with([' ', '-'])).then_some((code, rest))
}

async fn read_line(from: &mut (impl AsyncBufRead + Unpin)) -> Result<String, Trouble> {
    let mut line = vec![];
    loop {
        let available =
            from.fill_buf().await.map_err(|error| Trouble::new(format!("the connection broke: {error}")))?;
        if available.is_empty() {
            return Err(Trouble::new("the server closed the connection"));
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(available.len(), |at| at + 1);
        line.extend_from_slice(&available[..taken]);
        from.consume(taken);
        if line.len() > LINE {
            return Err(Trouble::new(format!("the server's line has more than {LINE} bytes")));
        }
        if end.is_some() {
            return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn reads(bytes: &str) -> Result<Reply, Trouble> {
        read(&mut bytes.as_bytes()).await
    }

    #[tokio::test]
    async fn replies_of_one_and_several_lines_are_read() {
        let reply =
            reads("250-mail.example.com Hello\r\n250-SIZE 1000\r\n250-auth=LOGIN\r\n250 STARTTLS\r\nrest")
                .await
                .unwrap();
        assert_eq!((reply.code, reply.lines.len()), (250, 4));
        assert_eq!((reply.offers("starttls"), reply.offers("size")), (Some(""), Some("1000")));
        assert_eq!((reply.offers("AUTH"), reply.offers("mail.example.com")), (Some("LOGIN"), None));
        assert_eq!(reads("354\r\n").await.unwrap().words(), "354 ");
        assert!(reads("550 no\r\n").await.unwrap().positive().is_err());
    }

    #[tokio::test]
    async fn what_is_no_reply_ends_the_dialogue() {
        let endless = "250-x\r\n".repeat(101);
        let long = format!("250 {}\r\n", "x".repeat(5_000));
        for bad in
            ["", "25", "SSH-2.0-OpenSSH_9.2\r\n", "999 x\r\n", "250_x\r\n", "250", "\r\n", &endless, &long]
        {
            assert!(reads(bad).await.is_err(), "{bad:.40}");
        }
    }
}
