//! The template engine: `{{name}}` is a value, escaped for where it stands; `{{#name}}…{{/name}}` is left out when the
//! value is not there. That is all there is.

use std::collections::BTreeMap;

use crate::shown;

/// Values by name; one that is not there is `None`.
pub type Values = BTreeMap<String, Option<String>>;

/// Where a text stands, and so how values in it are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header: one line.
    Line,
    /// Plain text.
    Text,
    /// HTML.
    Html,
}

impl Place {
    fn escape(self, value: &str) -> String {
        match self {
            Self::Line => shown::line(value),
            Self::Text => shown::paragraph(value),
            Self::Html => shown::html(value),
        }
    }
}

/// What is wrong with a template, or with the values for it. Tests render every template, so none of this is met later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`, or `{{#name}}` without `{{/name}}`.
    #[error("'{{{{{0}' is not closed")]
    Open(String),
    /// A name that has no value and is not optional.
    #[error("there is no value for '{0}'")]
    Missing(String),
}

/// Fills a template.
pub fn render(template: &str, place: Place, values: &Values) -> Result<String, TemplateError> {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (tag, after) = after.split_once("}}").ok_or_else(|| TemplateError::Open(start(after)))?;
        rest = match tag.strip_prefix('#') {
            Some(name) => {
                let end = format!("{{{{/{name}}}}}");
                let (inner, after) =
                    after.split_once(end.as_str()).ok_or_else(|| TemplateError::Open(tag.to_owned()))?;
                if known(values, name)?.is_some() {
                    filled.push_str(&render(inner, place, values)?);
                }
                after
            }
            None => {
                let value = known(values, tag)?.ok_or_else(|| TemplateError::Missing(tag.to_owned()))?;
                filled.push_str(&place.escape(value));
                after
            }
        };
    }
    filled.push_str(rest);
    Ok(filled)
}

fn known<'a>(values: &'a Values, name: &str) -> Result<Option<&'a str>, TemplateError> {
    let value = values.get(name).ok_or_else(|| TemplateError::Missing(name.to_owned()))?;
    Ok(value.as_deref())
}

fn start(text: &str) -> String {
    text.chars().take(30).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        [("name", Some("<Ann>\n& {{x}}")), ("message", None), ("x", Some("y"))]
            .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
            .into()
    }

    #[test]
    fn values_are_escaped_for_their_place_and_never_read_as_templates() {
        let hello = |place| render("Hello {{name}}!", place, &values()).unwrap();
        assert_eq!(hello(Place::Line), "Hello <Ann>\\u{a}& {{x}}!");
        assert_eq!(hello(Place::Text), "Hello <Ann>\n& {{x}}!");
        assert_eq!(hello(Place::Html), "Hello &lt;Ann&gt;<br>\n&amp; {{x}}!");
    }

    #[test]
    fn a_section_without_its_value_is_left_out() {
        let text = "a{{#message}} says {{message}}{{/message}}{{#x}} {{x}}{{/x}}.";
        assert_eq!(render(text, Place::Text, &values()).unwrap(), "a y.");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |text| render(text, Place::Text, &values()).unwrap_err();
        assert_eq!(refused("{{nobody}}"), TemplateError::Missing("nobody".into()));
        assert_eq!(refused("{{message}}"), TemplateError::Missing("message".into()));
        assert_eq!(refused("{{x"), TemplateError::Open("x".into()));
        assert_eq!(refused("{{#x}}"), TemplateError::Open("#x".into()));
    }
}
