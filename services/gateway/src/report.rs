//! Reports: rows that are answered as JSON or CSV.

use contracts::{Problem, Timestamp};
use http::{HeaderMap, StatusCode, header};
use runtime::shown::visible;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{answer::Answer, call::Call, parameter::Parameter, read};

/// How a spreadsheet takes a cell for a formula (P-3).
pub const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A row of a report.
pub trait Row: Serialize + JsonSchema {
    /// What the cells are called.
    fn columns() -> Vec<&'static str>;
    /// The cells.
    fn cells(&self) -> Vec<String>;
}

/// A report.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "{T}Report")]
pub struct Report<T> {
    /// When it was made.
    pub generated_at: Timestamp,
    /// The rows.
    pub rows: Vec<T>,
    /// Where the report goes on; `null` when this is all of it.
    pub next_cursor: Option<String>,
}

/// A form that reports are answered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON.
    Json,
    /// CSV (RFC 4180).
    Csv,
    /// XML, where there is a schema for it.
    Xml,
}

/// Content types of a report of rows.
pub const MEDIA: &[&str] = &["application/json", "text/csv"];

/// The parameter that says in which form, where `Accept` cannot.
pub fn format(words: &'static [&'static str]) -> Parameter {
    Parameter::new(
        "format",
        crate::parameter::Kind::OneOf(words),
        "The form, for browsers; else `Accept` decides.",
    )
}

/// The form that `?format=` names, else the first of `Accept` that there is, else JSON.
pub fn wanted(call: &Call) -> Form {
    match call.query.get("format") {
        Some("csv") => Form::Csv,
        Some("xml") => Form::Xml,
        Some(_) => Form::Json,
        None => accepted(&call.headers),
    }
}

fn accepted(headers: &HeaderMap) -> Form {
    let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = texts.flat_map(|text| text.split(',')).filter_map(|range| range.split(';').next());
    let form = |range: &str| match range.trim().to_ascii_lowercase().as_str() {
        "text/csv" => Some(Form::Csv),
        "application/xml" | "text/xml" => Some(Form::Xml),
        "application/json" | "application/*" | "*/*" => Some(Form::Json),
        _ => None,
    };
    ranges.find_map(form).unwrap_or(Form::Json)
}

/// Answers with rows.
pub fn answer<T: Row>(
    call: &Call,
    kind: &str,
    rows: Vec<T>,
    next: Option<String>,
) -> Result<Answer, Problem> {
    let answer = match wanted(call) {
        Form::Csv => {
            let lines = rows.iter().map(Row::cells);
            file(csv(T::columns(), lines)?, "text/csv; charset=utf-8", &format!("{kind}.csv"))
        }
        Form::Json | Form::Xml => {
            let report = Report { generated_at: call.now, rows, next_cursor: next.clone() };
            Answer::json(StatusCode::OK, &report)?
        }
    };
    Ok(match next {
        Some(cursor) => answer.with(header::LINK, read::link(call, &cursor)),
        None => answer,
    })
}

/// A file to be kept under this name.
pub fn file(content: String, media: &'static str, name: &str) -> Answer {
    Answer::new(StatusCode::OK, media, content)
        .with(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
}

/// Lines of CSV. What a spreadsheet would take for a formula begins with an apostrophe, what cannot be seen is shown (P-3).
pub fn csv(columns: Vec<&'static str>, lines: impl Iterator<Item = Vec<String>>) -> Result<String, Problem> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![]);
    writer.write_record(&columns).map_err(read::internal)?;
    for line in lines {
        writer.write_record(line.iter().map(|cell| harmless(cell))).map_err(read::internal)?;
    }
    let bytes = writer.into_inner().map_err(read::internal)?;
    String::from_utf8(bytes).map_err(read::internal)
}

fn harmless(cell: &str) -> String {
    let shown = visible(cell, |character| ['\t', '\r', '\n'].contains(&character));
    if cell.starts_with(FORMULA) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@x", "\tx", "\rx"] {
            let text = csv(vec!["a"], [vec![formula.to_owned()]].into_iter()).unwrap();
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            assert_eq!(&reader.records().next().unwrap().unwrap()[0], format!("'{formula}"));
        }
        let text = csv(vec!["a", "b"], [vec!["x,\"y\"".to_owned(), "z".to_owned()]].into_iter()).unwrap();
        assert_eq!(text, "a,b\r\n\"x,\"\"y\"\"\",z\r\n");
    }

    #[test]
    fn accept_says_the_form() {
        for (accept, form) in [
            ("text/csv", Form::Csv),
            ("text/html, application/xml;q=0.9, */*", Form::Xml),
            ("*/*", Form::Json),
            ("image/png", Form::Json),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(accepted(&headers), form, "{accept}");
        }
    }
}
