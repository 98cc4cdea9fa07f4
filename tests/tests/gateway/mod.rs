//! The gateway in front of real services: what it answers, follows and publishes.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail as tests do

mod follow;
mod issue;
mod serial_numbers;
mod service;
mod support;
