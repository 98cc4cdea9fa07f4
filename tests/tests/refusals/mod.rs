//! C5, C10, E4 and the bad input: each refusal is its own problem document, over HTTP and on the command line,
//! and leaves nothing behind.

#![allow(clippy::unwrap_used)] // helpers of tests fail as tests do

mod csrs;
mod policies;
mod requests;

use chancery_tests::in_both_modes;
use csrs::what_is_no_good_csr_is_refused_in_its_own_words;
use policies::{
    a_csr_does_not_fit_a_self_signed_profile, three_faults_are_three_errors,
    what_a_policy_forbids_is_refused_in_the_known_words,
};
use requests::{sensitive_denials_are_recorded_and_nonsense_is_not, what_is_no_good_request_is_refused};

in_both_modes!(
    what_is_no_good_csr_is_refused_in_its_own_words,
    what_a_policy_forbids_is_refused_in_the_known_words,
    three_faults_are_three_errors,
    a_csr_does_not_fit_a_self_signed_profile,
    what_is_no_good_request_is_refused,
    sensitive_denials_are_recorded_and_nonsense_is_not,
);

/// Where certificates are requested.
const PATH: &str = "/api/v1/certificate-requests";
