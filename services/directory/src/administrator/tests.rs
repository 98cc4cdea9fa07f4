use contracts::{
    AdministratorId, OrganizationId,
    directory::{AdministratorKind, BuiltInRole, LinkPurpose, Role},
};
use runtime::aggregate::test::given;
use uuid::Uuid;

use super::*;

const NOON: Timestamp = Timestamp(time::macros::datetime!(2026-11-21 12:00 UTC));

fn auditor() -> Vec<Grant> {
    let grant = Grant::installation(Role::BuiltIn(BuiltInRole::Auditor));
    vec![Grant { organization_id: Some(OrganizationId(Uuid::from_u128(1))), ..grant }]
}

fn appointed() -> AdministratorEvent {
    let id = AdministratorId(Uuid::from_u128(1));
    AdministratorAppointed {
        id,
        name: "alice".into(),
        kind: AdministratorKind::Person,
        grants: auditor(),
        identity_provider_id: None,
    }
    .into()
}

fn update(grants: Option<Vec<Grant>>, described: &[&str]) -> AdministratorCommand {
    AdministratorCommand::Update { grants, described: described.iter().map(ToString::to_string).collect() }
}

#[test]
fn only_what_changes_is_recorded() {
    given::<Administrator>([appointed()]).when(update(Some(auditor()), &[]), NOON).changes_nothing();
    given::<Administrator>([appointed()]).when(update(Some(vec![]), &["email"]), NOON).then([
        AdministratorGrantsChanged { grants: vec![] }.into(),
        AdministratorDescribed { fields: vec!["email".into()] }.into(),
    ]);
    given::<Administrator>([]).when(update(None, &[]), NOON).refused(AdministratorRefusal::NotAppointed);
}

fn drawn(hash: &str) -> AdministratorLinkDrawn {
    let valid_until = NOON.plus(time::Duration::DAY);
    AdministratorLinkDrawn { purpose: LinkPurpose::SetPassword, hash: hash.into(), valid_until }
}

#[test]
fn a_link_is_drawn_for_a_mail_only_while_one_is_wanted() {
    let (purpose, until) = (LinkPurpose::SetPassword, NOON.plus(time::Duration::days(4)));
    let wanted = || -> AdministratorEvent {
        AdministratorLinkWanted { purpose, requested_by: None, until: Some(until) }.into()
    };
    let draw = || AdministratorCommand::DrawLink(drawn("a"));
    // As often as it takes until a mail gets through.
    given::<Administrator>([appointed(), wanted()])
        .when(draw(), NOON)
        .then([drawn("a").into()])
        .when(draw(), until)
        .then([drawn("a").into()]);
    let late = until.plus(time::Duration::SECOND);
    let refused = AdministratorRefusal::LinkNotWanted;
    given::<Administrator>([appointed(), wanted()]).when(draw(), late).refused(refused.clone());
    given::<Administrator>([appointed()]).when(draw(), NOON).refused(refused.clone());
    let set = AdministratorPasswordSet { by: PasswordOrigin::Link, kept_session: None };
    for end in [set.into(), AdministratorGrantsChanged { grants: vec![] }.into()] {
        given::<Administrator>([appointed(), wanted(), end]).when(draw(), NOON).refused(refused.clone());
    }
    let show = AdministratorCommand::ShowLink(drawn("a"));
    _ = given::<Administrator>([appointed()]).when(show, NOON).then([drawn("a").into()]);
}

#[test]
fn a_link_works_once_while_it_is_the_last_and_for_a_day() {
    let used = || AdministratorCommand::UseLink("b".into());
    let set = || AdministratorPasswordSet { by: PasswordOrigin::Link, kept_session: None };
    let history = || [appointed(), drawn("a").into(), drawn("b").into()];
    given::<Administrator>(history())
        .when(used(), NOON)
        .then([set().into()])
        .when(used(), NOON)
        .refused(AdministratorRefusal::LinkVoid);
    let replaced = AdministratorCommand::UseLink("a".into());
    given::<Administrator>(history()).when(replaced, NOON).refused(AdministratorRefusal::LinkVoid);
    let late = NOON.plus(time::Duration::hours(25));
    given::<Administrator>(history()).when(used(), late).refused(AdministratorRefusal::LinkVoid);
    let disabled = AdministratorDisabled::default();
    given::<Administrator>(history().into_iter().chain([disabled.into()]))
        .when(used(), NOON)
        .refused(AdministratorRefusal::LinkVoid);
    given::<Administrator>([appointed()]).when(used(), NOON).refused(AdministratorRefusal::LinkVoid);
}

#[test]
fn a_second_factor_counts_once_it_is_confirmed() {
    let credential = CredentialId(Uuid::from_u128(9));
    let enrolled = AdministratorSecondFactorEnrolled { credential };
    given::<Administrator>([appointed()])
        .when(AdministratorCommand::ConfirmSecondFactor, NOON)
        .refused(AdministratorRefusal::NotEnrolling);
    given::<Administrator>([appointed(), enrolled.into()])
        .when(AdministratorCommand::ConfirmSecondFactor, NOON)
        .then([AdministratorSecondFactorConfirmed { credential }.into()])
        .when(
            AdministratorCommand::RemoveSecondFactor(AdministratorSecondFactorRemoved { reason: None }),
            NOON,
        )
        .then([AdministratorSecondFactorRemoved { reason: None }.into()])
        .when(
            AdministratorCommand::RemoveSecondFactor(AdministratorSecondFactorRemoved { reason: None }),
            NOON,
        )
        .changes_nothing();
}

#[test]
fn who_is_disabled_can_be_enabled_and_who_is_removed_stays_removed() {
    let (disabled, enabled) = (AdministratorDisabled::default(), AdministratorEnabled::default());
    given::<Administrator>([appointed()])
        .when(AdministratorCommand::Disable(disabled.clone()), NOON)
        .then([disabled.into()])
        .when(AdministratorCommand::Enable(enabled.clone()), NOON)
        .then([enabled.clone().into()]);
    let removed = AdministratorRemoved::default();
    let gone = || given::<Administrator>([appointed(), removed.clone().into()]);
    gone().when(AdministratorCommand::Remove(removed.clone()), NOON).changes_nothing();
    for command in [AdministratorCommand::Enable(enabled), update(Some(vec![]), &[])] {
        gone().when(command, NOON).refused(AdministratorRefusal::Removed("alice".into()));
    }
}
