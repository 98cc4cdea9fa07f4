//! The query of a request, checked against what its operation declares: an unknown parameter is refused, never
//! ignored.

use std::borrow::Cow;

use contracts::{Code, Problem, Timestamp, Violation};

use crate::{body::shown, nearest, operation::Operation, parameter::Kind};

/// The parameters of a request, decoded, in the order sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads and checks a query string, naming everything that is wrong. Errors: `unknown_parameter` with the nearest
    /// name, `malformed_request` for a repeated parameter or a value of the wrong kind.
    pub fn read(text: Option<&str>, operation: &Operation) -> Result<Self, Problem> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::default()) };
        let mut pairs: Vec<(String, String)> = Vec::new();
        let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                let detail = "a parameter is not percent-encoded UTF-8, or holds a NUL";
                wrong.push(Violation::in_parameter(shown(name), "invalid_encoding", detail));
                continue;
            };
            if pairs.iter().any(|(known, _)| *known == name) {
                wrong.push(Violation::in_parameter(shown(&name), "repeated", "the parameter stands twice"));
                continue;
            }
            if let Some(parameter) = operation.query.iter().find(|parameter| parameter.name == name) {
                wrong.extend(unfit(&parameter.kind, &value).map(|detail| {
                    Violation::in_parameter(name.clone(), "invalid_value", detail)
                        .allowing(parameter.kind.words())
                }));
            } else if !operation
                .families
                .iter()
                .any(|f| name.len() > f.prefix.len() && name.starts_with(f.prefix))
            {
                unknown.push(unknown_parameter(&name, operation));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        if !unknown.is_empty() {
            let detail = unknown[0].detail.clone();
            return Err(Problem::new(Code::UnknownParameter, detail).with_errors(unknown));
        }
        if !wrong.is_empty() {
            return Err(Problem::new(Code::MalformedRequest, "the query cannot be read").with_errors(wrong));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter of `true` or `false` is set.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// A whole number, checked when the query was read.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// Every parameter.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn unknown_parameter(name: &str, operation: &Operation) -> Violation {
    let names = operation.query.iter().map(|parameter| parameter.name.as_ref());
    let known: Vec<&str> = names.chain(operation.families.iter().map(|family| family.form)).collect();
    let hint = nearest::among(name, known.iter().copied())
        .map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?"));
    let detail = format!("there is no parameter '{}'{hint}", shown(name));
    // With brackets a name stands several times; the plain one is enough to choose from.
    let plain: Vec<&str> = known.into_iter().filter(|name| !name.contains('[')).collect();
    Violation::in_parameter(shown(name), "unknown_parameter", detail).allowing(plain)
}

/// What is wrong with a value, if anything is.
fn unfit(kind: &Kind, value: &str) -> Option<String> {
    let found = shown(value);
    match kind {
        Kind::Text => None,
        Kind::Integer { least, most } => {
            let fits = value.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number));
            (!fits).then(|| format!("'{found}' is not a whole number from {least} to {most}"))
        }
        Kind::Boolean => {
            (!matches!(value, "true" | "false")).then(|| format!("'{found}' is neither 'true' nor 'false'"))
        }
        Kind::Time => value
            .parse::<Timestamp>()
            .is_err()
            .then(|| format!("'{found}' is not an RFC 3339 time such as 2026-11-21T09:00:00Z")),
        Kind::OneOf(words) => {
            (!words.contains(&value)).then(|| format!("'{found}' is not one of {}", words.join(", ")))
        }
        Kind::SomeOf(names) => {
            let unknown = value.split(',').find(|name| !names.iter().any(|known| known == name))?;
            let hint = nearest::among(unknown, names.iter().map(String::as_str))
                .map_or(String::new(), |nearest| format!("; did you mean '{nearest}'?"));
            Some(format!("there is no field '{}'{hint}", shown(unknown)))
        }
        Kind::AnyOf(words) => {
            let unknown = value.split(',').find(|word| !words.iter().any(|known| known == word))?;
            Some(format!("'{}' is not one of {}", shown(unknown), words.join(", ")))
        }
    }
}

/// Undoes percent-encoding and `+`; `None` for what is not UTF-8 or holds a NUL.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return (!text.contains('\0')).then_some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::{Family, Parameter};

    fn operation() -> Operation {
        Operation::get("/things", "listThings", "")
            .query(Parameter::new("limit", Kind::Integer { least: 1, most: 200 }, ""))
            .query(Parameter::text("status", ""))
            .query(Parameter::new("notAfter[lt]", Kind::Time, ""))
            .query(Parameter::new("fields", Kind::SomeOf(vec!["id".into(), "status".into()]), ""))
            .family(Family { prefix: "labels.", form: "labels.<key>", description: "" })
    }

    fn read(text: &str) -> Result<Query, Problem> {
        Query::read(Some(text), &operation())
    }

    #[test]
    fn declared_parameters_are_decoded() {
        let query =
            read("limit=5&status=a%2Cb+c&labels.env=prod&notAfter%5Blt%5D=2026-01-01T00:00:00Z").unwrap();
        assert_eq!(query.number("limit"), Some(5));
        assert_eq!(query.get("status"), Some("a,b c"));
        assert_eq!(query.get("labels.env"), Some("prod"));
        assert_eq!(query.get("notAfter[lt]"), Some("2026-01-01T00:00:00Z"));
        assert_eq!(Query::read(None, &operation()), Ok(Query::default()));
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_name() {
        let problem = read("statis=a&frobnicate=1").unwrap_err();
        assert_eq!(problem.code, Code::UnknownParameter);
        assert_eq!(problem.errors[0].parameter.as_deref(), Some("statis"));
        assert_eq!(problem.errors[0].detail, "there is no parameter 'statis'; did you mean 'status'?");
        assert_eq!(problem.errors[1].detail, "there is no parameter 'frobnicate'");
        assert_eq!(problem.errors[0].allowed, ["limit", "status", "fields", "labels.<key>"]);
        assert_eq!(read("labels.=x").unwrap_err().code, Code::UnknownParameter);
    }

    #[test]
    fn values_of_the_wrong_kind_are_malformed() {
        for text in [
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=5&limit=6",
            "status=%zz",
            "status=%ff",
            "status=a%00b",
            "notAfter[lt]=tomorrow",
            "status=%e",
            "limit",
            "fields=id,colour",
            "fields=id,,status",
        ] {
            assert_eq!(read(text).unwrap_err().code, Code::MalformedRequest, "{text}");
        }
        let problem = read("fields=id,statsu").unwrap_err();
        assert_eq!(problem.errors[0].detail, "there is no field 'statsu'; did you mean 'status'?");
    }
}
