//! The way to the mail server: the settings, and the password that keystore has for it.

use std::sync::Arc;

use bus::{Bus, Context};
use contracts::{
    Actor, Code, CredentialId, Problem, SecretText, Service,
    keystore::UseMailCredential,
    notifier::{MailSettingsReplaced, mail_settings_stream},
};
use parking_lot::Mutex;
use runtime::{clock::Clock, ids::Ids, repository::Repository, sealed::OneTimeKey, service::ServiceContext};

use crate::settings::{INSTALLATION, MailSettings};

/// How long a password that was opened is kept: a burst of mails is one use of it.
const KEPT: time::Duration = time::Duration::minutes(5);
/// How long keystore may take.
const PATIENCE: time::Duration = time::Duration::seconds(8);

/// What a delivery needs beside the mail.
#[derive(Clone, Debug)]
pub struct Way {
    /// The settings.
    pub settings: MailSettingsReplaced,
    /// The password, where a user is set.
    pub password: Option<Arc<SecretText>>,
}

/// Finds the way.
pub struct Post {
    /// The settings.
    pub settings: Repository<MailSettings>,
    bus: Bus,
    ids: Ids,
    clock: Arc<dyn Clock>,
    opened: Mutex<Option<(CredentialId, contracts::Timestamp, Arc<SecretText>)>>,
}

impl Post {
    /// One of a service instance.
    #[must_use]
    pub fn new(context: &ServiceContext) -> Self {
        Self {
            settings: context.repository(1),
            bus: context.bus.clone(),
            ids: context.ids.clone(),
            clock: context.clock.clone(),
            opened: Mutex::default(),
        }
    }

    /// The way as it is now; `None` until mail is set up. Errors: keystore is away or sealed.
    pub async fn way(&self) -> Result<Option<Way>, Problem> {
        let Some(settings) = self.settings.reload(mail_settings_stream()).await?.state.0.clone() else {
            return Ok(None);
        };
        let password = match settings.credential {
            Some(credential) => Some(self.password(credential).await?),
            None => None,
        };
        Ok(Some(Way { settings, password }))
    }

    async fn password(&self, credential: CredentialId) -> Result<Arc<SecretText>, Problem> {
        let now = self.clock.now();
        if let Some((known, since, secret)) = &*self.opened.lock()
            && *known == credential
            && since.plus(KEPT) > now
        {
            return Ok(secret.clone());
        }
        let key = OneTimeKey::draw().map_err(|_| Problem::internal())?;
        let command = UseMailCredential { id: credential, seal_to: key.public() };
        let actor = Actor::Service(Service::Notifier);
        let context = Context::new(self.ids.uuid(), INSTALLATION, actor, now.plus(PATIENCE));
        let sealed = self.bus.call(&context, &command).await?.result;
        let secret = key.open(INSTALLATION, credential, &sealed).map_err(|error| {
            tracing::error!(%error, "keystore's answer does not open");
            Problem::new(Code::Internal, "the password cannot be opened")
        })?;
        let secret = Arc::new(secret);
        *self.opened.lock() = Some((credential, now, secret.clone()));
        Ok(secret)
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Post([redacted])")
    }
}
