//! One walk over a JSON text before serde reads it: nesting, repeated names, NUL. What is no JSON at all is left for
//! serde to say.

use std::{borrow::Cow, collections::BTreeSet};

/// What serde would let through, or would meet too late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nested deeper than allowed.
    TooDeep,
    /// An object names the member at this pointer twice.
    Repeated(String),
    /// The text at this pointer holds `\u0000`, which no database takes.
    Nul(String),
}

/// Looks for the first fault. Linear in the text's length, and no recursion.
pub fn check(text: &str, depth: usize) -> Result<(), Fault> {
    let bytes = text.as_bytes();
    let mut stack: Vec<Frame<'_>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            open @ (b'{' | b'[') => {
                if stack.len() == depth {
                    return Err(Fault::TooDeep);
                }
                stack.push(if open == b'{' { Frame::object() } else { Frame::Array(0) });
            }
            b'}' | b']' => _ = stack.pop(),
            b',' => match stack.last_mut() {
                Some(Frame::Object { expects_name, .. }) => *expects_name = true,
                Some(Frame::Array(index)) => *index += 1,
                None => {}
            },
            b'"' => {
                let end = end_of_string(bytes, at);
                let quoted = &text[at..end];
                let repeated = match stack.last_mut() {
                    Some(Frame::Object { names, name, expects_name }) if *expects_name => {
                        *expects_name = false;
                        *name = unquoted(quoted);
                        !names.insert(name.clone())
                    }
                    _ => false,
                };
                if repeated {
                    return Err(Fault::Repeated(pointer(&stack)));
                }
                if holds_nul(quoted) {
                    return Err(Fault::Nul(pointer(&stack)));
                }
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

/// One step of a pointer as RFC 6901 writes it.
#[must_use]
pub fn escaped(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

enum Frame<'a> {
    Object { names: BTreeSet<Cow<'a, str>>, name: Cow<'a, str>, expects_name: bool },
    Array(usize),
}

impl Frame<'_> {
    const fn object() -> Self {
        Self::Object { names: BTreeSet::new(), name: Cow::Borrowed(""), expects_name: true }
    }
}

fn pointer(stack: &[Frame<'_>]) -> String {
    let mut pointer = String::from("#");
    for frame in stack {
        pointer.push('/');
        match frame {
            Frame::Object { name, .. } => pointer.push_str(&escaped(name)),
            Frame::Array(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// The index after the closing quote, or the text's end when there is none.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn unquoted(quoted: &str) -> Cow<'_, str> {
    if quoted.contains('\\') {
        // A name that is no JSON string is refused by serde; until then it stands as it was written.
        return serde_json::from_str(quoted).map_or(Cow::Borrowed(quoted), Cow::Owned);
    }
    Cow::Borrowed(quoted.trim_matches('"'))
}

/// Whether the escape `\u0000` stands in it (and not `\\u0000`).
fn holds_nul(quoted: &str) -> bool {
    let mut rest = quoted;
    while let Some(at) = rest.find('\\') {
        if rest[at + 1..].starts_with("u0000") {
            return true;
        }
        // The escaped character may be of several bytes in a text that is not JSON.
        let escaped = rest[at + 1..].chars().next().map_or(0, char::len_utf8);
        rest = &rest[at + 1 + escaped..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_found_where_they_are() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        let cases = [
            (r#"{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}"#.to_owned(), Ok(())),
            (r#"{"a":1,"\u0061":2}"#.to_owned(), Err(Fault::Repeated("#/a".into()))),
            (r#"{"x":[0,{"a/b":1,"a/b":2}]}"#.to_owned(), Err(Fault::Repeated("#/x/1/a~1b".into()))),
            (r#"{"note":"a\u0000b"}"#.to_owned(), Err(Fault::Nul("#/note".into()))),
            (r#"{"note":"a\\u0000b","b":"\"\u00e9\\"}"#.to_owned(), Ok(())),
            (nested(32), Ok(())),
            (nested(33), Err(Fault::TooDeep)),
            (nested(100_000), Err(Fault::TooDeep)),
        ];
        for (text, expected) in cases {
            assert_eq!(check(&text, 32), expected, "{}", &text[..text.len().min(60)]);
        }
    }

    #[test]
    fn what_is_no_json_is_left_to_serde() {
        for text in ["", "\"", "\"\\", "{\"a", "}}]],,", "{\"\\é\":1}", "\"\\é"] {
            assert_eq!(check(text, 32), Ok(()), "{text}");
        }
    }
}
