//! Printing: data on stdout, everything for people on stderr.

use std::io::{IsTerminal as _, Write as _};

use contracts::Timestamp;
use indicatif::{ProgressBar, ProgressStyle};
use runtime::clock::{Clock as _, SystemClock};
use serde_json::Value;

use super::{Format, failure::Failure};

/// One line of data. A closed pipe ends the program quietly, as `head` expects.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Text that carries its own line ends, such as a shell's variables.
pub fn text(text: &str) {
    bytes(text.as_bytes());
}

/// A body as it came, byte for byte; text gets the line end that it lacks.
pub fn body(body: &[u8]) {
    bytes(body);
    if !body.is_empty() && !body.ends_with(b"\n") && std::str::from_utf8(body).is_ok() {
        bytes(b"\n");
    }
}

/// Bytes as they are.
pub fn bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// PEM, for which a person asked by name: as it is, unless a program wants JSON or YAML.
pub fn pem(format: Format, pem: &[u8]) -> Result<(), Failure> {
    if !matches!(format, Format::Json | Format::Ndjson | Format::Yaml) {
        body(pem);
        return Ok(());
    }
    let pem = serde_json::json!({"pem": String::from_utf8_lossy(pem)});
    many(format, std::slice::from_ref(&pem), &[], Some(&pem))
}

/// A word to people.
#[allow(clippy::print_stderr)] // stderr is where a command line tells people things
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// A spinner on a terminal, nothing elsewhere.
pub fn spinner(message: &str, plain: bool) -> ProgressBar {
    if plain || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(message.to_owned());
    bar.set_style(ProgressStyle::default_spinner());
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}

/// One column: heading, JSON pointer, whether only `-o wide` shows it.
pub struct Column(pub &'static str, pub &'static str, pub bool);

/// Prints one thing.
pub fn one(format: Format, value: &Value, columns: &[Column]) -> Result<(), Failure> {
    match format {
        Format::Table | Format::Wide => {
            let width = columns.iter().map(|column| column.0.len()).max().unwrap_or_default();
            for Column(heading, pointer, _) in columns {
                line(&format!("{heading:width$}  {}", cell(value, pointer)));
            }
            Ok(())
        }
        _ => many(format, std::slice::from_ref(value), columns, Some(value)),
    }
}

/// Prints a list; `whole` is what `-o json` and `-o yaml` show.
pub fn many(
    format: Format,
    items: &[Value],
    columns: &[Column],
    whole: Option<&Value>,
) -> Result<(), Failure> {
    let whole = whole.cloned().unwrap_or_else(|| Value::Array(items.to_vec()));
    match format {
        Format::Json => line(&serde_json::to_string_pretty(&whole).unwrap_or_default()),
        Format::Yaml => {
            text(&serde_yaml_ng::to_string(&whole).map_err(|error| Failure::Unexpected(error.to_string()))?)
        }
        Format::Ndjson => items.iter().for_each(|item| line(&item.to_string())),
        Format::Name => items.iter().for_each(|item| line(item["id"].as_str().unwrap_or_default())),
        Format::Pem => {
            for item in items {
                match item["certificate"].as_str() {
                    Some(pem) => text(pem),
                    None => return Err(Failure::Usage("this has no PEM form".into())),
                }
            }
        }
        Format::Table | Format::Wide => {
            let columns: Vec<_> =
                columns.iter().filter(|column| format == Format::Wide || !column.2).collect();
            let mut rows = vec![columns.iter().map(|column| column.0.to_owned()).collect::<Vec<_>>()];
            rows.extend(items.iter().map(|item| columns.iter().map(|column| cell(item, column.1)).collect()));
            table(&rows);
        }
    }
    Ok(())
}

fn table(rows: &[Vec<String>]) {
    let columns = rows.first().map(Vec::len).unwrap_or_default();
    let widths: Vec<_> = (0..columns)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        line(cells.join("  ").trim_end());
    }
}

/// The day of a time, and how far it is: `2027-02-19 (90d)`. A day that has begun counts.
fn expiry(text: &str, now: Timestamp) -> String {
    let Ok(end) = text.parse::<Timestamp>() else { return text.to_owned() };
    let left = (end.unix() - now.unix() + 1).max(0) as u64; // inclusive: the second named still counts
    let left = if left == 0 { "expired".to_owned() } else { format!("{}d", left.div_ceil(86_400)) };
    format!("{} ({left})", date(text))
}

fn date(text: &str) -> &str {
    text.get(..10).unwrap_or(text)
}

/// A value as one cell: names joined, times as dates, nothing that could steer a terminal (P-3).
fn cell(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).unwrap_or(&Value::Null);
    let plain = match found {
        Value::Null => "-".to_owned(),
        Value::String(text) if matches!(pointer, "/notAfter" | "/expiresAt") => {
            expiry(text, SystemClock::new().now())
        }
        Value::String(text) if pointer.ends_with("At") || pointer == "/notBefore" => date(text).to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<_> = items
                .iter()
                .map(|item| {
                    item["value"].as_str().or(item.as_str()).map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            texts.join(",")
        }
        Value::Object(members) if members.is_empty() => "-".to_owned(),
        // Labels, as they are typed.
        Value::Object(members) if members.values().all(Value::is_string) => {
            let pairs: Vec<_> = members
                .iter()
                .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
                .collect();
            pairs.join(",")
        }
        other => other.to_string(),
    };
    plain
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_shows_a_value_as_a_person_would_write_it() {
        let thing = serde_json::json!({"labels": {"env": "prod", "team": "web"}, "none": {}, "null": null,
            "sans": [{"type": "dns", "value": "a.example"}, {"type": "ip", "value": "192.0.2.1"}],
            "evil": "a\u{1b}[2Jb"});
        for (pointer, expected) in [
            ("/labels", "env=prod,team=web"),
            ("/none", "-"),
            ("/null", "-"),
            ("/missing", "-"),
            ("/sans", "a.example,192.0.2.1"),
            ("/evil", r"a\u{1b}[2Jb"),
        ] {
            assert_eq!(cell(&thing, pointer), expected, "{pointer}");
        }
    }

    #[test]
    fn an_expiry_says_how_many_days_are_left() {
        let at = |now: &str| expiry("2027-02-19T09:00:00Z", now.parse().unwrap());
        assert_eq!(at("2026-11-21T09:00:01Z"), "2027-02-19 (90d)", "the moment it was issued for 90 days");
        assert_eq!(at("2026-11-21T18:00:00Z"), "2027-02-19 (90d)");
        assert_eq!(at("2026-11-22T09:00:01Z"), "2027-02-19 (89d)");
        assert_eq!(at("2027-02-19T09:00:00Z"), "2027-02-19 (1d)", "the second named still counts");
        assert_eq!(at("2027-02-19T09:00:01Z"), "2027-02-19 (expired)");
        assert_eq!(expiry("soon", Timestamp::from_unix(0)), "soon");
    }
}
