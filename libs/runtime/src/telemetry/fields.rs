//! What may stand in a line of the log (K-5): fields that are listed here, and no bytes. Another field shows only that it
//! was there, so that a new one is looked at before its value leaves; a test holds the list against the code.

use std::fmt;

/// Names of fields whose values are written.
pub const LOGGED: &[&str] = &[
    "actor",
    "address",
    "adopted",
    "after",
    "algorithm",
    "approval_id",
    "attempt",
    "ca",
    "cause",
    "certificate_id",
    "chancery.problem.code",
    "code",
    "command",
    "command_id",
    "commands",
    "count",
    "db.collection.name",
    "db.operation.name",
    "db.system.name",
    "dependency",
    "doubt",
    "ended",
    "error",
    "error.type",
    "event",
    "first",
    "fold",
    "folder",
    "generation",
    "head",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "interrupted",
    "issuance",
    "key",
    "kind",
    "last",
    "live",
    "log.file",
    "log.line",
    "log.module_path",
    "log.target",
    "messaging.consumer.group.name",
    "messaging.destination.name",
    "messaging.message.id",
    "messaging.operation.type",
    "messaging.system",
    "name",
    "notification",
    "operation",
    "organization",
    "otel.kind",
    "otel.name",
    "ours",
    "panic",
    "path",
    "pid",
    "place",
    "position",
    "problem",
    "process",
    "projection",
    "reason",
    "request_id",
    "rewrapped",
    "route",
    "rpc.method",
    "rpc.service",
    "rpc.system",
    "sequence",
    "server",
    "service",
    "setback",
    "shard",
    "signal",
    "size",
    "stream",
    "subject",
    "subscription",
    "suspended",
    "timer",
    "trace_id",
    "tries",
    "until",
    "user",
    "version",
    "why",
];

/// In place of a value.
pub(super) const REDACTED: &str = "[redacted]";

/// Whether the values of a field are written. `message` is the sentence itself.
pub(super) fn is_logged(name: &str) -> bool {
    name == "message" || LOGGED.binary_search(&name).is_ok()
}

/// A value in words: on one line, and without bytes.
pub(super) fn words(value: &dyn fmt::Debug) -> String {
    let text = format!("{value:?}");
    if is_bytes(&text) { REDACTED.to_owned() } else { on_one_line(&text) }
}

/// The debug form of bytes: numbers below 256, more than a few, and nothing else.
fn is_bytes(text: &str) -> bool {
    let Some(start) = text.find('[') else { return false };
    let end = text[start..].find(']').map_or(text.len(), |end| start + end);
    let items = text[start + 1..end].split(',').map(|item| item.trim().parse::<u8>());
    let (mut count, mut bytes) = (0, true);
    for item in items {
        count += 1;
        bytes &= item.is_ok();
    }
    bytes && count >= 8
}

fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}
