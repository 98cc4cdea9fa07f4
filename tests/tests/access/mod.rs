//! Who may do what: every operation against every kind of caller (`tests/access.md`), and the stories behind the rules
//! (O1, O5, O12, O13, P14, Z-1, Z-2).

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests fail as tests do

mod cast;
mod organizations;
mod rights;
mod tokens;
mod walk;

use chancery_tests::in_both_modes;
use organizations::{
    an_archived_organization_is_read_but_gets_nothing, every_field_of_an_organization_is_kept,
};
use rights::{
    a_changed_role_counts_within_a_second_everywhere, nobody_changes_their_own_rights,
    nobody_grants_more_than_they_hold, somebody_stays_master, who_somebody_was_is_erased, why_and_why_not,
};
use tokens::{
    a_disabled_administrators_tokens_stop, a_rotated_token_works_until_the_overlap_is_over,
    a_token_is_for_what_it_names,
};
use walk::every_operation_answers_everybody_as_the_table_says;

in_both_modes!(
    every_operation_answers_everybody_as_the_table_says,
    every_field_of_an_organization_is_kept,
    an_archived_organization_is_read_but_gets_nothing,
    nobody_grants_more_than_they_hold,
    nobody_changes_their_own_rights,
    somebody_stays_master,
    who_somebody_was_is_erased,
    why_and_why_not,
    a_changed_role_counts_within_a_second_everywhere,
    a_token_is_for_what_it_names,
    a_rotated_token_works_until_the_overlap_is_over,
    a_disabled_administrators_tokens_stop,
);
