//! Persons out of a CSV file: pure, line by line. A line is a record, so that one that is broken spoils no other: cells
//! hold no line breaks. Nothing here says whether somebody may be added; that is the directory's to judge.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{
    Code, Problem, SecretText, Violation,
    directory::{AddPerson, LineError, PersonLine, ValidationType},
};

use crate::report::FORMULA;

/// The columns; the first three must be there.
const COLUMNS: [&str; 9] = [
    "email",
    "firstName",
    "lastName",
    "middleName",
    "alternativeEmails",
    "organization",
    "department",
    "validationType",
    "secretId",
];
const REQUIRED: usize = 3;

/// What a file says.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The lines that can be read.
    pub lines: Vec<PersonLine>,
    /// What is wrong with the others.
    pub errors: Vec<LineError>,
}

impl Sheet {
    /// How many lines cannot be read; one may have several errors.
    #[must_use]
    pub fn unreadable(&self) -> u32 {
        let lines: BTreeSet<u32> = self.errors.iter().map(|error| error.line).collect();
        u32::try_from(lines.len()).unwrap_or(u32::MAX)
    }
}

/// How many lines a file may have: what is wrong with each of them has to be held until it is told.
const MOST_LINES: usize = 50_000;

/// Reads a file. Errors: `validation_failed`, when it has no header that names the columns, or too many lines, so that
/// nothing is read.
pub fn read(bytes: &[u8]) -> Result<Sheet, Problem> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines = lines(bytes);
    let Some((_, header)) = lines.next() else { return Err(refused("empty", "the file is empty")) };
    let columns = columns(header)?;
    if bytes.iter().filter(|byte| **byte == b'\n').count() > MOST_LINES {
        let words = format!("the file has more than {MOST_LINES} lines; send it in parts");
        return Err(refused("too_many_lines", words));
    }
    let (mut sheet, mut seen) = (Sheet::default(), BTreeMap::new());
    for (number, line) in lines {
        match person(number, line, &columns) {
            Ok(person) => {
                let organization = person.organization.as_ref().map(ToString::to_string);
                let first = *seen.entry((organization, person.email.to_lowercase())).or_insert(number);
                if first == number {
                    sheet.lines.push(PersonLine { line: number, person });
                } else {
                    let detail = format!("line {first} has this address, too");
                    sheet.errors.push(error(number, Some("email"), "duplicate", detail));
                }
            }
            Err(wrong) => sheet.errors.extend(wrong),
        }
    }
    Ok(sheet)
}

/// The lines of a file that hold something, and their numbers.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let numbered = (1_u32..).zip(bytes.split(|byte| *byte == b'\n'));
    let without_end = numbered.map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)));
    without_end.filter(|(number, line)| *number == 1 || !line.is_empty())
}

/// Which column each cell of a line belongs to.
fn columns(header: &[u8]) -> Result<Vec<&'static str>, Problem> {
    if header.starts_with(b"\xff\xfe") || header.starts_with(b"\xfe\xff") || header.contains(&0) {
        return Err(refused("wrong_encoding", "the file is not UTF-8; save it as CSV UTF-8"));
    }
    let cells = cells(header).map_err(|(code, words)| refused(code, format!("in the header: {words}")))?;
    let (mut columns, mut wrong) = (Vec::new(), Vec::new());
    for cell in &cells {
        match COLUMNS.iter().find(|column| plain(column) == plain(cell)) {
            Some(column) if columns.contains(column) => {
                wrong.push(format!("the column '{column}' stands twice"));
            }
            Some(column) => columns.push(*column),
            None => wrong.push(format!("there is no column '{}'", crate::body::shown(cell))),
        }
    }
    let missing = COLUMNS[..REQUIRED].iter().filter(|column| !columns.contains(column));
    wrong.extend(missing.map(|column| format!("the column '{column}' is missing")));
    let errors = wrong.into_iter().map(|words| Violation::at("#/1", "wrong_header", words).allowing(COLUMNS));
    let errors: Vec<_> = errors.collect();
    match errors.first() {
        None => Ok(columns),
        Some(first) => {
            Err(Problem::new(Code::ValidationFailed, format!("the header cannot be read: {}", first.detail))
                .with_errors(errors))
        }
    }
}

/// `First Name`, `first_name` and `firstName` are one column.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The person in a line, or everything that is wrong with it.
fn person(number: u32, line: &[u8], columns: &[&'static str]) -> Result<AddPerson, Vec<LineError>> {
    let cells = cells(line).map_err(|(code, words)| vec![error(number, None, code, words)])?;
    if cells.len() != columns.len() {
        let words = format!("{} cells; the header has {}", cells.len(), columns.len());
        return Err(vec![error(number, None, "wrong_columns", words)]);
    }
    let mut wrong = vec![];
    for (cell, column) in cells.iter().zip(columns) {
        wrong.extend(unfit(cell).map(|(code, words)| error(number, Some(column), code, words)));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let cell = |name: &str| {
        let at = columns.iter().position(|column| *column == name)?;
        cells.get(at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    };
    let mut required = |name: &'static str| {
        let found = cell(name).map(str::to_owned);
        if found.is_none() {
            wrong.push(error(number, Some(name), "required", "the cell is empty"));
        }
        found.unwrap_or_default()
    };
    let (email, first_name, last_name) = (required("email"), required("firstName"), required("lastName"));
    let reference = |name: &'static str| {
        let text = cell(name)?;
        let named = if text.starts_with("name:") || text.contains('_') && text.len() > 26 {
            text.to_owned()
        } else {
            format!("name:{text}")
        };
        Some(named)
    };
    let (organization, department) = (reference("organization"), reference("department"));
    let organization = organization.map(|text| text.parse()).transpose();
    let department = department.map(|text| text.parse()).transpose();
    if organization.is_err() {
        wrong.push(error(number, Some("organization"), "invalid_value", "neither a name nor an id"));
    }
    if department.is_err() {
        wrong.push(error(number, Some("department"), "invalid_value", "neither a name nor an id"));
    }
    if cell("validationType")
        .is_some_and(|word| !word.eq_ignore_ascii_case(ValidationType::Standard.as_str()))
    {
        wrong.push(error(
            number,
            Some("validationType"),
            "not_allowed",
            "the one validation type is 'standard'",
        ));
    }
    let secret = cell("secretId");
    if secret.is_some_and(|word| word.len() > SecretText::LIMIT) {
        let words = format!("at most {} bytes are allowed", SecretText::LIMIT);
        wrong.push(error(number, Some("secretId"), "too_long", words));
    }
    let others = cell("alternativeEmails").unwrap_or_default().split([',', ';', ' ']);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(AddPerson {
        organization: organization.unwrap_or_default(),
        department: department.unwrap_or_default(),
        email,
        first_name,
        middle_name: cell("middleName").map(str::to_owned),
        last_name,
        alternative_emails: others.filter(|other| !other.is_empty()).map(str::to_owned).collect(),
        validation_type: ValidationType::Standard,
        secret_id: secret.map(|word| SecretText::new(word.to_owned())),
    })
}

/// What is wrong with a cell, whatever its column.
fn unfit(cell: &str) -> Option<(&'static str, &'static str)> {
    if cell.contains('\0') {
        return Some(("nul", "the cell holds a NUL character"));
    }
    if cell.starts_with(FORMULA) {
        return Some((
            "formula",
            "the cell begins with a character that makes it a formula: = + - @, tab or CR",
        ));
    }
    None
}

/// The cells of one line (RFC 4180), which is no laxer: quotation marks stand around a whole cell or nowhere.
pub fn cells(line: &[u8]) -> Result<Vec<String>, (&'static str, &'static str)> {
    if !is_well_quoted(line) {
        return Err(("broken_quoting", "a quotation mark is not closed, or stands in the middle of a cell"));
    }
    if std::str::from_utf8(line).is_err() {
        return Err(("wrong_encoding", "the line is not UTF-8"));
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        // A lone CR is part of its cell, where it is refused.
        .terminator(csv::Terminator::Any(b'\n'))
        .buffer_capacity(256)
        .from_reader(line);
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record.iter().map(str::to_owned).collect()),
        Ok(false) => Ok(vec![String::new()]),
        Err(_) => Err(("broken_line", "the line cannot be read")),
    }
}

fn is_well_quoted(line: &[u8]) -> bool {
    let mut rest = line;
    loop {
        let after = match rest.strip_prefix(b"\"") {
            Some(mut quoted) => loop {
                let Some(at) = quoted.iter().position(|byte| *byte == b'"') else { return false };
                quoted = &quoted[at + 1..];
                match quoted.strip_prefix(b"\"") {
                    Some(more) => quoted = more,
                    None => break quoted,
                }
            },
            None => {
                let end = rest.iter().position(|byte| *byte == b',').unwrap_or(rest.len());
                let (cell, after) = rest.split_at(end);
                if cell.contains(&b'"') {
                    return false;
                }
                after
            }
        };
        match after {
            [] => return true,
            [b',', more @ ..] => rest = more,
            _ => return false,
        }
    }
}

fn error(line: u32, column: Option<&str>, code: &str, detail: impl Into<String>) -> LineError {
    LineError { line, column: column.map(str::to_owned), code: code.to_owned(), detail: detail.into() }
}

fn refused(code: &str, words: impl Into<String>) -> Problem {
    let words = words.into();
    let violation = Violation::at("#", code, words.clone());
    Problem::new(Code::ValidationFailed, words).with_errors(vec![violation])
}

#[cfg(test)]
mod tests;
