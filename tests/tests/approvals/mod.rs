//! What waits until enough administrators agree (I1 to I5): who may decide, how it ends, and that the act is done once.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail as tests do

mod acts;
mod cast;
mod crashes;
mod ends;
mod requests;
mod rules;

use acts::{a_delegation_waits_where_a_rule_says_so, each_kind_of_act_waits_and_is_done_once};
use chancery_tests::in_both_modes;
use crashes::what_was_granted_is_done_once_after_a_crash;
use ends::{
    nobody_decides_in_time, one_refusal_ends_it, others_join_when_nobody_decides,
    what_nobody_wants_any_more_is_taken_back,
};
use requests::{
    nobody_decides_on_their_own_request, others_come_upon_nothing, several_are_decided_at_once,
    two_of_three_let_a_certificate_be_issued, who_decides_in_a_session_proves_who_they_are,
    who_lost_the_right_counts_no_longer,
};
use rules::{
    a_rule_approves_at_once_and_says_why, a_rule_that_cannot_be_met_is_refused,
    what_is_told_of_it_fits_its_schema, what_was_tightened_meanwhile_is_judged_again,
    who_asked_has_to_have_the_right_still,
};

in_both_modes!(
    two_of_three_let_a_certificate_be_issued,
    nobody_decides_on_their_own_request,
    who_lost_the_right_counts_no_longer,
    who_decides_in_a_session_proves_who_they_are,
    several_are_decided_at_once,
    others_come_upon_nothing,
    one_refusal_ends_it,
    what_nobody_wants_any_more_is_taken_back,
    nobody_decides_in_time,
    others_join_when_nobody_decides,
    a_rule_approves_at_once_and_says_why,
    a_rule_that_cannot_be_met_is_refused,
    what_was_tightened_meanwhile_is_judged_again,
    who_asked_has_to_have_the_right_still,
    what_is_told_of_it_fits_its_schema,
    each_kind_of_act_waits_and_is_done_once,
    a_delegation_waits_where_a_rule_says_so,
    what_was_granted_is_done_once_after_a_crash,
);
