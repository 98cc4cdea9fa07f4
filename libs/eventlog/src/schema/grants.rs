//! Who may do what with the log, generated from the one table of services.

use std::fmt::Write;

use contracts::{
    Service,
    service::{Row, TABLE},
};

/// SQL that sets writers, readers and privileges to what the table says, whatever they were.
pub(super) fn sql() -> String {
    let mut sql = String::from(
        "delete from log.writer;\ndelete from log.reader;\nrevoke execute on all functions in schema log from public;\n",
    );
    for row in TABLE {
        for line in lines(row) {
            // Writing to a string cannot fail.
            _ = writeln!(sql, "{line};");
        }
    }
    sql
}

fn lines(row: &Row) -> Vec<String> {
    let role = row.service.role();
    let mut lines = vec![
        format!("revoke all on all tables in schema log from {role}"),
        format!("revoke all on all functions in schema log from {role}"),
        format!("grant usage on schema log to {role}"),
        format!("grant select on log.epoch, log.installation, log.migration to {role}"),
        format!(
            "grant execute on function log.read, log.read_stream, log.read_streams, log.level, log.head, log.outcome, \
             log.may_read to {role}"
        ),
    ];
    lines.extend(
        row.reads.iter().map(|category| format!("insert into log.reader values ('{category}', '{role}')")),
    );
    lines.extend(
        row.writes.iter().map(|category| format!("insert into log.writer values ('{category}', '{role}')")),
    );
    if !row.writes.is_empty() {
        lines.push(format!("grant execute on function log.append to {role}"));
    }
    if row.service == Service::Relay {
        lines.push(format!("grant select on log.event, log.stream, log.tile, log.tree_head to {role}"));
        lines.push(format!("grant insert on log.tile, log.tree_head to {role}"));
        lines.push(format!("grant execute on function log.add_partition, log.sweep_answers to {role}"));
    }
    lines
}
