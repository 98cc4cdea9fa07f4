//! `/approvals`: what waits until enough administrators agree, and their word on it.

use bus::{Context, Outcome};
use contracts::{
    ApprovalId, Code, Command, Permission, Problem, Service,
    directory::{
        ApprovalKind, ApprovalStatus, ApprovalView, DeclineApproval, GiveApproval, WithdrawApproval,
    },
    x509::CertificateType,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::{Page, Reason, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    select::Value,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

static APPROVALS: View = View {
    service: Service::Directory,
    name: "approval",
    kind: "approval",
    prefix: "apr",
    fields: &[
        Field::word::<ApprovalStatus>("status", "status"),
        Field::word::<ApprovalKind>("kind", "kind"),
        Field::text("subjectId", "subject_id"),
        Field::id("requestedBy", "requested_by", "adm").optional(),
        Field::id("departmentId", "department", "dep").optional(),
        Field::word::<CertificateType>("certificateType", "certificate_type").optional(),
        Field::time("expiresAt", "expires_at"),
    ],
    document: view::part_of::<ApprovalView>,
    rights: Rights::CERTIFICATE,
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// What an approver says to it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Message {
    /// For whoever asked; up to 1,000 characters.
    #[serde(default)]
    pub message: Option<String>,
}

/// Why it is declined.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Refusal {
    /// For whoever asked; up to 1,000 characters.
    pub reason: String,
}

/// What is decided about several.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BatchDecision {
    /// Approve them.
    Approve,
    /// Decline them.
    Decline,
}

/// A decision about several approvals.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch {
    /// Which; at most 100.
    #[schemars(length(min = 1, max = 100))]
    ids: Vec<ApprovalId>,
    /// What is decided.
    decision: BatchDecision,
    /// The message of each approval, or the reason of each refusal.
    #[serde(default)]
    comment: Option<String>,
}

/// What became of one of several.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BatchItem {
    /// Which.
    id: ApprovalId,
    /// The approval as it is now; `null` when it was refused.
    approval: Option<ApprovalView>,
    /// Why it was refused.
    problem: Option<Problem>,
}

/// What became of each.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BatchOutcome {
    /// In the order that they were named.
    items: Vec<BatchItem>,
}

/// Most that are decided at once.
const MOST: usize = 100;

/// What a decision may be refused with.
pub(super) const REFUSALS: [Code; 2] = [Code::InvalidState, Code::SeparationOfDuties];

/// The operations.
pub fn operations() -> Vec<Operation> {
    let (all, one) = ("/api/v1/approvals", "/api/v1/approvals/{id}");
    let decided = |operation: Operation| {
        operation
            .sensitive()
            .answers::<ApprovalView>(StatusCode::OK, "The approval as it is now.", example())
            .problems(&REFUSALS)
    };
    let operations = vec![
        APPROVALS
            .lists(Operation::get(all, "listApprovals", "List what waits for approval, and what did"))
            .needs(Permission::ApprovalRead)
            .answers::<Page<ApprovalView>>(StatusCode::OK, "A page of approvals.", page(example()))
            .handled_by(|call| read::list(call, &APPROVALS)),
        APPROVALS
            .lists(Operation::get(
                "/api/v1/me/approvals",
                "listMyApprovals",
                "List what waits for my decision",
            ))
            .needs(Permission::ApprovalDecide)
            .answers::<Page<ApprovalView>>(StatusCode::OK, "A page of approvals.", page(example()))
            .handled_by(list_mine),
        Operation::post(
            "/api/v1/approvals/batch",
            "decideApprovals",
            "Approve or decline several; each is judged by itself",
        )
        .needs(Permission::ApprovalDecide)
        .step_up()
        .sensitive()
        .takes::<Batch>(json!({"ids": [ID], "decision": "approve", "comment": "checked with the owner"}))
        .answers::<BatchOutcome>(
            StatusCode::OK,
            "What became of each.",
            json!({"items": [{"id": ID, "approval": example(), "problem": null}]}),
        )
        .handled_by(decide_all),
        APPROVALS
            .shows(Operation::get(one, "getApproval", "Show what is asked for, and how far it is"))
            .needs(Permission::ApprovalRead)
            .answers::<ApprovalView>(StatusCode::OK, "The approval.", example())
            .handled_by(|call| read::show(call, &APPROVALS)),
        Operation::get(
            "/api/v1/approvals/{id}/timeline",
            "getApprovalTimeline",
            "Show what happened to an approval",
        )
        .needs(Permission::ApprovalRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("approval.requested"),
        )
        .handled_by(|call| timeline::of_row(call, &APPROVALS)),
        decided(
            Operation::post("/api/v1/approvals/{id}/approve", "giveApproval", "Approve")
                .needs(Permission::ApprovalDecide)
                .step_up()
                .if_match()
                .may_take::<Message>(json!({"message": "checked with the owner"})),
        )
        .handled_by(|call| async move {
            let (approval, Message { message }) = (call.parse("id")?, call.json()?);
            send(call, GiveApproval { approval, message }).await
        }),
        decided(
            Operation::post("/api/v1/approvals/{id}/decline", "declineApproval", "Decline")
                .needs(Permission::ApprovalDecide)
                .step_up()
                .if_match()
                .takes::<Refusal>(json!({"reason": "not our name"})),
        )
        .handled_by(|call| async move {
            let (approval, Refusal { reason }) = (call.parse("id")?, call.json()?);
            send(call, DeclineApproval { approval, reason }).await
        }),
        decided(
            Operation::post("/api/v1/approvals/{id}/withdraw", "withdrawApproval", "Ask for it no more")
                .needs(Permission::ApprovalRead)
                .if_match()
                .may_take::<Reason>(json!({"reason": "no longer needed"})),
        )
        .handled_by(|call| async move {
            let (approval, Reason { reason }) = (call.parse("id")?, call.json()?);
            send(call, WithdrawApproval { approval, reason }).await
        }),
    ];
    operations.into_iter().map(|operation| operation.tagged("Approvals")).collect()
}

/// Sends a decision.
pub(super) async fn send<C: Command<Reply = ApprovalView>>(
    call: Call,
    command: C,
) -> Result<Answer, Problem> {
    call.send(command, |approval, _| Answer::json(StatusCode::OK, &approval)).await
}

/// What waits for the caller: pending, not theirs, not approved by them, and open to them by its rule.
async fn list_mine(call: Call) -> Result<Answer, Problem> {
    let caller = call.caller()?;
    let me = || Value::Id(caller.administrator.uuid());
    let roles = caller.held.iter().map(|held| held.grant.role.to_string()).collect();
    let may = |kind: &&ApprovalKind| kind.guards().is_none_or(|permission| caller.may(permission));
    let kinds = ApprovalKind::ALL.iter().filter(may).map(|kind| kind.as_str().to_owned()).collect();
    let text = "status = 'pending' and expires_at > $::timestamptz and kind = any($::text[]) \
                and (not four_eyes or requested_by is distinct from $::uuid) and not ($::uuid = any(given)) \
                and ((roles = '{}' and administrators = '{}') or $::uuid = any(administrators) or roles && $::text[])";
    let values = vec![Value::Time(call.now.0), Value::Texts(kinds), me(), me(), me(), Value::Texts(roles)];
    let reach = call.reach(&APPROVALS)?.also(text, values);
    read::list_of(call, &APPROVALS, reach).await
}

async fn decide_all(call: Call) -> Result<Answer, Problem> {
    let Batch { ids, decision, comment } = call.json()?;
    if ids.is_empty() || ids.len() > MOST {
        let detail = format!("{} approvals; 1 to {MOST} are decided at once", ids.len());
        let violation = contracts::Violation::at("#/ids", "wrong_number", detail.clone());
        return Err(Problem::new(Code::ValidationFailed, detail).with_errors(vec![violation]));
    }
    let context = call.context()?;
    let (mut items, mut position) = (Vec::with_capacity(ids.len()), 0);
    for id in ids {
        // Each is a command of its own, so that a repeat of the whole has each effect once.
        let step = Context {
            command_id: Uuid::new_v5(&context.command_id, id.uuid().as_bytes()),
            dry_run: call.query.flag("dryRun"),
            ..context.clone()
        };
        let done = match decision {
            BatchDecision::Approve => {
                decide(&call, &step, GiveApproval { approval: id, message: comment.clone() }).await
            }
            BatchDecision::Decline => {
                let reason = comment.clone().unwrap_or_default();
                decide(&call, &step, DeclineApproval { approval: id, reason }).await
            }
        };
        let (approval, problem) = match done {
            Ok((approval, at)) => {
                position = position.max(at);
                (approval, None)
            }
            Err(problem) => (None, Some(problem)),
        };
        items.push(BatchItem { id, approval, problem });
    }
    Ok(Answer::json(StatusCode::OK, &BatchOutcome { items })?.at(position))
}

async fn decide<C: Command<Reply = ApprovalView>>(
    call: &Call,
    context: &Context,
    command: C,
) -> Result<(Option<ApprovalView>, i64), Problem> {
    if context.dry_run {
        call.gateway.bus.dry_run(context, &command).await?;
        return Ok((None, 0));
    }
    match call.gateway.bus.call_or_wait(context, &command).await? {
        Outcome::Done(reply) => Ok((Some(reply.result), reply.position)),
        Outcome::Waits(_) => Err(Problem::internal()),
    }
}

const ID: &str = "apr_01jdp4q2x8f7mb3v5kz6n9w0ae";

/// An example of an approval.
pub(super) fn example() -> Json {
    json!({"id": ID, "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae", "kind": "certificate_request",
        "status": "pending", "subjectId": "req_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "summary": "certificate for shop.example.com by the profile 'internal-web'",
        "changes": [{"pointer": "/commonName", "from": null, "to": "shop.example.com"}],
        "requestedBy": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "departmentId": null, "certificateType": "server",
        "profileId": "prf_01jdp4q2x8f7mb3v5kz6n9w0ae", "required": 2, "remaining": 1,
        "given": [{"by": "adm_01jdp4q2x8f7mb3v5kz6n9w0af", "message": "checked with the owner"}],
        "approvers": {}, "fourEyes": true, "escalated": false, "unmatched": [],
        "expiresAt": "2026-12-05T09:00:00Z", "endedBy": null, "reason": null,
        "createdAt": "2026-11-21T09:00:00Z", "version": 2})
}
