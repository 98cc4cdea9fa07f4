//! Every refusal, every end, and that nothing is granted by too few or by who asked.

use contracts::{
    ApprovalId, Lifetime,
    directory::{ApprovalKind, ApprovalPlace, Escalation},
};
use runtime::{
    aggregate::test::given,
    entropy::{Entropy as _, SeededEntropy},
};
use time::macros::datetime;
use uuid::Uuid;

use super::*;

const NOON: Timestamp = Timestamp(datetime!(2026-11-21 12:00 UTC));
const ALICE: AdministratorId = AdministratorId(Uuid::from_u128(1));
const BOB: AdministratorId = AdministratorId(Uuid::from_u128(2));
const CAROL: AdministratorId = AdministratorId(Uuid::from_u128(3));

fn matter() -> ApprovalMatter {
    ApprovalMatter {
        kind: ApprovalKind::CertificateRequest,
        subject_id: "req_1".into(),
        requested_by: Some(ALICE),
        place: ApprovalPlace::default(),
    }
}

fn request(rule: ApprovalRule) -> RequestApproval {
    RequestApproval {
        id: ApprovalId(Uuid::from_u128(9)),
        matter: matter(),
        summary: "certificate for shop.example.com".into(),
        changes: vec![],
        rule,
        unmatched: vec![],
    }
}

fn asked(rule: ApprovalRule) -> ApprovalEvent {
    requested(request(rule), NOON).into()
}

fn two() -> ApprovalEvent {
    asked(ApprovalRule::requiring(2))
}

fn approve(by: AdministratorId) -> ApprovalCommand {
    ApprovalCommand::Give { by, message: None, lapsed: vec![] }
}

fn approved(by: AdministratorId, remaining: u8) -> ApprovalEvent {
    ApprovalGiven { matter: matter(), by, message: None, lapsed: vec![], remaining }.into()
}

fn granted(by: &[AdministratorId]) -> ApprovalEvent {
    ApprovalGranted { matter: matter(), by: by.to_vec(), message: None }.into()
}

fn declined() -> ApprovalEvent {
    ApprovalDeclined { matter: matter(), by: BOB, reason: "not our name".into() }.into()
}

fn in_days(days: i64) -> Timestamp {
    NOON.plus(Lifetime::days(days).duration())
}

#[test]
fn two_of_them_grant_it() {
    given::<Approval>([two()]).when(approve(BOB), NOON).then([approved(BOB, 1)]);
    given::<Approval>([two(), approved(BOB, 1)])
        .when(approve(CAROL), NOON)
        .then([approved(CAROL, 0), granted(&[BOB, CAROL])]);
}

#[test]
fn the_word_of_who_may_not_decide_any_more_counts_no_longer() {
    let lapsed =
        ApprovalGiven { matter: matter(), by: CAROL, message: None, lapsed: vec![BOB], remaining: 1 };
    // Who is named and never approved is not told of.
    let give = ApprovalCommand::Give { by: CAROL, message: None, lapsed: vec![BOB, ALICE] };
    given::<Approval>([two(), approved(BOB, 1)]).when(give, NOON).then([lapsed.clone().into()]);
    given::<Approval>([two(), approved(BOB, 1), lapsed.into()])
        .when(approve(BOB), NOON)
        .then([approved(BOB, 0), granted(&[CAROL, BOB])]);
}

#[test]
fn nobody_decides_twice_or_on_their_own_request() {
    given::<Approval>([two()]).when(approve(ALICE), NOON).refused(ApprovalRefusal::SeparationOfDuties);
    let decline = ApprovalCommand::Decline { by: ALICE, reason: "no".into() };
    given::<Approval>([two()]).when(decline, NOON).refused(ApprovalRefusal::SeparationOfDuties);
    given::<Approval>([two(), approved(BOB, 1)])
        .when(approve(BOB), NOON)
        .refused(ApprovalRefusal::GivenAlready);
}

#[test]
fn without_four_eyes_who_asked_may_decide() {
    let alone = ApprovalRule { four_eyes: false, ..ApprovalRule::requiring(1) };
    given::<Approval>([asked(alone)])
        .when(approve(ALICE), NOON)
        .then([approved(ALICE, 0), granted(&[ALICE])]);
}

#[test]
fn one_no_ends_it() {
    let decline = |reason: &str| ApprovalCommand::Decline { by: BOB, reason: reason.into() };
    given::<Approval>([two()]).when(decline("not our name"), NOON).then([declined()]);
    given::<Approval>([two(), declined()])
        .when(approve(CAROL), NOON)
        .refused(ApprovalRefusal::Over(ApprovalStatus::Declined));
    let refusal = Approval::default().evolve(two()).decide(decline(" "), NOON);
    assert!(matches!(refusal, Err(ApprovalRefusal::Text(_))), "{refusal:?}");
}

#[test]
fn from_its_last_day_on_nobody_can_approve_it() {
    let over = || ApprovalRefusal::Over(ApprovalStatus::Expired);
    let last = in_days(14).plus(-time::Duration::seconds(1));
    given::<Approval>([two()]).when(approve(BOB), last).then([approved(BOB, 1)]);
    given::<Approval>([two()]).when(approve(BOB), in_days(14)).refused(over());
    given::<Approval>([two()]).when(ApprovalCommand::Expire, last).changes_nothing();
    let expired = || ApprovalEvent::from(ApprovalExpired { matter: matter() });
    given::<Approval>([two()]).when(ApprovalCommand::Expire, in_days(14)).then([expired()]);
    given::<Approval>([two(), expired()]).when(approve(BOB), NOON).refused(over());
}

#[test]
fn reminders_come_on_their_days() {
    let reminded = |next: Option<Timestamp>| {
        ApprovalEvent::from(ApprovalReminded {
            matter: matter(),
            remaining: 2,
            expires_at: in_days(14),
            next,
        })
    };
    let rule = ApprovalRule {
        remind: vec![Lifetime::days(7), Lifetime::days(3), Lifetime::days(20)],
        ..ApprovalRule::requiring(2)
    };
    let ApprovalEvent::Requested(asked) = asked(rule) else { panic!("asked") };
    assert_eq!(asked.remind_at, [in_days(3), in_days(7)]);
    let asked = || ApprovalEvent::from(asked.clone());
    given::<Approval>([asked()]).when(ApprovalCommand::Remind, in_days(3)).then([reminded(Some(in_days(7)))]);
    given::<Approval>([asked()]).when(ApprovalCommand::Remind, in_days(7)).then([reminded(None)]);
    given::<Approval>([asked(), declined()]).when(ApprovalCommand::Remind, in_days(3)).changes_nothing();
}

#[test]
fn after_a_while_others_may_decide_as_well() {
    let boss = Approvers { administrators: vec![CAROL], ..Approvers::default() };
    let rule = ApprovalRule {
        approvers: Approvers { administrators: vec![BOB], ..Approvers::default() },
        escalate: Some(Escalation { after: Lifetime::days(5), approvers: boss.clone() }),
        ..ApprovalRule::requiring(1)
    };
    let escalated = || ApprovalEvent::from(ApprovalEscalated { matter: matter(), approvers: boss.clone() });
    given::<Approval>([asked(rule.clone())]).when(ApprovalCommand::Escalate, in_days(4)).changes_nothing();
    given::<Approval>([asked(rule.clone())]).when(ApprovalCommand::Escalate, in_days(5)).then([escalated()]);
    given::<Approval>([asked(rule.clone()), escalated()])
        .when(ApprovalCommand::Escalate, in_days(6))
        .changes_nothing();
    let known = runtime::aggregate::replay::<Approval>([asked(rule), escalated()]).0.unwrap();
    let who: Vec<_> = known.approvers().flat_map(|one| one.administrators.clone()).collect();
    assert_eq!(who, [BOB, CAROL]);
}

#[test]
fn only_who_asked_takes_it_back() {
    let withdraw = |by| ApprovalCommand::Withdraw { by, reason: None };
    let withdrawn = |by| ApprovalEvent::from(ApprovalWithdrawn { matter: matter(), by, reason: None });
    given::<Approval>([two()]).when(withdraw(Some(ALICE)), NOON).then([withdrawn(Some(ALICE))]);
    given::<Approval>([two()]).when(withdraw(None), NOON).then([withdrawn(None)]);
    given::<Approval>([two()]).when(withdraw(Some(BOB)), NOON).refused(ApprovalRefusal::NotYours);
    given::<Approval>([two(), withdrawn(None)]).when(withdraw(None), NOON).changes_nothing();
    given::<Approval>([two(), declined()])
        .when(withdraw(None), NOON)
        .refused(ApprovalRefusal::Over(ApprovalStatus::Declined));
}

#[test]
fn what_was_never_asked_for_is_not_there() {
    given::<Approval>([]).when(approve(BOB), NOON).refused(ApprovalRefusal::NotRequested);
    given::<Approval>([two()])
        .when(ApprovalCommand::Request(Box::new(request(ApprovalRule::requiring(1)))), NOON)
        .changes_nothing();
}

/// Whatever comes in whatever order: it is granted by so many different administrators as it needs, never by who asked,
/// and it ends once.
#[test]
fn nothing_is_granted_by_too_few_or_by_who_asked() {
    let entropy = SeededEntropy::new(7);
    let draw = |below: u8| {
        let mut byte = [0];
        entropy.fill(&mut byte);
        byte[0] % below
    };
    for _ in 0..2_000 {
        let required = 1 + draw(4);
        let mut approval = Approval::default().evolve(asked(ApprovalRule::requiring(required)));
        let (mut now, mut ends) = (NOON, 0);
        for _ in 0..20 {
            let by = AdministratorId(Uuid::from_u128(1 + u128::from(draw(6))));
            let command = match draw(12) {
                0 => ApprovalCommand::Decline { by, reason: "no".into() },
                1 => ApprovalCommand::Withdraw { by: Some(by), reason: None },
                2 => ApprovalCommand::Expire,
                3 => ApprovalCommand::Remind,
                _ => approve(by),
            };
            now = now.plus(time::Duration::hours(i64::from(draw(24))));
            for event in approval.decide(command, now).unwrap_or_default() {
                match &event {
                    ApprovalEvent::Granted(granted) => {
                        let mut distinct = granted.by.clone();
                        distinct.sort_unstable();
                        distinct.dedup();
                        assert!(distinct.len() >= usize::from(required), "{granted:?}");
                        assert!(!distinct.contains(&ALICE), "{granted:?}");
                        assert!(now < in_days(14));
                        ends += 1;
                    }
                    ApprovalEvent::Declined(_) | ApprovalEvent::Expired(_) | ApprovalEvent::Withdrawn(_) => {
                        ends += 1;
                    }
                    _ => {}
                }
                approval = approval.evolve(event);
            }
        }
        assert!(ends <= 1);
    }
}
