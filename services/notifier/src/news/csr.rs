//! A CSR goes to a CA outside: to the address that somebody gave for it.

use contracts::{
    notifier::NotificationKind,
    signer::{CertificateRequestSubmitted, CsrMailWanted},
};

use super::plan::Plan;
use crate::{letter::Facts, messages::Message};

/// The mail to the CA. `csr`: DER in base64.
#[must_use]
pub fn plan(
    wanted: CsrMailWanted,
    submitted: &CertificateRequestSubmitted,
    csr: &str,
    organization: &str,
) -> Plan {
    let names: Vec<_> = submitted.sans.iter().map(ToString::to_string).collect();
    let what = if names.is_empty() { submitted.common_name.clone() } else { Some(names.join(", ")) };
    let facts = Facts {
        what,
        organization: Some(organization.to_owned()),
        message: wanted.message,
        csr: Some(pem(csr)),
        ..Facts::default()
    };
    let message = Message { name: None, address: Some(wanted.to), facts };
    Plan { kind: NotificationKind::CsrForCa, recipient: None, message }
}

/// PEM of a CSR that is DER in base64 already, without the last line's end.
fn pem(base64: &str) -> String {
    let mut text = "-----BEGIN CERTIFICATE REQUEST-----\n".to_owned();
    let mut rest = base64;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.extend([line, "\n"]);
        rest = after;
    }
    text + "-----END CERTIFICATE REQUEST-----"
}
