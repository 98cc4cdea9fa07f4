//! `/me`: who the caller is.

use contracts::{
    AdministratorId, OrganizationId, Permission, Problem, Timestamp, TokenId, directory::TokenScope,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{answer::Answer, call::Call, operation::Operation};

/// Who is signed in, and how far they reach.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Me {
    /// Who.
    administrator_id: AdministratorId,
    /// Through which API token.
    token_id: TokenId,
    /// When it ends.
    token_expires_at: Timestamp,
    /// The organization they act in.
    organization_id: OrganizationId,
    /// Whether they see every organization.
    all_organizations: bool,
    /// What they may do.
    permissions: Vec<Permission>,
    /// The limits of the API token.
    scope: TokenScope,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let example = json!({"administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "tokenId": "tok_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "tokenExpiresAt": "2027-02-19T09:00:00Z", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "allOrganizations": true, "permissions": ["certificate.read", "certificate_request.create"], "scope": {}});
    vec![
        Operation::get("/api/v1/me", "getMe", "Show who is signed in")
            .signed_in()
            .tagged("Service")
            .answers::<Me>(StatusCode::OK, "The caller.", example)
            .handled_by(show),
    ]
}

async fn show(call: Call) -> Result<Answer, Problem> {
    let caller = call.caller()?;
    let me = Me {
        administrator_id: caller.administrator,
        token_id: caller.token,
        token_expires_at: caller.expires_at,
        organization_id: caller.organization,
        all_organizations: caller.all_organizations,
        permissions: Permission::ALL.iter().copied().filter(|permission| caller.may(*permission)).collect(),
        scope: caller.scope.clone(),
    };
    Answer::json(StatusCode::OK, &me)
}
