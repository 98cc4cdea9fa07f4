//! One-time public keys that private keys are sealed to on their way in. Nothing is stored: whoever asked carries the private
//! half in a ticket that only the keystore opens, so any instance can answer, and a ticket ends by itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    Code, OrganizationId, Problem, Timestamp,
    keystore::{KeyImportOffer, SealedSecret},
};
use runtime::sealed::{OneTimeKey, Purpose, SealError};
use serde::{Deserialize, Serialize};
use time::Duration;
use uuid::Uuid;

use crate::{
    SecretBytes,
    vault::Vault,
    wrapping::{Binding, Subject, Wrapped},
};

/// How long a one-time public key is good.
const GOOD: Duration = Duration::minutes(5);

/// A one-time private key, wrapped; what is wrapped begins with the second it ends at.
#[derive(Serialize, Deserialize)]
struct Ticket {
    id: Uuid,
    organization_key: i32,
    data_key: String,
    secret: String,
}

/// Draws a one-time key.
pub async fn offer(
    vault: &Vault,
    organization: OrganizationId,
    id: Uuid,
    now: Timestamp,
) -> Result<KeyImportOffer, Problem> {
    let key = OneTimeKey::draw().map_err(|_| Problem::internal())?;
    let until = now.plus(GOOD);
    let mut secret = until.unix().to_be_bytes().to_vec();
    secret.extend_from_slice(&key.private_half());
    let wrapped = vault.wrap(&binding(organization, id), &SecretBytes::new(secret)).await?;
    let ticket = Ticket {
        id,
        organization_key: wrapped.organization_key,
        data_key: STANDARD.encode(&wrapped.data_key),
        secret: STANDARD.encode(&wrapped.secret),
    };
    let ticket = serde_json::to_vec(&ticket).map_err(|_| Problem::internal())?;
    Ok(KeyImportOffer { id, public_key: key.public(), ticket: STANDARD.encode(ticket), until })
}

/// Opens what was sealed to a one-time key. Errors: `malformed_request` of what is none, or was sealed for something else;
/// `invalid_state` of one that has ended.
pub async fn open(
    vault: &Vault,
    organization: OrganizationId,
    ticket: &str,
    sealed: &SealedSecret,
    now: Timestamp,
) -> Result<SecretBytes, Problem> {
    let unreadable = || Problem::new(Code::MalformedRequest, "the ticket or what is sealed cannot be opened");
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| unreadable());
    let ticket: Ticket = serde_json::from_slice(&decode(ticket)?).map_err(|_| unreadable())?;
    let (data_key, secret) = (decode(&ticket.data_key)?, decode(&ticket.secret)?);
    let wrapped = Wrapped { organization_key: ticket.organization_key, data_key, secret };
    let opened = vault.open(&binding(organization, ticket.id), &wrapped).await.map_err(|error| {
        tracing::warn!(error = runtime::error::words(&error), "a ticket does not open");
        unreadable()
    })?;
    let (until, private) = opened.expose().split_first_chunk::<8>().ok_or_else(unreadable)?;
    if now.unix() > i64::from_be_bytes(*until) {
        return Err(Problem::new(Code::InvalidState, "the one-time key has ended; begin again"));
    }
    let key = OneTimeKey::from_private_half(private);
    match key.open_for(Purpose::Upload, organization, ticket.id, sealed) {
        Ok(bytes) => Ok(SecretBytes::copy_of(&bytes)),
        Err(SealError::Key | SealError::DoesNotOpen | SealError::Failed) => Err(unreadable()),
    }
}

const fn binding(organization: OrganizationId, id: Uuid) -> Binding {
    Binding { organization, subject: Subject::Upload { id }, version: 1 }
}
