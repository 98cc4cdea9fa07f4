//! `/keystore`: the master key, which everything in the keystore is wrapped under.

use contracts::{
    Code, Permission, Problem, Timestamp,
    keystore::{RotateMasterKey, master_key_stream},
};
use http::StatusCode;
use runtime::{
    authority::{Target, permitted},
    database::Scope,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Page,
    operations::{self, OperationView},
};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    waiting::Progress,
};

/// How the master key stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct KeystoreView {
    /// The name of the master key in use, which tells nothing about it; `null` before the first.
    master_key_id: Option<Uuid>,
    /// Since when it is in use.
    since: Option<Timestamp>,
    /// While everything is wrapped anew: from which master key, and how far that is.
    rotation: Option<Rotation>,
}

/// A rotation that goes on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Rotation {
    /// The name of the master key before.
    previous_id: Uuid,
    /// How far it is.
    progress: Progress,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operations = vec![
        Operation::get("/api/v1/keystore", "getKeystore", "Show how the keystore's master key stands")
            .needs(Permission::MasterKeyRead)
            .answers::<KeystoreView>(StatusCode::OK, "The master key, without the key.", example())
            .handled_by(show),
        Operation::post(
            "/api/v1/keystore/rotate",
            "rotateMasterKey",
            "Replace the master key, and wrap everything anew meanwhile",
        )
        .needs(Permission::MasterKeyWrite)
        .sensitive()
        .step_up()
        .costly()
        .may_take::<RotateMasterKey>(json!({"reason": "yearly"}))
        .answers::<OperationView>(StatusCode::ACCEPTED, "It goes on.", operations::example())
        .problems(&[Code::InvalidState, Code::KeystoreSealed])
        .handled_by(rotate),
        Operation::get(
            "/api/v1/keystore/timeline",
            "getKeystoreTimeline",
            "Show what happened to the keystore's master key",
        )
        .needs(Permission::MasterKeyRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("master_key.rotation_begun"),
        )
        .handled_by(tell),
    ];
    operations.into_iter().map(|operation| operation.tagged("Keystore")).collect()
}

/// There is one in the installation, so it is read with rights there.
fn permit(call: &Call) -> Result<(), Problem> {
    permitted(call.caller()?, Permission::MasterKeyRead, &Target::INSTALLATION)
}

async fn show(call: Call) -> Result<Answer, Problem> {
    const SQL: &str = "select id, coalesce(replaced_at, made_at), previous_id from api_keystore.master_key";
    permit(&call)?;
    let rows = read::rows(&call, &Scope::All, SQL, &[]).await?;
    let row = rows
        .first()
        .map(|row| Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
    let (master_key_id, since, previous): (Option<Uuid>, Option<time::OffsetDateTime>, Option<Uuid>) =
        row.transpose().map_err(read::internal)?.unwrap_or_default();
    let progress = progress(&call).await?;
    let rotation = previous.zip(progress).map(|(previous_id, progress)| Rotation { previous_id, progress });
    let since = since.map(Timestamp);
    Answer::json(StatusCode::OK, &KeystoreView { master_key_id, since, rotation })
}

/// How far a rotation is, if one goes on.
pub(super) async fn progress(call: &Call) -> Result<Option<Progress>, Problem> {
    const SQL: &str = "select done, total from api_keystore.master_key where previous_id is not null";
    let rows = read::rows(call, &Scope::All, SQL, &[]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let count = |at| row.try_get(at).map(|count: i64| u32::try_from(count).unwrap_or(u32::MAX));
    let (done, total) = (count(0).map_err(read::internal)?, count(1).map_err(read::internal)?);
    Ok(Some(Progress::new(done, total, "keys")))
}

async fn rotate(call: Call) -> Result<Answer, Problem> {
    let command: RotateMasterKey = call.json()?;
    // It always goes on after the answer.
    call.send(command, |_, _| Err(Problem::internal())).await
}

async fn tell(call: Call) -> Result<Answer, Problem> {
    permit(&call)?;
    timeline::of_streams(&call, &[master_key_stream()]).await
}

fn example() -> Value {
    json!({"masterKeyId": "5d0b2f1e-7c3a-8f4e-9b6d-2a1c0e9f8d7b", "since": "2026-11-21T09:00:00Z",
        "rotation": {"previousId": "0c9e8d7b-5d0b-8f1e-ac3a-8f4e9b6d2a1c",
            "progress": {"done": 400, "total": 1000, "unit": "keys", "message": "400 of 1000 keys"}}})
}
