//! Files of other programs, read; ours, read by other programs: `openssl`, `keytool`, `certtool` and `pk12util`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of tests stand outside of test functions

extern crate chancery_pki as pki;

mod archives;
mod broken;
mod java_files;
#[path = "../openssl/support.rs"]
#[allow(dead_code)] // the other test's half
mod openssl;
mod other_tools;
mod pem_files;
mod pkcs12_files;
mod support;
