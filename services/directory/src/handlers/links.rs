//! One-time links and passwords: wanted, drawn, used, changed.

use bus::{Answer, Context, Reply};
use contracts::{
    Actor, AdministratorId, Code, Credential, Lifetime, Problem, SecretText, Service, Timestamp, Violation,
    directory::{
        AdministratorKind, AdministratorLinkDrawn, AdministratorLinkWanted, AdministratorStatus,
        ChangePassword, DrawLink, DrawnLink, ForgetPassword, LinkPurpose, SessionEnd, SessionRenewed,
        SignInFailure, UseLink, WantLink, WantedLink,
    },
    id,
};
use runtime::{entropy, repository::Executed};
use sha2::{Digest, Sha256};

use super::{Handlers, sign_in::NotLetIn, within};
use crate::{
    administrator::{Administrator, AdministratorCommand},
    session::SessionCommand,
};

/// How long a link works.
const VALID: Lifetime = Lifetime::days(1);
/// How long a link may be drawn for its mail, which is tried for three days.
const WANTED: Lifetime = Lifetime::days(4);
/// What a code begins with.
const PREFIX: &str = "chl_";

impl Handlers {
    /// Sends a one-time link, or shows it to somebody who holds all that its administrator holds.
    pub async fn want_link(
        &self,
        context: &Context,
        command: WantLink,
    ) -> Result<Answer<WantedLink>, Problem> {
        let id = command.administrator;
        let seen = self.seen::<WantLink>(context, id).await?;
        self.may_give(&seen.caller, &seen.principal, seen.grants.clone())?;
        let known = self.administrators.load(id.uuid()).await?;
        if known.state.appointed().is_some_and(|(appointed, _)| appointed.kind == AdministratorKind::Service)
        {
            let words = "a service has no password: give it an API token or a client certificate";
            return Err(Problem::new(Code::InvalidState, words));
        }
        let purpose = LinkPurpose::SetPassword;
        if command.show {
            let (link, done) = self.drawn(&seen.context, id, purpose, AdministratorCommand::ShowLink).await?;
            let Link { url, valid_until } = link;
            let wanted = WantedLink { administrator_id: id, url: Some(url), valid_until: Some(valid_until) };
            return Ok(done.answer(|_| wanted));
        }
        if self.people.find(id).await?.email.is_none() {
            let words = "no e-mail address of this administrator is known: set one, or have the link shown";
            return Err(Problem::new(Code::InvalidState, words));
        }
        let want = self.wanted(Some(seen.principal.administrator));
        let done = self.administrators.execute(&seen.context, id.uuid(), want).await?;
        Ok(done.answer(|_| WantedLink { administrator_id: id, url: None, valid_until: None }))
    }

    /// Draws the code of a link that was asked for and is about to be sent.
    pub async fn draw_link(
        &self,
        context: &Context,
        command: DrawLink,
    ) -> Result<Answer<DrawnLink>, Problem> {
        self.authority.admit::<DrawLink>(context).await?;
        let id = command.administrator;
        let missing = || Problem::not_found("administrator", id);
        let snapshot = self.administrators.reload(id.uuid()).await?;
        let (appointed, _) = snapshot.state.appointed().ok_or_else(missing)?;
        let context = within(context, snapshot.tenant.ok_or_else(missing)?);
        let person = self.people.find(id).await?;
        let draw = AdministratorCommand::DrawLink;
        let (Link { url, valid_until }, done) = self.drawn(&context, id, command.purpose, draw).await?;
        let name = person.display_name.unwrap_or_else(|| appointed.name.clone());
        Ok(done.answer(|_| DrawnLink { email: person.email, name, url, valid_until }))
    }

    /// Sends a link to whoever forgot their password, if there is somebody who has an address. Says nothing about it.
    pub async fn forget_password(
        &self,
        context: &Context,
        command: ForgetPassword,
    ) -> Result<Answer<()>, Problem> {
        self.authority.admit::<ForgetPassword>(context).await?;
        let nothing = || Ok(Answer::Done(Reply::nothing(())));
        let claimant = self.claimant(&command.name, command.address).await?;
        let known = claimant.id.and_then(|id| Some((id, self.authority.administrator(id)?)));
        let active = known.filter(|(_, known)| known.status == AdministratorStatus::Active);
        let Some((id, _)) = active else { return nothing() };
        if self.is_of_provider(id).await?
            || self.lock_out.forgotten(&claimant.name, self.clock.now()).await.is_err()
            || self.people.find(id).await?.email.is_none()
        {
            return nothing();
        }
        let want = self.wanted(None);
        self.administrators.execute(&within(context, claimant.tenant), id.uuid(), want).await?;
        nothing()
    }

    /// Sets the password of whoever holds the code of a link.
    pub async fn use_link(&self, context: &Context, command: UseLink) -> Result<Answer<()>, Problem> {
        self.authority.admit::<UseLink>(context).await?;
        let void =
            || Problem::new(Code::LinkVoid, "the link was used, has lapsed or was replaced by a later one");
        let id = administrator_of(command.code.reveal()).ok_or_else(void)?;
        let snapshot = self.administrators.reload(id.uuid()).await?;
        let (appointed, _) = snapshot.state.appointed().ok_or_else(void)?;
        if appointed.kind == AdministratorKind::Service {
            return Err(void());
        }
        let name = appointed.name.clone();
        let by = Actor::Service(Service::Directory);
        let context = within(context, snapshot.tenant.ok_or_else(void)?).by(by);
        let set = AdministratorCommand::UseLink(hash_of(command.code.reveal()));
        // Whoever has no code learns nothing about what may be chosen; a wrong choice does not use the code up.
        let check = Context { dry_run: true, ..context.clone() };
        self.administrators.execute(&check, id.uuid(), set.clone()).await?;
        self.passwords.judge("#/password", &command.password, &name)?;
        let kept = self.passwords.hash(self.passwords.slot().await?, &command.password).await?;
        let done = self.administrators.execute(&context, id.uuid(), set).await?;
        self.passwords.keep(id, &kept).await?;
        self.lock_out.forget(&name).await?;
        self.end_sessions(&context, id, None, SessionEnd::PasswordChanged).await?;
        Ok(done.answer(|_| ()))
    }

    /// Changes the password of whoever knows the old one, and ends their other sessions.
    pub async fn change_password(
        &self,
        context: &Context,
        command: ChangePassword,
    ) -> Result<Answer<()>, Problem> {
        let principal = self.authority.in_person(&context.actor).await?;
        let claimant = self.of_principal(&principal, command.address).await?;
        let id = principal.administrator;
        let (own, hash) = match (principal.credential, command.hash) {
            (Credential::Session(session), Some(hash)) => (Some(session), Some(hash)),
            _ => (None, None),
        };
        self.passwords.judge("#/newPassword", &command.new_password, &claimant.name)?;
        let theirs = within(context, claimant.tenant);
        let change = AdministratorCommand::ChangePassword { kept_session: own };
        if context.dry_run {
            // Says nothing about the old password: that would be a try that nobody counts.
            return Ok(self.administrators.execute(&theirs, id.uuid(), change).await?.answer(|_| ()));
        }
        let slot = self.passwords.slot().await?;
        let now = self.clock.now();
        let attempt = match principal.credential {
            Credential::Session(session) => self.lock_out.begin_again(session, now).await?,
            _ => self.lock_out.begin(&claimant.name, claimant.address.as_deref(), now).await?,
        };
        let old = self.passwords.find(Some(id)).await?;
        if !self.passwords.is(slot, old, &command.old_password).await? {
            let failed = NotLetIn::Failed(SignInFailure::WrongPassword);
            self.turned_away(context, &claimant, None, failed).await;
            let words = "this is not your password now";
            let wrong = Violation::at("#/oldPassword", "wrong_password", words);
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![wrong]));
        }
        self.lock_out.forgive(attempt).await?;
        let kept = self.passwords.hash(self.passwords.slot().await?, &command.new_password).await?;
        let done = self.administrators.execute(&theirs, id.uuid(), change).await?;
        self.passwords.keep(id, &kept).await?;
        self.end_sessions(&theirs, id, own, SessionEnd::PasswordChanged).await?;
        if let (Some(session), Some(hash)) = (own, hash) {
            let renew = SessionCommand::Renew(SessionRenewed { hash });
            let step = within(&context.step("renewed"), principal.organization);
            self.sessions.execute(&step, session.uuid(), renew).await?;
        }
        Ok(done.answer(|_| ()))
    }

    fn wanted(&self, requested_by: Option<AdministratorId>) -> AdministratorCommand {
        let until = Some(self.clock.now().plus(WANTED.duration()));
        let purpose = LinkPurpose::SetPassword;
        AdministratorCommand::WantLink(AdministratorLinkWanted { purpose, requested_by, until })
    }

    /// A new link, which makes older ones void. Errors: `already_exists` to a repeat, because the code that the first drew
    /// is known to nobody.
    async fn drawn(
        &self,
        context: &Context,
        id: AdministratorId,
        purpose: LinkPurpose,
        command: fn(AdministratorLinkDrawn) -> AdministratorCommand,
    ) -> Result<(Link, Executed<Administrator>), Problem> {
        let secret = entropy::bytes::<32>(&*self.entropy);
        let code = format!("{PREFIX}{}_{}", id::encode(id.uuid()), hex::encode(secret));
        let valid_until = self.clock.now().plus(VALID.duration());
        let drawn = command(AdministratorLinkDrawn { purpose, hash: hash_of(&code), valid_until });
        let done = self.administrators.execute(context, id.uuid(), drawn).await?;
        if done.replayed {
            let words =
                "the link was drawn when this request came first, and is not kept: ask for another one";
            return Err(Problem::new(Code::AlreadyExists, words));
        }
        // Only from the configuration, never from what a request says of itself (L-4).
        let url = SecretText::new(format!("{}/sign-in/link/{code}", self.public_url));
        Ok((Link { url, valid_until }, done))
    }
}

/// A link as it is sent or shown.
struct Link {
    url: SecretText,
    valid_until: Timestamp,
}

fn hash_of(code: &str) -> String {
    hex::encode(Sha256::digest(code.as_bytes()))
}

/// Whose link a code is.
fn administrator_of(code: &str) -> Option<AdministratorId> {
    let (id, _) = code.strip_prefix(PREFIX)?.split_once('_')?;
    id::decode(id).map(AdministratorId)
}
