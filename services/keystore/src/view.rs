//! What users see of a key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    Event as _, KeyId, OrganizationId,
    event::EventError,
    keystore::{KeyEvent, KeyGenerated, KeyOrigin, KeyStatus, KeyView},
};
use eventlog::Recorded;
use time::Duration;

/// How long backups of the keystore are kept at most (K-8).
const BACKUPS: Duration = Duration::days(35);

/// The view after an event of the key's stream, given the view before it. An event that changes nothing known (there
/// is none such) leaves it missing.
pub fn after(before: Option<KeyView>, recorded: &Recorded) -> Result<Option<KeyView>, EventError> {
    let event = KeyEvent::from_payload(&recorded.kind, recorded.schema, &recorded.payload)?;
    Ok(match event {
        KeyEvent::Generated(key) => Some(described(&key, KeyOrigin::Generated, recorded)),
        KeyEvent::Imported(imported) => Some(described(&imported.key, KeyOrigin::Imported, recorded)),
        KeyEvent::Exported(_) | KeyEvent::CsrSigned(_) => {
            before.map(|view| KeyView { version: recorded.version, ..view })
        }
        KeyEvent::Compromised(_) => {
            before.map(|view| KeyView { status: KeyStatus::Compromised, version: recorded.version, ..view })
        }
        KeyEvent::Destroyed(_) => before.map(|view| KeyView {
            status: KeyStatus::Destroyed,
            destroyed_at: Some(recorded.recorded_at),
            backups_until: Some(recorded.recorded_at.plus(BACKUPS)),
            version: recorded.version,
            ..view
        }),
    })
}

fn described(key: &KeyGenerated, origin: KeyOrigin, recorded: &Recorded) -> KeyView {
    KeyView {
        id: KeyId(recorded.stream),
        organization_id: OrganizationId(recorded.tenant),
        algorithm: key.algorithm,
        purpose: key.purpose,
        exportable: key.exportable,
        label: key.label.clone(),
        token: key.token.clone(),
        status: KeyStatus::Active,
        origin,
        public_key: pem(&key.spki),
        spki_sha256: key.spki_sha256.clone(),
        created_at: recorded.recorded_at,
        destroyed_at: None,
        backups_until: None,
        version: recorded.version,
    }
}

/// A SubjectPublicKeyInfo (base64 of DER) as PEM (RFC 7468 §13).
fn pem(spki: &str) -> String {
    let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
    for line in spki.as_bytes().chunks(64) {
        // Base64 is ASCII: every cut is at a character's end.
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END PUBLIC KEY-----\n");
    text
}

/// SubjectPublicKeyInfo as events carry it.
#[must_use]
pub fn spki_text(der: &[u8]) -> String {
    STANDARD.encode(der)
}

/// SubjectPublicKeyInfo as events carry it, read.
#[must_use]
pub fn spki_der(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
