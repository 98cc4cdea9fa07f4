//! Which queued commands ride together: in order, and at most one per stream.

use std::collections::{HashSet, VecDeque};

use tokio::sync::oneshot;
use uuid::Uuid;

use super::{Append, AppendError, Outcome};

/// What one caller appends in one transaction.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) appends: Vec<Append>,
    pub(super) answer: oneshot::Sender<Vec<Result<Outcome, AppendError>>>,
}

/// Commands in one transaction, unless a single caller brings more.
pub(super) const MAX_COMMANDS: usize = 500;
/// Bytes of payload in one transaction, unless a single caller brings more.
const MAX_BYTES: usize = 8 << 20;

/// Takes the next group from the front of the queue.
///
/// A unit stays behind when a stream or command id of it is taken already; then whatever comes after it for the same
/// streams stays behind too, which keeps each stream's order.
pub(super) fn take(queue: &mut VecDeque<Unit>) -> Vec<Unit> {
    let mut taken = HashSet::new();
    let (mut commands, mut bytes) = (0, 0);
    let mut group = Vec::with_capacity(queue.len().min(MAX_COMMANDS));
    let mut left = VecDeque::new();
    while let Some(unit) = queue.pop_front() {
        commands += unit.appends.len();
        bytes += unit.bytes();
        let full = !group.is_empty() && (commands > MAX_COMMANDS || bytes > MAX_BYTES);
        if full {
            queue.push_front(unit);
            break;
        }
        let keys = || unit.appends.iter().flat_map(|append| [append.stream, append.command_id]);
        let free = keys().all(|key| !taken.contains(&key));
        taken.extend(keys());
        if free {
            group.push(unit);
        } else {
            commands -= unit.appends.len();
            bytes -= unit.bytes();
            left.push_back(unit);
        }
    }
    left.append(queue);
    *queue = left;
    group
}

/// What can be seen to be wrong without asking the database.
pub(super) fn refusal(appends: &[Append]) -> Option<AppendError> {
    if appends.iter().any(|append| append.events.is_empty()) {
        return Some(AppendError::Refused("a command without events".into()));
    }
    let mut seen: HashSet<Uuid> = HashSet::new();
    let twice = appends.len() > 1
        && appends.iter().any(|append| !seen.insert(append.stream) || !seen.insert(append.command_id));
    twice.then(|| {
        AppendError::Refused("two commands of one transaction share a stream or a command id".into())
    })
}

impl Unit {
    fn bytes(&self) -> usize {
        self.appends.iter().flat_map(|append| &append.events).map(|event| event.payload.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expected, NewEvent};

    fn unit(streams: &[u128], payload: usize) -> Unit {
        let appends = streams
            .iter()
            .enumerate()
            .map(|(nth, stream)| Append {
                tenant: Uuid::nil(),
                category: "thing",
                stream: Uuid::from_u128(*stream),
                expected: Expected::Any,
                command_id: Uuid::from_u128(1_000_000 + stream * 1_000 + nth as u128),
                fingerprint: [0; 32],
                causation: Uuid::nil(),
                correlation: Uuid::nil(),
                actor: String::new(),
                traceparent: None,
                events: vec![NewEvent {
                    id: Uuid::nil(),
                    kind: "thing.made",
                    schema: 1,
                    payload: "x".repeat(payload),
                }],
            })
            .collect();
        Unit { appends, answer: oneshot::channel().0 }
    }

    fn streams(units: impl IntoIterator<Item = Unit>) -> Vec<u128> {
        units.into_iter().flat_map(|unit| unit.appends).map(|append| append.stream.as_u128()).collect()
    }

    #[test]
    fn a_stream_has_one_command_per_group_and_keeps_its_order() {
        let mut queue: VecDeque<Unit> =
            [unit(&[1], 1), unit(&[2], 1), unit(&[1, 3], 1), unit(&[3], 1), unit(&[4], 1)].into();
        // The second command of stream 1 waits, and so does the one of stream 3 behind it.
        assert_eq!(streams(take(&mut queue)), [1, 2, 4]);
        assert_eq!(streams(take(&mut queue)), [1, 3]);
        assert_eq!(streams(take(&mut queue)), [3]);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_group_has_at_most_500_commands_and_8_mib_unless_one_caller_brings_more() {
        let mut queue: VecDeque<Unit> = (1..=700).map(|stream| unit(&[stream], 1)).collect();
        assert_eq!(take(&mut queue).len(), 500);
        assert_eq!(take(&mut queue).len(), 200);

        let mut queue: VecDeque<Unit> = (1..=3).map(|stream| unit(&[stream], 5 << 20)).collect();
        assert_eq!(take(&mut queue).len(), 1);

        let many: Vec<u128> = (1..=600).collect();
        let mut queue: VecDeque<Unit> = [unit(&many, 1), unit(&[601], 1)].into();
        assert_eq!(streams(take(&mut queue)).len(), 600);
    }
}
