//! Request bodies: content type, size, and JSON read strictly, with a pointer to what is wrong.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use contracts::{Code, Problem, Violation};
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use zeroize::Zeroize as _;

use crate::json::{self, Fault};

/// How long the rest of a refused body is waited for.
const DRAIN: Duration = Duration::from_secs(1);

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/pkcs10`: a CSR, DER or PEM.
    Pkcs10,
    /// `application/x-www-form-urlencoded`: what the form of a page sends.
    Form,
    /// `text/csv`.
    Csv,
    /// `application/octet-stream`: any file.
    File,
}

impl Media {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Pkcs10 => "application/pkcs10",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Csv => "text/csv",
            Self::File => "application/octet-stream",
        }
    }
}

/// The content type a request declares, if it is one of `allowed`. Errors: `unsupported_media_type`.
pub fn media(headers: &HeaderMap, allowed: &[Media]) -> Result<Media, Problem> {
    let refuse = |found: &str| {
        let names: Vec<_> = allowed.iter().map(|media| media.as_str()).collect();
        Problem::new(
            Code::UnsupportedMediaType,
            format!("content type {found} is not read here; expected {}", names.join(" or ")),
        )
        .with_errors(vec![
            Violation::in_header("Content-Type", "unsupported_media_type", format!("found {found}"))
                .allowing(names),
        ])
    };
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(Problem::new(Code::UnsupportedMediaType, "encoded bodies are not read here")
            .with_errors(vec![Violation::in_header(
                "Content-Encoding",
                "unsupported_media_type",
                "send the body as it is",
            )]));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Err(refuse("(none)")) };
    let text = value.to_str().unwrap_or("(unreadable)");
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.split(';').find_map(|p| p.trim().strip_prefix("charset="));
    if charset.is_some_and(|charset| !charset.trim_matches('"').eq_ignore_ascii_case("utf-8")) {
        return Err(refuse(&format!("'{}'", shown(text))));
    }
    allowed
        .iter()
        .copied()
        .find(|media| essence.trim().eq_ignore_ascii_case(media.as_str()))
        .ok_or_else(|| refuse(&format!("'{}'", shown(text))))
}

/// Reads a body of at most `limit` bytes. Errors: `payload_too_large`, `malformed_request` when it breaks off.
pub async fn read(body: &mut Body, limit: usize) -> Result<Bytes, Problem> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Problem::new(Code::PayloadTooLarge, format!("the body is larger than {limit} bytes")))
        }
        Err(_) => Err(Problem::new(Code::MalformedRequest, "the body broke off")),
    }
}

/// Wipes a body that held secrets, as far as nobody else holds a piece of it.
pub fn wipe(body: Bytes) {
    if let Ok(mut body) = body.try_into_mut() {
        body.as_mut().zeroize();
    }
}

/// Reads and drops what is left of the body of a refused request, as much as would have been read otherwise. Whoever is
/// still sending when the connection ends takes that for a failure of the network, and never sees the answer. With HTTP/2
/// what comes after an answer counts as an error of the stream, and after a thousand of those the connection is ended.
pub async fn drain(body: &mut Body, limit: usize) {
    let mut dropped = 0;
    let dropping = async {
        while let Some(Ok(frame)) = body.frame().await {
            dropped += frame.data_ref().map_or(0, Bytes::len);
            if dropped > limit {
                return;
            }
        }
    };
    _ = tokio::time::timeout(DRAIN, dropping).await;
}

/// Reads JSON strictly: UTF-8, no deeper than `depth`, no name twice, no NUL, no unknown field.
/// Errors: `malformed_request` for what is no JSON, `wrong_id_type`, `validation_failed` for what does not fit.
pub fn decode<T: DeserializeOwned>(bytes: &[u8], depth: usize) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(format!("the body is not UTF-8 from byte {} on", error.valid_up_to())))?;
    json::check(text, depth).map_err(|fault| match fault {
        Fault::TooDeep => malformed(format!("the body is nested deeper than {depth} levels")),
        Fault::Repeated(pointer) => {
            let detail = "the name stands twice in one object";
            malformed("the body repeats a name").with_errors(vec![Violation::at(
                pointer,
                "duplicate_field",
                detail,
            )])
        }
        Fault::Nul(pointer) => Problem::new(Code::ValidationFailed, "the body holds a NUL character")
            .with_errors(vec![Violation::at(pointer, "invalid_character", "NUL is not allowed in a text")]),
    })?;
    serde_json::from_str(object(text)?).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => unfit::<T>(serde_path_to_error::deserialize::<_, T>(
            &mut serde_json::Deserializer::from_str(text),
        )),
        _ => malformed(format!("the body is not JSON: {error}")),
    })
}

/// The text, if it begins as an object: serde would take an array for one, field by field.
fn object(text: &str) -> Result<&str, Problem> {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => return Ok(text),
        None => return Err(malformed("the body is empty; expected a JSON object")),
        Some(_) => {}
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Err(Problem::new(Code::ValidationFailed, "the body does not have the expected form")
            .with_errors(vec![Violation::at("#", "invalid_type", "expected a JSON object")])),
        Err(error) => Err(malformed(format!("the body is not JSON: {error}"))),
    }
}

/// Reads a value that was taken out of a larger one, so that pointers begin at its own root.
pub fn decode_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    // Errors are rare, so the copy is made only on the way to one.
    serde_json::from_value(value.clone()).map_err(|_| unfit(serde_path_to_error::deserialize::<_, T>(value)))
}

fn malformed(detail: impl Into<String>) -> Problem {
    Problem::new(Code::MalformedRequest, detail)
}

/// The problem of a text that is JSON but does not fit: read again, this time keeping the path.
fn unfit<T>(again: Result<T, serde_path_to_error::Error<serde_json::Error>>) -> Problem {
    let Err(error) = again else { return malformed("the body cannot be read") };
    let message = error.inner().to_string();
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    let steps: Vec<String> = error
        .path()
        .iter()
        .filter_map(|segment| match segment {
            serde_path_to_error::Segment::Seq { index } => Some(index.to_string()),
            serde_path_to_error::Segment::Map { key } => Some(json::escaped(key)),
            _ => None,
        })
        .collect();
    let violation = describe(&message, steps);
    if violation.code == "wrong_id_type" {
        return Problem::new(Code::WrongIdType, violation.detail.clone()).with_errors(vec![violation]);
    }
    Problem::new(Code::ValidationFailed, "the body does not have the expected form")
        .with_errors(vec![violation])
}

/// Words for what serde found.
fn describe(message: &str, mut steps: Vec<String>) -> Violation {
    let pointer = |steps: &[String]| steps.iter().fold(String::from("#"), |all, step| all + "/" + step);
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let field = quoted.next().unwrap_or_default();
        let allowed: Vec<&str> = quoted.collect();
        if steps.last().is_none_or(|last| *last != json::escaped(field)) {
            steps.push(json::escaped(field));
        }
        let hint = crate::nearest::among(field, allowed.iter().copied())
            .map_or(String::new(), |name| format!("; did you mean '{name}'?"));
        let detail = format!("there is no field '{}'{hint}", shown(field));
        return Violation::at(pointer(&steps), "unknown_field", detail).allowing(allowed);
    }
    if message.starts_with("missing field") {
        let field = quoted.next().unwrap_or_default();
        steps.push(json::escaped(field));
        return Violation::at(pointer(&steps), "required", format!("the field '{field}' is missing"));
    }
    let code = if message.contains("has prefix '") {
        "wrong_id_type"
    } else if message.starts_with("unknown variant") {
        let detail = message.replace('`', "'");
        let allowed: Vec<&str> = quoted.skip(1).collect();
        return Violation::at(pointer(&steps), "not_allowed", detail).allowing(allowed);
    } else if message.starts_with("invalid type") {
        "invalid_type"
    } else {
        "invalid_value"
    };
    Violation::at(pointer(&steps), code, message.replace('`', "'"))
}

/// A foreign text as it may stand in a message: short, control characters escaped.
#[must_use]
pub fn shown(text: &str) -> String {
    text.chars()
        .take(100)
        .flat_map(|c| if c.is_control() { c.escape_unicode().collect() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use contracts::{
        Lifetime, ProfileId,
        signer::{CreateProfile, SubmitCertificateRequest},
    };
    use http::HeaderValue;

    use super::*;

    fn refused(text: &str) -> (Code, Option<String>, Option<String>) {
        let problem = decode::<SubmitCertificateRequest>(text.as_bytes(), 32).unwrap_err();
        let first = problem.errors.first();
        (problem.code, first.map(|e| e.code.clone()), first.and_then(|e| e.pointer.clone()))
    }

    #[test]
    fn each_fault_of_a_body_has_its_code_and_place() {
        let key = contracts::KeyId(uuid::Uuid::from_u128(1));
        for (text, code, violation, pointer) in [
            (r#"{"csr":"a","profil":"x"}"#, Code::ValidationFailed, "unknown_field", "#/profil"),
            (r#"{"csr":5}"#, Code::ValidationFailed, "invalid_type", "#/csr"),
            (r#"["name:a","csr"]"#, Code::ValidationFailed, "invalid_type", "#"),
            (r#"{"ttl":"90 d"}"#, Code::ValidationFailed, "invalid_value", "#/ttl"),
            (r#"{"csr":"a","ttl":"90 d"}"#, Code::ValidationFailed, "invalid_value", "#/ttl"),
            (r#"{"key":{"algorithm":"rsa_1024"}}"#, Code::ValidationFailed, "not_allowed", "#/key/algorithm"),
            (
                r#"{"key":{"id":"crt_01jdp4q2x8f7mb3v5kz6n9w0ae"}}"#,
                Code::WrongIdType,
                "wrong_id_type",
                "#/key/id",
            ),
            (
                r#"{"key":{"algorithm":"ed25519","size":1}}"#,
                Code::ValidationFailed,
                "unknown_field",
                "#/key/size",
            ),
            (r#"{"csr":"a","csr":"b"}"#, Code::MalformedRequest, "duplicate_field", "#/csr"),
            (r#"{"note":"\u0000"}"#, Code::ValidationFailed, "invalid_character", "#/note"),
            (&format!(r#"{{"profile":"{key}"}}"#), Code::WrongIdType, "wrong_id_type", "#/profile"),
        ] {
            assert_eq!(refused(text), (code, Some(violation.into()), Some(pointer.into())), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in ["", "{", "nonsense", "{\"csr\":\"a\u{0}\"}", "{\"csr\":\"a\"} trailing", "[[[["] {
            assert_eq!(refused(text).0, Code::MalformedRequest, "{text}");
        }
        assert_eq!(
            decode::<SubmitCertificateRequest>(b"\xff{}", 32).unwrap_err().code,
            Code::MalformedRequest
        );
        let bomb = "[".repeat(500_000);
        assert_eq!(refused(&bomb).0, Code::MalformedRequest);
    }

    #[test]
    fn an_unknown_field_names_the_nearest() {
        let problem = decode::<CreateProfile>(br#"{"name":"a","polcy":"name:b"}"#, 32).unwrap_err();
        assert_eq!(problem.errors[0].detail, "there is no field 'polcy'; did you mean 'policy'?");
        assert!(problem.errors[0].allowed.contains(&"ttl".to_owned()));
    }

    #[test]
    fn a_fitting_body_is_read() {
        let profile = ProfileId(uuid::Uuid::from_u128(7));
        let text = format!(r#"{{"profile":"{profile}","csr":"x","ttl":"90d"}}"#);
        let read: SubmitCertificateRequest = decode(text.as_bytes(), 32).unwrap();
        assert_eq!((read.profile, read.ttl), (Some(profile.into()), Some(Lifetime::days(90))));
    }

    #[test]
    fn only_what_is_named_is_read() {
        let with = |value: &'static str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))])
        };
        for (value, expected) in [
            ("application/json", Some(Media::Json)),
            ("Application/JSON; charset=UTF-8", Some(Media::Json)),
            ("application/pkcs10", Some(Media::Pkcs10)),
            ("application/json; charset=latin1", None),
            ("text/plain", None),
            ("application/x-www-form-urlencoded", None),
        ] {
            assert_eq!(media(&with(value), &[Media::Json, Media::Pkcs10]).ok(), expected, "{value}");
        }
        assert_eq!(media(&HeaderMap::new(), &[Media::Json]).unwrap_err().code, Code::UnsupportedMediaType);
        let mut gzip = with("application/json");
        gzip.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(media(&gzip, &[Media::Json]).is_err());
    }
}
