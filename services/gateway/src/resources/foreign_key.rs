//! Whoever names a key of another organization is told that there is none, and it is recorded (B10).

use contracts::{Code, KeyId, Problem};
use runtime::database::Scope;

use super::keys::KEYS;
use crate::{call::Call, denial::Witness, read};

/// The outcome as it is; where the key was not found and is another organization's, the attempt is recorded.
pub(super) async fn watched<T>(
    call: &Call,
    key: Option<KeyId>,
    outcome: Result<T, Problem>,
) -> Result<T, Problem> {
    if let (Some(key), Err(problem), Some(caller)) = (key, &outcome, &call.caller)
        && problem.code == Code::NotFound
        && exists(call, key).await
    {
        Witness::about(call, caller).record_foreign(key, problem);
    }
    outcome
}

/// Whether there is such a key in any organization.
async fn exists(call: &Call, key: KeyId) -> bool {
    let sql = format!("select id from {} where id = $1", KEYS.table());
    let rows = read::rows(call, &Scope::All, &sql, &[&key.uuid()]).await;
    rows.is_ok_and(|rows| !rows.is_empty())
}
