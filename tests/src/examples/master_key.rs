//! What happens to the master key.

use contracts::{AdministratorId, keystore as k};
use serde_json::Value;

use super::{push, time, uuid};

pub(super) fn master_key(all: &mut Vec<(&'static str, i16, Value)>) {
    let (id, previous_id) = (uuid(41), uuid(40));
    let events: [k::MasterKeyEvent; 8] = [
        k::MasterKeyRotationBegun {
            id,
            previous_id,
            provider: k::MasterKeyProvider::File,
            reason: Some("yearly".into()),
        }
        .into(),
        k::MasterKeyRotated { id, previous_id, organization_keys: 3, data_keys: 1_200 }.into(),
        k::MasterKeyRotationAbandoned { id }.into(),
        k::MasterKeyChosen { id, provider: k::MasterKeyProvider::Passphrase }.into(),
        k::KeystoreUnsealed { id }.into(),
        k::SharesMade {
            id,
            needed: 2,
            commitments: ["11", "22", "33"].map(|pair| pair.repeat(32)).into(),
            reason: None,
        }
        .into(),
        k::ShareEntered { id, share: 2 }.into(),
        k::UnsealRefused { by: AdministratorId(uuid(3)), at: time() }.into(),
    ];
    for event in events {
        push(all, event);
    }
}
