//! Signing in at an identity provider: begun by sending the browser there, ended by what it brings back. Whatever is wrong
//! is recorded; whoever is refused reads what they can do about it and no more.

use bus::{Answer, Context};
use contracts::{
    Actor, Code, Credential, OrganizationId, Problem, SecretText, Service,
    directory::{
        BeginProviderSignIn, BegunProviderSignIn, FinishProviderSignIn, IdentityProviderCreated, SessionEnd,
        SessionSteppedUp, SessionView, SignInFailed, SignInFailure, SignInMethod,
    },
    keystore::{CredentialPurpose, UseSignInCredential},
};
use runtime::sealed::OneTimeKey;
use time::Duration;

use super::{Handlers, INSTALLATION, provider_people::Person, sessions::NewSession, within};
use crate::{
    begun_sign_in::Begun,
    oidc::{
        attempt::{Asked, Attempt},
        client::{ProviderError, Us},
        id_token::{Identity, SKEW},
    },
    session::SessionCommand,
};

/// How long a session that began at a provider lasts: whoever may no longer sign in there is out by then.
const LONGEST: Duration = Duration::HOUR;

/// Why somebody who comes from a provider is not let in.
pub(super) enum Refused {
    /// It is recorded, of this person if they are known here.
    Because(SignInFailure, Option<contracts::AdministratorId>),
    /// Something else.
    Problem(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<SignInFailure> for Refused {
    fn from(reason: SignInFailure) -> Self {
        Self::Because(reason, None)
    }
}

impl From<ProviderError> for Refused {
    fn from(error: ProviderError) -> Self {
        tracing::info!(error = runtime::error::words(&error), "identity provider not believed");
        Self::from(match error {
            ProviderError::Client => SignInFailure::ClientRefused,
            ProviderError::Code | ProviderError::Token(_) => SignInFailure::IdentityRefused,
            _ => SignInFailure::ProviderUnavailable,
        })
    }
}

impl Handlers {
    /// Says where a browser goes to sign in.
    pub async fn begin_provider_sign_in(
        &self,
        context: &Context,
        command: BeginProviderSignIn,
    ) -> Result<Answer<BegunProviderSignIn>, Problem> {
        let (id, session) = match (context.actor, command.provider) {
            (Actor::Service(_), Some(provider)) => {
                self.authority.admit::<BeginProviderSignIn>(context).await?;
                (provider, None)
            }
            (actor, _) => {
                let principal = self.authority.oneself(&actor).await?;
                let snapshot = self.administrators.reload(principal.administrator.uuid()).await?;
                let provider =
                    snapshot.state.appointed().and_then(|(appointed, _)| appointed.identity_provider_id);
                match (provider, principal.credential) {
                    (Some(provider), Credential::Session(session)) => (provider, Some(session)),
                    _ => {
                        let words = "only a session that began at an identity provider is confirmed there";
                        return Err(Problem::new(Code::InvalidState, words));
                    }
                }
            }
        };
        let snapshot = self.identity_providers.reload(id.uuid()).await?;
        let Some(provider) = snapshot.state.open() else {
            return Err(told(SignInFailure::ProviderStopped));
        };
        let found = match self.provider_client.discover(&provider.setup.issuer).await {
            Ok(found) => found,
            Err(error) => {
                let failed = (SignInFailure::ProviderUnavailable, None);
                tracing::info!(error = runtime::error::words(&error), "identity provider not found");
                return Err(self.not_let_in(context, Some(provider), failed, None).await);
            }
        };
        let (attempt, now) = (Attempt::of(command.secret.reveal()), self.clock.now());
        self.begun_sign_ins.keep(&attempt.state, Begun { provider: id, session, at: now }).await?;
        let asked = Asked {
            client_id: &provider.setup.client_id,
            scopes: &provider.setup.scopes,
            redirect: &self.redirect(provider),
            fresh: session.map(|_| self.auth.step_up.duration().whole_seconds()),
        };
        let url = attempt.url(&found, &asked).into();
        Ok(Answer::Done(bus::Reply::nothing(BegunProviderSignIn { url })))
    }

    /// Begins a session for whoever a provider knows, or confirms the one that they are in.
    pub async fn finish_provider_sign_in(
        &self,
        context: &Context,
        command: FinishProviderSignIn,
    ) -> Result<Answer<SessionView>, Problem> {
        self.authority.admit::<FinishProviderSignIn>(context).await?;
        // What was done and not heard of is done: a code is good for one exchange.
        if let Some(done) = self.begun(command.id, &command.hash).await? {
            return Ok(done);
        }
        let begun = self.begun_sign_ins.take(&command.state, self.clock.now()).await?;
        let snapshot = self.identity_providers.reload(command.provider.uuid()).await?;
        let provider = snapshot.state.fields();
        let judged = async {
            let void = || Refused::from(SignInFailure::SignInVoid);
            let begun = begun.ok_or_else(void)?;
            let attempt = command.secret.as_ref().map(|secret| Attempt::of(secret.reveal()));
            let attempt = attempt.filter(|attempt| attempt.is(&command.state)).ok_or_else(void)?;
            if begun.provider != command.provider {
                return Err(SignInFailure::IdentityRefused.into());
            }
            let provider = snapshot.state.open().ok_or(SignInFailure::ProviderStopped)?;
            let identity = self.identity(context, provider, &attempt, &command).await?;
            match begun.session {
                None => self.let_in(context, provider, &identity, &command).await,
                Some(_) => self.confirm(context, provider, &identity, &command, begun).await,
            }
        };
        match judged.await {
            Ok(done) => Ok(done),
            Err(Refused::Problem(problem)) => Err(problem),
            Err(Refused::Because(reason, known)) => {
                Err(self.not_let_in(context, provider, (reason, known), command.address.clone()).await)
            }
        }
    }

    /// Whom a provider's answer is about, if it is believed.
    async fn identity(
        &self,
        context: &Context,
        provider: &IdentityProviderCreated,
        attempt: &Attempt,
        command: &FinishProviderSignIn,
    ) -> Result<Identity, Refused> {
        let issuer = provider.setup.issuer.as_str();
        // Before anything that it says is looked at, also that it refuses.
        if command.issuer.as_deref().is_some_and(|named| named != issuer) {
            return Err(SignInFailure::IdentityRefused.into());
        }
        if command.error.is_some() {
            return Err(SignInFailure::ProviderRefused.into());
        }
        let code = command.code.as_ref().ok_or(SignInFailure::IdentityRefused)?;
        let found = self.provider_client.discover(issuer).await?;
        if found.names_itself && command.issuer.is_none() {
            return Err(SignInFailure::IdentityRefused.into());
        }
        let secret = self.client_secret(context, provider).await?;
        let redirect = self.redirect(provider);
        let client_id = &provider.setup.client_id;
        let us = Us { issuer, client_id, client_secret: &secret, redirect: &redirect };
        Ok(self.provider_client.identify(&found, &us, attempt, code, || self.clock.now()).await?)
    }

    async fn let_in(
        &self,
        context: &Context,
        provider: &IdentityProviderCreated,
        identity: &Identity,
        command: &FinishProviderSignIn,
    ) -> Result<Answer<SessionView>, Refused> {
        let Person { id, organization } = self.person_of(context, provider, identity).await?;
        let because = |reason| Refused::Because(reason, Some(id));
        let certificate = self.on_top(Some(id), command.certificate.as_ref()).map_err(because)?;
        let session = NewSession {
            id: command.id,
            hash: command.hash.clone(),
            administrator: id,
            organization,
            method: SignInMethod::Oidc,
            second_factor: false,
            address: command.address.clone(),
            certificate,
            stepped_up_until: None,
            longest: Some(LONGEST),
        };
        let done = self.start_session(context, session).await?;
        let now = self.identity_providers.reload(provider.id.uuid()).await?;
        if now.state.open() != Some(provider) {
            // Changed meanwhile: whoever changed it looked for sessions before there was this one.
            self.end_these(context, vec![command.id], None, SessionEnd::ProviderStopped).await?;
            return Err(because(SignInFailure::ProviderStopped));
        }
        Ok(self.session_answer(done).await?)
    }

    /// Opens sensitive acts to a session whose owner has just signed in anew.
    async fn confirm(
        &self,
        context: &Context,
        provider: &IdentityProviderCreated,
        identity: &Identity,
        command: &FinishProviderSignIn,
        begun: Begun,
    ) -> Result<Answer<SessionView>, Refused> {
        let Person { id, .. } = self.person_of(context, provider, identity).await?;
        let because = |reason| Refused::Because(reason, Some(id));
        let snapshot = self.sessions.reload(command.id.uuid()).await?;
        let (started, _) = snapshot.state.started().ok_or_else(|| because(SignInFailure::SignInVoid))?;
        if begun.session != Some(command.id) || started.administrator_id != id {
            return Err(because(SignInFailure::NotBound));
        }
        if identity.proved_at.is_none_or(|proved_at| proved_at < begun.at.plus(-SKEW)) {
            return Err(because(SignInFailure::NotFresh));
        }
        let until = self.clock.now().plus(self.auth.step_up.duration());
        let step_up = SessionCommand::StepUp(SessionSteppedUp { hash: command.hash.clone(), until });
        let credential = Credential::Session(command.id);
        let theirs = within(context, started.organization_id)
            .by(Actor::Administrator { administrator: id, credential });
        let done = self.sessions.execute(&theirs, command.id.uuid(), step_up).await?;
        Ok(self.session_answer(done).await?)
    }

    /// Our secret at a provider, for one exchange.
    async fn client_secret(
        &self,
        context: &Context,
        provider: &IdentityProviderCreated,
    ) -> Result<SecretText, Problem> {
        let unreadable = |error: runtime::sealed::SealError| {
            tracing::error!(%error, "a client secret cannot be read");
            Problem::internal()
        };
        let tenant = provider.organization_id.unwrap_or(INSTALLATION);
        let (id, key) = (provider.setup.credential, OneTimeKey::draw().map_err(unreadable)?);
        let purpose = CredentialPurpose::OidcClient;
        let use_it = UseSignInCredential { id, purpose, seal_to: key.public() };
        let step = within(&context.step("client secret"), tenant).by(Actor::Service(Service::Directory));
        let reply = self.bus.call(&step, &use_it).await?;
        key.open(tenant, id, &reply.result).map_err(unreadable)
    }

    /// Records why somebody was not let in, and says what they are told.
    async fn not_let_in(
        &self,
        context: &Context,
        provider: Option<&IdentityProviderCreated>,
        (reason, administrator_id): (SignInFailure, Option<contracts::AdministratorId>),
        address: Option<String>,
    ) -> Problem {
        let tenant: OrganizationId =
            provider.and_then(|provider| provider.organization_id).unwrap_or(INSTALLATION);
        let failed = SignInFailed { method: SignInMethod::Oidc, reason, administrator_id, address };
        self.sign_in_failed(context, tenant, failed).await.err().unwrap_or_else(|| told(reason))
    }

    fn redirect(&self, provider: &IdentityProviderCreated) -> String {
        format!("{}{}", self.public_url, provider.id.redirect_path())
    }
}

/// What whoever is not let in is told.
fn told(reason: SignInFailure) -> Problem {
    let (code, words) = match reason {
        SignInFailure::SignInVoid => (
            Code::SignInVoid,
            "this sign-in was finished, has lapsed after ten minutes, or was begun in another browser: begin again",
        ),
        SignInFailure::ProviderStopped => {
            (Code::NotAdmitted, "nobody signs in at this identity provider at the moment")
        }
        SignInFailure::ProviderUnavailable => (
            Code::ProviderUnavailable,
            "the identity provider does not answer as it should: try again later, or sign in another way",
        ),
        SignInFailure::ClientRefused => (
            Code::ProviderUnavailable,
            "the identity provider does not take this installation's client id and secret: tell an administrator",
        ),
        SignInFailure::ProviderRefused => {
            (Code::NotAdmitted, "the identity provider did not let you in, or you turned back there")
        }
        SignInFailure::NoGroup => (
            Code::NotAdmitted,
            "the identity provider knows you, but none of your groups there may do anything here: ask an administrator",
        ),
        SignInFailure::NotActive => {
            (Code::NotAdmitted, "you are disabled or removed here: ask an administrator")
        }
        SignInFailure::NotFresh => (
            Code::IdentityRefused,
            "the identity provider does not say that you have just signed in anew there",
        ),
        SignInFailure::NotBound => (
            Code::IdentityRefused,
            "somebody else signed in at the identity provider, or with another certificate",
        ),
        SignInFailure::CertificateRefused => {
            (Code::Unauthenticated, "signing in needs a valid client certificate that is bound to you, too")
        }
        _ => (Code::IdentityRefused, "the identity provider's answer is not believed: begin again"),
    };
    Problem::new(code, words)
}
