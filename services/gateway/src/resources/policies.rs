//! `/policies`: certificate policies. A change names the rules it touches; the rest stays, so the rules as they are
//! are read from the log and the change is made under their version.

use contracts::{
    Code, Event, Lifetime, Permission, PolicyId, Problem, Service, Violation,
    id::Reference,
    signer::{CreatePolicy, PolicyEvent, PolicyView, UpdatePolicy},
    x509::PolicyRules,
};
use eventlog::Recorded;
use http::StatusCode;
use pki::{csr::CertificationRequest, policy::Proposed};
use runtime::authority::{Target, permitted};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Page,
    operations::{OperationView, example as operation_example},
    page,
};
use crate::{
    answer::Answer,
    body,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

static POLICIES: View = View {
    service: Service::Signer,
    name: "policy",
    kind: "certificate policy",
    prefix: "pol",
    fields: &[Field::text("name", "name")],
    document: view::part_of::<PolicyView>,
    rights: Rights::Shared,
    named: true,
    labelled: false,
    search: None,
    sort: "name",
};

/// How often a change is tried again when somebody else was faster.
const TRIES: usize = 3;

/// The operations.
pub fn operations() -> Vec<Operation> {
    let operations = vec![
        POLICIES
            .lists(Operation::get("/api/v1/policies", "listPolicies", "List certificate policies"))
            .needs(Permission::ProfileRead)
            .answers::<Page<PolicyView>>(StatusCode::OK, "A page of policies.", page(example()))
            .handled_by(|call| read::list(call, &POLICIES)),
        Operation::post("/api/v1/policies", "createPolicy", "Create a certificate policy")
            .needs(Permission::ProfileWrite)
            .sensitive()
            .takes::<CreatePolicy>(json!({"name": "public-web",
                "sans": [{"type": "dns", "patterns": ["*.example.com"], "max": 50}],
                "keyAlgorithms": ["rsa_2048", "rsa_3072", "ecdsa_p256"], "subject": {"organization": {"equals": "Example"}}}))
            .answers::<PolicyView>(StatusCode::CREATED, "The policy.", example())
            .answers::<OperationView>(
                StatusCode::ACCEPTED,
                "It waits for approval.",
                operation_example(),
            )
            .problem(Code::AlreadyExists)
            .handled_by(create),
        POLICIES
            .shows(Operation::get("/api/v1/policies/{id}", "getPolicy", "Show a certificate policy"))
            .needs(Permission::ProfileRead)
            .answers::<PolicyView>(StatusCode::OK, "The policy.", example())
            .handled_by(|call| read::show(call, &POLICIES)),
        Operation::patch("/api/v1/policies/{id}", "updatePolicy", "Change rules of a certificate policy; `null` takes one away")
            .needs(Permission::ProfileWrite)
            .sensitive()
            .takes::<PolicyRules>(json!({"maxTtl": "90d"}))
            .answers::<PolicyView>(StatusCode::OK, "The policy as it is now.", example())
            .answers::<OperationView>(
                StatusCode::ACCEPTED,
                "It waits for approval.",
                operation_example(),
            )
            .handled_by(update),
        Operation::compute("/api/v1/policies/{id}/evaluate", "evaluatePolicy", "Say whether a CSR satisfies a certificate policy")
            .needs(Permission::ProfileRead)
            .takes::<Evaluation>(json!({"csr": "-----BEGIN CERTIFICATE REQUEST-----\nMIIB…\n-----END CERTIFICATE REQUEST-----\n", "ttl": "90d"}))
            .answers::<Evaluated>(StatusCode::OK, "Whether it does, and if not, each rule that it breaks.", json!({"ok": true, "errors": []}))
            .problem(Code::CsrInvalid)
            .handled_by(evaluate),
        Operation::get("/api/v1/policies/{id}/timeline", "getPolicyTimeline", "Show what happened to a certificate policy")
            .needs(Permission::ProfileRead)
            .answers::<Page<TimelineEntry>>(StatusCode::OK, "Its events, oldest first.", timeline::example("policy.created"))
            .handled_by(|call| timeline::of_row(call, &POLICIES)),
    ];
    operations.into_iter().map(|operation| operation.tagged("Profiles and policies")).collect()
}

/// A CSR to judge.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Evaluation {
    /// PKCS #10 as PEM or bare base64 DER.
    csr: String,
    /// The lifetime that would be asked for; missing: none is judged.
    #[serde(default)]
    ttl: Option<Lifetime>,
}

/// Whether a CSR satisfies a policy.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Evaluated {
    /// Whether it does.
    ok: bool,
    /// Each rule that it breaks.
    errors: Vec<Violation>,
}

async fn evaluate(call: Call) -> Result<Answer, Problem> {
    let found = read::one(&call, &POLICIES, "id").await?;
    let policy: PolicyView = serde_json::from_str(&found.document).map_err(read::internal)?;
    let Evaluation { csr, ttl } = call.json()?;
    let csr = CertificationRequest::read(csr.as_bytes()).map_err(|error| {
        Problem::new(Code::CsrInvalid, error.to_string()).with_errors(vec![error.violation()])
    })?;
    // Without one, the shortest there is: no rule refuses it.
    let ttl = ttl.unwrap_or_else(|| Lifetime::seconds(1));
    let errors = pki::policy::evaluate(&policy.rules, &Proposed::from_csr(&csr, ttl));
    Answer::json(StatusCode::OK, &Evaluated { ok: errors.is_empty(), errors })
}

async fn create(call: Call) -> Result<Answer, Problem> {
    // Name and rules stand side by side; read apart, so that each fault is named where it is.
    let mut fields: Map<String, Value> = call.json()?;
    let name = match fields.remove("name") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(unfit("#/name", "invalid_type", "expected a text")),
        None => return Err(unfit("#/name", "required", "the field 'name' is missing")),
    };
    let rules = body::decode_value(Value::Object(fields))?;
    call.send(CreatePolicy { name, rules }, |made, _| {
        Ok(Answer::json(StatusCode::CREATED, &made)?.located(&format!("/api/v1/policies/{}", made.id)))
    })
    .await
}

async fn update(call: Call) -> Result<Answer, Problem> {
    let changes: Map<String, Value> = call.json()?;
    let set: Map<String, Value> =
        changes.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
    let _: PolicyRules = body::decode_value(Value::Object(set))?;
    let policy = match call.parse("id")? {
        Reference::Id(id) => id,
        Reference::Name(_) => PolicyId(read::one(&call, &POLICIES, "id").await?.id),
    };
    let given = call.context()?;
    for attempt in 1.. {
        let (rules, version) = current(&call, policy).await?;
        let rules = body::decode_value(merged(&rules, &changes)?)?;
        let command = UpdatePolicy { policy: policy.into(), rules };
        let context = bus::Context { if_version: given.if_version.or(Some(version)), ..given.clone() };
        let answer =
            call.send_in(context, command, |changed, _| Answer::json(StatusCode::OK, &changed)).await;
        match answer {
            // Nobody asked for this version but we.
            Err(problem)
                if problem.code == Code::VersionMismatch && given.if_version.is_none() && attempt < TRIES => {
            }
            answer => return answer,
        }
    }
    Err(Problem::internal())
}

/// The rules as they are, and the policy's version.
async fn current(call: &Call, policy: PolicyId) -> Result<(PolicyRules, i32), Problem> {
    let events = call.gateway.reader.read_stream(policy.uuid(), 0).await;
    let events = events.map_err(|error| crate::events::unreadable(&error))?;
    let caller = call.caller()?;
    let shared = |event: &Recorded| Target::organization(event.tenant.into()).shared();
    let last = events.last().filter(|event| {
        event.category == PolicyEvent::CATEGORY
            && permitted(caller, Permission::ProfileWrite, &shared(event)).is_ok()
    });
    let last = last.ok_or_else(|| Problem::not_found(POLICIES.kind, policy))?;
    let event = PolicyEvent::from_payload(&last.kind, last.schema, &last.payload).map_err(read::internal)?;
    let rules = match event {
        PolicyEvent::Created(created) => created.rules,
        PolicyEvent::Updated(updated) => updated.rules,
    };
    Ok((rules, last.version))
}

/// The rules with the changes; `null` takes a rule away (RFC 7396, at the first level).
fn merged(rules: &PolicyRules, changes: &Map<String, Value>) -> Result<Value, Problem> {
    let mut all = serde_json::to_value(rules).map_err(read::internal)?;
    for (name, value) in changes {
        match (all.as_object_mut(), value) {
            (Some(all), Value::Null) => _ = all.remove(name),
            (Some(all), value) => _ = all.insert(name.clone(), value.clone()),
            (None, _) => {}
        }
    }
    Ok(all)
}

fn unfit(pointer: &str, code: &str, detail: &str) -> Problem {
    Problem::new(Code::ValidationFailed, "the body does not have the expected form")
        .with_errors(vec![Violation::at(pointer, code, detail)])
}

fn example() -> Value {
    json!({"id": "pol_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "name": "public-web", "rules": {"subject": {"organization": {"equals": "Example"}},
            "sans": [{"type": "dns", "patterns": ["*.example.com"], "max": 50}],
            "keyAlgorithms": ["rsa_2048", "rsa_3072", "ecdsa_p256"], "basicConstraints": "end_entity_only"},
        "createdAt": "2026-11-21T09:00:00Z", "version": 1})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_the_other_rules_and_null_takes_one_away() {
        let rules: PolicyRules =
            serde_json::from_value(json!({"maxTtl": "398d", "keyAlgorithms": ["ecdsa_p256"]})).unwrap();
        let changes = json!({"maxTtl": "90d", "keyAlgorithms": null});
        let changed: PolicyRules =
            body::decode_value(merged(&rules, changes.as_object().unwrap()).unwrap()).unwrap();
        assert_eq!(
            changed,
            PolicyRules { max_ttl: Some(contracts::Lifetime::days(90)), ..PolicyRules::default() }
        );
    }
}
