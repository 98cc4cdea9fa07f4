//! Sessions: begun by whichever way of signing in, listed, ended.

use bus::{Answer, Context, Reply};
use contracts::{
    Actor, AdministratorId, Code, Credential, OrganizationId, Permission, Problem, SessionId, Thumbprint,
    Timestamp,
    directory::{
        EndSession, RecordSessionUse, SessionEnd, SessionStarted, SessionStatus, SessionView, SignInMethod,
    },
};
use runtime::{
    authority::{Target, covers, permitted},
    repository::Executed,
};
use uuid::Uuid;

use super::{Handlers, within};
use crate::session::{Session, SessionCommand};

/// A session to begin: the gateway drew its id and secret.
pub(super) struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// SHA-256 of the cookie's text, hexadecimal.
    pub hash: String,
    /// Whose it is.
    pub administrator: AdministratorId,
    /// The organization they act in.
    pub organization: OrganizationId,
    /// How they signed in.
    pub method: SignInMethod,
    /// Whether they proved a second factor.
    pub second_factor: bool,
    /// The address they came from.
    pub address: Option<String>,
    /// The client certificate that each of its requests has to show.
    pub certificate: Option<Thumbprint>,
    /// Until when it counts as one whose owner has just proved who they are.
    pub stepped_up_until: Option<Timestamp>,
    /// How long it lasts at most, where that is less than usual.
    pub longest: Option<time::Duration>,
}

impl Handlers {
    /// Begins a session for somebody who proved who they are: the last step of every way of signing in.
    pub(super) async fn start_session(
        &self,
        context: &Context,
        new: NewSession,
    ) -> Result<Executed<Session>, Problem> {
        let (administrator, credential) = (new.administrator, Credential::Session(new.id));
        let usual = self.auth.session_max.duration();
        let lasts = new.longest.map_or(usual, |longest| longest.min(usual));
        let started = SessionStarted {
            id: new.id,
            administrator_id: administrator,
            organization_id: new.organization,
            method: new.method,
            second_factor: new.second_factor,
            address: new.address,
            certificate: new.certificate,
            hash: new.hash,
            expires_at: self.clock.now().plus(lasts),
            stepped_up_until: new.stepped_up_until,
        };
        let context =
            within(context, new.organization).by(Actor::Administrator { administrator, credential });
        self.sessions.create(&context, new.id.uuid(), SessionCommand::Start(Box::new(started))).await
    }

    /// Ends a session: one's own, or that of somebody all of whose grants the caller holds.
    pub async fn end_session(
        &self,
        context: &Context,
        command: EndSession,
    ) -> Result<Answer<SessionView>, Problem> {
        let id = command.session;
        let principal = self.authority.oneself(&context.actor).await?;
        let missing = || Problem::not_found("session", id);
        let snapshot = self.sessions.reload(id.uuid()).await?;
        let (started, _) = snapshot.state.started().ok_or_else(missing)?;
        if started.administrator_id == principal.administrator {
            self.authority.in_person(&context.actor).await?;
        } else {
            let theirs = self.authority.administrator(started.administrator_id).ok_or_else(missing)?;
            let seen = |permission| {
                theirs
                    .held
                    .iter()
                    .any(|held| permitted(&principal, permission, &Target::of_grant(&held.grant)).is_ok())
            };
            if !seen(Permission::AdministratorRead) {
                return Err(missing());
            }
            let within_reach = theirs.held.iter().all(|held| covers(&principal, held));
            if !seen(Permission::AdministratorWrite) || !within_reach {
                let words = "ending this session needs administrator.write over all that its owner may do";
                return Err(Problem::new(Code::Forbidden, words));
            }
        }
        let tenant = snapshot.tenant.ok_or_else(missing)?;
        let reason = if command.signs_out { SessionEnd::SignedOut } else { SessionEnd::Ended };
        let end = SessionCommand::End(reason);
        let done = self.sessions.execute(&within(context, tenant), id.uuid(), end).await?;
        self.session_answer(done).await
    }

    /// Ends the sessions of an administrator, but for one.
    pub(super) async fn end_sessions(
        &self,
        context: &Context,
        administrator: AdministratorId,
        except: Option<SessionId>,
        reason: SessionEnd,
    ) -> Result<(), Problem> {
        self.authority.catch_up_soon().await?;
        self.end_these(context, self.authority.sessions_of(administrator), except, reason).await
    }

    /// Ends these sessions, but for one.
    pub(super) async fn end_these(
        &self,
        context: &Context,
        sessions: Vec<SessionId>,
        except: Option<SessionId>,
        reason: SessionEnd,
    ) -> Result<(), Problem> {
        for id in sessions.into_iter().filter(|id| Some(*id) != except) {
            let Some(tenant) = self.sessions.load(id.uuid()).await?.tenant else { continue };
            let step = within(&context.step(&format!("end {id}")), tenant);
            self.sessions.execute(&step, id.uuid(), SessionCommand::End(reason)).await?;
        }
        Ok(())
    }

    /// Keeps when sessions were last used.
    pub async fn record_session_use(
        &self,
        context: &Context,
        command: RecordSessionUse,
    ) -> Result<Answer<()>, Problem> {
        self.authority.admit::<RecordSessionUse>(context).await?;
        self.session_use.record(&command.uses).await?;
        Ok(Answer::Done(Reply::nothing(())))
    }

    pub(super) async fn session_answer(
        &self,
        done: Executed<Session>,
    ) -> Result<Answer<SessionView>, Problem> {
        let view = self.session_view(&done.state, done.version, done.stream).await?;
        Ok(done.answer(|_| view))
    }

    /// A session as its owner sees it.
    pub(super) async fn session_view(
        &self,
        session: &Session,
        version: i32,
        stream: Uuid,
    ) -> Result<SessionView, Problem> {
        let id = SessionId(stream);
        let (started, ended) = session.started().ok_or_else(|| Problem::not_found("session", id))?;
        Ok(SessionView {
            id,
            administrator_id: started.administrator_id,
            organization_id: started.organization_id,
            method: started.method,
            second_factor: started.second_factor,
            address: started.address.clone(),
            status: if ended.is_some() { SessionStatus::Ended } else { SessionStatus::Active },
            ended,
            created_at: self.created_at(stream).await?,
            expires_at: started.expires_at,
            stepped_up_until: started.stepped_up_until,
            last_used_at: self.session_use.last(id).await?,
            version,
        })
    }
}
