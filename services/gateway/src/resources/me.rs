//! `/me`: who the caller is, what they may do, and why.

use contracts::{
    AdministratorId, Credential, OrganizationId, Permission, Problem, SessionId, Timestamp, TokenId,
    directory::{Grant, TokenScope},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::explain::{self, Explanation, Question};
use crate::{answer::Answer, call::Call, operation::Operation};

/// Who is signed in, and how far they reach.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    /// Who.
    administrator_id: AdministratorId,
    /// Through which API token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<TokenId>,
    /// Through which session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
    /// When the token or the session ends.
    token_expires_at: Timestamp,
    /// The organization they act in.
    organization_id: OrganizationId,
    /// Whether the API token reaches every organization that the grants reach.
    all_organizations: bool,
    /// What the administrator may do, and where.
    grants: Vec<Grant>,
    /// What they may do somewhere, through this API token.
    permissions: Vec<Permission>,
    /// The limits of the API token.
    scope: TokenScope,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let example = json!({"administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "tokenId": "tok_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "tokenExpiresAt": "2027-02-19T09:00:00Z", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "allOrganizations": true, "grants": [{"role": "master"}],
        "permissions": ["certificate.read", "certificate_request.create"], "scope": {}});
    let operations = vec![
        Operation::get("/api/v1/me", "getMe", "Show who is signed in, and what they may do")
            .signed_in()
            .answers::<Me>(StatusCode::OK, "The caller.", example)
            .handled_by(show),
        Operation::compute(
            "/api/v1/me/explain",
            "explainMyRights",
            "Say why the caller may or may not do something",
        )
        .signed_in()
        .takes::<Question>(explain::question_example())
        .answers::<Explanation>(StatusCode::OK, "Whether they may, and why.", explain::example())
        .handled_by(explain_mine),
    ];
    operations.into_iter().map(|operation| operation.tagged("Service")).collect()
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let caller = call.caller()?;
    let me = Me {
        administrator_id: caller.administrator,
        token_id: match caller.credential {
            Credential::Token(token) => Some(token),
            Credential::Session(_) | Credential::Certificate(_) => None,
        },
        session_id: match caller.credential {
            Credential::Session(session) => Some(session),
            Credential::Token(_) | Credential::Certificate(_) => None,
        },
        token_expires_at: caller.expires_at,
        organization_id: caller.organization,
        all_organizations: caller.all_organizations,
        grants: caller.held.iter().map(|held| held.grant.clone()).collect(),
        permissions: caller.permissions().iter().collect(),
        scope: (*caller.scope).clone(),
    };
    Answer::json(StatusCode::OK, &me)
}

async fn explain_mine(call: Call) -> Result<Answer, Problem> {
    let question: Question = call.json()?;
    let asked = question.asked()?;
    Answer::json(StatusCode::OK, &explain::explain(call.caller()?, &asked))
}
