//! Second factors: set up, compared, taken away. The seed is in the keystore; it comes here sealed, for one comparison.

use bus::{Answer, Context};
use contracts::{
    Actor, AdministratorId, Code, CredentialId, OrganizationId, Problem, SecretText, Service, Violation,
    directory::{
        AdministratorRecoveryCodeUsed, AdministratorSecondFactorRemoved, ConfirmSecondFactor,
        EnrolSecondFactor, EnrolledSecondFactor, RecoveryCodes, RemoveSecondFactor,
    },
    keystore::{CredentialPurpose, DestroySignInCredential, KeepSignInCredential, UseSignInCredential},
};
use runtime::{
    authority::{Principal, step_up_required},
    entropy,
    sealed::OneTimeKey,
};

use super::{Handlers, sign_in::Claimant, within};
use crate::{
    administrator::{AdministratorCommand, Door},
    totp,
};

/// How many recovery codes there are.
const CODES: usize = 10;

impl Handlers {
    /// Draws a seed and shows it.
    pub async fn enrol_second_factor(
        &self,
        context: &Context,
        EnrolSecondFactor {}: EnrolSecondFactor,
    ) -> Result<Answer<EnrolledSecondFactor>, Problem> {
        let (principal, claimant) = self.sure_of_oneself(context).await?;
        let theirs = within(context, claimant.tenant);
        let enrol = |credential| AdministratorCommand::EnrolSecondFactor(credential);
        let id = principal.administrator.uuid();
        if context.dry_run {
            let would = self.administrators.execute(&theirs, id, enrol(self.ids.id())).await?;
            return Ok(would.answer(|_| EnrolledSecondFactor {
                secret: SecretText::new(String::new()),
                url: SecretText::new(String::new()),
            }));
        }
        let secret = totp::base32(&entropy::bytes::<{ totp::SEED }>(&*self.entropy));
        let credential: CredentialId = self.ids.id();
        let keep = KeepSignInCredential {
            id: credential,
            purpose: CredentialPurpose::Totp,
            secret: SecretText::new(secret.clone()),
        };
        self.bus.call(&as_directory(&theirs, "keep"), &keep).await?;
        let done = self.administrators.execute(&theirs, id, enrol(credential)).await?;
        if done.replayed {
            self.destroy(&theirs, credential).await?;
            let words = "the seed was shown when this request came first; it is not kept to be shown again";
            return Err(Problem::new(Code::AlreadyExists, words));
        }
        if let Some(given_up) = claimant.door.enrolling {
            self.destroy(&theirs, given_up).await?;
        }
        let url = totp::link(&self.issuer, &claimant.name, &secret);
        Ok(done
            .answer(|_| EnrolledSecondFactor { secret: SecretText::new(secret), url: SecretText::new(url) }))
    }

    /// Lets the seed count, once a code of it was shown; draws recovery codes.
    pub async fn confirm_second_factor(
        &self,
        context: &Context,
        command: ConfirmSecondFactor,
    ) -> Result<Answer<RecoveryCodes>, Problem> {
        let (principal, claimant) = self.sure_of_oneself(context).await?;
        let (id, theirs) = (principal.administrator, within(context, claimant.tenant));
        let confirm = AdministratorCommand::ConfirmSecondFactor;
        let check = Context { dry_run: true, ..theirs.clone() };
        let checked = self.administrators.execute(&check, id.uuid(), confirm.clone()).await?;
        if context.dry_run {
            return Ok(checked.answer(|_| RecoveryCodes { recovery_codes: vec![] }));
        }
        let credential = claimant.door.enrolling.ok_or_else(Problem::internal)?;
        // A recovery code of the seed before proves nothing about this one.
        let of_a_seed = totp::typed_recovery_code(command.code.reveal()).is_none();
        if !of_a_seed || !self.is_code(context, claimant.tenant, id, credential, &command.code).await? {
            let words = "the code is not one of the seed that was shown, or was used already";
            let wrong = Violation::at("#/code", "wrong_code", words);
            return Err(Problem::new(Code::ValidationFailed, words).with_errors(vec![wrong]));
        }
        let codes: Vec<String> =
            (0..CODES).map(|_| totp::recovery_code(&entropy::bytes(&*self.entropy))).collect();
        let plain: Vec<String> = codes.iter().filter_map(|code| totp::typed_recovery_code(code)).collect();
        self.second_factors.keep_recovery_codes(id, &plain).await?;
        let done = self.administrators.execute(&theirs, id.uuid(), confirm).await?;
        if let Some(replaced) = claimant.door.second_factor {
            self.destroy(&theirs, replaced).await?;
        }
        let recovery_codes = codes.into_iter().map(SecretText::new).collect();
        Ok(done.answer(|_| RecoveryCodes { recovery_codes }))
    }

    /// Takes the second factor of the sender away.
    pub async fn remove_second_factor(
        &self,
        context: &Context,
        RemoveSecondFactor {}: RemoveSecondFactor,
    ) -> Result<Answer<()>, Problem> {
        let (principal, claimant) = self.sure_of_oneself(context).await?;
        let (id, theirs) = (principal.administrator, within(context, claimant.tenant));
        let removed = AdministratorSecondFactorRemoved { reason: None };
        let remove = AdministratorCommand::RemoveSecondFactor(removed);
        let done = self.administrators.execute(&theirs, id.uuid(), remove).await?;
        if done.dry_run.is_some() {
            return Ok(done.answer(|_| ()));
        }
        self.forget_second_factor(&theirs, id, &claimant.door).await?;
        Ok(done.answer(|_| ()))
    }

    /// Destroys the seeds of somebody, and forgets their recovery codes.
    pub(super) async fn forget_second_factor(
        &self,
        theirs: &Context,
        id: AdministratorId,
        door: &Door,
    ) -> Result<(), Problem> {
        self.second_factors.erase(id).await?;
        for credential in [door.second_factor, door.enrolling].into_iter().flatten() {
            self.destroy(theirs, credential).await?;
        }
        Ok(())
    }

    /// Whether a code is one of this seed that was not used yet, or a recovery code. Errors: `sign_in_locked`.
    pub(super) async fn is_code(
        &self,
        context: &Context,
        tenant: OrganizationId,
        administrator: AdministratorId,
        credential: CredentialId,
        code: &SecretText,
    ) -> Result<bool, Problem> {
        let last = self.second_factors.begin(administrator, self.clock.now()).await?;
        if let Some(recovery) = totp::typed_recovery_code(code.reveal()) {
            let Some(left) = self.second_factors.use_recovery_code(administrator, &recovery).await? else {
                return Ok(false);
            };
            let used = AdministratorCommand::UseRecoveryCode(AdministratorRecoveryCodeUsed { left });
            let step = within(&context.step("recovery code"), tenant).by(Actor::Service(Service::Directory));
            self.administrators.execute(&step, administrator.uuid(), used).await?;
            return Ok(true);
        }
        let theirs = within(context, tenant);
        let key = OneTimeKey::draw().map_err(sealed)?;
        let use_it =
            UseSignInCredential { id: credential, purpose: CredentialPurpose::Totp, seal_to: key.public() };
        let reply = self.bus.call(&as_directory(&theirs, "use"), &use_it).await?;
        let seed = key.open(tenant, credential, &reply.result).map_err(sealed)?;
        let seed = totp::from_base32(seed.reveal()).ok_or_else(Problem::internal)?;
        match totp::step_of(&seed, code.reveal().trim(), last, self.clock.now()) {
            Some(step) => self.second_factors.use_step(administrator, step).await,
            None => Ok(false),
        }
    }

    async fn destroy(&self, theirs: &Context, credential: CredentialId) -> Result<(), Problem> {
        let context = as_directory(theirs, &format!("destroy {credential}"));
        self.bus.call(&context, &DestroySignInCredential { id: credential }).await.map(drop)
    }

    /// The sender, who has just proved who they are, if there is anything to prove it with.
    pub(super) async fn sure_of_oneself(&self, context: &Context) -> Result<(Principal, Claimant), Problem> {
        let principal = self.authority.in_person(&context.actor).await?;
        let claimant = self.of_principal(&principal, None).await?;
        let provable = claimant.door.password || claimant.door.second_factor.is_some();
        if provable && !principal.may_act_sensitively(self.clock.now()) {
            return Err(step_up_required());
        }
        Ok((principal, claimant))
    }
}

/// A step of a command that directory takes on its own account.
fn as_directory(context: &Context, step: &str) -> Context {
    context.step(step).by(Actor::Service(Service::Directory))
}

fn sealed(error: runtime::sealed::SealError) -> Problem {
    tracing::error!(%error, "the seed of a second factor cannot be read");
    Problem::internal()
}
