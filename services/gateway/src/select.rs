//! From a list's parameters to SQL. Names in it come from the [`View`] alone; every value is a parameter.

use std::fmt::Write;

use bytes::BytesMut;
use contracts::{Code, Problem, Timestamp, Violation, id};
use time::OffsetDateTime;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::{
    body::shown,
    cursor::{self, Binding},
    nearest,
    query::Query,
    view::{Field, FieldKind, ID, View},
};

/// A value that SQL is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// Texts.
    Texts(Vec<String>),
    /// An instant.
    Time(OffsetDateTime),
    /// Instants.
    Times(Vec<OffsetDateTime>),
    /// An id.
    Id(Uuid),
    /// Ids.
    Ids(Vec<Uuid>),
    /// A number.
    Number(i64),
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(value) => value.to_sql(kind, out),
            Self::Texts(value) => value.to_sql(kind, out),
            Self::Time(value) => value.to_sql(kind, out),
            Self::Times(value) => value.to_sql(kind, out),
            Self::Id(value) => value.to_sql(kind, out),
            Self::Ids(value) => value.to_sql(kind, out),
            Self::Number(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // each parameter is cast in the text of the query
    }

    to_sql_checked!();
}

/// A list's query.
#[derive(Debug)]
pub struct Select<'a> {
    /// The text: `id, version, document` and then each key of the order.
    pub sql: String,
    /// Its parameters.
    pub values: Vec<Value>,
    /// The order, ending with the id.
    pub order: Vec<(&'a Field, Direction)>,
    /// What cursors of it belong to.
    pub binding: Binding,
    /// How many rows the caller gets; the query asks for one more.
    pub limit: usize,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Up,
    /// Largest first.
    Down,
}

/// Parameters that say how a page is shown, not which rows there are.
const SHOWING: [&str; 4] = ["limit", "cursor", "fields", "sort"];

impl<'a> Select<'a> {
    /// The query of a list. `only` restricts it to these ids. Errors: `malformed_request`, `wrong_id_type`,
    /// `invalid_cursor`.
    pub fn of(view: &'a View, query: &Query, only: Option<Vec<Uuid>>) -> Result<Self, Problem> {
        let order = order(view, query.get("sort").unwrap_or(view.sort))?;
        let binding = Binding::of(
            view.name,
            query.iter().filter(|(name, _)| !["limit", "cursor", "fields"].contains(name)),
        );
        let mut build = Build::default();
        if let Some(ids) = only {
            build.condition("id = any($::uuid[])", Value::Ids(ids));
        }
        for (name, value) in query.iter().filter(|(name, _)| !SHOWING.contains(name)) {
            build.filter(view, name, value)?;
        }
        if let Some(text) = query.get("cursor") {
            build.after(&order, cursor::read(text, binding, order.len())?)?;
        }
        let limit = usize::try_from(query.number("limit").unwrap_or(50)).unwrap_or(50);
        let mut sql = String::from("select id, version, document::text");
        for (field, _) in &order {
            _ = write!(sql, ", {}", field.order());
        }
        _ = write!(sql, " from {}", view.table());
        for (at, condition) in build.conditions.iter().enumerate() {
            sql.push_str(if at == 0 { " where " } else { " and " });
            sql.push_str(condition);
        }
        sql.push_str(" order by ");
        for (at, (field, direction)) in order.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            let suffix = if *direction == Direction::Down { " desc" } else { "" };
            _ = write!(sql, "{separator}{}{suffix}", field.order());
        }
        _ = write!(sql, " limit {}", limit + 1);
        Ok(Self { sql, values: build.values, order, binding, limit })
    }
}

/// Reads `-notAfter,commonName`; the id, last, makes the order total.
fn order<'a>(view: &'a View, text: &str) -> Result<Vec<(&'a Field, Direction)>, Problem> {
    let mut order: Vec<(&Field, Direction)> = Vec::new();
    for part in text.split(',') {
        let (name, direction) = match part.strip_prefix('-') {
            Some(name) => (name, Direction::Down),
            None => (part, Direction::Up),
        };
        let sortable = || view.fields().filter(|field| field.sortable()).map(|field| field.name);
        let field = view.field(name).filter(|field| field.sortable()).ok_or_else(|| {
            let hint =
                nearest::among(name, sortable()).map_or(String::new(), |n| format!("; did you mean '{n}'?"));
            let detail = format!("lists are not sorted by '{}'{hint}", shown(name));
            malformed(Violation::in_parameter("sort", "not_allowed", detail).allowing(sortable()))
        })?;
        if !order.iter().any(|(known, _)| *known == field) {
            order.push((field, direction));
        }
    }
    let last = order.last().map_or(Direction::Up, |(_, direction)| *direction);
    order.push((&ID, last));
    Ok(order)
}

#[derive(Default)]
struct Build {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Build {
    /// Adds a value, and gives its place in the text.
    fn value(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// Adds a condition with one value, where `$` stands.
    fn condition(&mut self, text: &str, value: Value) {
        let place = self.value(value);
        self.conditions.push(text.replacen('$', &place, 1));
    }

    fn filter(&mut self, view: &View, name: &str, value: &str) -> Result<(), Problem> {
        if name == "q" {
            self.condition("search ilike $::text", Value::Text(format!("%{}%", escaped(value))));
            return Ok(());
        }
        if let Some(key) = name.strip_prefix("labels.") {
            return self.label(name, key, value);
        }
        let (plain, operator) = match name.split_once('[') {
            Some((plain, rest)) => (plain, rest.trim_end_matches(']')),
            None => (name, ""),
        };
        // The query was checked against the same fields, so one that is missing here is no filter (`dryRun`).
        let Some(field) = view.field(plain) else { return Ok(()) };
        let column = field.column;
        let array = match field.kind {
            FieldKind::Text => "text[]",
            FieldKind::Time => "timestamptz[]",
            FieldKind::Id(_) => "uuid[]",
        };
        match operator {
            "" => self.condition(&format!("{column} = any($::{array})"), several(field, name, value)?),
            "ne" => self.condition(
                &format!("({column} = any($::{array})) is not true"),
                several(field, name, value)?,
            ),
            "exists" => {
                let not = if value == "true" { "not " } else { "" };
                self.conditions.push(format!("{column} is {not}null"));
            }
            "contains" => self
                .condition(&format!("{column} ilike $::text"), Value::Text(format!("%{}%", escaped(value)))),
            "startsWith" => self
                .condition(&format!("{column} ilike $::text"), Value::Text(format!("{}%", escaped(value)))),
            comparison => {
                let sign = match comparison {
                    "lt" => "<",
                    "lte" => "<=",
                    "gt" => ">",
                    _ => ">=",
                };
                self.condition(
                    &format!("{column} {sign} $::timestamptz"),
                    Value::Time(instant(name, value)?),
                );
            }
        }
        Ok(())
    }

    fn label(&mut self, name: &str, key: &str, value: &str) -> Result<(), Problem> {
        let (key, operator) = match key.split_once('[') {
            Some((key, rest)) => (key, rest.trim_end_matches(']')),
            None => (key, ""),
        };
        let key = Value::Text(key.to_owned());
        match (operator, value) {
            ("", _) => {
                let (key, values) = (self.value(key), self.value(Value::Texts(list(value))));
                self.conditions.push(format!("labels ->> {key}::text = any({values}::text[])"));
            }
            ("ne", _) => {
                let (key, values) = (self.value(key), self.value(Value::Texts(list(value))));
                self.conditions.push(format!("(labels ->> {key}::text = any({values}::text[])) is not true"));
            }
            ("exists", "true") => self.condition("labels ->> $::text is not null", key),
            ("exists", "false") => self.condition("labels ->> $::text is null", key),
            _ => {
                let detail = "labels take no operator but 'ne', and 'exists' with 'true' or 'false'";
                return Err(malformed(Violation::in_parameter(name, "not_allowed", detail)));
            }
        }
        Ok(())
    }

    /// The rows after the one with these keys: for keys a, b it is `a >= A and (a > A or (a = A and b > B))`, of
    /// which the first part lets an index be used.
    fn after(&mut self, order: &[(&Field, Direction)], texts: Vec<String>) -> Result<(), Problem> {
        let mut places = Vec::new();
        for ((field, direction), text) in order.iter().zip(texts) {
            let (value, cast) = match field.kind {
                FieldKind::Text => (Value::Text(text), "text"),
                FieldKind::Time => {
                    (Value::Time(text.parse::<Timestamp>().map_err(|_| cursor::refused())?.0), "timestamptz")
                }
                FieldKind::Id(_) => {
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
        self.conditions.push(format!("({condition})"));
        Ok(())
    }
}

fn several(field: &Field, name: &str, text: &str) -> Result<Value, Problem> {
    let parts = list(text);
    Ok(match field.kind {
        FieldKind::Text => Value::Texts(parts),
        FieldKind::Time => {
            Value::Times(parts.iter().map(|part| instant(name, part)).collect::<Result<_, _>>()?)
        }
        FieldKind::Id(prefix) => {
            let ids = parts
                .iter()
                .map(|part| id::parse(prefix, part).map_err(|error| crate::call::refused_id(name, &error)));
            Value::Ids(ids.collect::<Result<_, _>>()?)
        }
    })
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

/// A text in which LIKE finds nothing but itself.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}

fn malformed(violation: Violation) -> Problem {
    Problem::new(Code::MalformedRequest, "the query cannot be read").with_errors(vec![violation])
}

#[cfg(test)]
mod tests {
    use contracts::Service;

    use super::*;
    use crate::operation::Operation;

    static VIEW: View = View {
        service: Service::Inventory,
        name: "certificate",
        kind: "certificate",
        prefix: "crt",
        fields: &[
            Field::text("commonName", "common_name").optional(),
            Field::text("status", "status"),
            Field::time("notAfter", "not_after"),
            Field::id("profileId", "profile_id", "prf").optional(),
        ],
        document: crate::view::part_of::<contracts::inventory::CertificateView>,
        named: false,
        labelled: true,
        searchable: true,
        sort: "-createdAt",
    };

    fn select(text: &str) -> Result<Select<'static>, Problem> {
        let operation = VIEW.lists(Operation::get("/certificates", "listCertificates", ""));
        Select::of(&VIEW, &Query::read(Some(text), &operation).unwrap(), None)
    }

    fn conditions(text: &str) -> (String, Vec<Value>) {
        let select = select(text).unwrap();
        let (_, rest) = select.sql.split_once(" where ").unwrap();
        (rest.split_once(" order by ").unwrap().0.to_owned(), select.values)
    }

    #[test]
    fn a_list_without_parameters_is_newest_first() {
        let select = select("").unwrap();
        assert_eq!(
            select.sql,
            "select id, version, document::text, created_at, id from api_inventory.certificate \
             order by created_at desc, id desc limit 51"
        );
    }

    #[test]
    fn filters_become_conditions_and_values_parameters() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap().0;
        for (text, sql, values) in [
            (
                "status=active,expired",
                "status = any($1::text[])",
                vec![Value::Texts(vec!["active".into(), "expired".into()])],
            ),
            (
                "status[ne]=active",
                "(status = any($1::text[])) is not true",
                vec![Value::Texts(vec!["active".into()])],
            ),
            (
                "notAfter[lt]=2027-01-01T00:00:00Z",
                "not_after < $1::timestamptz",
                vec![Value::Time(time("2027-01-01T00:00:00Z"))],
            ),
            (
                "commonName[contains]=50%25_a",
                "common_name ilike $1::text",
                vec![Value::Text(r"%50\%\_a%".into())],
            ),
            ("commonName[startsWith]=a'b", "common_name ilike $1::text", vec![Value::Text("a'b%".into())]),
            ("commonName[exists]=false", "common_name is null", vec![]),
            ("q=shop", "search ilike $1::text", vec![Value::Text("%shop%".into())]),
            (
                "labels.env=prod",
                "labels ->> $1::text = any($2::text[])",
                vec![Value::Text("env".into()), Value::Texts(vec!["prod".into()])],
            ),
            ("labels.a.b[exists]=true", "labels ->> $1::text is not null", vec![Value::Text("a.b".into())]),
            (
                "profileId=00000000-0000-0000-0000-000000000007",
                "profile_id = any($1::uuid[])",
                vec![Value::Ids(vec![Uuid::from_u128(7)])],
            ),
        ] {
            assert_eq!(conditions(text), (sql.to_owned(), values), "{text}");
        }
    }

    #[test]
    fn a_page_goes_on_where_the_one_before_ended() {
        let first = select("sort=-notAfter,commonName&limit=10").unwrap();
        let keys =
            ["2027-01-01T00:00:00Z", "shop", "00000000-0000-0000-0000-000000000007"].map(str::to_owned);
        let cursor = cursor::write(first.binding, &keys);
        let (sql, values) = conditions(&format!("limit=20&sort=-notAfter,commonName&cursor={cursor}"));
        assert_eq!(
            sql,
            "(not_after <= $1::timestamptz and (not_after < $1::timestamptz or \
             coalesce(common_name, '') >= $2::text and (coalesce(common_name, '') > $2::text or id > $3::uuid)))"
        );
        assert_eq!(values[2], Value::Id(Uuid::from_u128(7)));
        let forged = cursor::write(first.binding, &["x", "y", "z"].map(str::to_owned));
        let problem = select(&format!("sort=-notAfter,commonName&cursor={forged}")).unwrap_err();
        assert_eq!(problem.code, Code::InvalidCursor);
    }

    #[test]
    fn what_cannot_be_filtered_or_sorted_by_is_refused() {
        for (text, code) in [
            ("sort=color", Code::MalformedRequest),
            ("sort=profileId", Code::MalformedRequest),
            ("profileId=crt_00000000000000000000000007", Code::WrongIdType),
            ("profileId=x", Code::MalformedRequest),
            ("labels.env[gt]=a", Code::MalformedRequest),
        ] {
            assert_eq!(select(text).unwrap_err().code, code, "{text}");
        }
        let problem = select("sort=-notaftr").unwrap_err();
        assert!(
            problem.errors[0].detail.contains("did you mean 'notAfter'?"),
            "{}",
            problem.errors[0].detail
        );
    }

    #[test]
    fn a_token_for_some_certificates_sees_no_others() {
        let operation = VIEW.lists(Operation::get("/certificates", "listCertificates", ""));
        let query = Query::read(Some("status=active"), &operation).unwrap();
        let select = Select::of(&VIEW, &query, Some(vec![Uuid::from_u128(9)])).unwrap();
        assert!(
            select.sql.contains(" where id = any($1::uuid[]) and status = any($2::text[]) "),
            "{}",
            select.sql
        );
    }
}
