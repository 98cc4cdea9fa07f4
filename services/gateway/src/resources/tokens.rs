//! `/tokens`: API tokens. The secret is drawn here, shown once, and nowhere kept: only its hash travels.

use contracts::{
    Code, Lifetime, OrganizationId, Permission, Problem, Service, TokenId, Violation,
    directory::{IssueToken, RevokeToken, TokenEvent, TokenScope, TokenStatus, TokenView},
    id::Reference,
    token::TokenText,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Page, Reason, page};
use crate::{
    answer::Answer,
    call::Call,
    conditions,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, View},
};

static TOKENS: View = View {
    service: Service::Directory,
    name: "token",
    kind: "API token",
    prefix: "tok",
    fields: &[Field::text("name", "name"), Field::word::<TokenStatus>("status", "status")],
    document: view::part_of::<TokenView>,
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// A token to issue. It carries the caller's rights, narrowed by `scope`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewToken {
    /// What it is for.
    name: String,
    /// The organization it acts in; missing: the caller's.
    #[serde(default)]
    organization: Option<Reference<OrganizationId>>,
    /// Its limits; never wider than the caller's own.
    #[serde(default)]
    scope: TokenScope,
    /// How long it is valid, at most 365 days; missing: 90 days.
    #[serde(default)]
    ttl: Option<Lifetime>,
}

/// A token, with its text: this is the only time that it is shown.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct IssuedToken {
    /// What goes after `Authorization: Bearer`.
    secret: String,
    #[serde(flatten)]
    token: TokenView,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let mut issued = example();
    issued["secret"] = "chy_01jdp4q2x8f7mb3v5kz6n9w0ae_…".into();
    let operations = vec![
        TOKENS
            .lists(Operation::get("/api/v1/tokens", "listTokens", "List API tokens"))
            .needs(Permission::TokenRead)
            .answers::<Page<TokenView>>(
                StatusCode::OK,
                "A page of tokens, without their texts.",
                page(example()),
            )
            .handled_by(|call| read::list(call, &TOKENS)),
        Operation::post("/api/v1/tokens", "issueToken", "Issue an API token; its text is shown this once")
            .needs(Permission::TokenWrite)
            .sensitive()
            .takes::<NewToken>(
                json!({"name": "ci", "scope": {"permissions": ["certificate_request.create"]}, "ttl": "90d"}),
            )
            .answers::<IssuedToken>(StatusCode::CREATED, "The token with its text.", issued)
            .problems(&[Code::AlreadyExists, Code::NotFound])
            .handled_by(issue),
        TOKENS
            .shows(Operation::get("/api/v1/tokens/{id}", "getToken", "Show an API token, without its text"))
            .needs(Permission::TokenRead)
            .answers::<TokenView>(StatusCode::OK, "The token.", example())
            .handled_by(|call| read::show(call, &TOKENS)),
        Operation::get(
            "/api/v1/tokens/{id}/timeline",
            "getTokenTimeline",
            "Show what happened to an API token",
        )
        .needs(Permission::TokenRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("token.issued"),
        )
        .handled_by(|call| timeline::of_row(call, &TOKENS)),
        Operation::delete(
            "/api/v1/tokens/{id}",
            "revokeToken",
            "Revoke an API token, within a second everywhere",
        )
        .needs(Permission::TokenWrite)
        .sensitive()
        .may_take::<Reason>(json!({"reason": "laptop lost"}))
        .answers::<TokenView>(StatusCode::OK, "The token as it is now.", example())
        .problem(Code::InvalidState)
        .handled_by(revoke),
    ];
    operations.into_iter().map(|operation| operation.tagged("API tokens")).collect()
}

async fn issue(call: Call) -> Result<Answer, Problem> {
    let new: NewToken = call.json()?;
    let context = call.context()?;
    let keyed = conditions::keyed_command(&call.headers, context.tenant, &context.actor)?.is_some();
    // With a key the id follows from it, so that a repeat can name the token that is there already.
    let id =
        TokenId(if keyed { Uuid::new_v5(&context.command_id, b"token") } else { call.gateway.ids.uuid() });
    let mut secret = [0; 32];
    call.gateway.entropy.fill(&mut secret);
    let text = TokenText::new(id, secret);
    let command = IssueToken {
        id,
        hash: hex::encode(text.hash()),
        name: new.name.clone(),
        organization: new.organization.clone(),
        scope: new.scope.clone(),
        ttl: new.ttl.unwrap_or(Lifetime::days(90)),
    };
    let expected = command.clone();
    let answered = call
        .send_in(context, command, |token, _| {
            let path = format!("/api/v1/tokens/{}", token.id);
            let issued = IssuedToken { secret: text.reveal(), token };
            Ok(Answer::json(StatusCode::CREATED, &issued)?.located(&path))
        })
        .await;
    match answered {
        Err(problem) if keyed && problem.code == Code::IdempotencyKeyReused => {
            Err(repeated(&call, &expected).await?.unwrap_or(problem))
        }
        other => other,
    }
}

/// The answer to a repeat: its secret differs, so the bus takes it for another request. `None` when it is one.
async fn repeated(call: &Call, expected: &IssueToken) -> Result<Option<Problem>, Problem> {
    let stream = call.gateway.reader.read_stream(expected.id.uuid(), 0).await;
    let stream = stream.map_err(|error| crate::events::unreadable(&error))?;
    let Some(first) = stream.first() else { return Ok(None) };
    let Ok(TokenEvent::Issued(issued)) =
        contracts::Event::from_payload(&first.kind, first.schema, &first.payload)
    else {
        return Ok(None);
    };
    let lifetime = issued.expires_at.unix() - first.recorded_at.unix();
    let same = issued.name == expected.name
        && issued.scope == expected.scope
        && (lifetime - expected.ttl.as_seconds()).abs() <= 60;
    Ok(same.then(|| {
        let words = format!(
            "the API token '{}' was issued by this request already; its text was shown then",
            issued.id
        );
        Problem::new(Code::AlreadyExists, words).with_errors(vec![Violation::in_header(
            "Idempotency-Key",
            "already_exists",
            issued.id.to_string(),
        )])
    }))
}

async fn revoke(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = RevokeToken { token: call.parse("id")?, reason };
    call.send(command, |token, _| Answer::json(StatusCode::OK, &token)).await
}

fn example() -> Value {
    json!({"id": "tok_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "ci", "administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "scope": {"permissions": ["certificate_request.create"]},
        "status": "active", "createdAt": "2026-11-21T09:00:00Z", "expiresAt": "2027-02-19T09:00:00Z",
        "lastUsedAt": null, "version": 1})
}
