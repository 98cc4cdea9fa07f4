//! What custodians ask of the master key itself.

use std::sync::Arc;

use bus::{Answer, Context, Waits};
use contracts::{
    Code, OrganizationId, Problem, Violation,
    keystore::{MasterKeyRotationBegun, MasterKeyView, RotateMasterKey, master_key_stream},
    labels::check_text,
};
use runtime::{
    authority::{Authority, Target},
    repository::Executed,
};

use crate::{
    master_key::MasterKeyError,
    mastership::{Command, Mastership},
    registry,
    replacement::{Replacement, ReplacementError, blocking},
};

/// Longest reason, in characters.
const REASON: usize = 1_000;

/// Answers them.
pub struct Custodian {
    /// Who may do what.
    pub authority: Authority,
    /// What replaces master keys.
    pub replacement: Arc<Replacement>,
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
        if !context.dry_run
            && let Some(done) = mastership.repeated(&context, master_key_stream()).await?
        {
            return Ok(waits(&done));
        }
        let previous_id = vault.masters()?.current.id();
        vault.source().place().map_err(refused)?;
        self.give_up_what_is_lost(&context).await?;
        let source = vault.source().clone();
        let begun = |id| MasterKeyRotationBegun {
            id,
            previous_id,
            provider: vault.source().provider(),
            reason: reason.clone(),
        };
        if context.dry_run {
            let wish = Command::Begin(begun(previous_id));
            let tried = mastership.execute(&context, master_key_stream(), wish).await?;
            return Ok(Answer::Dry(tried.dry_run.unwrap_or_default()));
        }
        // Before the event that names it, as an event about a key that a crash lost would promise what cannot be. Nothing
        // uses it before.
        let entropy = vault.entropy.clone();
        let prepare = move || source.prepare(&*entropy);
        let new = blocking(prepare).await.map_err(failed)?;
        fail::fail_point!("X40-master-key-written");
        let wish = Command::Begin(begun(new.id()));
        let done = match mastership.execute(&context, master_key_stream(), wish).await {
            Ok(done) => done,
            Err(problem) => {
                let (source, id) = (vault.source().clone(), new.id());
                // Where it was recorded after all, it is found again by its name; so it is kept when that is not known.
                if problem.code == Code::InvalidState {
                    _ = blocking(move || source.discard(id)).await;
                }
                return Err(problem);
            }
        };
        fail::fail_point!("X41-master-key-announced");
        if let Some(begun) = &done.state.rotating
            && let Err(error) = self.replacement.take_hold(begun).await
        {
            tracing::warn!(error = runtime::error::words(&error), "the new master key takes hold later");
        }
        self.replacement.wanted.notify_one();
        Ok(waits(&done))
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

fn invalid(violation: Violation) -> Problem {
    Problem::new(Code::ValidationFailed, violation.detail.clone()).with_errors(vec![violation])
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
