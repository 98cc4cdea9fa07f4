//! Request headers that set conditions: `Idempotency-Key`, `If-Match`, `Prefer: wait`, `Chancery-Min-Position`.

use std::time::Duration;

use contracts::{Actor, Code, OrganizationId, Problem, Violation};
use http::{HeaderMap, header};
use uuid::Uuid;

/// The longest time a caller may ask to wait.
const LONGEST_WAIT: u64 = 60;

/// The command id that an `Idempotency-Key` stands for, so that a repeat is recognized after any restart; `None`
/// without one. Keys are kept apart by organization and principal.
pub fn keyed_command(
    headers: &HeaderMap,
    tenant: OrganizationId,
    actor: &Actor,
) -> Result<Option<Uuid>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    if !(1..=255).contains(&key.len()) {
        return Err(refused("Idempotency-Key", "expected 1 to 255 printable ASCII characters"));
    }
    let name = format!("{}\n{key}", actor.principal());
    Ok(Some(Uuid::new_v5(&tenant.uuid(), name.as_bytes())))
}

/// The version that `If-Match` names; `None` without one, or for `*`.
pub fn if_match(headers: &HeaderMap) -> Result<Option<i32>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|n| n.parse().ok());
    let version = version.filter(|version: &i32| *version >= 0);
    version
        .map(Some)
        .ok_or_else(|| refused("If-Match", "expected one version as ETag tells it, such as \"17\""))
}

/// How long to wait for the result, by `Prefer: wait=N`. What cannot be read is ignored, as RFC 7240 says.
#[must_use]
pub fn wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let seconds = preferences
        .flat_map(|text| text.split(','))
        .filter_map(|preference| preference.split(';').next()?.trim().strip_prefix("wait"))
        .find_map(|rest| rest.trim().strip_prefix('=')?.trim().trim_matches('"').parse::<u64>().ok());
    seconds.map(|seconds| Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// The log position a read must have seen; 0 without one.
pub fn min_position(headers: &HeaderMap) -> Result<i64, Problem> {
    let Some(value) = headers.get("chancery-min-position") else { return Ok(0) };
    let position =
        value.to_str().ok().and_then(|text| text.parse().ok()).filter(|position: &i64| *position >= 0);
    position.ok_or_else(|| refused("Chancery-Min-Position", "expected a log position such as 184467"))
}

fn refused(header: &'static str, detail: &str) -> Problem {
    Problem::new(Code::MalformedRequest, format!("header {header} cannot be read"))
        .with_errors(vec![Violation::in_header(header, "header_invalid", detail)])
}

#[cfg(test)]
mod tests {
    use contracts::{AdministratorId, TokenId};
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_key_is_a_command_of_its_principal_whatever_the_token() {
        let tenant = OrganizationId(Uuid::from_u128(1));
        let actor = |administrator, token| Actor::Administrator {
            administrator: AdministratorId(Uuid::from_u128(administrator)),
            credential: TokenId(Uuid::from_u128(token)).into(),
        };
        let id =
            |key, tenant, actor| keyed_command(&headers("idempotency-key", key), tenant, &actor).unwrap();
        let first = id("a", tenant, actor(1, 1));
        assert_eq!(first, id("a", tenant, actor(1, 2)));
        assert_ne!(first, id("b", tenant, actor(1, 1)));
        assert_ne!(first, id("a", tenant, actor(2, 1)));
        assert_ne!(first, id("a", OrganizationId(Uuid::from_u128(2)), actor(1, 1)));
        assert_eq!(keyed_command(&HeaderMap::new(), tenant, &actor(1, 1)), Ok(None));
        let long = headers("idempotency-key", &"k".repeat(256));
        assert_eq!(keyed_command(&long, tenant, &actor(1, 1)).unwrap_err().code, Code::MalformedRequest);
    }

    #[test]
    fn if_match_takes_one_version() {
        for (text, expected) in [("\"17\"", Ok(Some(17))), ("*", Ok(None)), ("\"0\"", Ok(Some(0)))] {
            assert_eq!(if_match(&headers("if-match", text)), expected);
        }
        for bad in ["17", "W/\"17\"", "\"a\"", "\"1\", \"2\"", "\"-1\""] {
            assert_eq!(
                if_match(&headers("if-match", bad)).unwrap_err().code,
                Code::MalformedRequest,
                "{bad}"
            );
        }
    }

    #[test]
    fn prefer_says_how_long_to_wait() {
        for (text, seconds) in
            [("wait=20", 20), ("respond-async, wait=0", 0), ("wait=600", 60), ("wait = \"7\"", 7)]
        {
            assert_eq!(wait(&headers("prefer", text)), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(wait(&headers("prefer", "wait=x")), None);
        assert_eq!(wait(&HeaderMap::new()), None);
    }

    #[test]
    fn a_min_position_is_a_number() {
        assert_eq!(min_position(&headers("chancery-min-position", "184467")), Ok(184_467));
        assert_eq!(min_position(&HeaderMap::new()), Ok(0));
        assert!(min_position(&headers("chancery-min-position", "-1")).is_err());
    }
}
