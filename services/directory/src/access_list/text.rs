//! The text of an access list: an address or a network a line, `#` begins a comment.

use contracts::{Network, NetworkError, Violation};

/// Longest list, in bytes.
const LONGEST: usize = 64 * 1024;
/// Most networks of one list.
const MOST: usize = 1_000;

/// The networks that a list names, in order and each once. Errors: a violation for each line that cannot be read.
pub fn networks(text: &str) -> Result<Vec<Network>, Vec<Violation>> {
    if text.len() > LONGEST {
        let words = format!("{} bytes are too many for a list: at most {LONGEST}", text.len());
        return Err(vec![refused("too_long", words)]);
    }
    let (mut networks, mut errors) = (vec![], vec![]);
    for (at, line) in text.split('\n').enumerate() {
        match entry(line) {
            Ok(Some(network)) if !networks.contains(&network) => networks.push(network),
            Ok(_) => {}
            Err((code, words, allowed)) => {
                errors.push(refused(code, format!("line {}: {words}", at + 1)).allowing(allowed));
            }
        }
    }
    if networks.len() > MOST {
        errors.push(refused("too_many", format!("{} networks: at most {MOST}", networks.len())));
    }
    if errors.is_empty() { Ok(networks) } else { Err(errors) }
}

/// Why a line cannot be read: a code, words, and what may be meant.
type Unreadable = (&'static str, String, Vec<String>);

/// What a line names; nothing, if it is empty or a comment.
fn entry(line: &str) -> Result<Option<Network>, Unreadable> {
    if line.trim_end_matches('\r').chars().any(|c| c.is_control() && c != '\t') {
        return Err(("invalid_text", "control characters are not allowed".to_owned(), vec![]));
    }
    if line.contains("PRIVATE KEY") {
        return Err((
            "invalid_text",
            "this looks like a private key, which belongs nowhere".to_owned(),
            vec![],
        ));
    }
    let written = line.split('#').next().unwrap_or_default().trim();
    if written.is_empty() {
        return Ok(None);
    }
    written.parse().map(Some).map_err(|error: NetworkError| {
        let words =
            format!("{error}; expected one address or network, such as '192.0.2.0/24' or '2001:db8::/32'");
        match error {
            NetworkError::Address(_) => ("invalid_address", words, vec![]),
            NetworkError::Prefix { .. } => ("invalid_prefix", words, vec![]),
            NetworkError::HostBits { address, network } => {
                let allowed = vec![network.to_string(), address.to_string()];
                ("host_bits_set", format!("'{}': {error}", written), allowed)
            }
        }
    })
}

fn refused(code: &'static str, words: String) -> Violation {
    Violation::at("#/text", code, words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<String> {
        networks(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn comments_and_empty_lines_name_nothing() {
        let text = "# the office\r\n192.168.0.0/16 # all floors\r\n\r\n\t 2001:db8::/32\n#0.0.0.0/0\n192.0.2.10#printer";
        assert_eq!(read(text), ["192.168.0.0/16", "2001:db8::/32", "192.0.2.10"]);
        assert!(read("").is_empty() && read("# nobody\n\n").is_empty());
    }

    #[test]
    fn a_network_counts_once_however_often_it_is_written() {
        assert_eq!(read("192.0.2.1\n192.0.2.1/32\n::ffff:192.0.2.1"), ["192.0.2.1"]);
    }

    #[test]
    fn each_wrong_line_is_named_with_what_was_found_and_what_may_be_meant() {
        let errors = networks("10.0.0.1/8\n10.0.0.0/8\noffice\n10.0.0.0/33\n10.0.0.0/8, 192.0.2.1\n\u{7}")
            .unwrap_err();
        let told: Vec<_> =
            errors.iter().map(|e| (e.code.as_str(), e.detail.split(';').next().unwrap())).collect();
        assert_eq!(
            told,
            [
                (
                    "host_bits_set",
                    "line 1: '10.0.0.1/8': it has bits set after the first 8: the network is '10.0.0.0/8', the address alone '10.0.0.1'"
                ),
                ("invalid_address", "line 3: 'office' is not an IPv4 or IPv6 address"),
                ("invalid_prefix", "line 4: '/33' is not a prefix length: expected 0 to 32"),
                ("invalid_prefix", "line 5: '/8, 192.0.2.1' is not a prefix length: expected 0 to 32"),
                ("invalid_text", "line 6: control characters are not allowed"),
            ]
        );
        assert_eq!(errors[0].allowed, ["10.0.0.0/8", "10.0.0.1"]);
    }

    #[test]
    fn a_list_has_an_end() {
        let long = "#".repeat(LONGEST + 1);
        assert_eq!(networks(&long).unwrap_err()[0].code, "too_long");
        let many: String = (0..=MOST).map(|n| format!("10.0.{}.{}\n", n / 256, n % 256)).collect();
        assert_eq!(networks(&many).unwrap_err()[0].code, "too_many");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_line_by_line(text: String) {
            let lines = text.split('\n').count();
            match networks(&text) {
                Ok(networks) => prop_assert!(networks.len() <= lines),
                Err(errors) => prop_assert!(!errors.is_empty() && errors.len() <= lines),
            }
        }

        #[test]
        fn what_follows_the_mark_of_a_comment_never_counts(comment in "[^\n\r\\x00-\\x1f]*") {
            prop_assume!(!comment.contains("PRIVATE KEY") && !comment.chars().any(char::is_control));
            let networks = networks(&format!("10.0.0.0/8 #{comment}\n#{comment}"));
            prop_assert_eq!(networks.unwrap(), vec!["10.0.0.0/8".parse().unwrap()]);
        }
    }
}
