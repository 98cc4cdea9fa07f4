//! `/compromised-keys`: public keys that are refused because others know their private halves.

use contracts::{
    Code, KeyId, Permission, Problem, Service,
    keystore::{CompromisedKeyView, MarkKeyCompromised},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Page, foreign_key,
    key_uses::{self, CertificateOfKey},
    page,
};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    parameter::Header,
    read,
    view::{self, Field, Rights, View},
};

/// The read model.
static COMPROMISED_KEYS: View = View {
    service: Service::Keystore,
    name: "compromised_key",
    kind: "compromised key",
    prefix: "cmp",
    fields: &[
        Field::text("spkiSha256", "(document ->> 'spkiSha256')"),
        Field::text("reason", "(document ->> 'reason')"),
    ],
    document: view::part_of::<CompromisedKeyView>,
    rights: Rights::Organization,
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// Why a key is compromised.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Compromise {
    /// Up to 1,000 characters.
    reason: String,
}

/// A public key that is refused from now on, and the certificates with it.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CompromisedKey {
    #[serde(flatten)]
    entry: CompromisedKeyView,
    /// The certificates with it that the caller may see, the newest first; at most 1,000, the others by
    /// `GET /certificates?spkiSha256=`.
    certificates: Vec<CertificateOfKey>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operations = vec![
        COMPROMISED_KEYS
            .lists(Operation::get("/api/v1/compromised-keys", "listCompromisedKeys", "List compromised keys"))
            .needs(Permission::KeyRead)
            .answers::<Page<CompromisedKeyView>>(
                StatusCode::OK,
                "A page of compromised keys.",
                page(example()),
            )
            .handled_by(|call| read::list(call, &COMPROMISED_KEYS)),
        marks(Operation::post(
            "/api/v1/compromised-keys",
            "addCompromisedKey",
            "List a key as compromised, and show every certificate with it",
        ))
        .takes::<MarkKeyCompromised>(
            json!({"pem": "-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n",
            "reason": "found in a public repository"}),
        )
        .problem(Code::CsrInvalid)
        .handled_by(|call| async move {
            let command: MarkKeyCompromised = call.json()?;
            mark(call, command).await
        }),
        marks(Operation::post(
            "/api/v1/keys/{id}/compromise",
            "markKeyCompromised",
            "Say that a key of the keystore is compromised, and show every certificate with it",
        ))
        .takes::<Compromise>(json!({"reason": "the server it was exported to was broken into"}))
        .handled_by(|call| async move {
            let (key, Compromise { reason }) = (call.parse("id")?, call.json()?);
            mark(call, MarkKeyCompromised { key: Some(key), reason, ..MarkKeyCompromised::default() }).await
        }),
    ];
    operations.into_iter().map(|operation| operation.tagged("Keys")).collect()
}

fn marks(operation: Operation) -> Operation {
    operation
        .needs(Permission::KeyCompromise)
        .sensitive()
        .answers::<CompromisedKey>(StatusCode::OK, "The entry, with the certificates.", marked_example())
        .header(Header::MIN_POSITION)
        .problems(&[Code::NotFound, Code::ProjectionBehind])
}

async fn mark(call: Call, command: MarkKeyCompromised) -> Result<Answer, Problem> {
    let key: Option<KeyId> = command.key;
    if call.query.flag("dryRun") {
        let tried = call.send(command, |_, _| Err(Problem::internal())).await;
        return foreign_key::watched(&call, key, tried).await;
    }
    let outcome = call.gateway.bus.call(&call.context()?, &command).await;
    let reply = foreign_key::watched(&call, key, outcome).await?;
    let (position, version, replayed) = (reply.position, reply.version, reply.replayed);
    let certificates = key_uses::certificates(&call, &reply.result.spki_sha256).await?;
    let answer = Answer::json(StatusCode::OK, &CompromisedKey { entry: reply.result, certificates })?;
    Ok(call.written(answer, position, version, replayed))
}

fn example() -> Value {
    json!({"id": "cmp_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "spkiSha256": "77aa41d2…", "everywhere": true, "reason": "found in a public repository",
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}

fn marked_example() -> Value {
    let mut marked = example();
    marked["certificates"] = json!([key_uses::certificate_example()]);
    marked
}
