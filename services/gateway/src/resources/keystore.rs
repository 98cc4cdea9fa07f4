//! `/keystore`: the master key, which everything in the keystore is wrapped under.

use contracts::{
    Code, CredentialId, OrganizationId, Permission, Problem, Timestamp,
    keystore::{
        MadeShares, MakeMasterKeyShares, MasterKeyProvider, RotateMasterKey, UnsealKeystore,
        master_key_stream,
    },
};
use http::StatusCode;
use runtime::{
    authority::{Target, permitted},
    database::Scope,
    sealed::OneTimeKey,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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
    /// Where the master key comes from.
    provider: Option<MasterKeyProvider>,
    /// Whether nothing can be opened: people have to enter what opens it, or the master key is not the right one.
    sealed: Option<bool>,
    /// Where custodians hold shares: how many open the keystore, and how many of them were entered.
    shares: Option<Shares>,
    /// The name of the master key in use, which tells nothing about it; `null` before the first.
    master_key_id: Option<Uuid>,
    /// Since when it is in use.
    since: Option<Timestamp>,
    /// While everything is wrapped anew: from which master key, and how far that is.
    rotation: Option<MasterKeyRotation>,
}

/// Shares that were entered; they are forgotten 15 minutes after the first one.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Shares {
    /// So many open the keystore.
    needed: i16,
    /// So many were entered, while they are waited for.
    entered: i16,
}

/// A wish for shares.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WantedShares {
    /// Why; up to 1,000 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// The shares of a new master key. They are shown this once.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct NewShares {
    /// The name of the master key.
    master_key_id: Uuid,
    /// So many of the shares give it back.
    needed: u8,
    /// The shares: one for each custodian.
    shares: Vec<String>,
}

/// A rotation that goes on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct MasterKeyRotation {
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
        .problems(&[Code::InvalidState, Code::KeystoreSealed, Code::WeakPassphrase])
        .handled_by(rotate),
        Operation::post("/api/v1/keystore/unseal", "unsealKeystore", "Open a keystore that waits for people")
            .needs(Permission::MasterKeyWrite)
            .sensitive()
            .step_up()
            .at_the_door()
            .takes::<UnsealKeystore>(json!({"passphrase": "seventeen magpies over a frozen lake"}))
            .answers::<KeystoreView>(StatusCode::OK, "It is open, or waits for further shares.", example())
            .problems(&[Code::InvalidState, Code::WrongPassphrase, Code::WeakPassphrase])
            .handled_by(unseal),
        Operation::post(
            "/api/v1/keystore/shares",
            "makeMasterKeyShares",
            "Make a master key that custodians hold shares of",
        )
        .needs(Permission::MasterKeyWrite)
        .sensitive()
        .step_up()
        .costly()
        .may_take::<WantedShares>(json!({"reason": "a custodian left"}))
        .answers::<NewShares>(
            StatusCode::CREATED,
            "The shares, shown this once. They count once as many as are needed were entered.",
            shares_example(),
        )
        .problems(&[Code::InvalidState, Code::KeystoreSealed, Code::AlreadyExists])
        .handled_by(make_shares),
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
    permit(&call)?;
    Answer::json(StatusCode::OK, &view(&call).await?)
}

async fn view(call: &Call) -> Result<KeystoreView, Problem> {
    const SQL: &str = "select id, coalesce(replaced_at, made_at), previous_id from api_keystore.master_key";
    const STANDING: &str =
        "select provider, sealed, shares_needed, shares_entered from api_keystore.standing";
    let rows = read::rows(call, &Scope::All, STANDING, &[]).await?;
    let read =
        |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
    let standing =
        rows.first().map(read).transpose().map_err(|error: tokio_postgres::Error| read::internal(error))?;
    let (provider, sealed, needed, entered): (Option<String>, Option<bool>, Option<i16>, Option<i16>) =
        standing.unwrap_or_default();
    let provider = provider.and_then(|word| serde_json::from_value(Value::String(word)).ok());
    let shares = needed
        .filter(|_| provider == Some(MasterKeyProvider::Shares))
        .map(|needed| Shares { needed, entered: entered.unwrap_or_default() });
    let rows = read::rows(call, &Scope::All, SQL, &[]).await?;
    let row = rows
        .first()
        .map(|row| Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
    let (master_key_id, since, previous): (Option<Uuid>, Option<time::OffsetDateTime>, Option<Uuid>) =
        row.transpose().map_err(read::internal)?.unwrap_or_default();
    let progress = progress(call).await?;
    let rotation =
        previous.zip(progress).map(|(previous_id, progress)| MasterKeyRotation { previous_id, progress });
    let since = since.map(Timestamp);
    Ok(KeystoreView { provider, sealed, shares, master_key_id, since, rotation })
}

async fn unseal(call: Call) -> Result<Answer, Problem> {
    let command: UnsealKeystore = call.json()?;
    let context = call.context()?;
    if call.query.flag("dryRun") {
        return Answer::dry(&call.gateway.bus.dry_run(&context, &command).await?);
    }
    let reply = call.gateway.bus.call(&context, &command).await?;
    let answer = Answer::json(StatusCode::OK, &view(&call).await?)?;
    Ok(call.written(answer, reply.position, 0, reply.replayed))
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

async fn make_shares(call: Call) -> Result<Answer, Problem> {
    let WantedShares { reason } = call.json()?;
    let answer_key = OneTimeKey::draw().map_err(|_| Problem::internal())?;
    let command = MakeMasterKeyShares { seal_to: answer_key.public(), reason };
    call.send(command, |MadeShares { id, needed, shares }, _| {
        let about = CredentialId(master_key_stream());
        let opened = answer_key.open(OrganizationId::INSTALLATION, about, &shares).map_err(|error| {
            tracing::error!(%error, "shares cannot be opened");
            Problem::internal()
        })?;
        let shares = opened.reveal().lines().map(str::to_owned).collect();
        Answer::json(StatusCode::CREATED, &NewShares { master_key_id: id, needed, shares })
    })
    .await
}

async fn tell(call: Call) -> Result<Answer, Problem> {
    permit(&call)?;
    timeline::of_streams(&call, &[master_key_stream()]).await
}

fn example() -> Value {
    json!({"provider": "file", "sealed": false, "shares": null, "masterKeyId": "5d0b2f1e-7c3a-8f4e-9b6d-2a1c0e9f8d7b", "since": "2026-11-21T09:00:00Z",
        "rotation": {"previousId": "0c9e8d7b-5d0b-8f1e-ac3a-8f4e9b6d2a1c",
            "progress": {"done": 400, "total": 1000, "unit": "keys", "message": "400 of 1000 keys"}}})
}

fn shares_example() -> Value {
    json!({"masterKeyId": "5d0b2f1e-7c3a-8f4e-9b6d-2a1c0e9f8d7b", "needed": 3, "shares": ["chancery-share-1:5d0b…"]})
}
