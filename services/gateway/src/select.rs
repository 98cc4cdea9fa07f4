//! From a list's parameters to SQL. Names in it come from the [`View`] alone; every value is a parameter.

mod conditions;
mod value;

use std::fmt::Write;

use contracts::{Code, Problem, Violation};

use self::conditions::Conditions;
pub use self::value::Value;
use crate::{
    body::shown,
    cursor::{self, Binding},
    nearest,
    query::Query,
    reach::Reach,
    view::{Field, ID, View},
};

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
    /// The query of a list, restricted to what the caller reaches. Errors: `malformed_request`, `wrong_id_type`,
    /// `invalid_cursor`.
    pub fn of(view: &'a View, query: &Query, reach: &Reach) -> Result<Self, Problem> {
        let order = order(view, query.get("sort").unwrap_or(view.sort))?;
        let binding = Binding::of(
            view.name,
            query.iter().filter(|(name, _)| !["limit", "cursor", "fields"].contains(name)),
        );
        let mut conditions = Conditions::within(&reach.scope);
        conditions.organizations(view);
        if let Some((text, values)) = &reach.condition {
            conditions.add_all(text, values.clone());
        }
        for (name, value) in query.iter().filter(|(name, _)| !SHOWING.contains(name)) {
            conditions.filter(view, name, value)?;
        }
        if let Some(text) = query.get("cursor") {
            conditions.after(&order, cursor::read(text, binding, order.len())?)?;
        }
        let limit = usize::try_from(query.number("limit").unwrap_or(50)).unwrap_or(50);
        let mut sql = String::from("select id, version, document::text");
        for (field, _) in &order {
            _ = write!(sql, ", {}", field.order());
        }
        _ = write!(sql, " from {}", view.table());
        for (at, condition) in conditions.texts.iter().enumerate() {
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
        Ok(Self { sql, values: conditions.values, order, binding, limit })
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
        let field = field.sorted_as.and_then(|name| view.field(name)).unwrap_or(field);
        if !order.iter().any(|(known, _)| *known == field) {
            order.push((field, direction));
        }
    }
    let last = order.last().map_or(Direction::Up, |(_, direction)| *direction);
    order.push((&ID, last));
    Ok(order)
}

fn malformed(violation: Violation) -> Problem {
    Problem::new(Code::MalformedRequest, "the query cannot be read").with_errors(vec![violation])
}

#[cfg(test)]
mod tests;
