//! What custodians ask of the master key itself.

use std::sync::Arc;

use bus::{Answer, Context, Reply, Waits};
use contracts::{
    Actor, AdministratorId, Code, CredentialId, OrganizationId, Problem, SecretText, Violation,
    command::DryRun,
    keystore::{
        KeystoreStanding, KeystoreUnsealed, MadeShares, MakeMasterKeyShares, MasterKeyChosen,
        MasterKeyRotationBegun, MasterKeyView, RotateMasterKey, ShareEntered, SharesMade, UnsealKeystore,
        master_key_stream,
    },
    labels::check_text,
};
use parking_lot::Mutex;
use runtime::{
    authority::{Authority, Target},
    clock::Clock,
    repository::Executed,
    sealed,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    export::judge,
    master_key::{Entered, MasterKey, MasterKeyError, SALT, Source},
    mastership::{Command, Mastership},
    registry::{self, Registered},
    replacement::{Replacement, ReplacementError, blocking},
    shamir, share,
};

/// Longest reason, in characters.
const REASON: usize = 1_000;

/// Answers them.
pub struct Custodian {
    /// Who may do what.
    pub authority: Authority,
    /// What replaces master keys.
    pub replacement: Arc<Replacement>,
    /// Shares that were entered and are not enough yet.
    pub entered: Arc<Mutex<share::Entered>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Custodian {
    /// Makes a new master key and lets it take the place of the one in use. The rest is done after the answer.
    pub async fn rotate(
        &self,
        context: Context,
        command: RotateMasterKey,
    ) -> Result<Answer<MasterKeyView>, Problem> {
        self.authority.admit_to::<RotateMasterKey>(&context, &Target::INSTALLATION).await?;
        let reason = command.reason.as_deref().map(read_reason).transpose()?;
        let context = Context { tenant: OrganizationId::INSTALLATION, ..context };
        let Replacement { vault, mastership, .. } = &*self.replacement;
        vault.check()?;
        if !context.dry_run
            && let Some(done) = mastership.repeated(&context, master_key_stream()).await?
        {
            return Ok(waits(&done));
        }
        self.check_place(&command)?;
        if context.dry_run {
            let previous_id = vault.masters()?.current.id();
            let wish = Command::Begin(self.begun(previous_id, previous_id, reason));
            let tried = mastership.execute(&context, master_key_stream(), wish).await?;
            return Ok(Answer::Dry(tried.dry_run.unwrap_or_default()));
        }
        let _turn = self.replacement.turn.lock().await;
        self.give_up_what_is_lost(&context).await?;
        let previous_id = vault.masters()?.current.id();
        let new = self.make(command.passphrase).await?;
        if new.id() == previous_id {
            return Err(refused_at("#/passphrase", "passphrase_unchanged", "this is the passphrase in use"));
        }
        fail::fail_point!("X40-master-key-written");
        let id = new.id();
        let wish = Command::Begin(self.begun(id, previous_id, reason));
        let done = mastership.execute(&context, master_key_stream(), wish).await;
        let is_ours =
            |done: &Executed<Mastership>| done.state.rotating.as_ref().is_some_and(|begun| begun.id == id);
        // What was recorded after all is found again by its name; so a key is kept while that is not known.
        let is_void = match &done {
            Ok(done) => !is_ours(done),
            Err(problem) => problem.code == Code::InvalidState,
        };
        if is_void {
            let source = vault.source().clone();
            _ = blocking(move || source.discard(id)).await;
        }
        let done = done?;
        fail::fail_point!("X41-master-key-announced");
        let entered = matches!(**vault.source(), Source::Entered(_)).then_some(new);
        if let Some(begun) = done.state.rotating.as_ref().filter(|_| !is_void)
            && let Err(error) = self.replacement.take_hold(begun, entered).await
        {
            tracing::warn!(error = runtime::error::words(&error), "the new master key takes hold later");
        }
        self.replacement.wanted.notify_one();
        Ok(waits(&done))
    }

    /// Opens the keystore with what people know.
    pub async fn unseal(
        &self,
        context: Context,
        command: UnsealKeystore,
    ) -> Result<Answer<KeystoreStanding>, Problem> {
        self.authority.admit_to::<UnsealKeystore>(&context, &Target::INSTALLATION).await?;
        let Actor::Administrator { administrator: by, .. } = context.actor else {
            return Err(Problem::new(Code::Forbidden, "the keystore is opened by people"));
        };
        let context = Context { tenant: OrganizationId::INSTALLATION, ..context };
        let Replacement { vault, mastership, .. } = &*self.replacement;
        let Source::Entered(entered) = **vault.source() else {
            let words = "the keystore is not opened by people: its configuration says where the master key comes from";
            return Err(Problem::new(Code::InvalidState, words));
        };
        if context.dry_run {
            let would_change = vault.check().is_err();
            return Ok(Answer::Dry(DryRun { would_change, changes: vec![] }));
        }
        // One at a time: each takes 256 MiB, and the wrong ones are counted.
        let _turn = self.replacement.turn.lock().await;
        let opens_by_shares = matches!(entered, Entered::Shares { .. });
        if vault.check().is_ok() && !opens_by_shares {
            return Ok(Answer::Done(Reply::nothing(KeystoreStanding { sealed: false })));
        }
        mastership.execute(&context.step("try"), master_key_stream(), Command::Try(by)).await?;
        let registered = self.registered().await?;
        match (entered, command.passphrase, command.share) {
            (Entered::Passphrase, Some(passphrase), None) => {
                self.unseal_by_passphrase(&context, by, registered, passphrase).await
            }
            (Entered::Shares { .. }, None, Some(share)) => {
                self.unseal_by_share(&context, by, registered, &share).await
            }
            (Entered::Passphrase, ..) => Err(refused_at(
                "#/passphrase",
                "passphrase_missing",
                "this keystore is opened by its passphrase",
            )),
            (Entered::Shares { .. }, ..) => Err(refused_at(
                "#/share",
                "share_missing",
                "this keystore is opened by shares, one at a time",
            )),
        }
    }

    async fn unseal_by_passphrase(
        &self,
        context: &Context,
        by: AdministratorId,
        registered: Registered,
        passphrase: SecretText,
    ) -> Result<Answer<KeystoreStanding>, Problem> {
        let Replacement { vault, mastership, .. } = &*self.replacement;
        if registered.id.is_none() {
            judge(passphrase.reveal())?;
        }
        let entered = derive(passphrase, registered.salt).await?;
        let id = entered.id();
        // Each is recorded before it is done.
        let done = match registered.id {
            Some(known) if known != id => {
                mastership.execute(context, master_key_stream(), Command::Refuse(by)).await?;
                let words = "this is not the passphrase of the keystore; that you tried is recorded";
                return Err(refused_as(Code::WrongPassphrase, "#/passphrase", "passphrase_wrong", words));
            }
            Some(_) => {
                let wish = Command::Unseal(KeystoreUnsealed { id });
                mastership.execute(context, master_key_stream(), wish).await?
            }
            None => {
                let wish = Command::Choose(MasterKeyChosen { id, provider: vault.source().provider() });
                let done = mastership.execute(context, master_key_stream(), wish).await?;
                registry::register(&vault.pool, id).await?;
                done
            }
        };
        self.open(entered).await?;
        Ok(done.answer(|_| KeystoreStanding { sealed: false }))
    }

    /// Takes a share. The last one that is needed opens the keystore; or, where new shares were made, shows that
    /// custodians have them, and so lets their master key count.
    async fn unseal_by_share(
        &self,
        context: &Context,
        by: AdministratorId,
        registered: Registered,
        text: &SecretText,
    ) -> Result<Answer<KeystoreStanding>, Problem> {
        let Replacement { vault, mastership, .. } = &*self.replacement;
        let known = mastership.reload(master_key_stream()).await?;
        let sealed = vault.check().is_err();
        let wanted = registered.id.filter(|_| sealed).or(known.state.unconfirmed);
        let Some(made) = wanted.and_then(|id| known.state.shares.get(&id)) else {
            let words = "no shares are waited for: a master makes new ones by 'chancery keystore shares'";
            return Err(Problem::new(Code::InvalidState, words));
        };
        let (id, needed) = (made.id, made.needed);
        let share = share::read(text.reveal(), id)
            .map_err(|error| refused_at("#/share", "share_invalid", &error.to_string()))?;
        // Each is recorded before it is done.
        if made.commitments.get(usize::from(share.x) - 1) != Some(&share::commitment(id, &share)) {
            mastership.execute(context, master_key_stream(), Command::Refuse(by)).await?;
            let words = "this share was not made here; that you tried is recorded";
            return Err(refused_as(Code::WrongPassphrase, "#/share", "share_wrong", words));
        }
        self.entered
            .lock()
            .check(id, by, &share, self.clock.monotonic())
            .map_err(|error| Problem::new(Code::InvalidState, error.to_string()))?;
        let wish = Command::Enter(ShareEntered { id, share: share.x });
        let done = mastership.execute(context, master_key_stream(), wish).await?;
        let count = self.entered.lock().take(by, share, self.clock.monotonic());
        registry::show_shares(&vault.pool, needed, count, share::KEPT).await?;
        if count < needed {
            self.forget_in_time();
            return Ok(done.answer(|_| KeystoreStanding { sealed }));
        }
        let shares = self.entered.lock().all();
        registry::show_shares(&vault.pool, needed, 0, share::KEPT).await?;
        let whole = shamir::combine(&shares.iter().collect::<Vec<_>>()).ok_or_else(Problem::internal)?;
        let whole = MasterKey::new(whole).map_err(|error| failed(MasterKeyError::from(error).into()))?;
        if whole.id() != id {
            tracing::error!("shares that are what they should be give another master key");
            return Err(Problem::internal());
        }
        self.use_shared(&context.step("use shares"), registered.id, whole).await?;
        Ok(done.answer(|_| KeystoreStanding { sealed: false }))
    }

    /// Does what custodians gave their shares for.
    async fn use_shared(
        &self,
        context: &Context,
        registered: Option<Uuid>,
        whole: MasterKey,
    ) -> Result<(), Problem> {
        let Replacement { vault, mastership, .. } = &*self.replacement;
        let id = whole.id();
        match registered {
            Some(registered) if registered == id => {
                let wish = Command::Unseal(KeystoreUnsealed { id });
                mastership.execute(context, master_key_stream(), wish).await?;
                self.open(whole).await
            }
            None => {
                let wish = Command::Choose(MasterKeyChosen { id, provider: vault.source().provider() });
                mastership.execute(context, master_key_stream(), wish).await?;
                registry::register(&vault.pool, id).await?;
                self.open(whole).await
            }
            Some(previous_id) => {
                let begun = self.begun(id, previous_id, None);
                mastership.execute(context, master_key_stream(), Command::Begin(begun.clone())).await?;
                if !self.replacement.take_hold(&begun, Some(whole)).await.map_err(failed)? {
                    return Err(Problem::unavailable(
                        "the master key was replaced at the same time; try again",
                    ));
                }
                self.replacement.wanted.notify_one();
                Ok(())
            }
        }
    }

    async fn open(&self, master_key: MasterKey) -> Result<(), Problem> {
        let vault = &self.replacement.vault;
        if !vault.unseal(master_key).await.map_err(|error| failed(error.into()))? {
            return Err(Problem::unavailable("the master key was replaced at the same time; try again"));
        }
        Ok(registry::show(&vault.pool, vault.source().provider(), false).await?)
    }

    /// Shares are wiped when their time is over, whether somebody looks or not.
    fn forget_in_time(&self) {
        let (entered, clock) = (Arc::downgrade(&self.entered), self.clock.clone());
        tokio::spawn(async move {
            tokio::time::sleep(share::KEPT).await;
            if let Some(entered) = entered.upgrade()
                && entered.lock().forget(clock.monotonic())
            {
                tracing::info!("entered shares are forgotten");
            }
        });
    }

    /// Makes a master key and splits it into shares. It is kept nowhere: it counts once as many custodians as are needed have
    /// entered theirs, so that a key whose shares nobody has never comes to open anything.
    pub async fn make_shares(
        &self,
        context: Context,
        command: MakeMasterKeyShares,
    ) -> Result<Answer<MadeShares>, Problem> {
        self.authority.admit_to::<MakeMasterKeyShares>(&context, &Target::INSTALLATION).await?;
        let reason = command.reason.as_deref().map(read_reason).transpose()?;
        let context = Context { tenant: OrganizationId::INSTALLATION, ..context };
        let Replacement { vault, mastership, .. } = &*self.replacement;
        let Source::Entered(Entered::Shares { needed, of }) = **vault.source() else {
            let words = "the master key is not split here: keystore.provider is not 'shares'";
            return Err(Problem::new(Code::InvalidState, words));
        };
        let _turn = self.replacement.turn.lock().await;
        if !context.dry_run && mastership.repeated(&context, master_key_stream()).await?.is_some() {
            let words = "these shares were made and shown already; make new ones if they are lost";
            return Err(Problem::new(Code::AlreadyExists, words));
        }
        if self.registered().await?.id.is_some() {
            vault.check()?;
        }
        let failed_to_make = |error| failed(MasterKeyError::from(error).into());
        let new = MasterKey::draw(&*vault.entropy).map_err(failed_to_make)?;
        let shares = new.split(needed, of, &*vault.entropy).map_err(failed_to_make)?;
        let id = new.id();
        let lines: Vec<_> = shares.iter().map(|share| share::write(id, share)).collect();
        let text = Zeroizing::new(lines.iter().map(|line| line.as_str()).collect::<Vec<_>>().join("\n"));
        let about = CredentialId(master_key_stream());
        let sealed = sealed::seal(&command.seal_to, OrganizationId::INSTALLATION, about, text.as_bytes());
        let sealed = sealed.map_err(|error| Problem::new(Code::MalformedRequest, error.to_string()))?;
        let commitments = shares.iter().map(|share| share::commitment(id, share)).collect();
        let wish = Command::Split(SharesMade { id, needed, commitments, reason });
        let done = mastership.execute(&context, master_key_stream(), wish).await?;
        if done.dry_run.is_none() {
            registry::show_shares(&vault.pool, needed, 0, share::KEPT).await?;
        }
        Ok(done.answer(|_| MadeShares { id, needed, shares: sealed }))
    }

    /// Whether a new key can be put into its place. Errors: `invalid_state`, `validation_failed`, `weak_passphrase`.
    fn check_place(&self, command: &RotateMasterKey) -> Result<(), Problem> {
        match (&**self.replacement.vault.source(), &command.passphrase) {
            (Source::Entered(Entered::Shares { .. }), _) => {
                let words =
                    "custodians hold shares of the master key: make new ones, 'chancery keystore shares'";
                Err(Problem::new(Code::InvalidState, words))
            }
            (Source::Entered(_), Some(passphrase)) => judge(passphrase.reveal()),
            (Source::Entered(_), None) => Err(refused_at(
                "#/passphrase",
                "passphrase_missing",
                "people open this keystore: give the new passphrase",
            )),
            (source, None) => source.place().map(drop).map_err(refused),
            (_, Some(_)) => Err(refused_at(
                "#/passphrase",
                "passphrase_unused",
                "the master key does not come from a passphrase of people",
            )),
        }
    }

    /// A new master key. One that is drawn is on the disk before the event that names it, as an event about a key that a
    /// crash lost would promise what cannot be; nothing uses it before.
    async fn make(&self, passphrase: Option<SecretText>) -> Result<MasterKey, Problem> {
        if let Some(passphrase) = passphrase {
            return derive(passphrase, self.registered().await?.salt).await;
        }
        let vault = &self.replacement.vault;
        let (source, entropy) = (vault.source().clone(), vault.entropy.clone());
        blocking(move || source.prepare(&*entropy)).await.map_err(failed)
    }

    fn begun(&self, id: Uuid, previous_id: Uuid, reason: Option<String>) -> MasterKeyRotationBegun {
        MasterKeyRotationBegun {
            id,
            previous_id,
            provider: self.replacement.vault.source().provider(),
            reason,
        }
    }

    async fn registered(&self) -> Result<Registered, Problem> {
        let vault = &self.replacement.vault;
        Ok(registry::read(&vault.pool, &*vault.entropy).await?)
    }

    /// A rotation that never took hold, and whose new key is not here: it cannot be gone on with.
    async fn give_up_what_is_lost(&self, context: &Context) -> Result<(), Problem> {
        let Replacement { vault, mastership, .. } = &*self.replacement;
        let known = mastership.reload(master_key_stream()).await?;
        let Some(begun) = known.state.rotating.as_ref().filter(|_| !context.dry_run) else { return Ok(()) };
        let (source, id) = (vault.source().clone(), begun.id);
        let registered = registry::read(&vault.pool, &*vault.entropy).await?.id;
        let is_here = blocking(move || source.prepared(id)).await.map_err(failed)?.is_some();
        if registered == Some(begun.id) || (registered == Some(begun.previous_id) && is_here) {
            return Ok(());
        }
        let step = Context { if_version: None, ..context.step("abandon") };
        mastership.execute(&step, master_key_stream(), Command::Abandon { id }).await?;
        Ok(())
    }
}

impl std::fmt::Debug for Custodian {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Custodian")
    }
}

fn waits(done: &Executed<Mastership>) -> Answer<MasterKeyView> {
    Answer::Waits(Waits { position: done.position, replayed: done.replayed })
}

fn read_reason(reason: &str) -> Result<String, Problem> {
    match check_text("#/reason", reason.trim(), REASON) {
        Some(violation) => Err(invalid(violation)),
        None => Ok(reason.trim().to_owned()),
    }
}

/// The master key that a passphrase gives.
async fn derive(passphrase: SecretText, salt: [u8; SALT]) -> Result<MasterKey, Problem> {
    blocking(move || MasterKey::from_passphrase(passphrase.reveal(), &salt)).await.map_err(failed)
}

fn invalid(violation: Violation) -> Problem {
    Problem::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![violation])
}

fn refused_at(pointer: &str, code: &str, words: &str) -> Problem {
    refused_as(Code::ValidationFailed, pointer, code, words)
}

fn refused_as(code: Code, pointer: &str, name: &str, words: &str) -> Problem {
    Problem::new(code, words).with_errors(vec![Violation::at(pointer, name, words.to_owned())])
}

/// What only people can change.
fn refused(error: MasterKeyError) -> Problem {
    Problem::new(Code::InvalidState, error.to_string())
}

fn failed(error: ReplacementError) -> Problem {
    tracing::error!(error = runtime::error::words(&error), "the master key cannot be replaced");
    match error {
        ReplacementError::MasterKey(MasterKeyError::Unwritable(..)) => refused_by_file_system(),
        _ => Problem::unavailable("the keystore cannot do this at the moment; its log says why"),
    }
}

fn refused_by_file_system() -> Problem {
    let words = "the keystore cannot write beside its master key; its log says why";
    Problem::new(Code::InvalidState, words)
}
