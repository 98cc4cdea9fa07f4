//! Key rings of Domino, `.kyr`. Their format is published nowhere, so they are not opened: they are recognized, and the
//! way out of them is said. What `kyrtool` prints is PEM with text around it, which is read as such.

use crate::certificate::Certificate;

/// Longer certificates are not looked for.
const MAX_CERTIFICATE: usize = 0xffff;

/// Whether a binary file of no other format holds certificates in the clear, as a key ring does for its own and for those
/// of its trusted roots.
pub(super) fn is_key_ring(bytes: &[u8]) -> bool {
    let is_binary = bytes.iter().take(512).any(|byte| *byte == 0);
    is_binary && certificate_starts(bytes).take(64).any(|at| is_certificate(&bytes[at..]))
}

/// Where a SEQUENCE of two length bytes begins with another long one.
fn certificate_starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let starts = bytes.windows(6).enumerate();
    starts
        .filter(|(_, window)| window[..2] == [0x30, 0x82] && matches!(window[4..], [0x30, 0x81 | 0x82]))
        .map(|(at, _)| at)
}

fn is_certificate(bytes: &[u8]) -> bool {
    let length = usize::from(bytes[2]) << 8 | usize::from(bytes[3]);
    let der = bytes.get(..length + 4).filter(|der| der.len() <= MAX_CERTIFICATE);
    der.is_some_and(|der| Certificate::read_der(der).is_ok())
}

/// What a user does with a key ring, for the name of their own file: commands, in order.
#[must_use]
pub fn steps(file_name: &str) -> Vec<String> {
    let name: String = file_name.chars().filter(|c| !c.is_control()).take(200).collect();
    let quoted = if name.contains(' ') { format!("\"{name}\"") } else { name };
    let stem = quoted.trim_matches('"').rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = stem.strip_suffix(".kyr").unwrap_or(stem).replace(' ', "-");
    ["keys", "certs", "roots"]
        .map(|what| {
            let redirect = if what == "keys" { ">" } else { ">>" };
            format!("kyrtool show {what} -k {quoted} {redirect} {stem}.pem")
        })
        .into()
}
