//! Public events out of the log: filtered for one caller, for `GET /events` and for server-sent events alike.

use contracts::{
    Code, Event, EventError, OrganizationId, Permission, Problem, Violation,
    directory::Belonging,
    directory::{ApprovalEvent, ApprovalMatter},
    id,
    inventory::CertificateEvent,
    public::{CloudEvent, PublicEvent},
    signer::{CertificateRequestEvent, IssuanceEvent},
};
use eventlog::{ReadError, Reader, Recorded};
use runtime::authority::{Decision, Part, Principal, Target, decide};

use crate::{
    body::shown,
    nearest,
    query::Query,
    read,
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
    /// The filter of a query's `types`, `subject` and `actor`. Errors: `malformed_request` for a type that no event has.
    pub fn of(query: &Query, caller: &Principal) -> Result<Self, Problem> {
        let types = query.get("types").unwrap_or_default();
        let types: Vec<&str> = types.split(',').map(str::trim).filter(|t| !t.is_empty()).collect();
        let unknown: Vec<Violation> = types.iter().filter_map(|pattern| never(pattern)).collect();
        if !unknown.is_empty() {
            return Err(Problem::new(Code::MalformedRequest, unknown[0].detail.clone()).with_errors(unknown));
        }
        Ok(Self {
            types: types.into_iter().map(str::to_owned).collect(),
            subject: query.get("subject").map(str::to_owned),
            actor: query.get("actor").map(str::to_owned),
            caller: caller.clone(),
        })
    }

    /// The caller as of now: rights change while somebody listens.
    pub fn renew(&mut self, caller: Principal) {
        self.caller = caller;
    }

    /// The public event of a log event, if the caller wants and may have it.
    pub fn tell(&self, recorded: &Recorded) -> Result<Option<CloudEvent>, Problem> {
        if !may_read(&self.caller, Permission::EventRead, recorded)? {
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
        let (name, version) = (translated.event.name(), translated.event.version());
        let typed = self.types.is_empty() || self.types.iter().any(|pattern| names(pattern, name, version));
        typed
            && self.subject.as_ref().is_none_or(|subject| same_id(subject, &translated.subject))
            && self.actor.as_ref().is_none_or(|actor| *actor == translate::principal(&recorded.actor))
    }
}

/// Whether somebody may read what an event is about.
pub fn may_read(caller: &Principal, permission: Permission, recorded: &Recorded) -> Result<bool, Problem> {
    let organization = Some(recorded.tenant.into());
    let all = |part: Part| !part.own_only && part.types.are_all() && part.includes(organization, None);
    if !is_limited(caller) && caller.parts(permission).any(all) {
        return Ok(true); // most callers: nothing has to be read to know
    }
    let target = target(recorded).map_err(read::internal)?;
    Ok(matches!(decide(caller, permission, &target), Decision::Allowed { .. }))
}

/// Whether the token is for some profiles or certificates and nothing else.
pub fn is_limited(caller: &Principal) -> bool {
    caller.scope.profiles.is_some() || caller.scope.certificates.is_some()
}

/// What an event is about, as rights are judged: a part of its organization, or the organization as a whole.
fn target(recorded: &Recorded) -> Result<Target, EventError> {
    let organization = OrganizationId(recorded.tenant);
    let certificate =
        |belongs: &Belonging, profile, id| Target::certificate(organization, belongs, profile, Some(id));
    let (kind, schema, payload) = (&recorded.kind, recorded.schema, &recorded.payload);
    Ok(match recorded.category.as_str() {
        CertificateRequestEvent::CATEGORY => {
            let event = CertificateRequestEvent::from_payload(kind, schema, payload)?.identity();
            certificate(&event.belongs, Some(event.profile_id), event.certificate_id)
        }
        IssuanceEvent::CATEGORY => match Event::from_payload(kind, schema, payload)? {
            IssuanceEvent::Intended(event) => {
                certificate(&event.belongs, Some(event.profile_id), event.certificate_id)
            }
            IssuanceEvent::Withheld(_) => Target::organization(organization),
            IssuanceEvent::Completed(event) => {
                certificate(&event.belongs, Some(event.profile_id), event.certificate_id)
            }
        },
        CertificateEvent::CATEGORY => {
            let belongs = match Event::from_payload(kind, schema, payload)? {
                CertificateEvent::Annotated(event) => event.belongs,
                CertificateEvent::Archived(event) => event.belongs,
                CertificateEvent::Restored(event) => event.belongs,
                CertificateEvent::Imported(event) => event.belongs,
            };
            certificate(&belongs, None, recorded.stream.into())
        }
        ApprovalEvent::CATEGORY => {
            let event = ApprovalEvent::from_payload(kind, schema, payload)?;
            let ApprovalMatter { place, requested_by, .. } = event.matter();
            Target {
                department: place.department_id,
                certificate_type: place.certificate_type,
                profile: place.profile_id,
                owner: *requested_by,
                ..Target::organization(organization)
            }
        }
        _ => Target::organization(organization),
    })
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

/// Whether a pattern stands for a type, written short or in full.
fn names(pattern: &str, name: &str, version: u8) -> bool {
    matches(pattern, name) || matches(pattern, &full(name, version))
}

fn full(name: &str, version: u8) -> String {
    format!("chancery.{name}.v{version}")
}

/// What is wrong with a pattern that stands for no type at all: whoever sent it would wait for ever.
fn never(pattern: &str) -> Option<Violation> {
    let known = PublicEvent::NAMES;
    if known.iter().any(|(name, version)| names(pattern, name, *version)) {
        return None;
    }
    let families = known.iter().filter_map(|(name, _)| Some(format!("{}.*", name.split_once('.')?.0)));
    let meant: Vec<String> = known
        .iter()
        .flat_map(|(name, version)| [(*name).to_owned(), full(name, *version)])
        .chain(families)
        .collect();
    let hint = nearest::among(pattern, meant.iter().map(String::as_str))
        .map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?"));
    let detail = format!("there is no event type '{}'{hint}", shown(pattern));
    Some(
        Violation::in_parameter("types", "invalid_value", detail)
            .allowing(known.iter().map(|(name, _)| *name)),
    )
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
    use contracts::{
        DepartmentId, Timestamp,
        directory::{BuiltInRole, Grant, TokenScope},
        inventory::CertificateAnnotated,
        x509::CertificateType,
    };
    use uuid::Uuid;

    use super::*;
    use crate::reach::tests::{OURS, THEIRS, WEB, alice, grant};

    const OPERATIONS: DepartmentId = DepartmentId(Uuid::from_u128(4));

    /// Somebody noted something at a certificate of this organization, department and type.
    fn annotated(tenant: OrganizationId, department: DepartmentId, kind: CertificateType) -> Recorded {
        let belongs =
            Belonging { department_id: Some(department), certificate_type: Some(kind), requested_by: None };
        let event = CertificateAnnotated { labels: [].into(), owner: None, note: None, belongs };
        Recorded {
            position: 1,
            tenant: tenant.uuid(),
            category: "certificate".into(),
            stream: Uuid::from_u128(9),
            version: 1,
            id: Uuid::from_u128(10),
            kind: "certificate.annotated".into(),
            schema: 1,
            recorded_at: Timestamp::from_unix(1_790_000_000),
            command_id: Uuid::from_u128(11),
            causation: Uuid::from_u128(11),
            correlation: Uuid::from_u128(11),
            actor: "service:inventory".into(),
            traceparent: None,
            payload: serde_json::to_string(&event).unwrap(),
            hash: [0; 32],
        }
    }

    #[test]
    fn two_grants_together_reach_no_further_than_each() {
        let servers = Grant {
            certificate_types: Some(vec![CertificateType::Server]),
            ..grant(BuiltInRole::OrganizationOfficer, Some(OURS), None)
        };
        let grants = [servers, grant(BuiltInRole::DepartmentOfficer, Some(OURS), Some(WEB))];
        let caller = alice(&grants, TokenScope::default());
        for (tenant, department, kind, expected) in [
            (OURS, OPERATIONS, CertificateType::Server, true),
            (OURS, WEB, CertificateType::Client, true),
            (OURS, OPERATIONS, CertificateType::Client, false),
            (THEIRS, WEB, CertificateType::Server, false),
        ] {
            let read =
                may_read(&caller, Permission::EventRead, &annotated(tenant, department, kind)).unwrap();
            assert_eq!(read, expected, "{tenant} {department} {kind:?}");
        }
    }

    #[test]
    fn a_token_for_one_certificate_hears_of_no_other() {
        let scope = |id| TokenScope {
            certificates: Some(vec![contracts::CertificateId(Uuid::from_u128(id))]),
            ..TokenScope::default()
        };
        let event = annotated(OURS, WEB, CertificateType::Server);
        for (certificate, expected) in [(9, true), (8, false)] {
            let caller = alice(&[grant(BuiltInRole::Master, None, None)], scope(certificate));
            assert_eq!(may_read(&caller, Permission::EventRead, &event).unwrap(), expected);
        }
    }

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
    fn a_pattern_that_stands_for_no_type_is_refused_with_the_nearest_one() {
        for pattern in ["*", "certificate.*", "*.created", "chancery.*.v1", "certificate.issued", "ca.*"] {
            assert!(never(pattern).is_none(), "{pattern}");
        }
        for (pattern, nearest) in [
            ("certificate.isued", "; did you mean 'certificate.issued'?"),
            ("certificates.*", "; did you mean 'certificate.*'?"),
            ("chancery.certificate.issued.v2", "; did you mean 'chancery.certificate.issued.v1'?"),
            ("Certificate.issued", "; did you mean 'certificate.issued'?"),
            ("evt", ""),
        ] {
            let violation = never(pattern).unwrap();
            assert_eq!(violation.detail, format!("there is no event type '{pattern}'{nearest}"));
            assert_eq!(violation.parameter.as_deref(), Some("types"));
            assert!(violation.allowed.iter().any(|name| name == "certificate.issued"));
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
