//! `/tokens`: API tokens. The secret is drawn here, shown once, and nowhere kept: only its hash travels.

use bus::Context;
use contracts::{
    AdministratorId, Code, Lifetime, OrganizationId, Permission, Problem, Service, TokenId, Violation,
    directory::{IssueToken, RevokeToken, RotateToken, TokenEvent, TokenScope, TokenStatus, TokenView},
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
    view::{self, Field, Rights, View},
};

static TOKENS: View = View {
    service: Service::Directory,
    name: "token",
    kind: "API token",
    prefix: "tok",
    fields: &[
        Field::text("name", "name"),
        Field::word::<TokenStatus>("status", "status"),
        Field::id("administratorId", "owner", "adm"),
        Field::id("departmentId", "department", "dep").optional(),
    ],
    document: view::part_of::<TokenView>,
    rights: Rights::Row { owner: "owner", personal: true, certificates: false },
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// A token to issue. It carries its administrator's rights, narrowed by `scope`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewToken {
    /// What it is for.
    name: String,
    /// Whose rights it carries; missing: the caller's.
    #[serde(default)]
    administrator: Option<AdministratorId>,
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

/// How a token is replaced.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    /// How long the new one is valid, at most 365 days; missing: 90 days.
    #[serde(default)]
    ttl: Option<Lifetime>,
    /// How long the old one still works; missing: 7 days.
    #[serde(default)]
    overlap: Option<Lifetime>,
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
    let rotated = issued.clone();
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
            .step_up()
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
        Operation::post(
            "/api/v1/tokens/{id}/rotate",
            "rotateToken",
            "Issue the next API token in its place; the old one works until the overlap is over",
        )
        .needs(Permission::TokenWrite)
        .step_up()
        .sensitive()
        .if_match()
        .may_take::<Rotation>(json!({"ttl": "90d", "overlap": "7d"}))
        .answers::<IssuedToken>(StatusCode::CREATED, "The new token with its text.", rotated)
        .problems(&[Code::AlreadyExists, Code::InvalidState])
        .handled_by(rotate),
        Operation::delete(
            "/api/v1/tokens/{id}",
            "revokeToken",
            "Revoke an API token, within a second everywhere",
        )
        .needs(Permission::TokenWrite)
        .step_up()
        .sensitive()
        .may_take::<Reason>(json!({"reason": "laptop lost"}))
        .answers::<TokenView>(StatusCode::OK, "The token as it is now.", example())
        .problem(Code::InvalidState)
        .handled_by(revoke),
    ];
    operations.into_iter().map(|operation| operation.tagged("API tokens")).collect()
}

/// The text of a new token. With an idempotency key the id follows from it, so that a repeat can name the token that is
/// there already; whether there is a key comes second.
fn drawn(call: &Call, context: &Context) -> Result<(TokenText, bool), Problem> {
    let keyed = conditions::keyed_command(&call.headers, context.tenant, &context.actor)?.is_some();
    let id =
        TokenId(if keyed { Uuid::new_v5(&context.command_id, b"token") } else { call.gateway.ids.uuid() });
    let mut secret = [0; 32];
    call.gateway.entropy.fill(&mut secret);
    Ok((TokenText::new(id, secret), keyed))
}

async fn rotate(call: Call) -> Result<Answer, Problem> {
    let Rotation { ttl, overlap } = call.json()?;
    let context = call.context()?;
    let (text, keyed) = drawn(&call, &context)?;
    let command = RotateToken {
        token: call.parse("id")?,
        id: text.id,
        hash: hex::encode(text.hash()),
        ttl: ttl.unwrap_or(Lifetime::days(90)),
        overlap: overlap.unwrap_or(Lifetime::days(7)),
    };
    let rotated = text.id;
    let answered = call.send_in(context, command, |token, _| shown(&text, token)).await;
    match answered {
        Err(problem) if keyed && problem.code == Code::IdempotencyKeyReused => {
            let stream = call.gateway.reader.read_stream(rotated.uuid(), 0).await;
            let stream = stream.map_err(|error| crate::events::unreadable(&error))?;
            Err(if stream.is_empty() { problem } else { issued_already(rotated) })
        }
        other => other,
    }
}

/// The answer with the text of a new token.
fn shown(text: &TokenText, token: TokenView) -> Result<Answer, Problem> {
    let path = format!("/api/v1/tokens/{}", token.id);
    let issued = IssuedToken { secret: text.reveal(), token };
    Ok(Answer::json(StatusCode::CREATED, &issued)?.located(&path))
}

async fn issue(call: Call) -> Result<Answer, Problem> {
    let new: NewToken = call.json()?;
    let context = call.context()?;
    let (text, keyed) = drawn(&call, &context)?;
    let id = text.id;
    let command = IssueToken {
        id,
        hash: hex::encode(text.hash()),
        name: new.name.clone(),
        administrator: new.administrator,
        organization: new.organization.clone(),
        scope: new.scope.clone(),
        ttl: new.ttl.unwrap_or(Lifetime::days(90)),
    };
    let expected = command.clone();
    let answered = call.send_in(context, command, |token, _| shown(&text, token)).await;
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
        && issued.scope
            == TokenScope {
                // Who works in one department gets a token for that one.
                department: expected.scope.department.or(issued.scope.department),
                ..expected.scope.clone()
            }
        && (lifetime - expected.ttl.as_seconds()).abs() <= 60;
    Ok(same.then(|| issued_already(issued.id)))
}

fn issued_already(id: TokenId) -> Problem {
    let words = format!("the API token '{id}' was issued by this request already; its text was shown then");
    let violation = Violation::in_header("Idempotency-Key", "already_exists", id.to_string());
    Problem::new(Code::AlreadyExists, words).with_errors(vec![violation])
}

async fn revoke(call: Call) -> Result<Answer, Problem> {
    let Reason { reason } = call.json()?;
    let command = RevokeToken { token: call.parse("id")?, reason };
    call.send(command, |token, _| Answer::json(StatusCode::OK, &token)).await
}

fn example() -> Value {
    json!({"id": "tok_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "ci", "administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "allOrganizations": false, "supersededBy": null, "scope": {"permissions": ["certificate_request.create"]},
        "status": "active", "createdAt": "2026-11-21T09:00:00Z", "expiresAt": "2027-02-19T09:00:00Z",
        "lastUsedAt": null, "version": 1})
}
