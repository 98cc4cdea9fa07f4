//! What has to be done so that control of a domain is proved, method by method, and whether what was found does it (M-2).

use contracts::directory::{ValidationChallenge, ValidationMethod};
use sha2::{Digest as _, Sha256};

/// The mailboxes that every domain's administrators have (Baseline Requirements, section 3.2.2.4.4).
const MAILBOXES: [&str; 5] = ["admin", "administrator", "webmaster", "hostmaster", "postmaster"];

/// What has to be done for a domain, where `expected` is what has to be found.
#[must_use]
pub fn challenge(method: ValidationMethod, domain: &str, expected: &str) -> ValidationChallenge {
    let name = format!("_chancery-challenge.{domain}");
    match method {
        ValidationMethod::DnsTxt => ValidationChallenge::DnsTxt { name, value: expected.to_owned() },
        ValidationMethod::DnsCname => {
            // Nobody can ever own a name below `.invalid` (RFC 6761 section 6.4), so nothing has to answer there.
            ValidationChallenge::DnsCname { name, target: format!("{expected}.chancery.invalid") }
        }
        ValidationMethod::Http => ValidationChallenge::Http {
            url: format!("http://{domain}/.well-known/pki-validation/{}.txt", file_name(expected)),
            content: expected.to_owned(),
        },
        ValidationMethod::Email => ValidationChallenge::Email { recipients: recipients(domain) },
    }
}

/// Where a mail about a domain may go.
#[must_use]
pub fn recipients(domain: &str) -> Vec<String> {
    MAILBOXES.iter().map(|mailbox| format!("{mailbox}@{domain}")).collect()
}

/// The file's name does not hold what has to be found in it: a server that repeats what it is asked for proves nothing
/// (Baseline Requirements, section 3.2.2.4.18).
fn file_name(expected: &str) -> String {
    hex::encode(&Sha256::digest(expected)[..16])
}

/// Whether a file says exactly this. Editors end a file with a line end, and that is all there may be beside.
#[must_use]
pub fn says(body: &[u8], content: &str) -> bool {
    let line = body.strip_suffix(b"\n").unwrap_or(body);
    line.strip_suffix(b"\r").unwrap_or(line) == content.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_says_what_to_do() {
        let of = |method| serde_json::to_value(challenge(method, "shop.example", "0a1b")).unwrap();
        assert_eq!(
            of(ValidationMethod::DnsTxt),
            serde_json::json!({"type": "dns_txt", "name": "_chancery-challenge.shop.example", "value": "0a1b"})
        );
        assert_eq!(of(ValidationMethod::DnsCname)["target"], "0a1b.chancery.invalid");
        assert_eq!(of(ValidationMethod::Email)["recipients"][4], "postmaster@shop.example");
    }

    #[test]
    fn a_file_is_not_named_for_what_it_holds() {
        match challenge(ValidationMethod::Http, "shop.example", "0a1b") {
            ValidationChallenge::Http { url, content } => {
                assert!(url.starts_with("http://shop.example/.well-known/pki-validation/"), "{url}");
                assert!(url.ends_with(".txt") && !url.contains(&content), "{url}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_says_it_exactly() {
        for good in ["0a1b", "0a1b\n", "0a1b\r\n"] {
            assert!(says(good.as_bytes(), "0a1b"), "{good:?}");
        }
        for bad in ["", "0a1", "0A1B", " 0a1b", "0a1b ", "0a1b\n\n", "\n0a1b", "0a1b\n0a1b", "x0a1b"] {
            assert!(!says(bad.as_bytes(), "0a1b"), "{bad:?}");
        }
    }
}
