//! Values as PostgreSQL takes them.

use bytes::BytesMut;
use time::OffsetDateTime;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

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
