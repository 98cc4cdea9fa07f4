//! A mail, composed: typed, so that nothing in it can become a header that was not meant (P-3).

use std::time::SystemTime;

use contracts::{NotificationId, Timestamp};
use lettre::{
    Message,
    message::{Mailbox, MultiPart, SinglePart, header},
};
use uuid::Uuid;

use crate::{address::MailAddress, shown};

/// How an encoded word begins (RFC 2047): a reader would decode it to something else than what stands there.
const ENCODED: &str = "=?";

/// A header's text: never holds CR, LF or NUL, nor anything that is not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderText(String);

/// What may not stand in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a header holds no line end, NUL, invisible character or encoded word")]
pub struct HeaderTextError;

impl HeaderText {
    /// Longest text, in characters.
    const LIMIT: usize = 300;

    /// A text as it is. Errors: one with a line end, NUL or anything else that is not seen.
    pub fn new(text: &str) -> Result<Self, HeaderTextError> {
        if text.chars().any(shown::is_hidden) || text.contains(ENCODED) {
            return Err(HeaderTextError);
        }
        Ok(Self(text.chars().take(Self::LIMIT).collect()))
    }

    /// A text with what is not seen made visible: what came from outside.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let shown = shown::line(text).replace(ENCODED, "=\\u{3f}");
        Self(shown.chars().take(Self::LIMIT).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correspondent {
    /// Their address.
    pub address: MailAddress,
    /// Their name.
    pub name: Option<HeaderText>,
}

/// A mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Who sends it.
    pub from: Correspondent,
    /// To whom it goes.
    pub to: Correspondent,
    /// Its subject.
    pub subject: HeaderText,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// Its `Message-ID`, without brackets.
    pub message_id: MessageId,
    /// When it is sent.
    pub date: Timestamp,
}

/// A `Message-ID`: the same for each attempt at one notification, so that a mail that arrives twice is seen to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageId(String);

impl MessageId {
    /// That of a notification, at the sender's domain; another one when it is sent again on request.
    #[must_use]
    pub fn of(id: NotificationId, round: u32, from: &MailAddress) -> Self {
        let round = if round == 0 { String::new() } else { format!(".{round}") };
        Self(format!("{id}{round}@{}", from.domain()))
    }

    /// That of a test mail.
    #[must_use]
    pub fn of_test(id: Uuid, from: &MailAddress) -> Self {
        Self(format!("test.{}@{}", id.simple(), from.domain()))
    }

    /// Without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why no mail was composed.
#[derive(Debug, thiserror::Error)]
#[error("the mail cannot be composed")]
pub struct ComposeError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl Mail {
    /// Its bytes, with CR LF line ends (RFC 5322, MIME). The same mail gives the same bytes.
    pub fn compose(&self) -> Result<Vec<u8>, ComposeError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| ComposeError(error);
        let boundary =
            format!("=_{}", Uuid::new_v5(&Uuid::NAMESPACE_OID, self.message_id.0.as_bytes()).simple());
        let body = MultiPart::builder()
            .kind(lettre::message::MultiPartKind::Alternative)
            .boundary(boundary)
            .singlepart(part(header::ContentType::TEXT_PLAIN, &self.text))
            .singlepart(part(header::ContentType::TEXT_HTML, &self.html));
        let message = Message::builder()
            .from(mailbox(&self.from).map_err(failed)?)
            .to(mailbox(&self.to).map_err(failed)?)
            .subject(self.subject.as_str())
            .date(SystemTime::from(self.date.0))
            .message_id(Some(format!("<{}>", self.message_id.0)))
            .header(AutoSubmitted)
            .multipart(body)
            .map_err(|error| failed(error.into()))?;
        Ok(message.formatted())
    }
}

fn mailbox(correspondent: &Correspondent) -> Result<Mailbox, Box<dyn std::error::Error + Send + Sync>> {
    let address = correspondent.address.as_str().parse()?;
    Ok(Mailbox::new(correspondent.name.as_ref().map(|name| name.0.clone()), address))
}

/// Base64, whatever is in it: no line of ours can be taken for anything else on the way.
fn part(kind: header::ContentType, text: &str) -> SinglePart {
    SinglePart::builder().header(kind).header(header::ContentTransferEncoding::Base64).body(text.to_owned())
}

/// `Auto-Submitted: auto-generated` (RFC 3834): no one answers that they are on holiday.
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests;
