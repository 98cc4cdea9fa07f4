//! I-14: a notification is delivered, once unless the answer was lost, or given up for a reason that is said.

use contracts::{AdministratorId, EventId, NotificationId, notifier::NotificationKind};
use runtime::aggregate::test::given;
use uuid::Uuid;

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

fn it() -> NotificationQueued {
    NotificationQueued {
        id: NotificationId(Uuid::from_u128(1)),
        kind: NotificationKind::SetPassword,
        about: EventId(Uuid::from_u128(2)),
        subject: None,
        recipient: Some(AdministratorId(Uuid::from_u128(3))),
    }
}

fn attempted(attempt: u32) -> NotificationEvent {
    NotificationAttempted { attempt }.into()
}

fn failed(step: MailStep, code: Option<u16>) -> Command {
    Command::Failed(Failure { step: Some(step), code })
}

fn dead(reason: GiveUpReason, step: Option<MailStep>, code: Option<u16>) -> NotificationEvent {
    NotificationGivenUp { reason, step, code }.into()
}

#[test]
fn it_is_queued_once_and_sent_once() {
    given::<Notification>([]).when(Command::Queue(it()), NOON).then([it().into()]);
    given::<Notification>([it().into()]).when(Command::Queue(it()), NOON).changes_nothing();
    given::<Notification>([it().into()]).when(Command::Attempt, NOON).then([attempted(1)]);
    let sent: NotificationEvent = NotificationSent { attempt: 1 }.into();
    given::<Notification>([it().into(), attempted(1)]).when(Command::Sent, NOON).then([sent.clone()]);
    let done = [it().into(), attempted(1), sent];
    for command in [Command::Attempt, Command::Sent, failed(MailStep::Data, None)] {
        given::<Notification>(done.clone()).when(command, NOON).refused(Refusal::NotAttempting);
    }
}

#[test]
fn one_that_was_cut_off_is_tried_again() {
    given::<Notification>([it().into(), attempted(1)]).when(Command::Attempt, NOON).then([attempted(2)]);
}

#[test]
fn what_may_pass_is_tried_again_later_and_later_for_three_days() {
    for (step, code) in [
        (MailStep::Resolve, None),
        (MailStep::Connect, None),
        (MailStep::Tls, None),
        (MailStep::Auth, Some(535)),
        (MailStep::Hello, Some(550)),
        (MailStep::Recipient, Some(450)),
        (MailStep::Data, Some(421)),
        (MailStep::Data, None),
    ] {
        let next_at = NOON.plus(Duration::seconds(15));
        given::<Notification>([it().into(), attempted(1)])
            .when(failed(step, code), NOON)
            .then([NotificationDeferred { attempt: 1, step: Some(step), code, next_at }.into()]);
    }
    let total: Duration = (1..MOST).map(pause).sum();
    assert_eq!(total.whole_hours(), 72);
    given::<Notification>([it().into(), attempted(MOST)])
        .when(failed(MailStep::Connect, None), NOON)
        .then([dead(GiveUpReason::Expired, Some(MailStep::Connect), None)]);
}

#[test]
fn when_a_server_is_back_after_an_hour_the_mail_goes_within_a_quarter_of_one() {
    let back = NOON.plus(Duration::HOUR);
    let (mut history, mut now, mut attempts) = (vec![it().into()], NOON, 0);
    while now < back {
        attempts += 1;
        let next_at = now.plus(pause(attempts));
        let deferred: NotificationEvent =
            NotificationDeferred { attempt: attempts, step: Some(MailStep::Connect), code: None, next_at }
                .into();
        given::<Notification>(history.clone()).when(Command::Attempt, now).then([attempted(attempts)]);
        history.push(attempted(attempts));
        given::<Notification>(history.clone())
            .when(failed(MailStep::Connect, None), now)
            .then([deferred.clone()]);
        history.push(deferred);
        now = next_at;
    }
    assert!(now <= back.plus(Duration::minutes(15)) && attempts == 9, "attempt {} at {now}", attempts + 1);
    history.push(attempted(attempts + 1));
    given::<Notification>(history).when(Command::Sent, now).then([sent_at(attempts + 1)]);
}

#[test]
fn pauses_double_to_a_quarter_of_an_hour() {
    let seconds = [0, 1, 2, 3, 6, 7, 8, 1_000].map(|attempt| pause(attempt).whole_seconds());
    assert_eq!(seconds, [15, 15, 30, 60, 480, 900, 900, 900]);
}

#[test]
fn a_refusal_for_good_ends_it() {
    for (step, reason) in [
        (MailStep::Sender, GiveUpReason::Rejected),
        (MailStep::Recipient, GiveUpReason::AddressRefused),
        (MailStep::Data, GiveUpReason::Rejected),
    ] {
        given::<Notification>([it().into(), attempted(1)]).when(failed(step, Some(550)), NOON).then([dead(
            reason,
            Some(step),
            Some(550),
        )]);
    }
    given::<Notification>([it().into()]).when(Command::GiveUp(GiveUpReason::Suppressed), NOON).then([dead(
        GiveUpReason::Suppressed,
        None,
        None,
    )]);
}

#[test]
fn it_is_sent_again_on_request_only_when_it_is_not_on_its_way() {
    let sent = NotificationSent { attempt: 1 };
    given::<Notification>([it().into(), attempted(1), sent.into()])
        .when(Command::Resend, NOON)
        .then([NotificationRequeued { round: 1 }.into()]);
    given::<Notification>([it().into(), dead(GiveUpReason::Suppressed, None, None)])
        .when(Command::Resend, NOON)
        .then([NotificationRequeued { round: 1 }.into()]);
    given::<Notification>([it().into()]).when(Command::Resend, NOON).refused(Refusal::OnItsWay);
    given::<Notification>([]).when(Command::Resend, NOON).refused(Refusal::Unknown);
    let again = [it().into(), attempted(4), sent_at(4), NotificationRequeued { round: 1 }.into()];
    given::<Notification>(again).when(Command::Attempt, NOON).then([attempted(1)]);
}

fn sent_at(attempt: u32) -> NotificationEvent {
    NotificationSent { attempt }.into()
}
