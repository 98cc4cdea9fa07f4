//! signer.
