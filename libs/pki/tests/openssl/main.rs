//! The crate against the `openssl` binary, which makes the files and judges ours.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests stand outside of test functions

extern crate chancery_pki as pki;

mod building;
mod describing;
mod linting;
mod paths;
mod policy_matrix;
mod reading_csrs;
mod refusing_csrs;
mod requesting;
mod robustness;
mod support;
