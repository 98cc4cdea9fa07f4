//! A signer as the keystore is one: it remembers the last head it signed.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use chancery_eventlog::{
    checkpoint::{Checkpoint, VerifierKey},
    merkle::{Hash, empty_root, verify_consistency},
    seal::{CheckpointRequest, CheckpointSigner, SignError},
};

#[derive(Clone)]
pub struct Signer(Arc<Mutex<State>>);

struct State {
    key: Ed25519KeyPair,
    size: u64,
    root: Hash,
    origin: String,
    available: bool,
    refused: usize,
}

impl Signer {
    pub fn new() -> Self {
        let key = Ed25519KeyPair::generate().unwrap();
        let state =
            State { key, size: 0, root: empty_root(), origin: String::new(), available: true, refused: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The size of the last head signed.
    pub fn signed(&self) -> u64 {
        self.0.lock().unwrap().size
    }

    /// How many trees were refused as not being extensions of it.
    pub fn refused(&self) -> usize {
        self.0.lock().unwrap().refused
    }

    /// Whether it answers.
    pub fn set_available(&self, available: bool) {
        self.0.lock().unwrap().available = available;
    }

    pub fn key(&self) -> VerifierKey {
        let state = self.0.lock().unwrap();
        VerifierKey { name: state.origin.clone(), key: state.public_key() }
    }
}

impl State {
    fn public_key(&self) -> [u8; 32] {
        self.key.public_key().as_ref().try_into().unwrap()
    }
}

impl CheckpointSigner for Signer {
    async fn sign(&self, request: CheckpointRequest) -> Result<String, SignError> {
        let mut state = self.0.lock().unwrap();
        if !state.available {
            return Err(SignError::Unavailable("no key yet".into()));
        }
        if request.old_size != state.size {
            return Err(SignError::Remembers { size: state.size });
        }
        let CheckpointRequest { origin, size, root, proof, .. } = request;
        if let Err(error) = verify_consistency(state.size, &state.root, size, &root, &proof) {
            state.refused += 1;
            return Err(SignError::Refused(error.to_string()));
        }
        (state.size, state.root, state.origin) = (size, root, origin.clone());
        let checkpoint = Checkpoint { origin, size, root };
        let signature = state.key.sign(checkpoint.text().as_bytes());
        Ok(checkpoint.signed(&state.public_key(), signature.as_ref().try_into().unwrap()).to_string())
    }
}
