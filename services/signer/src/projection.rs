//! Read models: what the gateway lists and shows of the signer, as views `api_signer.*`.
//!
//! | projection | events of | views |
//! |---|---|---|
//! | [`requests`] | `certificate_request`, `issuance` | `certificate_request`, `issuance`, `operation` |
//! | [`catalog`] | `ca`, `policy`, `profile` | `ca`, `policy`, `profile` |

pub mod catalog;
pub mod requests;

use contracts::event::EventError;
use runtime::projection::ProjectionError;

fn event<E: contracts::Event>(recorded: &eventlog::Recorded) -> Result<E, EventError> {
    E::from_payload(&recorded.kind, recorded.schema, &recorded.payload)
}

/// A document as JSON text.
fn json(kind: &'static str, document: &impl serde::Serialize) -> Result<String, ProjectionError> {
    serde_json::to_string(document).map_err(|source| EventError::Payload { kind, source }.into())
}
