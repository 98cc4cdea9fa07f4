//! The arguments of `log.append`: one PostgreSQL array per column, written in one pass without a value per element.

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::{Append, Expected};
use crate::SHARD;

/// Columns of one call of `log.append`; kept between calls for their memory.
#[derive(Debug)]
pub(super) struct Batch {
    commands: [Column; 10],
    events: [Column; 6],
}

/// The statement that [`Batch::parameters`] belongs to.
pub(super) const SQL: &str = "select op, status, version, first, last \
     from log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

impl Batch {
    pub(super) fn new() -> Self {
        let commands = [
            Type::UUID,
            Type::TEXT,
            Type::UUID,
            Type::INT4,
            Type::UUID,
            Type::BYTEA,
            Type::UUID,
            Type::UUID,
            Type::TEXT,
            Type::TEXT,
        ];
        let events = [Type::INT4, Type::UUID, Type::TEXT, Type::INT2, Type::JSON, Type::BYTEA];
        Self { commands: commands.map(Column::new), events: events.map(Column::new) }
    }

    /// Replaces the contents with these commands, numbered from 1 in their order.
    pub(super) fn fill<'a>(&mut self, appends: impl Iterator<Item = &'a Append>) {
        self.commands.iter_mut().chain(&mut self.events).for_each(Column::clear);
        for (number, append) in (1..).zip(appends) {
            self.push(number, append);
        }
    }

    fn push(&mut self, number: i32, append: &Append) {
        let [tenant, category, stream, expected, command, fingerprint, causation, correlation, actor, trace] =
            &mut self.commands;
        tenant.push(append.tenant.as_bytes());
        category.push(append.category.as_bytes());
        stream.push(append.stream.as_bytes());
        let version = match append.expected {
            Expected::Any => -1,
            Expected::Version(version) => version.max(0),
        };
        expected.push(&version.to_be_bytes());
        command.push(append.command_id.as_bytes());
        fingerprint.push(&append.fingerprint);
        causation.push(append.causation.as_bytes());
        correlation.push(append.correlation.as_bytes());
        actor.push(append.actor.as_bytes());
        match &append.traceparent {
            Some(text) => trace.push(text.as_bytes()),
            None => trace.push_null(),
        }
        let [op, id, kind, schema, payload, hash] = &mut self.events;
        for event in &append.events {
            op.push(&number.to_be_bytes());
            id.push(event.id.as_bytes());
            kind.push(event.kind.as_bytes());
            schema.push(&event.schema.to_be_bytes());
            payload.push(event.payload.as_bytes());
            hash.push(&crate::merkle::sha256(event.payload.as_bytes()));
        }
    }

    /// The arguments, in the order of the function's parameters.
    pub(super) fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let columns = self.commands.iter().chain(&self.events).map(|column| column as &(dyn ToSql + Sync));
        std::iter::once(&SHARD as &(dyn ToSql + Sync)).chain(columns).collect()
    }
}

/// An array's elements in PostgreSQL's binary form.
#[derive(Debug)]
struct Column {
    element: Type,
    count: i32,
    nulls: bool,
    elements: BytesMut,
}

impl Column {
    fn new(element: Type) -> Self {
        Self { element, count: 0, nulls: false, elements: BytesMut::new() }
    }

    fn clear(&mut self) {
        self.count = 0;
        self.nulls = false;
        self.elements.clear();
    }

    fn push(&mut self, value: &[u8]) {
        self.count += 1;
        // No element comes near 2 GiB: a group's payloads are bounded, and PostgreSQL refuses longer messages.
        self.elements.put_i32(value.len() as i32);
        self.elements.put_slice(value);
    }

    fn push_null(&mut self) {
        self.count += 1;
        self.nulls = true;
        self.elements.put_i32(-1);
    }
}

impl ToSql for Column {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.reserve(20 + self.elements.len());
        out.put_i32(1); // dimensions
        out.put_i32(self.nulls.into());
        out.put_u32(self.element.oid());
        out.put_i32(self.count);
        out.put_i32(1); // lower bound
        out.put_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), tokio_postgres::types::Kind::Array(_))
    }

    to_sql_checked!();
}
