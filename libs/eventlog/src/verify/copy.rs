//! Rows of PostgreSQL's COPY text format, as `pg_dump` writes them.

use contracts::Timestamp;
use time::{OffsetDateTime, macros::format_description};

use super::Head;
use crate::{Recorded, merkle::Hash};

/// The columns of a block, as its COPY line names them.
pub(super) struct Columns {
    /// Table within the schema `log`.
    pub(super) table: String,
    names: Vec<String>,
}

/// One row's fields by column name.
struct Fields<'a> {
    names: &'a [String],
    values: Vec<&'a [u8]>,
}

impl Columns {
    /// Reads `COPY log.<table> (<column>, …) FROM stdin;`.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.trim_end();
        let (table, rest) = line.strip_prefix("COPY log.")?.split_once(" (")?;
        let names = rest.strip_suffix(") FROM stdin;")?;
        let bare = |name: &str| name.trim_matches('"').to_owned();
        Some(Self { table: bare(table), names: names.split(", ").map(bare).collect() })
    }

    /// The integer in a column of a row.
    pub(super) fn integer(&self, row: &[u8], name: &str) -> Result<i64, String> {
        self.fields(row)?.parse(name)
    }

    /// A row of `log.event`.
    pub(super) fn event(&self, row: &[u8]) -> Result<Recorded, String> {
        let fields = self.fields(row)?;
        Ok(Recorded {
            position: fields.parse("position")?,
            tenant: fields.parse("tenant")?,
            category: fields.text("category")?,
            stream: fields.parse("stream")?,
            version: fields.parse("version")?,
            id: fields.parse("id")?,
            kind: fields.text("type")?,
            schema: fields.parse("schema")?,
            recorded_at: fields.time("recorded_at")?,
            command_id: fields.parse("command_id")?,
            causation: fields.parse("causation_id")?,
            correlation: fields.parse("correlation_id")?,
            actor: fields.text("actor")?,
            traceparent: fields.optional("traceparent")?,
            payload: fields.text("payload")?,
            hash: fields.bytes("hash")?.try_into().unwrap_or_default(),
        })
    }

    /// A row of `log.tree_head`.
    pub(super) fn head(&self, row: &[u8]) -> Result<Head, String> {
        let fields = self.fields(row)?;
        Ok(Head {
            size: fields.parse("size")?,
            root: fields.bytes("root")?,
            note: fields.text("note")?,
            leaves: fields.bytes("leaves")?.as_chunks().0.to_vec(),
        })
    }

    /// The hashes in a row of `log.tile`.
    pub(super) fn hashes(&self, row: &[u8]) -> Result<Vec<Hash>, String> {
        Ok(self.fields(row)?.bytes("hashes")?.as_chunks().0.to_vec())
    }

    fn fields<'a>(&'a self, row: &'a [u8]) -> Result<Fields<'a>, String> {
        let values: Vec<&[u8]> = row.split(|byte| *byte == b'\t').collect();
        if values.len() == self.names.len() {
            Ok(Fields { names: &self.names, values })
        } else {
            Err(format!("it has {} columns, not {}", values.len(), self.names.len()))
        }
    }
}

impl Fields<'_> {
    fn optional(&self, name: &str) -> Result<Option<String>, String> {
        let at =
            self.names.iter().position(|found| found == name).ok_or_else(|| format!("no column {name}"))?;
        match self.values[at] {
            br"\N" => Ok(None),
            value => String::from_utf8(unescape(value)).map(Some).map_err(|_| format!("{name} is not UTF-8")),
        }
    }

    fn text(&self, name: &str) -> Result<String, String> {
        self.optional(name)?.ok_or_else(|| format!("{name} is null"))
    }

    fn parse<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is '{text}'"))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        let text = self.text(name)?;
        let digits = text.strip_prefix(r"\x").ok_or_else(|| format!("{name} is not hexadecimal"))?;
        hex::decode(digits).map_err(|_| format!("{name} is not hexadecimal"))
    }

    /// `2026-11-21 09:00:00.123456+00`, with the offset of the server that was dumped.
    fn time(&self, name: &str) -> Result<Timestamp, String> {
        let format = format_description!(
            version = 2,
            "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]][offset_hour sign:mandatory][optional [:[offset_minute]]]"
        );
        let text = self.text(name)?;
        OffsetDateTime::parse(&text, &format)
            .map(|time| Timestamp(time.to_offset(time::UtcOffset::UTC)))
            .map_err(|_| format!("{name} is '{text}'"))
    }
}

fn unescape(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next() {
                Some(b'b') => 8,
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'v') => 11,
                Some(b'f') => 12,
                Some(b'r') => b'\r',
                Some(other) => *other,
                None => b'\\',
            },
            other => *other,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_copy_writes_it() {
        let columns = Columns::read(
            b"COPY log.event_0_0 (shard, \"position\", tenant, category, stream, version, id, type, schema, recorded_at, \
              command_id, causation_id, correlation_id, actor, traceparent, payload, hash) FROM stdin;\n",
        )
        .unwrap();
        assert_eq!(columns.table, "event_0_0");
        let id = "00000000-0000-0000-0000-000000000001";
        for (time, utc) in [
            ("2026-11-21 09:00:00.000007+00", "2026-11-21T09:00:00.000007Z"),
            ("2026-11-21 09:00:00+01", "2026-11-21T08:00:00Z"),
            ("2026-11-21 09:00:00.5-03:30", "2026-11-21T12:30:00.5Z"),
        ] {
            let row = format!(
                "0\t5\t{id}\tca\t{id}\t1\t{id}\tca.created\t1\t{time}\t{id}\t{id}\t{id}\tprn\t\\N\t{{\"a\":\"\\\\n\\tb\"}}\t\\\\x00ff"
            );
            let event = columns.event(row.as_bytes()).unwrap();
            assert_eq!((event.position, event.payload.as_str()), (5, "{\"a\":\"\\n\tb\"}"));
            assert_eq!(event.recorded_at.to_string(), utc);
            assert_eq!(event.traceparent, None);
        }
        assert_eq!(columns.event(b"0\t1").unwrap_err(), "it has 2 columns, not 17");
    }
}
