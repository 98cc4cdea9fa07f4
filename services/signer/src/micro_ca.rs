//! What an organization starts with: its Micro CA, and the policy and the profile named `default`.
//!
//! The first organization gets them at the first start, any other with its first request that names no CA. All ids and
//! command ids are UUIDv5 of the organization's id (which, for the first one, is UUIDv5 of the installation's), so
//! crash, repeat and replica give one of each.

use bus::Context;
pub use contracts::signer::micro_ca_id as id;
use contracts::{
    Actor, Event, Lifetime, OrganizationId, PolicyId, Problem, ProfileId, Service,
    id::Reference,
    signer::{CaEvent, CaKind, CaStatus, PolicyCreated, PolicyEvent, ProfileCreated, ProfileEvent},
    x509::{
        CertificateType, KeyAlgorithm, LifetimeRule, PolicyRules, ProfileIssuer, ProfileRules, Subject,
        SubjectSources,
    },
};
use pki::{name, serial::Serial};
use sha2::{Digest, Sha256};
use time::Duration;
use uuid::Uuid;

use crate::{
    ca_plan::{CaPlan, ROOT_TTL},
    catalog::DEFAULT,
    policy::PolicyCommand,
    profile::ProfileCommand,
    signer::Signer,
};

/// The name of an organization's own Micro CA.
pub const NAME: &str = "micro-ca";
/// The organization (O) in its subject.
const ORGANIZATION: &str = "Chancery";
/// Default and longest lifetime of a profile that names none.
pub const TTL: LifetimeRule = LifetimeRule { default: Lifetime::days(90), max: Lifetime::days(398) };
/// How long making all of it may take.
const PATIENCE: Duration = Duration::seconds(30);

fn derived(organization: OrganizationId, what: &str) -> Uuid {
    Uuid::new_v5(&organization.uuid(), what.as_bytes())
}

impl Signer {
    /// Makes what is missing of what an organization starts with.
    pub(crate) async fn furnish(&self, organization: OrganizationId) -> Result<(), Problem> {
        if !self.authority.has_organization(organization) {
            return Err(Problem::not_found("organization", organization));
        }
        let _alone = self.furnishing.lock().await; // one at a time here; replicas meet in the log
        self.catch_up().await?;
        if !self.has_micro_ca(organization) {
            self.make_micro_ca(organization).await?;
        }
        let policy = match self.default_policy(organization) {
            Some(policy) => policy,
            None => self.make_default_policy(organization).await?,
        };
        if !self.has_default_profile(organization) {
            self.make_default_profile(organization, policy).await?;
        }
        self.catch_up().await
    }

    fn has_micro_ca(&self, organization: OrganizationId) -> bool {
        let ca = Reference::Id(id(organization));
        self.catalog
            .read(|catalog| catalog.ca(organization, &ca).is_some_and(|ca| ca.status != CaStatus::Pending))
    }

    fn default_policy(&self, organization: OrganizationId) -> Option<PolicyId> {
        let default = Reference::Name(DEFAULT.to_owned());
        self.catalog.read(|catalog| Some(catalog.policy(organization, &default)?.id))
    }

    fn has_default_profile(&self, organization: OrganizationId) -> bool {
        let default = Reference::Name(DEFAULT.to_owned());
        self.catalog.read(|catalog| catalog.profile(organization, &default).is_some())
    }

    async fn make_micro_ca(&self, organization: OrganizationId) -> Result<(), Problem> {
        let context = self.own_context(organization, "micro_ca");
        let id = id(organization);
        self.names.reserve(&context, CaEvent::CATEGORY, NAME, id.uuid()).await?;
        let now = self.clock.now().whole_second();
        let subject = Subject {
            organization: Some(ORGANIZATION.to_owned()),
            common_name: Some(format!("{ORGANIZATION} Micro CA {now}")),
            ..Subject::default()
        };
        let plan = CaPlan {
            id,
            name: NAME.to_owned(),
            kind: CaKind::Micro,
            parent: None,
            key_algorithm: KeyAlgorithm::EcdsaP256,
            key_token: None,
            subject: name::subject_to_name(&subject).map_err(|_| Problem::internal())?,
            ttl: ROOT_TTL,
            max_ttl: None,
            approval_id: None,
            serial: Serial::new(self.ids.serial_number()),
            not_before: now,
        };
        if self.cas.reload(id.uuid()).await?.version == 0 {
            self.intend_ca(&context, &plan).await?;
        }
        self.finish_ca(&context, id).await?;
        tracing::info!(ca = %id, %organization, "Micro CA made");
        Ok(())
    }

    async fn make_default_policy(&self, organization: OrganizationId) -> Result<PolicyId, Problem> {
        let context = self.own_context(organization, "default_policy");
        let id = derived(organization, "default_policy");
        let id = PolicyId(self.names.reserve(&context, PolicyEvent::CATEGORY, DEFAULT, id).await?);
        // Every accepted kind of key, any name.
        let created = PolicyCreated { id, name: DEFAULT.to_owned(), rules: PolicyRules::default() };
        self.policies.create(&context, id.uuid(), PolicyCommand::Create(created)).await?;
        Ok(id)
    }

    async fn make_default_profile(
        &self,
        organization: OrganizationId,
        policy: PolicyId,
    ) -> Result<(), Problem> {
        let context = self.own_context(organization, "default_profile");
        let id = derived(organization, "default_profile");
        let id = ProfileId(self.names.reserve(&context, ProfileEvent::CATEGORY, DEFAULT, id).await?);
        let rules = ProfileRules {
            certificate_type: CertificateType::Server,
            issuer: ProfileIssuer::MicroCa,
            policy,
            ttl: TTL,
            key_usages: None,
            extended_key_usages: None,
            exportable: false,
            subject: SubjectSources::default(),
            approval: None,
            terms: None,
        };
        let created = ProfileCreated { id, name: DEFAULT.to_owned(), rules };
        self.profiles.create(&context, id.uuid(), ProfileCommand::Create(created)).await?;
        Ok(())
    }

    /// A command of the signer's own: whoever makes this thing sends the same one.
    fn own_context(&self, organization: OrganizationId, what: &str) -> Context {
        let deadline = self.clock.now().plus(PATIENCE);
        let id = Uuid::new_v5(&derived(organization, what), b"command");
        let context = Context::new(id, organization, Actor::Service(Service::Signer), deadline);
        Context { fingerprint: Sha256::digest(what).into(), ..context }
    }
}
