//! Certificates that a server presents (A14): asked for by the guarded way out (M-1), under the name that is given, and trusted
//! by nobody.

use contracts::{Code, Problem, SecretText, Violation};
use runtime::outbound::{OutboundError, Presented};

use super::items::{self, Item};
use crate::{call::Call, file_reader::Reading};

/// What the file of an item is recognized as when it was a server.
const RECOGNIZED_AS: &str = "tls";

/// Adds what a server presents. Errors: `validation_failed` about `#/url`.
pub async fn add(
    call: &Call,
    url: &str,
    reading: &mut Reading,
    items: &mut Vec<Item>,
) -> Result<(), Problem> {
    let Presented { host, port, certificates } =
        call.gateway.outbound.presented(url).await.map_err(|error| refused(&error))?;
    let pem: String = certificates.iter().map(|der| pki::pem::certificate(der)).collect();
    let no_passphrases: &[SecretText] = &[];
    let found = reading.read(pem.as_bytes(), no_passphrases, None).await?;
    items::add(items, format!("{host}:{port}"), found);
    if let Some(item) = items.last_mut() {
        item.recognized_as = Some(RECOGNIZED_AS.to_owned());
    }
    Ok(())
}

fn refused(error: &OutboundError) -> Problem {
    let code = match error {
        OutboundError::Url { .. } => "url_invalid",
        OutboundError::Forbidden { .. } => "address_not_allowed",
        _ => "target_unreachable",
    };
    let words = error.to_string();
    Problem::new(Code::ValidationFailed, words.clone()).with_errors(vec![Violation::at("#/url", code, words)])
}
