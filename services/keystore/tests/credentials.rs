//! Credentials: kept once, given only to who uses them, gone when destroyed, and never seen on the way.

#![allow(clippy::unwrap_used)] // a test cannot go on without what it asked for

mod support;

use contracts::{
    Code, CredentialId, SecretText, Service,
    keystore::{CredentialPurpose, DestroySignInCredential, KeepSignInCredential, UseSignInCredential},
};
use runtime::sealed::OneTimeKey;
use support::{OURS, Stage, THEIRS};

const SECRET: &str = "correct horse battery staple";

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_kept_used_and_destroyed_and_the_log_says_so_without_it() {
    let stage = Stage::start().await;
    let id = stage.directory_keeps(CredentialPurpose::OidcClient, SECRET).await;
    assert_eq!(stage.count("wrapped_credential").await, 1);
    let used = stage.directory_uses(id, CredentialPurpose::OidcClient).await.unwrap();
    assert_eq!(used.reveal(), SECRET);

    let gone = stage.directory_sends(&DestroySignInCredential { id }).await.unwrap().result;
    assert!(gone.destroyed);
    assert_eq!(stage.count("wrapped_credential").await, 0);
    let refused = stage.directory_uses(id, CredentialPurpose::OidcClient).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidState);
    assert!(stage.directory_sends(&DestroySignInCredential { id }).await.unwrap().result.destroyed);

    let events = stage.keystore.reader.read_stream(id.uuid(), 0).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["credential.kept", "credential.used", "credential.destroyed"]);
    assert!(events.iter().all(|event| !event.payload.contains("horse")), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_purpose_organization_or_secret_is_refused() {
    let stage = Stage::start().await;
    let totp = stage.directory_keeps(CredentialPurpose::Totp, SECRET).await;
    let mail = stage.notifier_keeps(SECRET).await;
    for (id, purpose) in [
        (totp, CredentialPurpose::OidcClient),
        (mail, CredentialPurpose::Totp),
        (mail, CredentialPurpose::Smtp),
        (CredentialId(OURS.uuid()), CredentialPurpose::Totp),
    ] {
        assert_eq!(stage.directory_uses(id, purpose).await.unwrap_err().code, Code::NotFound, "{purpose:?}");
    }

    // What is the notifier's is no concern of directory's (N-4).
    let refused = stage.directory_sends(&DestroySignInCredential { id: mail }).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);
    let (id, secret) = (stage.signer.ids.id(), SecretText::new(SECRET.into()));
    let as_mail = KeepSignInCredential { id, purpose: CredentialPurpose::Smtp, secret };
    assert_eq!(stage.directory_sends(&as_mail).await.unwrap_err().code, Code::NotFound);
    assert_eq!(stage.count("wrapped_credential").await, 2);

    let foreign = bus::Context { tenant: THEIRS, ..stage.directorys_command() };
    let seal_to = OneTimeKey::draw().unwrap().public();
    let wish = UseSignInCredential { id: totp, purpose: CredentialPurpose::Totp, seal_to };
    let refused = stage.directory().await.bus.call(&foreign, &wish).await.unwrap_err();
    assert_eq!(refused.code, Code::NotFound);

    let keep = |id, secret: &str| KeepSignInCredential {
        id,
        purpose: CredentialPurpose::Totp,
        secret: SecretText::new(secret.into()),
    };
    let again = stage.directory_sends(&keep(totp, "another")).await.unwrap_err();
    assert_eq!(again.code, Code::AlreadyExists);
    let empty = stage.directory_sends(&keep(stage.signer.ids.id(), "")).await.unwrap_err();
    assert_eq!(empty.code, Code::ValidationFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_keeps_nothing_twice_and_a_moved_blob_does_not_open() {
    let stage = Stage::start().await;
    let id = stage.signer.ids.id::<CredentialId>();
    let secret = || SecretText::new(SECRET.into());
    let keep = KeepSignInCredential { id, purpose: CredentialPurpose::Totp, secret: secret() };
    let command = stage.directorys_command();
    let bus = &stage.directory().await.bus;
    let first = bus.call(&command, &keep).await.unwrap();
    let second = bus.call(&command, &keep).await.unwrap();
    assert_eq!((first.replayed, second.replayed, first.result), (false, true, second.result));

    let other = stage.directory_keeps(CredentialPurpose::Totp, "another").await;
    let owner = stage.servers.connect(&Service::Keystore.role()).await;
    let swap = "update keystore.wrapped_credential a set data_key = b.data_key, secret = b.secret \
                from keystore.wrapped_credential b where a.credential_id <> b.credential_id";
    assert_eq!(owner.execute(swap, &[]).await.unwrap(), 2);
    for id in [id, other] {
        let refused = stage.directory_uses(id, CredentialPurpose::Totp).await.unwrap_err();
        assert_eq!(refused.code, Code::Internal);
    }
}
