//! `create_profile` and `update_profile`.

use bus::{Answer, Context, Reply};
use contracts::{
    Code, Event, PolicyId, Problem, ProfileId, Violation,
    directory::{ApprovalKind, ApprovalPlace},
    id::Reference,
    signer::{CaChoice, CaKind, CreateProfile, ProfileCreated, ProfileEvent, ProfileView, UpdateProfile},
    x509::{CertificateType, ProfileIssuer, ProfileRules},
};
use runtime::{authority::Target, repository::Executed};

use crate::{
    catalog::DEFAULT,
    fields,
    hold::Guarded,
    log, micro_ca,
    profile::{Profile, ProfileCommand},
    signer::Signer,
};

impl Signer {
    /// Answers the command.
    pub async fn create_profile(
        &self,
        context: Context,
        command: CreateProfile,
    ) -> Result<Answer<ProfileView>, Problem> {
        let target = Target {
            certificate_type: Some(command.certificate_type),
            ..Target::organization(context.tenant)
        };
        self.authority.admit_to::<CreateProfile>(&context, &target).await?;
        let summary = format!("make the certificate profile '{}'", command.name);
        let act = policy_change(None, command.certificate_type, summary, None);
        let dry = Context { dry_run: true, ..context.clone() };
        let tried = self.create_profile_admitted(dry, command.clone());
        if let Some(held) = self.hold(&context, &command, act, tried).await? {
            return Ok(held);
        }
        self.create_profile_admitted(context, command).await
    }

    /// Makes it, once it may be made.
    pub(crate) async fn create_profile_admitted(
        &self,
        context: Context,
        command: CreateProfile,
    ) -> Result<Answer<ProfileView>, Problem> {
        if let Some(first) = log::first_event(&self.reader, &context).await? {
            let executed =
                self.profiles.repeated(&context, first.stream).await?.ok_or_else(Problem::internal)?;
            return self.profile_answer(&context, executed).await;
        }
        fields::valid_name(&command.name)?;
        let name = command.name.clone();
        let rules = self.rules(&context, command).await?;
        let created =
            |id| ProfileCommand::Create(ProfileCreated { id, name: name.clone(), rules: rules.clone() });
        let id: ProfileId = self.ids.id();
        // Judged before the name is reserved, so that a refusal leaves nothing.
        let tried = Context { dry_run: true, ..context.clone() };
        let tried = self.profiles.create(&tried, id.uuid(), created(id)).await?;
        let id = ProfileId(self.names.reserve(&context, ProfileEvent::CATEGORY, &name, id.uuid()).await?);
        if context.dry_run {
            return self.profile_answer(&context, tried).await;
        }
        let executed = self.profiles.create(&context, id.uuid(), created(id)).await?;
        self.profile_answer(&context, executed).await
    }

    /// Answers the command.
    pub async fn update_profile(
        &self,
        context: Context,
        command: UpdateProfile,
    ) -> Result<Answer<ProfileView>, Problem> {
        let caller = self.authority.caller::<UpdateProfile>(&context).await?;
        let current = self.known_profile(&context, &command.profile).await?;
        let kind = current.rules.certificate_type;
        let target = Target {
            certificate_type: Some(kind),
            profile: Some(current.id),
            ..Target::organization(context.tenant)
        };
        caller.permit(&target)?;
        let summary = format!("change the certificate profile '{}'", current.name);
        let act = policy_change(Some(current.id.to_string()), kind, summary, Some(current.version));
        let dry = Context { dry_run: true, ..context.clone() };
        let tried = self.update_profile_admitted(dry, command.clone());
        if let Some(held) = self.hold(&context, &command, act, tried).await? {
            return Ok(held);
        }
        self.update_profile_admitted(context, command).await
    }

    /// Changes it, once it may be changed.
    pub(crate) async fn update_profile_admitted(
        &self,
        context: Context,
        command: UpdateProfile,
    ) -> Result<Answer<ProfileView>, Problem> {
        let UpdateProfile {
            profile,
            ca,
            policy,
            ttl,
            key_usages,
            extended_key_usages,
            exportable,
            subject,
            approval,
            terms,
        } = command;
        let current = self.known_profile(&context, &profile).await?;
        let rules = current.rules;
        let rules = ProfileRules {
            issuer: match ca {
                Some(ca) => self.profile_issuer(&context, ca).await?,
                None => rules.issuer,
            },
            policy: match policy {
                Some(policy) => self.profile_policy(&context, &policy).await?,
                None => rules.policy,
            },
            ttl: ttl.unwrap_or(rules.ttl),
            key_usages: key_usages.or(rules.key_usages),
            extended_key_usages: extended_key_usages.or(rules.extended_key_usages),
            exportable: exportable.unwrap_or(rules.exportable),
            subject: subject.unwrap_or(rules.subject),
            approval: approval.or(rules.approval).filter(|rule| rule.required > 0),
            terms: terms.or(rules.terms).filter(|terms| !terms.text.is_empty()),
            certificate_type: rules.certificate_type,
        };
        let executed =
            self.profiles.execute(&context, current.id.uuid(), ProfileCommand::Update(rules)).await?;
        self.profile_answer(&context, executed).await
    }

    async fn known_profile(
        &self,
        context: &Context,
        profile: &Reference<ProfileId>,
    ) -> Result<ProfileView, Problem> {
        self.find(|catalog| catalog.profile(context.tenant, profile).cloned())
            .await?
            .ok_or_else(|| Problem::not_found("certificate profile", profile))
    }

    /// The rules of a new profile, with what is used when nothing is named.
    async fn rules(&self, context: &Context, command: CreateProfile) -> Result<ProfileRules, Problem> {
        let issuer = match command.ca {
            Some(ca) => self.profile_issuer(context, ca).await?,
            None => ProfileIssuer::MicroCa,
        };
        let policy = match command.policy {
            Some(policy) => self.profile_policy(context, &policy).await?,
            None => self.default_policy_of(context).await?,
        };
        Ok(ProfileRules {
            certificate_type: command.certificate_type,
            issuer,
            policy,
            ttl: command.ttl.unwrap_or(micro_ca::TTL),
            key_usages: command.key_usages,
            extended_key_usages: command.extended_key_usages,
            exportable: command.exportable,
            subject: command.subject,
            approval: command.approval.filter(|rule| rule.required > 0),
            terms: command.terms,
        })
    }

    async fn profile_issuer(&self, context: &Context, choice: CaChoice) -> Result<ProfileIssuer, Problem> {
        let reference = match choice {
            CaChoice::SelfSigned => return Ok(ProfileIssuer::SelfSigned),
            CaChoice::Manual => return Ok(ProfileIssuer::Manual),
            CaChoice::Ca(reference) => reference,
        };
        if reference == Reference::Name(micro_ca::NAME.to_owned()) {
            return Ok(ProfileIssuer::MicroCa);
        }
        let ca = self.find(|catalog| catalog.ca(context.tenant, &reference).cloned()).await?;
        match ca {
            Some(ca) if ca.kind == CaKind::Root => {
                Err(refused("#/ca", "ca_is_root", "a root issues CAs only; choose an issuing or a Micro CA"))
            }
            Some(ca) if ca.id == micro_ca::id(context.tenant) => Ok(ProfileIssuer::MicroCa),
            Some(ca) => Ok(ProfileIssuer::Ca(ca.id)),
            None => Err(refused(
                "#/ca",
                "ca_not_found",
                &format!("there is no certification authority '{reference}'"),
            )),
        }
    }

    async fn profile_policy(
        &self,
        context: &Context,
        reference: &Reference<PolicyId>,
    ) -> Result<PolicyId, Problem> {
        self.find(|catalog| Some(catalog.policy(context.tenant, reference)?.id)).await?.ok_or_else(|| {
            refused("#/policy", "policy_not_found", &format!("there is no certificate policy '{reference}'"))
        })
    }

    /// The policy named `default`, made if it is missing.
    async fn default_policy_of(&self, context: &Context) -> Result<PolicyId, Problem> {
        let default = Reference::Name(DEFAULT.to_owned());
        match self.find_policy(context, &default).await {
            Err(problem) if problem.code == Code::NotFound && !context.dry_run => {
                self.furnish(context.tenant).await?;
                self.find_policy(context, &default).await
            }
            found => found,
        }
    }

    /// The answer, once requests are judged by what it says.
    async fn profile_answer(
        &self,
        context: &Context,
        executed: Executed<Profile>,
    ) -> Result<Answer<ProfileView>, Problem> {
        let Executed { stream, version, position, replayed, state, dry_run } = executed;
        if let Some(dry_run) = dry_run {
            return Ok(Answer::Dry(dry_run));
        }
        self.known(position).await?;
        let id = Reference::Id(ProfileId(stream));
        let now = self.catalog.read(|catalog| catalog.profile(context.tenant, &id).cloned());
        let mut result = now.ok_or_else(Problem::internal)?;
        result.version = version;
        if let Profile::Active(rules) = state {
            result.rules = rules;
        }
        Ok(Reply { stream: Some(stream), version, position, replayed, result }.into())
    }
}

/// A profile or a policy to make or to change, as those who decide see it.
pub(crate) fn policy_change(
    subject_id: Option<String>,
    certificate_type: impl Into<Option<CertificateType>>,
    summary: String,
    version: Option<i32>,
) -> Guarded {
    let place = ApprovalPlace { certificate_type: certificate_type.into(), ..ApprovalPlace::default() };
    Guarded { kind: ApprovalKind::PolicyChange, subject_id, place, summary, version }
}

fn refused(pointer: &str, code: &str, detail: &str) -> Problem {
    Problem::new(Code::ValidationFailed, detail).with_errors(vec![Violation::at(pointer, code, detail)])
}
