//! Directory's part: it keeps credentials and uses them.

use bus::{Context, Reply};
use contracts::{
    Actor, Command, CredentialId, Problem, SecretText, Service,
    keystore::{CredentialPurpose, KeepMailCredential, KeepSignInCredential, UseSignInCredential},
};
use runtime::{clock::Clock as _, sealed::OneTimeKey, service::ServiceContext};

use super::{OURS, Stage};

impl Stage {
    /// A connection as directory.
    pub async fn directory(&self) -> &ServiceContext {
        let open = || async { ServiceContext::open(&self.foundation, Service::Directory).await.unwrap() };
        self.directory.get_or_init(open).await
    }

    pub fn directorys_command(&self) -> Context {
        let deadline = self.clock.now().plus(time::Duration::seconds(20));
        Context::new(self.signer.ids.uuid(), OURS, Actor::Service(Service::Directory), deadline)
    }

    /// Sends a command as directory.
    pub async fn directory_sends<C: Command>(&self, command: &C) -> Result<Reply<C::Reply>, Problem> {
        self.directory().await.bus.call(&self.directorys_command(), command).await
    }

    pub async fn directory_keeps(&self, purpose: CredentialPurpose, secret: &str) -> CredentialId {
        let id = self.signer.ids.id::<CredentialId>();
        let keep = KeepSignInCredential { id, purpose, secret: SecretText::new(secret.into()) };
        self.directory_sends(&keep).await.unwrap();
        id
    }

    /// The notifier keeps a password at a mail server, in the same organization.
    pub async fn notifier_keeps(&self, secret: &str) -> CredentialId {
        let id = self.signer.ids.id::<CredentialId>();
        let notifier = ServiceContext::open(&self.foundation, Service::Notifier).await.unwrap();
        let context = self.directorys_command().by(Actor::Service(Service::Notifier));
        let keep = KeepMailCredential { id, secret: SecretText::new(secret.into()) };
        notifier.bus.call(&context, &keep).await.unwrap();
        id
    }

    pub async fn directory_uses(
        &self,
        id: CredentialId,
        purpose: CredentialPurpose,
    ) -> Result<SecretText, Problem> {
        let key = OneTimeKey::draw().unwrap();
        let wish = UseSignInCredential { id, purpose, seal_to: key.public() };
        let sealed = self.directory_sends(&wish).await?.result;
        Ok(key.open(OURS, id, &sealed).unwrap())
    }
}
