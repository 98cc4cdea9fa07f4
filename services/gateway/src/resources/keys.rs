//! `/keys`: private keys, of which only descriptions and public halves ever leave.

use contracts::{
    Code, Permission, Problem, Service,
    keystore::{DestroyKey, GenerateKey, KeyOrigin, KeyPurpose, KeyStatus, KeyView},
    x509::KeyAlgorithm,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Page, Reason, foreign_key, key_files, key_uses, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static KEYS: View = View {
    service: Service::Keystore,
    name: "key",
    kind: "key",
    prefix: "key",
    fields: &[
        Field::word::<KeyAlgorithm>("algorithm", "algorithm"),
        Field::word::<KeyPurpose>("purpose", "purpose"),
        Field::word::<KeyStatus>("status", "status"),
        Field::word::<KeyOrigin>("origin", "(document ->> 'origin')"),
        Field::text("label", "(document ->> 'label')").optional(),
        Field::text("token", "(document ->> 'token')").optional(),
        Field::text("spkiSha256", "(document ->> 'spkiSha256')"),
    ],
    document: view::part_of::<KeyView>,
    rights: Rights::Organization,
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// The operations.
pub fn operations() -> Vec<Operation> {
    let mut operations = vec![
        KEYS.lists(Operation::get("/api/v1/keys", "listKeys", "List keys"))
            .needs(Permission::KeyRead)
            .answers::<Page<KeyView>>(StatusCode::OK, "A page of keys.", page(example()))
            .handled_by(|call| read::list(call, &KEYS)),
        Operation::post("/api/v1/keys", "generateKey", "Generate a key in the keystore")
            .needs(Permission::KeyCreate)
            .costly()
            .sensitive()
            .takes::<GenerateKey>(json!({"algorithm": "ecdsa_p256", "label": "shop"}))
            .answers::<KeyView>(StatusCode::CREATED, "The key, without its private half.", example())
            .problems(&[Code::KeystoreSealed, Code::TokenUnavailable])
            .handled_by(generate),
        KEYS.shows(Operation::get("/api/v1/keys/{id}", "getKey", "Show a key"))
            .needs(Permission::KeyRead)
            .answers::<KeyView>(StatusCode::OK, "The key, without its private half.", example())
            .handled_by(show),
        key_uses::operation(),
        Operation::get("/api/v1/keys/{id}/public-key", "getPublicKey", "Show a key's public half as PEM")
            .needs(Permission::KeyRead)
            .answers_any::<String>(
                StatusCode::OK,
                "SubjectPublicKeyInfo.",
                &["application/x-pem-file"],
                example()["publicKey"].clone(),
            )
            .handled_by(public_key),
        Operation::get("/api/v1/keys/{id}/timeline", "getKeyTimeline", "Show what happened to a key")
            .needs(Permission::KeyRead)
            .answers::<Page<TimelineEntry>>(
                StatusCode::OK,
                "Its events, oldest first.",
                timeline::example("key.generated"),
            )
            .handled_by(|call| timeline::of_row(call, &KEYS)),
        Operation::post("/api/v1/keys/{id}/destroy", "destroyKey", "Destroy a key for good")
            .needs(Permission::KeyDestroy)
            .sensitive()
            .if_match()
            .may_take::<Reason>(json!({"reason": "CHG-1042"}))
            .answers::<KeyView>(StatusCode::OK, "The key as it is now.", example())
            .problems(&[Code::InUse, Code::InvalidState, Code::TokenUnavailable])
            .handled_by(destroy),
    ];
    operations.extend(key_files::operations());
    operations.into_iter().map(|operation| operation.tagged("Keys")).collect()
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &KEYS, "id").await;
    let key = call.parse("id").ok();
    let found = foreign_key::watched(&call, key, found).await?;
    read::answer(&call, found)
}

async fn generate(call: Call) -> Result<Answer, Problem> {
    let command: GenerateKey = call.json()?;
    call.send(command, |key, _| {
        Ok(Answer::json(StatusCode::CREATED, &key)?.located(&format!("/api/v1/keys/{}", key.id)))
    })
    .await
}

async fn public_key(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &KEYS, "id").await?;
    let key: KeyView = serde_json::from_str(&found.document).map_err(read::internal)?;
    Ok(Answer::new(StatusCode::OK, "application/x-pem-file", key.public_key))
}

async fn destroy(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let key = call.parse("id")?;
    let destroyed = call.send(DestroyKey { key, reason }, |key, _| Answer::json(StatusCode::OK, &key)).await;
    foreign_key::watched(&call, Some(key), destroyed).await
}

pub(super) fn example() -> Value {
    json!({"id": "key_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "algorithm": "ecdsa_p256", "purpose": "end_entity", "exportable": false, "label": "shop", "token": null, "status": "active", "origin": "generated",
        "publicKey": "-----BEGIN PUBLIC KEY-----\nMFkw…\n-----END PUBLIC KEY-----\n", "spkiSha256": "77aa41d2…",
        "createdAt": "2026-11-21T09:00:00Z", "destroyedAt": null, "backupsUntil": null, "version": 1})
}
