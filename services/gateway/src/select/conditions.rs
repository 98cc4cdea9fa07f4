//! From filters and cursors to conditions.

use contracts::{OrganizationId, Problem, Timestamp, Violation, id};
use runtime::database::Scope;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Direction, Value, malformed};
use crate::{
    body::shown,
    cursor,
    view::{Field, FieldKind, View},
};

/// The conditions of a query, and the values that stand in them.
pub(super) struct Conditions {
    pub(super) texts: Vec<String>,
    pub(super) values: Vec<Value>,
    scope: Scope,
}

impl Conditions {
    /// None yet, for somebody who reaches these organizations.
    pub(super) fn within(scope: &Scope) -> Self {
        Self { texts: vec![], values: vec![], scope: scope.clone() }
    }

    /// Those of them that the caller reaches: what else a row has to do with is not told by looking for it either.
    fn reached(&self, ids: Value) -> Value {
        match (ids, &self.scope) {
            (Value::Ids(ids), Scope::Organizations(reached)) => {
                Value::Ids(ids.into_iter().filter(|id| reached.contains(&OrganizationId(*id))).collect())
            }
            (ids, _) => ids,
        }
    }

    /// Adds a value, and gives its place in the text.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a condition with one value, where `$` stands.
    pub(super) fn add(&mut self, text: &str, value: Value) {
        let place = self.value(value);
        self.texts.push(text.replacen('$', &place, 1));
    }

    /// Adds a condition with several values, each where `$::` stands.
    pub(super) fn add_all(&mut self, text: &str, values: Vec<Value>) {
        let text = values.into_iter().fold(format!("({text})"), |text, value| {
            let place = self.value(value);
            text.replacen("$::", &format!("{place}::"), 1)
        });
        self.texts.push(text);
    }

    /// Adds a filter: a field with or without operator, a label, or `q`.
    pub(super) fn filter(&mut self, view: &View, name: &str, value: &str) -> Result<(), Problem> {
        if name == "q" {
            self.add("search ilike $::text", Value::Text(containing(value)));
            return Ok(());
        }
        if let Some(key) = name.strip_prefix("labels.") {
            return self.label(name, key, value);
        }
        let (plain, operator) = operator(name);
        // The query was checked against the same fields, so one that is missing here is no filter (`dryRun`).
        let Some(field) = view.field(plain) else { return Ok(()) };
        let column = field.column;
        let array = match field.kind {
            FieldKind::Text | FieldKind::Word(_) => "text[]",
            FieldKind::Time => "timestamptz[]",
            FieldKind::Id(_) | FieldKind::Organizations => "uuid[]",
        };
        let several_of = matches!(field.kind, FieldKind::Organizations);
        match operator {
            "" if several_of => {
                let reached = self.reached(several(field, name, value)?);
                self.add(&format!("{column} && $::{array}"), reached);
            }
            "ne" if several_of => {
                let reached = self.reached(several(field, name, value)?);
                self.add(&format!("not {column} && $::{array}"), reached);
            }
            "" => {
                let implied = field.implied.iter().find(|(word, _)| *word == value);
                self.texts.extend(implied.map(|(_, condition)| (*condition).to_owned()));
                self.add(&format!("{column} = any($::{array})"), several(field, name, value)?);
            }
            "ne" => {
                self.add(&format!("({column} = any($::{array})) is not true"), several(field, name, value)?)
            }
            "exists" => {
                let not = if value == "true" { "not " } else { "" };
                self.texts.push(format!("{column} is {not}null"));
            }
            "contains" => self.add(&format!("{column} ilike $::text"), Value::Text(containing(value))),
            "startsWith" => {
                self.add(&format!("{column} ilike $::text"), Value::Text(format!("{}%", escaped(value))))
            }
            comparison => {
                let sign = match comparison {
                    "lt" => "<",
                    "lte" => "<=",
                    "gt" => ">",
                    _ => ">=",
                };
                self.add(&format!("{column} {sign} $::timestamptz"), Value::Time(instant(name, value)?));
            }
        }
        Ok(())
    }

    fn label(&mut self, name: &str, key: &str, value: &str) -> Result<(), Problem> {
        let (key, operator) = operator(key);
        let key = Value::Text(key.to_owned());
        match (operator, value) {
            ("" | "ne", _) => {
                let (key, values) = (self.value(key), self.value(Value::Texts(list(value))));
                let equal = format!("labels ->> {key}::text = any({values}::text[])");
                self.texts.push(if operator == "ne" { format!("({equal}) is not true") } else { equal });
            }
            ("exists", "true") => self.add("labels ->> $::text is not null", key),
            ("exists", "false") => self.add("labels ->> $::text is null", key),
            _ => {
                let detail = "labels take no operator but 'ne', and 'exists' with 'true' or 'false'";
                return Err(malformed(Violation::in_parameter(name, "not_allowed", detail)));
            }
        }
        Ok(())
    }

    /// The rows after the one with these keys: for keys a, b it is `a >= A and (a > A or (a = A and b > B))`, of
    /// which the first part lets an index be used.
    pub(super) fn after(&mut self, order: &[(&Field, Direction)], texts: Vec<String>) -> Result<(), Problem> {
        let mut places = Vec::new();
        for ((field, direction), text) in order.iter().zip(texts) {
            let (value, cast) = match field.kind {
                FieldKind::Text | FieldKind::Word(_) => (Value::Text(text), "text"),
                FieldKind::Time => {
                    (Value::Time(text.parse::<Timestamp>().map_err(|_| cursor::refused())?.0), "timestamptz")
                }
                FieldKind::Id(_) | FieldKind::Organizations => {
                    (Value::Id(Uuid::try_parse(&text).map_err(|_| cursor::refused())?), "uuid")
                }
            };
            let sign = if *direction == Direction::Down { "<" } else { ">" };
            places.push((field.order(), sign, format!("{}::{cast}", self.value(value))));
        }
        let mut condition = String::new();
        for (column, sign, place) in places.iter().rev() {
            condition = if condition.is_empty() {
                format!("{column} {sign} {place}")
            } else {
                format!("{column} {sign}= {place} and ({column} {sign} {place} or {condition})")
            };
        }
        self.texts.push(format!("({condition})"));
        Ok(())
    }
}

/// Splits `notAfter[lt]`; without brackets the operator is empty.
fn operator(name: &str) -> (&str, &str) {
    match name.split_once('[') {
        Some((plain, rest)) => (plain, rest.trim_end_matches(']')),
        None => (name, ""),
    }
}

fn several(field: &Field, name: &str, text: &str) -> Result<Value, Problem> {
    let parts = list(text);
    Ok(match field.kind {
        FieldKind::Text | FieldKind::Word(_) => Value::Texts(parts),
        FieldKind::Time => {
            Value::Times(parts.iter().map(|part| instant(name, part)).collect::<Result<_, _>>()?)
        }
        FieldKind::Id(prefix) => ids(prefix, name, &parts)?,
        FieldKind::Organizations => ids(OrganizationId::PREFIX, name, &parts)?,
    })
}

fn ids(prefix: &'static str, name: &str, parts: &[String]) -> Result<Value, Problem> {
    let read = |part: &String| id::parse(prefix, part).map_err(|error| crate::call::refused_id(name, &error));
    Ok(Value::Ids(parts.iter().map(read).collect::<Result<_, _>>()?))
}

fn instant(name: &str, text: &str) -> Result<OffsetDateTime, Problem> {
    text.parse::<Timestamp>().map(|instant| instant.0).map_err(|_| {
        let detail = format!("'{}' is not an RFC 3339 time", shown(text));
        malformed(Violation::in_parameter(name, "invalid_value", detail))
    })
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

/// The pattern of ILIKE for what contains a text.
pub fn containing(text: &str) -> String {
    format!("%{}%", escaped(text))
}

/// A text in which LIKE finds nothing but itself.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
