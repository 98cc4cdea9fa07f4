//! From filters and cursors to conditions.

use contracts::{OrganizationId, Problem, Timestamp, Violation, id};
use runtime::database::Scope;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Direction, Value, malformed};
use crate::{
    body::shown,
    cursor,
    view::{BEGINNING, Field, FieldKind, Rights, View},
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

    /// The scope once more, for rows of which there may be millions: an index knows the column, not the view's condition.
    pub(super) fn organizations(&mut self, view: &View) {
        let (Rights::Row { certificates: true, .. }, Scope::Organizations(reached)) =
            (view.rights, &self.scope)
        else {
            return;
        };
        match reached.as_slice() {
            [one] => self.add("organization = $::uuid", Value::Id(one.uuid())),
            several => {
                let several = several.iter().map(|id| id.uuid()).collect();
                self.add("organization = any($::uuid[])", Value::Ids(several));
            }
        }
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
            "" if !field.meaning.is_empty() => {
                let words = list(value);
                let meant = field.meaning.iter().filter(|(word, _)| words.iter().any(|w| w == word));
                let any: Vec<String> = meant.map(|(_, meaning)| format!("({meaning})")).collect();
                self.texts.push(format!("({})", any.join(" or ")));
            }
            "" => self.equal(field, array, several(field, name, value)?),
            "ne" => {
                self.add(&format!("({column} = any($::{array})) is not true"), several(field, name, value)?)
            }
            "exists" => self.exists(field, value == "true"),
            "contains" => self.like(field, containing(value), value),
            "startsWith" => self.like(field, format!("{}%", escaped(value)), value),
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

    /// One of these values. What rows are put in order by says so, too: that is what has an index.
    fn equal(&mut self, field: &Field, array: &str, values: Value) {
        let (column, order) = (field.column, field.order());
        let beginnings = match &values {
            Value::Texts(texts) if order != column => {
                let beginning = |text: &String| text.chars().take(BEGINNING).collect();
                Some(Value::Texts(texts.iter().map(beginning).collect()))
            }
            _ => None,
        };
        let place = self.value(values);
        self.texts.push(format!("{column} = any({place}::{array})"));
        if let Some(beginnings) = beginnings {
            self.add(&format!("{order} = any($::{array})"), beginnings);
        } else if order != column {
            self.texts.push(format!("{order} = any({place}::{array})"));
        }
    }

    fn exists(&mut self, field: &Field, wanted: bool) {
        let (column, order) = (field.column, field.order());
        if !wanted {
            return self.texts.push(format!("{column} is null"));
        }
        self.texts.push(format!("{column} is not null"));
        if let (Some(least), true) = (field.least(), field.optional) {
            self.texts.push(format!("{order} > {least}"));
        }
    }

    /// Like a pattern with this text in it.
    fn like(&mut self, field: &Field, pattern: String, text: &str) {
        self.add(&format!("{} ilike $::text", field.column), Value::Text(pattern));
        if field.searched {
            self.add("search ilike $::text", Value::Text(containing(text)));
        }
    }

    fn label(&mut self, name: &str, key: &str, value: &str) -> Result<(), Problem> {
        let (key, operator) = operator(key);
        if operator.is_empty() {
            let one = |value: String| {
                let place = self.value(Value::Text(json!({key: value}).to_string()));
                format!("labels @> {place}::text::jsonb")
            };
            let any: Vec<String> = list(value).into_iter().map(one).collect();
            self.texts.push(format!("({})", any.join(" or ")));
            return Ok(());
        }
        let key = Value::Text(key.to_owned());
        match (operator, value) {
            ("ne", _) => {
                let (key, values) = (self.value(key), self.value(Value::Texts(list(value))));
                self.texts.push(format!("(labels ->> {key}::text = any({values}::text[])) is not true"));
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

    /// The rows after the one with these keys: for keys a, b it is `(a, b) > (A, B)`, or, where one goes up and the other
    /// down, `a >= A and (a > A or (a = A and b > B))`, of which the first part lets an index be used.
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
        if let Some((_, first, _)) = places.first()
            && places.iter().all(|(_, sign, _)| sign == first)
        {
            let columns: Vec<&str> = places.iter().map(|(column, ..)| column.as_ref()).collect();
            let values: Vec<&str> = places.iter().map(|(.., place)| place.as_str()).collect();
            self.texts.push(format!("({}) {first} ({})", columns.join(", "), values.join(", ")));
            return Ok(());
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
fn containing(text: &str) -> String {
    format!("%{}%", escaped(text))
}

/// A text in which LIKE finds nothing but itself.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
