//! `/approval-policy` and `/organizations/{id}/approval-policy`: which acts need how many approvals, and by whom.

use contracts::{
    Event, OrganizationId, Permission, Problem,
    directory::{
        ApprovalPolicyEvent, ApprovalPolicyView, KindRule, ReplaceApprovalPolicy, approval_policy_stream,
    },
    id::Reference,
};
use http::StatusCode;
use runtime::authority::{Target, permitted};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    operations::{OperationView, example as operation_example},
    organizations::{named_organization, organization_of},
};
use crate::{answer::Answer, call::Call, events, operation::Operation, read};

/// A policy to save.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewApprovalPolicy {
    /// At most one rule of each kind.
    rules: Vec<KindRule>,
}

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/approval-policy", "/api/v1/organizations/{id}/approval-policy");
    let shown = |operation: Operation| {
        operation.needs(Permission::ApprovalRead).answers::<ApprovalPolicyView>(
            StatusCode::OK,
            "The policy.",
            example(),
        )
    };
    let saved = |operation: Operation| {
        operation
            .needs(Permission::ApprovalWrite)
            .step_up()
            .sensitive()
            .takes::<NewApprovalPolicy>(json!({"rules": [{"kind": "ca_creation", "rule": {"required": 1}}]}))
            .answers::<ApprovalPolicyView>(StatusCode::OK, "The policy as it is now.", example())
            .answers::<OperationView>(
                StatusCode::ACCEPTED,
                "It waits for approval itself.",
                operation_example(),
            )
    };
    let operations = vec![
        shown(Operation::get(all, "getApprovalPolicy", "Show which acts need approval"))
            .handled_by(|call| async move { show(&call, None).await }),
        saved(Operation::put(all, "updateApprovalPolicy", "Say which acts need approval"))
            .handled_by(|call| async move { save(&call, None).await }),
        shown(Operation::get(
            one,
            "getOrganizationApprovalPolicy",
            "Show which acts need approval in an organization",
        ))
        .handled_by(|call| async move {
            let organization = organization_of(&call).await?;
            show(&call, Some(organization)).await
        }),
        saved(Operation::put(
            one,
            "updateOrganizationApprovalPolicy",
            "Say which acts need approval in an organization",
        ))
        .handled_by(|call| async move {
            let organization = named_organization(&call).await?;
            save(&call, Some(organization)).await
        }),
    ];
    operations.into_iter().map(|operation| operation.tagged("Approvals")).collect()
}

/// A policy is a few events, so the log itself is read: what was saved shows at once.
async fn show(call: &Call, whose: Option<OrganizationId>) -> Result<Answer, Problem> {
    let target = whose.map_or(Target::INSTALLATION, Target::organization);
    permitted(call.caller()?, Permission::ApprovalRead, &target)?;
    let stream = approval_policy_stream(whose.unwrap_or(OrganizationId::INSTALLATION));
    let history = call.gateway.reader.read_stream(stream, 0).await;
    let mut view = ApprovalPolicyView { organization_id: whose, ..ApprovalPolicyView::default() };
    for recorded in &history.map_err(|error| events::unreadable(&error))? {
        view.version = recorded.version;
        let event = ApprovalPolicyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload);
        match event.map_err(read::internal)? {
            ApprovalPolicyEvent::Replaced(replaced) => {
                (view.rules, view.waiting_for) = (replaced.rules, None)
            }
            ApprovalPolicyEvent::Proposed(proposed) => view.waiting_for = Some(proposed.approval_id),
            ApprovalPolicyEvent::Dropped(_) => view.waiting_for = None,
        }
    }
    Ok(Answer::json(StatusCode::OK, &view)?.versioned(view.version))
}

async fn save(call: &Call, whose: Option<OrganizationId>) -> Result<Answer, Problem> {
    let NewApprovalPolicy { rules } = call.json()?;
    let command = ReplaceApprovalPolicy { organization: whose.map(Reference::Id), rules };
    call.send(command, |view, _| Answer::json(StatusCode::OK, &view)).await
}

fn example() -> Value {
    json!({"organizationId": null, "rules": [{"kind": "ca_creation", "rule": {"required": 1}}],
        "waitingFor": null, "version": 1})
}
