//! Looks for a proof where it has to be (M-2), through the guarded way out.

use contracts::directory::ValidationChallenge;
use runtime::outbound::{Outbound, Policy};

use super::{Record, ValidationCommand, challenge};

/// The longest part of what was found that is repeated.
const SHOWN: usize = 64;

/// What a look for the proof comes to.
pub async fn check(outbound: &Outbound, record: &Record, by_hand: bool) -> ValidationCommand {
    let challenge = challenge::challenge(record.method, &record.domain_name, &record.expected);
    match look(outbound, &challenge).await {
        Ok(evidence) => ValidationCommand::Found(evidence),
        Err(reason) => ValidationCommand::Missing { reason, by_hand },
    }
}

/// Where the proof was found, or why it was not, both in words.
async fn look(outbound: &Outbound, challenge: &ValidationChallenge) -> Result<String, String> {
    match challenge {
        ValidationChallenge::DnsTxt { name, value } => {
            let texts = outbound.dns().texts(name).await.map_err(|error| error.to_string())?;
            if texts.iter().any(|text| text == value.as_bytes()) {
                return Ok(format!("TXT record of {name}"));
            }
            Err(match texts.first() {
                None => format!("there is no TXT record at '{name}'"),
                Some(text) => {
                    format!("the TXT record at '{name}' says '{}', expected '{value}'", shown(text))
                }
            })
        }
        ValidationChallenge::DnsCname { name, target } => {
            match outbound.dns().cname(name).await.map_err(|error| error.to_string())? {
                Some(found) if found == *target => Ok(format!("CNAME record of {name}")),
                Some(found) => Err(format!("the CNAME at '{name}' points to '{found}', expected '{target}'")),
                None => Err(format!("there is no CNAME record at '{name}'")),
            }
        }
        ValidationChallenge::Http { url, content } => {
            let found = outbound.get(url, &Policy::VALIDATION).await.map_err(|error| error.to_string())?;
            if found.status.as_u16() != 200 {
                return Err(format!("'{url}' answers with status {}, expected 200", found.status.as_u16()));
            }
            // What else a server says is nobody's business here: it is not repeated (M-1).
            if !challenge::says(&found.body, content) {
                return Err(format!("the file at '{url}' does not say what it should"));
            }
            Ok(format!("file at {}", found.url))
        }
        ValidationChallenge::Email { .. } => Err("there is nothing to look for".to_owned()),
    }
}

/// What a peer wrote, short and without control characters.
fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(SHOWN).flat_map(char::escape_debug).collect()
}
