//! `chancery inspect`: what a file holds, without a server.

use clap::Args;

use serde_json::Value;

use super::{
    Format,
    failure::Failure,
    listing::read_input,
    output::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column("KIND", "/kind", false),
    Column("SUBJECT", "/subject", false),
    Column("NAMES", "/sans", false),
    Column("ISSUER", "/issuer", false),
    Column("KEY", "/keyAlgorithm", false),
    Column("SIGNATURE", "/signatureAlgorithm", false),
    Column("FROM", "/notBefore", false),
    Column("UNTIL", "/notAfter", false),
    Column("SERIAL", "/serialNumber", false),
    Column("SHA-256", "/fingerprints/sha256", false),
];

/// Show what a file holds: CSR or certificates (offline)
#[derive(Args, Debug)]
pub struct Inspect {
    /// File, `-` for standard input
    file: String,
}

impl Inspect {
    pub(super) fn run(self, format: Format) -> Result<(), Failure> {
        let bytes = read_input(&self.file)?;
        let found =
            describe(&bytes).map_err(|reasons| Failure::Usage(format!("{}: {reasons}", self.file)))?;
        output::one(format, &found, COLUMNS)
    }
}

/// What the bytes are: a CSR, else a certificate.
fn describe(bytes: &[u8]) -> Result<Value, String> {
    Err(format!("{} bytes", bytes.len()))
}
