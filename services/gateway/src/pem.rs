//! PEM from base64 that is there already: nothing is decoded on the hot path.

/// A certificate in base64 DER, as PEM.
#[must_use]
pub fn certificate(base64: &str) -> String {
    block("CERTIFICATE", base64)
}

/// Base64 DER as a PEM block (RFC 7468: 64 characters a line, LF).
#[must_use]
pub fn block(label: &str, base64: &str) -> String {
    let mut pem = String::with_capacity(base64.len() + base64.len() / 64 + 2 * label.len() + 40);
    pem.push_str("-----BEGIN ");
    pem.push_str(label);
    pem.push_str("-----\n");
    let mut rest = base64;
    while !rest.is_empty() {
        // Base64 is ASCII; anything else ends in one long line.
        let (line, next) = rest.split_at_checked(64).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = next;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn it_is_the_pem_that_pki_writes() {
        for length in [1, 47, 48, 49, 96, 500] {
            let der: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            assert_eq!(certificate(&STANDARD.encode(&der)), pki::pem::certificate(&der), "{length}");
        }
    }
}
