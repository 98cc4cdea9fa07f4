//! Taking private keys out (K-7): marked as exportable, with a reason, in a file that is encrypted here.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bus::{Answer, Context};
use contracts::{
    Code, CredentialId, Problem, SecretText, Violation,
    keystore::{ExportKey, ExportedKey, KeyExported, KeyFormat},
    labels::check_text,
};
use pki::{
    Certificate,
    file::{Credential, PrivateKeyDer, jks, pkcs8, pkcs12},
    pem, spki,
};
use runtime::{common_passwords, entropy, sealed};
use zeroize::Zeroizing;

use crate::{SecretBytes, commands::Keys, key::Command, operation::measured, vault};

/// Least characters of a passphrase that somebody chose.
const LEAST: usize = 16;
/// Longest reason, in characters.
const REASON: usize = 1_000;
/// What drawn passphrases are written in: no letter is taken for another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

impl Keys {
    /// Answers the command.
    pub async fn export(&self, context: Context, command: ExportKey) -> Result<Answer<ExportedKey>, Problem> {
        self.authority.admit::<ExportKey>(&context).await?;
        measured("export", "none", self.export_admitted(context, command)).await
    }

    /// Records the export, then opens and encrypts: what went out stands in the log.
    async fn export_admitted(
        &self,
        context: Context,
        command: ExportKey,
    ) -> Result<Answer<ExportedKey>, Problem> {
        self.vault.check()?;
        let reason = read_reason(&command.reason)?;
        if let Some(passphrase) = &command.passphrase {
            judge(passphrase.reveal())?;
        }
        let certificates = read_certificates(&command.certificates)?;
        let known = self.repository.reload(command.key.uuid()).await?;
        let description = known.state.description().filter(|_| known.tenant == Some(context.tenant));
        let description = description.ok_or_else(|| Problem::not_found("key", command.key))?.clone();
        if command.format != KeyFormat::Pkcs8 {
            let leaf = certificates.first().map(|leaf| hex::encode(spki::spki_sha256(leaf.spki())));
            if leaf.as_ref() != Some(&description.spki_sha256) {
                let words = "a key store holds the key's certificate: name one";
                return Err(Problem::new(Code::KeyMismatch, words));
            }
        }
        let wish = Command::Export(KeyExported { format: command.format, reason });
        let recorded = self.repository.execute(&context, command.key.uuid(), wish).await?;
        if let Some(dry_run) = recorded.dry_run {
            return Ok(Answer::Dry(dry_run));
        }
        if recorded.replayed {
            // One event, one file: another passphrase may stand in the repeat, which the command's id does not know of.
            let words =
                "this export was answered before, and a key is given out once for each; ask for another";
            return Err(Problem::new(Code::AlreadyExists, words));
        }
        let key = self.vault.open_secret(&vault::binding(context.tenant, &description)).await?;
        let drawn = command.passphrase.is_none().then(|| self.draw());
        let seal = |text: &SecretText| {
            let id = CredentialId(command.key.uuid());
            sealed::seal(&command.seal_to, context.tenant, id, text.reveal().as_bytes())
        };
        let passphrase = drawn.as_ref().map(seal).transpose();
        let passphrase =
            passphrase.map_err(|error| Problem::new(Code::MalformedRequest, error.to_string()))?;
        let text = command.passphrase.or(drawn).ok_or_else(Problem::internal)?;
        let at = u64::try_from(self.clock.now().unix()).unwrap_or_default() * 1_000;
        let (format, alias, entropy) = (command.format, command.alias, self.vault.entropy.clone());
        let writing = tokio::task::spawn_blocking(move || {
            write(format, &key, &certificates, &alias, &text, at, &mut |bytes: &mut [u8]| entropy.fill(bytes))
        });
        let file = writing.await.map_err(|_| Problem::internal())??;
        Ok(recorded.answer(|_| ExportedKey { file: STANDARD.encode(&*file), passphrase }))
    }

    /// 130 random bits in groups that can be read aloud.
    fn draw(&self) -> SecretText {
        let bytes = Zeroizing::new(entropy::bytes::<26>(&*self.vault.entropy));
        let mut text = String::with_capacity(32);
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && at % 5 == 0 {
                text.push('-');
            }
            text.push(char::from(ALPHABET[usize::from(byte & 31)]));
        }
        SecretText::new(text)
    }
}

fn write(
    format: KeyFormat,
    key: &SecretBytes,
    certificates: &[Certificate],
    alias: &str,
    passphrase: &SecretText,
    at: u64,
    draw: &mut dyn FnMut(&mut [u8]),
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a key cannot be exported");
        Problem::internal()
    };
    let key = PrivateKeyDer::read(key.expose()).map_err(|error| failed(&error))?;
    let certificates: Vec<&Certificate> = certificates.iter().collect();
    let credential = Credential { key: &key, certificates: &certificates, alias };
    let passphrase = passphrase.reveal();
    match format {
        KeyFormat::Pkcs8 => {
            let der = pkcs8::write(&key, passphrase, draw).map_err(|error| failed(&error))?;
            Ok(Zeroizing::new(pem::write(pkcs8::LABEL, &der).into_bytes()))
        }
        KeyFormat::Pkcs12 => pkcs12::write(&credential, passphrase, pkcs12::Protection::Modern, draw)
            .map_err(|error| failed(&error)),
        KeyFormat::Jks => jks::write(&credential, passphrase, at, draw).map_err(|error| failed(&error)),
    }
}

fn read_certificates(texts: &[String]) -> Result<Vec<Certificate>, Problem> {
    let read = |text: &String| Certificate::read_der(&STANDARD.decode(text).ok()?).ok();
    let certificates: Option<Vec<_>> = texts.iter().map(read).collect();
    certificates.ok_or_else(|| Problem::new(Code::MalformedRequest, "a certificate cannot be read"))
}

/// Whether a passphrase that somebody chose is strong enough. Errors: `weak_passphrase`.
pub(crate) fn judge(passphrase: &str) -> Result<(), Problem> {
    let refuse = |code: &str, words: String| {
        Err(Problem::new(Code::WeakPassphrase, words.clone()).with_errors(vec![Violation::at(
            "#/passphrase",
            code,
            words,
        )]))
    };
    if passphrase.chars().count() < LEAST {
        return refuse("passphrase_too_short", format!("a passphrase has at least {LEAST} characters"));
    }
    if common_passwords::is_easy(passphrase) {
        return refuse("passphrase_common", "this passphrase is among those that are tried first".to_owned());
    }
    Ok(())
}

fn read_reason(reason: &str) -> Result<String, Problem> {
    let reason = reason.trim();
    let violation = if reason.is_empty() {
        Some(Violation::at("#/reason", "reason_missing", "say what the key is taken out for"))
    } else {
        check_text("#/reason", reason, REASON)
    };
    match violation {
        Some(violation) => {
            Err(Problem::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![violation]))
        }
        None => Ok(reason.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_passphrase_is_told_as_such() {
        for (passphrase, code) in [
            ("password1", "passphrase_too_short"),
            ("fifteen letters", "passphrase_too_short"),
            ("aaaaaaaaaaaaaaaaaaaa", "passphrase_common"),
            ("passwordpassword", "passphrase_common"),
            ("PasswordPassword", "passphrase_common"),
        ] {
            let refused = judge(passphrase).unwrap_err();
            assert_eq!(
                (refused.code, &*refused.errors[0].code),
                (Code::WeakPassphrase, code),
                "{passphrase}"
            );
        }
        assert_eq!(judge("four unrelated words here"), Ok(()));
    }
}
