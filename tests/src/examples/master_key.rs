//! What happens to the master key.

use contracts::keystore as k;
use serde_json::Value;

use super::{push, uuid};

pub(super) fn master_key(all: &mut Vec<(&'static str, i16, Value)>) {
    let (id, previous_id) = (uuid(41), uuid(40));
    let events: [k::MasterKeyEvent; 3] = [
        k::MasterKeyRotationBegun {
            id,
            previous_id,
            provider: k::MasterKeyProvider::File,
            reason: Some("yearly".into()),
        }
        .into(),
        k::MasterKeyRotated { id, previous_id, organization_keys: 3, data_keys: 1_200 }.into(),
        k::MasterKeyRotationAbandoned { id }.into(),
    ];
    for event in events {
        push(all, event);
    }
}
