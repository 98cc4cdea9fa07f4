//! Public events out of the log: filtered for one caller, for `GET /events` and for server-sent events alike.

use contracts::{Problem, id, public::CloudEvent};
use eventlog::{ReadError, Reader, Recorded};
use runtime::authority::Principal;

use crate::{
    query::Query,
    translate::{self, Translated},
};

/// How many log events are looked at in one go.
pub const BATCH: i64 = 500;

/// What a caller wants to hear of, and may.
#[derive(Clone, Debug)]
pub struct Filter {
    types: Vec<String>,
    subject: Option<String>,
    actor: Option<String>,
    caller: Principal,
}

/// A public event and where it stands.
#[derive(Debug)]
pub struct Told {
    /// Its log position.
    pub position: i64,
    /// The event.
    pub event: CloudEvent,
}

impl Filter {
    /// The filter of a query's `types`, `subject` and `actor`.
    #[must_use]
    pub fn of(query: &Query, caller: &Principal) -> Self {
        let types = query.get("types").unwrap_or_default();
        Self {
            types: types.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect(),
            subject: query.get("subject").map(str::to_owned),
            actor: query.get("actor").map(str::to_owned),
            caller: caller.clone(),
        }
    }

    /// The public event of a log event, if the caller wants and may have it.
    pub fn tell(&self, recorded: &Recorded) -> Result<Option<CloudEvent>, Problem> {
        if !self.caller.reaches(recorded.tenant.into()) {
            return Ok(None);
        }
        let translated = translate::translate(recorded).map_err(|error| {
            tracing::error!(%error, position = recorded.position, "event cannot be translated");
            Problem::internal()
        })?;
        let Some(translated) = translated.filter(|translated| self.wants(recorded, translated)) else {
            return Ok(None);
        };
        translate::envelope(recorded, translated).map(Some).map_err(crate::read::internal)
    }

    fn wants(&self, recorded: &Recorded, translated: &Translated) -> bool {
        let name = translated.event.name();
        let full = || format!("chancery.{name}.v{}", translated.event.version());
        let typed = self.types.is_empty()
            || self.types.iter().any(|pattern| matches(pattern, name) || matches(pattern, &full()));
        typed
            && self.subject.as_ref().is_none_or(|subject| same_id(subject, &translated.subject))
            && self.actor.as_ref().is_none_or(|actor| *actor == translate::principal(&recorded.actor))
            && self.within_token(&translated.subject)
    }

    /// A token for some certificates hears of those alone.
    fn within_token(&self, subject: &str) -> bool {
        let Some(certificates) = &self.caller.scope.certificates else { return true };
        certificates.iter().any(|id| id.to_string() == subject)
    }
}

/// The next events after a position.
#[derive(Debug)]
pub struct Batch {
    /// What the caller is told.
    pub told: Vec<Told>,
    /// Everything up to here was looked at.
    pub position: i64,
    /// Whether the log ended there.
    pub at_end: bool,
}

/// Looks at the next [`BATCH`] events.
pub async fn next(reader: &Reader, filter: &Filter, after: i64) -> Result<Batch, Problem> {
    let events = reader.read(after, None, BATCH).await.map_err(|error| unreadable(&error))?;
    let mut told = Vec::new();
    for recorded in &events {
        if let Some(event) = filter.tell(recorded)? {
            told.push(Told { position: recorded.position, event });
        }
    }
    let position = events.last().map_or(after, |event| event.position);
    let at_end = i64::try_from(events.len()).is_ok_and(|count| count < BATCH);
    Ok(Batch { told, position, at_end })
}

/// What the caller learns when the log cannot be read.
#[must_use]
pub fn unreadable(error: &ReadError) -> Problem {
    tracing::warn!(%error, "log cannot be read");
    Problem::unavailable("the event log does not answer at the moment; try again")
}

/// Whether a type matches a pattern in which `*` stands for any run of characters.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether two ids are the same, one perhaps a bare UUID.
fn same_id(asked: &str, subject: &str) -> bool {
    let bare = || {
        let uuid = uuid::Uuid::try_parse(asked).ok()?;
        Some(subject.rsplit_once('_').is_some_and(|(_, encoded)| encoded == id::encode(uuid)))
    };
    asked == subject || bare().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, expected) in [
            ("certificate.issued", "certificate.issued", true),
            ("certificate.*", "certificate.issued", true),
            ("certificate.*", "certificate_request.submitted", false),
            ("*", "ca.created", true),
            ("*.created", "ca.created", true),
            ("*.created", "ca.created.not", false),
            ("chancery.*.v1", "chancery.ca.created.v1", true),
            ("c*a*.created", "ca.created", true),
            ("", "ca.created", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn an_id_is_the_same_in_both_forms() {
        let uuid = uuid::Uuid::from_u128(7);
        let subject = contracts::CertificateId(uuid).to_string();
        assert!(same_id(&subject, &subject) && same_id(&uuid.to_string(), &subject));
        assert!(!same_id("crt_x", &subject));
    }
}
