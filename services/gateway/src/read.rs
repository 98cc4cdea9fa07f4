//! Reading rows of views, within the caller's scope.

use std::time::Duration;

use contracts::{Code, Problem};
use deadpool_postgres::Object;
use http::{StatusCode, header};
use runtime::database::{DatabaseError, Scope, scoped_read};
use serde_json::{Value as Json, value::RawValue};
use tokio_postgres::{Row, error::SqlState, types::ToSql};
use uuid::Uuid;

use crate::{
    answer::Answer,
    body::shown,
    call::{Call, refused_id},
    cursor, position,
    reach::Reach,
    select::Select,
    view::{FieldKind, View},
};

/// The longest a query of a list may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One row.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its id.
    pub id: Uuid,
    /// Its version.
    pub version: i32,
    /// Its JSON.
    pub document: String,
}

/// Answers with one row, named by the path's `{id}`.
pub async fn show(call: Call, view: &'static View) -> Result<Answer, Problem> {
    let found = one(&call, view, "id").await?;
    answer(&call, found)
}

/// Answers with a row, or the fields of it that were asked for.
pub fn answer(call: &Call, found: Found) -> Result<Answer, Problem> {
    let document = match call.query.get("fields") {
        None => found.document,
        Some(fields) => projected(&found.document, fields)?,
    };
    Ok(Answer::json_text(StatusCode::OK, document).versioned(found.version))
}

/// The row named by a parameter of the path: by id, or `name:…`. Errors: `not_found`, `wrong_id_type`.
pub async fn one(call: &Call, view: &'static View, parameter: &str) -> Result<Found, Problem> {
    position::wait(call, view.service).await?;
    find(call, view, call.step(parameter), parameter, call.reach(view)?).await
}

/// The row that `reference` names, within `reach`.
pub async fn find(
    call: &Call,
    view: &'static View,
    reference: &str,
    parameter: &str,
    reach: Reach,
) -> Result<Found, Problem> {
    let missing = || Problem::not_found(view.kind, shown(reference));
    let (table, columns) = (view.table(), "id, version, document::text");
    let Reach { scope, condition } = reach;
    let (condition, values) = condition.unwrap_or_else(|| ("true".to_owned(), vec![]));
    // The reference, and for names the caller's organization, come first.
    let placed = |first: usize| {
        (0..values.len())
            .fold(condition.clone(), |text, at| text.replacen("$::", &format!("${}::", first + at), 1))
    };
    let further = values.iter().map(|value| value as &(dyn ToSql + Sync));
    let rows = match reference.strip_prefix("name:").filter(|_| view.named) {
        Some(name) => {
            let own = call.caller()?.organization.uuid();
            let sql = format!(
                "select {columns} from {table} where name = $1 and ({}) \
                 order by (organization = $2) desc, id limit 1",
                placed(3)
            );
            let values: Vec<&(dyn ToSql + Sync)> =
                [&name as _, &own as _].into_iter().chain(further).collect();
            rows(call, &scope, &sql, &values).await?
        }
        None => {
            let id = contracts::id::parse(view.prefix, reference).map_err(|e| refused_id(parameter, &e))?;
            let sql = format!("select {columns} from {table} where id = $1 and ({})", placed(2));
            let values: Vec<&(dyn ToSql + Sync)> = [&id as _].into_iter().chain(further).collect();
            rows(call, &scope, &sql, &values).await?
        }
    };
    rows.first().map(found).transpose()?.ok_or_else(missing)
}

/// The documents of rows within `reach`, in this order, `most` of them at most.
pub async fn every(
    call: &Call,
    view: &'static View,
    reach: Reach,
    order: &str,
    most: usize,
) -> Result<Vec<String>, Problem> {
    let rows = columns(call, view, "document::text", reach, order, most).await?;
    rows.iter().map(|row| row.try_get(0).map_err(internal)).collect()
}

/// The same, of these columns alone.
pub async fn columns(
    call: &Call,
    view: &'static View,
    columns: &str,
    reach: Reach,
    order: &str,
    most: usize,
) -> Result<Vec<Row>, Problem> {
    let Reach { scope, condition } = reach;
    let (condition, values) = condition.unwrap_or_else(|| ("true".to_owned(), vec![]));
    let placed = (1..=values.len()).fold(condition, |text, at| text.replacen("$::", &format!("${at}::"), 1));
    let sql = format!("select {columns} from {} where {placed} order by {order} limit {most}", view.table());
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
    rows(call, &scope, &sql, &values).await
}

/// Answers with a page of rows.
pub async fn list(call: Call, view: &'static View) -> Result<Answer, Problem> {
    let reach = call.reach(view)?;
    list_of(call, view, reach).await
}

/// The same, of what is within this reach.
pub async fn list_of(call: Call, view: &'static View, reach: Reach) -> Result<Answer, Problem> {
    list_dressed(call, view, reach, |_, document| Ok(document)).await
}

/// The same, with each document as `dress` shows it to the caller.
pub async fn list_dressed(
    call: Call,
    view: &'static View,
    reach: Reach,
    dress: fn(&Call, String) -> Result<String, Problem>,
) -> Result<Answer, Problem> {
    position::wait(&call, view.service).await?;
    let select = Select::of(view, &call.query, &reach)?;
    let values: Vec<&(dyn ToSql + Sync)> = select.values.iter().map(|value| value as _).collect();
    let rows = rows(&call, &reach.scope, &select.sql, &values).await?;
    let (page, more) = (&rows[..rows.len().min(select.limit)], rows.len() > select.limit);
    let next = match page.last() {
        Some(last) if more => Some(cursor::write(select.binding, &keys(&select, last)?)),
        _ => None,
    };
    let mut items = Vec::with_capacity(page.len());
    for row in page {
        let document = dress(&call, found(row)?.document)?;
        let document = match call.query.get("fields") {
            None => document,
            Some(fields) => projected(&document, fields)?,
        };
        items.push(RawValue::from_string(document).map_err(internal)?);
    }
    let answer = Answer::json(StatusCode::OK, &Page { items, next_cursor: next.clone() })?;
    Ok(match next {
        Some(cursor) => answer.with(header::LINK, link(&call, &cursor)),
        None => answer,
    })
}

/// A page.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// Runs a query in a transaction of the scope.
pub async fn rows(
    call: &Call,
    scope: &Scope,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Problem> {
    let reading = async {
        let mut client: Object = call.gateway.pool.get().await?;
        let transaction = scoped_read(&mut client, scope).await?;
        let statement = transaction.prepare_cached(sql).await?;
        let rows = transaction.query(&statement, values).await?;
        transaction.commit().await?;
        Ok::<_, DatabaseError>(rows)
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(rows)) => Ok(rows),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(Problem::unavailable("the read model did not answer in time; try again")),
    }
}

/// What the caller learns about a failed query.
fn refused(error: &DatabaseError) -> Problem {
    let state = match error {
        DatabaseError::Server(error) => error.code(),
        _ => None,
    };
    tracing::warn!(%error, "view cannot be read");
    match state {
        // The service that owns the view has not made it yet.
        Some(state) if [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(state) => {
            Problem::new(Code::ProjectionBehind, "the read model is being built; try again")
        }
        Some(state) if ["08", "53", "57"].iter().any(|class| state.code().starts_with(class)) => {
            Problem::unavailable("the database does not answer at the moment; try again")
        }
        Some(_) => Problem::internal(),
        None => Problem::unavailable("the database does not answer at the moment; try again"),
    }
}

fn found(row: &Row) -> Result<Found, Problem> {
    Ok(Found {
        id: row.try_get(0).map_err(internal)?,
        version: row.try_get(1).map_err(internal)?,
        document: row.try_get(2).map_err(internal)?,
    })
}

/// The sort keys of a row, as the cursor holds them.
fn keys(select: &Select<'_>, row: &Row) -> Result<Vec<String>, Problem> {
    let key = |(at, field): (usize, FieldKind)| -> Result<String, tokio_postgres::Error> {
        let at = at + 3;
        Ok(match field {
            FieldKind::Text | FieldKind::Word(_) => row.try_get(at)?,
            FieldKind::Time => contracts::Timestamp(row.try_get(at)?).to_string(),
            FieldKind::Id(_) | FieldKind::Organizations => row.try_get::<_, Uuid>(at)?.to_string(),
        })
    };
    let fields = select.order.iter().map(|(field, _)| field.kind);
    fields.enumerate().map(key).collect::<Result<_, _>>().map_err(internal)
}

/// Only these fields of a document, and its id; an optional one that it does not have is left out.
fn projected(document: &str, fields: &str) -> Result<String, Problem> {
    let mut document: serde_json::Map<String, Json> = serde_json::from_str(document).map_err(internal)?;
    let wanted: Vec<&str> = fields.split(',').collect();
    document.retain(|name, _| name == "id" || wanted.contains(&name.as_str()));
    serde_json::to_string(&document).map_err(internal)
}

/// `Link: <…>; rel="next"`.
pub fn link(call: &Call, cursor: &str) -> String {
    let kept = call.query.iter().filter(|(name, _)| *name != "cursor");
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair("cursor", cursor)
        .finish();
    format!("<{}?{query}>; rel=\"next\"", call.target)
}

/// A fault of ours: the log has the cause.
pub fn internal(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "row cannot be read");
    Problem::internal()
}
