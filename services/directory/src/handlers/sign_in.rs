//! Signing in with a password, and proving again who one is.
//!
//! Whoever is refused learns only that name or password is wrong: unknown names take the same way and the same time.

use bus::{Answer, Context, Reply};
use contracts::{
    Actor, AdministratorId, Code, Credential, OrganizationId, Problem, SecretText,
    directory::{
        AdministratorStatus, SessionEnd, SessionSteppedUp, SessionView, SignIn, SignInFailed, SignInFailure,
        SignInMethod, StepUp,
    },
};
use runtime::authority::{KnownAdministrator, Principal};

use super::{Handlers, INSTALLATION, sessions::NewSession, within};
use crate::{administrator::Door, fields, lock_out::Try, session::SessionCommand};

/// Somebody who may be who they say.
pub(super) struct Claimant {
    /// Who, if there is such an administrator.
    pub id: Option<AdministratorId>,
    /// The sign-in name as it is compared.
    pub name: String,
    /// The organization that their history belongs to.
    pub tenant: OrganizationId,
    /// How they come in.
    pub door: Door,
    /// The address they come from.
    pub address: Option<String>,
}

/// Why somebody is not let in.
pub(super) enum NotLetIn {
    /// It is recorded, and they learn no more than that it failed.
    Failed(SignInFailure),
    /// They have to send a code of the second factor, too.
    CodeWanted,
    /// Something else.
    Problem(Problem),
}

impl From<Problem> for NotLetIn {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Handlers {
    /// Begins a session for whoever knows a name and its password.
    pub async fn sign_in(&self, context: &Context, command: SignIn) -> Result<Answer<SessionView>, Problem> {
        self.authority.admit::<SignIn>(context).await?;
        // What was done and not heard of is done: a code is not used up for nothing.
        if let Some(done) = self.begun(command.id, &command.hash).await? {
            return Ok(done);
        }
        let claimant = self.claimant(&command.name, command.address.clone()).await?;
        let slot = self.passwords.slot().await?;
        let now = self.clock.now();
        let attempt = self.lock_out.begin(&claimant.name, claimant.address.as_deref(), now).await?;
        let known = claimant.id.and_then(|id| self.authority.administrator(id));
        let judged = async {
            let kept = self.passwords.find(claimant.id).await?;
            let (has_password, proved) = (kept.is_some(), kept.clone());
            let right = self.passwords.is(slot, kept, &command.password).await?;
            let known = known.as_ref().ok_or(NotLetIn::Failed(SignInFailure::UnknownName))?;
            match (has_password, right) {
                (false, _) => return Err(NotLetIn::Failed(SignInFailure::NoPassword)),
                (true, false) => return Err(NotLetIn::Failed(SignInFailure::WrongPassword)),
                (true, true) => {}
            }
            if known.status != AdministratorStatus::Active {
                return Err(NotLetIn::Failed(SignInFailure::NotActive));
            }
            // Before a code is asked for: without the certificate nobody learns that the password was right.
            let certificate =
                self.on_top(claimant.id, command.certificate.as_ref()).map_err(NotLetIn::Failed)?;
            let organization = self
                .organization_of(known, command.organization.as_deref())
                .ok_or(NotLetIn::Failed(SignInFailure::OtherOrganization))?;
            let second_factor = claimant.door.second_factor.is_some();
            if second_factor {
                let code = command.code.as_ref().ok_or(NotLetIn::CodeWanted)?;
                self.prove(context, &claimant, code).await?;
            }
            Ok((organization, second_factor, certificate, proved))
        };
        let (organization, second_factor, certificate, proved) = match judged.await {
            Ok(let_in) => let_in,
            Err(NotLetIn::CodeWanted) => {
                // The password was right; nothing failed yet, and nothing that failed before is forgiven.
                self.lock_out.take_back(attempt).await?;
                let words = "send the code of your second factor, or a recovery code, in 'code'";
                return Err(Problem::new(Code::SecondFactorRequired, words));
            }
            Err(refused) => return Err(self.turned_away(context, &claimant, Some(attempt), refused).await),
        };
        self.lock_out.forgive(attempt).await?;
        let administrator = claimant.id.ok_or_else(Problem::internal)?;
        let session = NewSession {
            id: command.id,
            hash: command.hash,
            administrator,
            organization,
            method: SignInMethod::Password,
            second_factor,
            address: claimant.address,
            certificate,
            stepped_up_until: None,
            longest: None,
        };
        let started = session.id;
        let done = self.start_session(context, session).await?;
        if self.passwords.find(Some(administrator)).await? != proved {
            // Changed meanwhile: whoever changed it looked for sessions before there was this one.
            self.end_these(context, vec![started], None, SessionEnd::PasswordChanged).await?;
            let failed = NotLetIn::Failed(SignInFailure::WrongPassword);
            let again = Claimant { address: None, ..self.claimant(&command.name, None).await? };
            return Err(self.turned_away(context, &again, None, failed).await);
        }
        self.session_answer(done).await
    }

    /// Opens sensitive acts to a session for a while.
    pub async fn step_up(&self, context: &Context, command: StepUp) -> Result<Answer<SessionView>, Problem> {
        let principal = self.authority.oneself(&context.actor).await?;
        let Credential::Session(id) = principal.credential else {
            let words = "an API token needs no step-up: it was issued for what it may do";
            return Err(Problem::new(Code::InvalidState, words));
        };
        let claimant = self.of_principal(&principal, command.address).await?;
        let now = self.clock.now();
        let (attempt, judged) = match claimant.door.second_factor {
            Some(_) => {
                let code = command.code.ok_or_else(|| {
                    Problem::new(Code::SecondFactorRequired, "send a code of your second factor in 'code'")
                })?;
                let attempt = self.lock_out.begin_again(id, now).await?;
                (attempt, self.prove(context, &claimant, &code).await)
            }
            None if self.is_of_provider(principal.administrator).await? => {
                let words = "you signed in at an identity provider: open /sign-in/again in this browser to do so anew";
                return Err(Problem::new(Code::InvalidState, words));
            }
            None => {
                let password = command
                    .password
                    .ok_or_else(|| Problem::new(Code::Unauthenticated, "send your password in 'password'"))?;
                let slot = self.passwords.slot().await?;
                let attempt = self.lock_out.begin_again(id, now).await?;
                let kept = self.passwords.find(claimant.id).await?;
                let right = self.passwords.is(slot, kept, &password).await?;
                (attempt, right.then_some(()).ok_or(NotLetIn::Failed(SignInFailure::WrongPassword)))
            }
        };
        if let Err(refused) = judged {
            return Err(self.turned_away(context, &claimant, Some(attempt), refused).await);
        }
        self.lock_out.forgive(attempt).await?;
        let until = now.plus(self.auth.step_up.duration());
        let step_up = SessionCommand::StepUp(SessionSteppedUp { hash: command.hash, until });
        let done =
            self.sessions.execute(&within(context, principal.organization), id.uuid(), step_up).await?;
        self.session_answer(done).await
    }

    /// Whoever a typed name means. It takes the same time whether there is somebody or not.
    pub(super) async fn claimant(&self, typed: &str, address: Option<String>) -> Result<Claimant, Problem> {
        let name = fields::sign_in_name(typed);
        self.authority.catch_up_soon().await?;
        let id = self.authority.administrator_named(&name);
        let snapshot = self.administrators.reload(id.unwrap_or(NOBODY).uuid()).await?;
        let door = snapshot.state.door().cloned().unwrap_or_default();
        Ok(Claimant { id, name, tenant: snapshot.tenant.unwrap_or(INSTALLATION), door, address })
    }

    /// Somebody who is signed in already.
    pub(super) async fn of_principal(
        &self,
        principal: &Principal,
        address: Option<String>,
    ) -> Result<Claimant, Problem> {
        let snapshot = self.administrators.reload(principal.administrator.uuid()).await?;
        let missing = || Problem::not_found("administrator", principal.administrator);
        let (appointed, _) = snapshot.state.appointed().ok_or_else(missing)?;
        Ok(Claimant {
            id: Some(principal.administrator),
            name: appointed.name.clone(),
            tenant: snapshot.tenant.ok_or_else(missing)?,
            door: snapshot.state.door().cloned().unwrap_or_default(),
            address,
        })
    }

    /// Records a failure, and says what the one who failed is told.
    pub(super) async fn turned_away(
        &self,
        context: &Context,
        claimant: &Claimant,
        attempt: Option<Try>,
        refused: NotLetIn,
    ) -> Problem {
        let reason = match refused {
            NotLetIn::Problem(problem) if problem.code == Code::SignInLocked => {
                let recorded = self.record_failure(context, claimant, SignInFailure::TooManyCodes).await;
                return recorded.err().unwrap_or(problem);
            }
            NotLetIn::Problem(problem) => {
                // Nothing was judged, so nothing failed.
                if let Some(attempt) = attempt
                    && let Err(error) = self.lock_out.take_back(attempt).await
                {
                    tracing::warn!(%error, "a try that nobody judged stays counted");
                }
                return problem;
            }
            NotLetIn::CodeWanted => SignInFailure::WrongCode,
            NotLetIn::Failed(reason) => reason,
        };
        let recorded = self.record_failure(context, claimant, reason).await;
        recorded.err().unwrap_or_else(|| match reason {
            SignInFailure::WrongCode => {
                Problem::new(Code::Unauthenticated, "the code is wrong, or was used already")
            }
            _ => Problem::new(Code::Unauthenticated, "name or password is wrong"),
        })
    }

    async fn record_failure(
        &self,
        context: &Context,
        claimant: &Claimant,
        reason: SignInFailure,
    ) -> Result<(), Problem> {
        let failed = SignInFailed {
            method: SignInMethod::Password,
            reason,
            administrator_id: claimant.id,
            address: claimant.address.clone(),
        };
        self.sign_in_failed(context, claimant.tenant, failed).await
    }

    /// Records that somebody was not let in, whatever the way they tried.
    pub(super) async fn sign_in_failed(
        &self,
        context: &Context,
        tenant: OrganizationId,
        failed: SignInFailed,
    ) -> Result<(), Problem> {
        tracing::info!(reason = ?failed.reason, "sign-in failed");
        let step = within(&context.step("failed"), tenant).by(Actor::Service(contracts::Service::Directory));
        self.failed_sign_ins.create(&step, step.command_id, failed.into()).await.map(drop)
    }

    /// The organization somebody acts in who wants to act in this one; `None` if they may do nothing there.
    pub(super) fn organization_of(
        &self,
        known: &KnownAdministrator,
        wanted: Option<&str>,
    ) -> Option<OrganizationId> {
        let mut granted = known.held.iter().map(|held| held.grant.organization_id);
        match wanted {
            Some(name) => {
                let wanted = self.authority.organization_named(name)?;
                granted.any(|organization| organization.is_none_or(|id| id == wanted)).then_some(wanted)
            }
            None => granted.next()?.or_else(|| self.authority.first_organization()),
        }
    }

    /// The answer to a sign-in that was done before.
    pub(super) async fn begun(
        &self,
        id: contracts::SessionId,
        hash: &str,
    ) -> Result<Option<Answer<SessionView>>, Problem> {
        let snapshot = self.sessions.reload(id.uuid()).await?;
        match snapshot.state.started() {
            Some((started, None)) if started.hash == hash => {
                let view = self.session_view(&snapshot.state, snapshot.version, id.uuid()).await?;
                let reply = Reply {
                    stream: Some(id.uuid()),
                    version: snapshot.version,
                    position: 0,
                    replayed: true,
                    result: view,
                };
                Ok(Some(reply.into()))
            }
            _ => Ok(None),
        }
    }

    /// Whether a code is that of the second factor, or a recovery code.
    pub(super) async fn prove(
        &self,
        context: &Context,
        claimant: &Claimant,
        code: &SecretText,
    ) -> Result<(), NotLetIn> {
        let (Some(administrator), Some(credential)) = (claimant.id, claimant.door.second_factor) else {
            return Err(NotLetIn::Failed(SignInFailure::WrongCode));
        };
        let right = self.is_code(context, claimant.tenant, administrator, credential, code).await?;
        right.then_some(()).ok_or(NotLetIn::Failed(SignInFailure::WrongCode))
    }
}

/// Whose history is read for a name that nobody has.
const NOBODY: AdministratorId = AdministratorId(uuid::Uuid::nil());
