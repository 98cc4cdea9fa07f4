//! `/notifications`: every mail, with its outcome.

use contracts::{
    Code, Permission, Problem, Service,
    notifier::{
        NotificationKind, NotificationResent, NotificationStatus, NotificationView, ResendNotification,
    },
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Page, page};
use crate::{
    answer::Answer,
    call::Call,
    operation::Operation,
    read,
    timeline::{self, TimelineEntry},
    view::{self, Field, Rights, View},
};

/// The read model.
pub static NOTIFICATIONS: View = View {
    service: Service::Notifier,
    name: "notification",
    kind: "notification",
    prefix: "ntf",
    fields: &[
        Field::word::<NotificationKind>("kind", "kind"),
        Field::word::<NotificationStatus>("status", "status"),
        Field::id("administratorId", "recipient", "adm").optional(),
        Field::text("address", "address").optional(),
        Field::time("sentAt", "sent_at").optional(),
    ],
    document: view::part_of::<NotificationView>,
    rights: Rights::Organization,
    named: false,
    labelled: false,
    search: None,
    sort: "-createdAt",
};

/// The operations.
pub fn operations() -> Vec<Operation> {
    let one = "/api/v1/notifications/{id}";
    let operations = vec![
        NOTIFICATIONS
            .lists(Operation::get("/api/v1/notifications", "listNotifications", "List what was sent to whom"))
            .needs(Permission::NotificationRead)
            .answers::<Page<NotificationView>>(StatusCode::OK, "A page of notifications.", page(example()))
            .handled_by(|call| read::list(call, &NOTIFICATIONS)),
        NOTIFICATIONS
            .shows(Operation::get(one, "getNotification", "Show a notification: its mail and each attempt"))
            .needs(Permission::NotificationRead)
            .answers::<NotificationView>(StatusCode::OK, "The notification; secrets are masked.", example())
            .handled_by(|call| read::show(call, &NOTIFICATIONS)),
        Operation::get(
            "/api/v1/notifications/{id}/timeline",
            "getNotificationTimeline",
            "Show what happened to a notification",
        )
        .needs(Permission::NotificationRead)
        .answers::<Page<TimelineEntry>>(
            StatusCode::OK,
            "Its events, oldest first.",
            timeline::example("notification.queued"),
        )
        .handled_by(|call| timeline::of_row(call, &NOTIFICATIONS)),
        Operation::post(
            "/api/v1/notifications/{id}/resend",
            "resendNotification",
            "Send a notification again",
        )
        .needs(Permission::NotificationResend)
        .sensitive()
        .if_match()
        .answers::<NotificationResent>(
            StatusCode::OK,
            "It is on its way again.",
            json!({"id": "ntf_01jdp4q2x8f7mb3v5kz6n9w0ae", "status": "queued"}),
        )
        .problem(Code::InvalidState)
        .handled_by(resend),
    ];
    operations.into_iter().map(|operation| operation.tagged("Notifications")).collect()
}

async fn resend(call: Call) -> Result<Answer, Problem> {
    let command = ResendNotification { id: call.parse("id")? };
    call.send(command, |resent, _| Answer::json(StatusCode::OK, &resent)).await
}

fn example() -> Value {
    json!({"id": "ntf_01jdp4q2x8f7mb3v5kz6n9w0ae", "organizationId": "org_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "kind": "set_password", "status": "sent", "about": "evt_01jdp4q2x8f7mb3v5kz6n9w0ae",
        "administratorId": "adm_01jdp4q2x8f7mb3v5kz6n9w0ae", "name": "Ann", "address": "ann@example.com",
        "subject": "Your link to set a password", "text": "Hello Ann,\n\n…\n\n[not kept]\n",
        "attempts": [{"at": "2026-11-21T09:00:00.410Z", "ok": true, "step": "data", "code": null,
            "answer": "250 2.0.0: 5f2a Message accepted for delivery"}],
        "reason": null, "nextAt": null, "createdAt": "2026-11-21T09:00:00Z", "sentAt": "2026-11-21T09:00:01Z",
        "version": 3})
}
