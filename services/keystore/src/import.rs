//! Bringing private keys that were made elsewhere (B2). Files are read before, in a process of their own (P-1): what is sealed is
//! the key alone, PKCS #8.

use aws_lc_rs::signature::EcdsaKeyPair;
use bus::{Answer, Context, Reply};
use contracts::{
    Code, KeyId, OrganizationId, Problem, Violation,
    command::DryRun,
    keystore::{BeginKeyImport, ImportKey, KeyGenerated, KeyImportOffer, KeyPurpose, KeyView},
    x509::KeyAlgorithm,
};
use pki::{
    file::PrivateKeyDer,
    spki::{self, PublicKey},
};
use runtime::aggregate::{Aggregate as _, differences};
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    SecretBytes,
    commands::{Keys, check_label},
    commit::Blob,
    compromise,
    key::{Command, Key},
    operation::measured,
    signing_key::{self, SigningKey},
    upload, vault, view,
};

/// The longest key, in bytes: RSA of 4096 bits takes 2.4 KB.
const LONGEST: usize = 16 * 1024;
/// How many are looked at at once: weak ones are found by long division.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A private key that was read and found sound.
struct Brought {
    algorithm: KeyAlgorithm,
    pkcs8: SecretBytes,
    spki: Vec<u8>,
    spki_sha256: String,
}

impl Keys {
    /// Gives out a one-time public key to seal a private key to.
    pub async fn begin_import(
        &self,
        context: Context,
        _: BeginKeyImport,
    ) -> Result<Answer<KeyImportOffer>, Problem> {
        self.authority.admit::<BeginKeyImport>(&context).await?;
        self.vault.check()?;
        let now = self.clock.now();
        let id = Uuid::new_v5(&context.command_id, b"upload");
        let offer = upload::offer(&self.vault, context.tenant, id, now).await?;
        Ok(Answer::Done(Reply::nothing(offer)))
    }

    /// Brings a private key.
    pub async fn import(&self, context: Context, command: ImportKey) -> Result<Answer<KeyView>, Problem> {
        self.authority.admit::<ImportKey>(&context).await?;
        measured("import", "none", self.import_admitted(context, command)).await
    }

    async fn import_admitted(
        &self,
        context: Context,
        command: ImportKey,
    ) -> Result<Answer<KeyView>, Problem> {
        self.vault.check()?;
        check_label(command.label.as_deref())?;
        let now = self.clock.now();
        let opened = upload::open(&self.vault, context.tenant, &command.ticket, &command.sealed, now).await?;
        let place = AT_ONCE.acquire().await.map_err(|_| Problem::internal())?;
        let reading = tokio::task::spawn_blocking(move || read(&opened));
        let brought = reading.await.map_err(|_| Problem::internal())??;
        drop(place);
        let id = imported_key(context.tenant, &brought.spki_sha256);
        if !context.dry_run
            && let Some(done) = self.repository.repeated(&context, id.uuid()).await?
        {
            return self.answer(done).await;
        }
        self.check_new(&context, id, &brought).await?;
        let key = KeyGenerated {
            id,
            algorithm: brought.algorithm,
            purpose: KeyPurpose::EndEntity,
            exportable: command.exportable,
            label: command.label,
            token: None,
            spki: view::spki_text(&brought.spki),
            spki_sha256: brought.spki_sha256,
        };
        let before = self.repository.reload(id.uuid()).await?;
        let wish = Command::Import(Box::new(key.clone()));
        let decided = self.repository.decide(&context, id.uuid(), before, wish)?;
        if context.dry_run {
            let changes = differences(&Value::Null, &Key::Active(Box::new(key)).describe());
            return Ok(Answer::Dry(DryRun { would_change: true, changes }));
        }
        let wrapped = self.vault.wrap(&vault::binding(context.tenant, &key), &brought.pkcs8).await?;
        let Some(append) = &decided.append else { return Err(Problem::internal()) };
        let outcome = self.commit(append, Blob::KeepKey(&wrapped)).await;
        let outcome = outcome.map_err(|error| runtime::command::append_problem(&error))?;
        self.settle(&decided, outcome).await
    }

    /// Whether the key is none that others know, and none that is here. Errors: `validation_failed`, `already_exists`.
    async fn check_new(&self, context: &Context, id: KeyId, brought: &Brought) -> Result<(), Problem> {
        if compromise::is_blocked(&self.blocked, context.tenant, &brought.spki).await? {
            return Err(refused("key_compromised", "the key is compromised: others know its private half"));
        }
        let here = compromise::keys_with(&self.pool, context.tenant, &brought.spki_sha256, true).await?;
        match here.into_iter().find(|known| *known != id) {
            Some(known) => {
                Err(Problem::new(Code::AlreadyExists, format!("the keystore has this key already: {known}")))
            }
            None => Ok(()),
        }
    }
}

/// The id of a key that is brought to an organization: the same however often, so that it is there once.
fn imported_key(organization: OrganizationId, spki_sha256: &str) -> KeyId {
    KeyId(Uuid::new_v5(&organization.uuid(), format!("imported key {spki_sha256}").as_bytes()))
}

/// Reads what was sealed. Errors: `validation_failed` about `#/key`.
fn read(opened: &SecretBytes) -> Result<Brought, Problem> {
    let bytes = opened.expose();
    if bytes.len() > LONGEST {
        return Err(refused(
            "file_too_large",
            format!("the key has {} bytes; at most {LONGEST}", bytes.len()),
        ));
    }
    let key = PrivateKeyDer::read(bytes).map_err(|error| refused(error.code(), error.to_string()))?;
    let public = PublicKey::read(key.spki()).map_err(|error| refused(error.code(), error.to_string()))?;
    let algorithm = public.algorithm();
    let pkcs8 = canonical(algorithm, key.pkcs8())?;
    let unusable = |error| {
        tracing::warn!(%error, %algorithm, "a key that was brought cannot be used");
        refused("key_unusable", "the key cannot be used")
    };
    let ready = SigningKey::from_pkcs8(algorithm, &pkcs8).map_err(unusable)?;
    let spki = ready.spki().map_err(unusable)?;
    let spki_sha256 = hex::encode(spki::spki_sha256(&spki));
    Ok(Brought { algorithm, pkcs8, spki, spki_sha256 })
}

/// PKCS #8 as the keystore writes it: keys on curves carry their public half.
fn canonical(algorithm: KeyAlgorithm, pkcs8: &[u8]) -> Result<SecretBytes, Problem> {
    let Some(curve) = signing_key::ecdsa(algorithm) else { return Ok(SecretBytes::copy_of(pkcs8)) };
    let document = EcdsaKeyPair::from_private_key_der(curve, pkcs8)
        .ok()
        .and_then(|pair| pair.to_pkcs8v1().ok())
        .ok_or_else(|| refused("key_unusable", "the key cannot be used"))?;
    Ok(SecretBytes::copy_of(document.as_ref()))
}

fn refused(code: &str, words: impl Into<String>) -> Problem {
    let words = words.into();
    Problem::new(Code::ValidationFailed, words.clone()).with_errors(vec![Violation::at("#/key", code, words)])
}
