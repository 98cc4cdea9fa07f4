//! The PIN of a token. Tokens lock after a few wrong ones, so one that was refused is never tried again: not by another thread,
//! not when the token comes back, only when the file holds another.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::PathBuf};

use cryptoki::{
    error::{Error, RvError},
    session::{Session, UserType},
    slot::TokenInfo,
    types::AuthPin,
};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::Fault;
use crate::SecretBytes;

/// Logs sessions in.
#[derive(Debug)]
pub(super) struct Login {
    file: PathBuf,
    /// The PIN that was refused last.
    refused: Mutex<Option<SecretBytes>>,
}

impl Login {
    pub(super) const fn new(file: PathBuf) -> Self {
        Self { file, refused: Mutex::new(None) }
    }

    /// Logs a session in, and with it every other of this process (PKCS #11 §5.6.8).
    pub(super) fn log_in(&self, session: &Session, token: &TokenInfo) -> Result<(), Fault> {
        let mut refused = self.refused.lock(); // one at a time: each try counts
        let pin = self.read()?;
        let refusal = || {
            let file = self.file.display();
            Fault::Pin(format!(
                "it does not take the PIN in {file}, which is not tried again until it is changed"
            ))
        };
        if refused.as_ref() == Some(&pin) {
            return Err(refusal());
        }
        if token.user_pin_locked() {
            return Err(Fault::Pin("its PIN is locked; its security officer sets a new one".into()));
        }
        if token.user_pin_final_try() {
            let words = "it locks at the next wrong PIN, so none is tried; log in once by another program \
                         (pkcs11-tool --login --list-objects), which ends that";
            return Err(Fault::Pin(words.into()));
        }
        let text = Zeroizing::new(String::from_utf8(pin.expose().to_vec()).unwrap_or_default());
        match session.login(UserType::User, Some(&AuthPin::new(text.as_str().into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
                *refused = None;
                Ok(())
            }
            Err(error) => match Fault::from(error) {
                Fault::Pin(_) => {
                    *refused = Some(pin);
                    Err(refusal())
                }
                fault => Err(fault),
            },
        }
    }

    fn read(&self) -> Result<SecretBytes, Fault> {
        let file = self.file.display();
        let unreadable =
            |error: io::Error| Fault::Pin(format!("its PIN cannot be read from {file}: {error}"));
        let metadata = fs::metadata(&self.file).map_err(unreadable)?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let words = format!(
                "the file of its PIN is open to others (mode {mode:04o}); close it with: chmod 600 '{file}'"
            );
            return Err(Fault::Pin(words));
        }
        let text = Zeroizing::new(fs::read_to_string(&self.file).map_err(unreadable)?);
        let pin = text.trim_end_matches(['\r', '\n']);
        if pin.is_empty() {
            return Err(Fault::Pin(format!("the file of its PIN is empty: {file}")));
        }
        Ok(SecretBytes::copy_of(pin.as_bytes()))
    }
}
